//! The config changes while the server runs: by the file, a signal, `PUT`, rollback; and what a restart makes of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::server::Server;

const ONE: &str = "placements: {cart: {limit: 1}}\n";
const TWO: &str = "placements: {cart: {limit: 2}}\n";

fn limit(view: &Value) -> u64 {
    view["config"]["placements"]["cart"]["limit"].as_u64().expect("a limit")
}

/// Gives the file another content at once: the server may read one that is written in place before it is whole.
fn replace(file: &Path, content: &str) {
    let next = file.with_extension("next");
    fs::write(&next, content).expect("written");
    fs::rename(next, file).expect("replaced");
}

fn put(server: &Server, body: &str) -> crate::server::Response {
    server.send("PUT", "/v1/config", "application/yaml", body.as_bytes())
}

/// A server whose answers take the time they need: a busy machine must not cost them items.
fn unhurried(dir: &Path, config: &str) -> Server {
    Server::start_with_variables(dir, config, &[("SIDECART_SERVER_DEADLINE", "10s")])
}

/// A catalogue of six items.
fn stock_up(server: &Server) {
    let items: Vec<Value> = (0..6).map(|n| json!({"itemId": format!("i{n}"), "price": 1})).collect();
    assert_eq!(server.json("PUT", "/v1/items?wait=applied", &json!(items)).status, 202);
}

fn ask(server: &Server) -> Value {
    server.json("POST", "/v1/recommendations", &json!({"placement": "cart", "sessionId": "s"})).json()
}

#[test]
fn a_changed_file_is_taken_up_however_it_is_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = unhurried(dir.path(), ONE);
    stock_up(&server);
    let first = ask(&server);
    assert_eq!(first["items"].as_array().expect("items").len(), 1);
    let file = dir.path().join("config.yaml");

    fs::write(&file, TWO).expect("written in place");
    let view = server.await_json("/v1/config", |view| limit(view) == 2 && view["lastError"].is_null());
    assert_eq!(view["source"], "file");
    let second = ask(&server);
    assert_eq!(second["items"].as_array().expect("items").len(), 2);
    assert_eq!(second["configVersion"], view["version"]);
    assert_ne!(second["configVersion"], first["configVersion"]);

    // As editors do.
    replace(&file, ONE);
    server.await_json("/v1/config", |view| limit(view) == 1 && view["version"] == first["configVersion"]);
}

#[test]
fn a_config_map_whose_link_is_swapped_is_taken_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let mount = dir.path().join("mount");
    let version = |name: &str, content: &str| {
        fs::create_dir_all(mount.join(name)).expect("a folder");
        fs::write(mount.join(name).join("shop.yaml"), content).expect("a file");
    };
    version("..v1", ONE);
    symlink("..v1", mount.join("..data")).expect("linked");
    symlink(Path::new("..data").join("shop.yaml"), mount.join("shop.yaml")).expect("linked");
    let data = dir.path().join("data");
    fs::create_dir_all(&data).expect("a folder");
    let server = Server::launch_with(&data, &mount.join("shop.yaml"));
    assert_eq!(limit(&server.get("/v1/config").json()), 1);
    for (name, content, wanted) in [("..v2", TWO, 2), ("..v3", ONE, 1)] {
        version(name, content);
        symlink(name, mount.join("..data_tmp")).expect("linked");
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).expect("swapped");
        server.await_json("/v1/config", |view| limit(view) == wanted);
    }
}

#[test]
fn the_last_good_config_stays_in_force_and_the_error_is_seen_everywhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), ONE);
    let good = server.get("/v1/config").json();
    let file = dir.path().join("config.yaml");
    replace(&file, "placements: {cart: {limit: 2}}\nserver: {deadlin: 1s}\n");
    let view = server.await_json("/v1/config", |view| !view["lastError"].is_null());
    assert_eq!((limit(&view), &view["version"]), (1, &good["version"]));
    let error = &view["lastError"]["errors"][0];
    assert_eq!((&error["line"], &error["column"]), (&json!(2), &json!(10)));
    assert!(error["message"].as_str().expect("a message").contains("did you mean `deadline`?"), "{error}");
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("sidecart_config_ok 0"), "{metrics}");
    assert!(metrics.contains(r#"sidecart_config_changes_total{source="file",outcome="rejected"} 1"#), "{metrics}");
    let log = fs::read_to_string(dir.path().join("server.log")).expect("a log");
    assert!(log.contains("did you mean `deadline`?"), "{log}");

    replace(&file, "");
    let says = |view: &Value| view["lastError"]["errors"][0]["message"].to_string().contains("it is empty");
    assert_eq!(limit(&server.await_json("/v1/config", says)), 1);
    replace(&file, TWO);
    server.await_json("/v1/config", |view| limit(view) == 2 && view["lastError"].is_null());
    assert!(server.get("/metrics").text.contains("sidecart_config_ok 1"));
}

#[test]
fn keys_that_need_a_restart_are_named_and_not_taken_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), ONE);
    let both = format!("{TWO}features: {{sessions: {{max_live: 7000}}}}\nstorage: {{checkpoints_kept: 9}}\n");
    let refused = put(&server, &both);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (409, &json!("restart_required")));
    assert!(refused.text.contains("`storage.checkpoints_kept`, `features.sessions.max_live` need a restart"));
    assert_eq!(limit(&server.get("/v1/config").json()), 1);

    replace(&dir.path().join("config.yaml"), &both);
    let view = server.await_json("/v1/config", |view| limit(view) == 2);
    assert_eq!(view["restartRequired"], json!(["storage.checkpoints_kept", "features.sessions.max_live"]));
    assert_eq!(view["config"]["features"]["sessions"]["max_live"], 1_000_000, "what runs is shown");
    assert!(server.get("/metrics").text.contains("sidecart_config_restart_required 2"));
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(dir.path(), &both);
    let view = server.get("/v1/config").json();
    assert_eq!((&view["restartRequired"], limit(&view)), (&json!([]), 2));
    assert_eq!(view["config"]["features"]["sessions"]["max_live"], 7_000);
}

#[test]
fn a_put_is_checked_as_a_whole_and_guarded_by_the_version() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), ONE);
    let before = server.get("/v1/config").json();
    let wrong = put(&server, "placements:\n  cart: {limit: 0}\nrulez: {}\n");
    assert_eq!(wrong.status, 400);
    let errors = wrong.json()["error"]["errors"].clone();
    let places: Vec<_> = errors.as_array().expect("errors").iter().map(|error| error["line"].clone()).collect();
    assert_eq!(places, [json!(2), json!(3)]);
    let verdict = server.send("POST", "/v1/config/validate", "application/yaml", TWO.as_bytes()).json();
    assert_eq!(verdict["valid"], true);
    assert_eq!(verdict["changes"], json!([{"key": "placements.cart.limit", "from": 1, "to": 2}]));
    assert_eq!(server.get("/v1/config").json()["version"], before["version"], "nothing has changed");

    let (status, answer) = server.send_with("PUT", "/v1/config", ("if-match", "\"stale\""), TWO);
    assert_eq!((status, &answer["error"]["code"]), (412, &json!("config_changed")));
    let tag = format!("\"{}\"", before["version"].as_str().expect("a version"));
    let (status, answer) = server.send_with("PUT", "/v1/config", ("if-match", &tag), TWO);
    assert_eq!((status, limit(&answer), &answer["source"]), (200, 2, &json!("put")));
    assert_eq!(answer["version"], verdict["version"]);
    // What was read can be put back: it is complete, and JSON is YAML.
    let again = put(&server, &answer["config"].to_string());
    assert_eq!((again.status, &again.json()["version"]), (200, &answer["version"]));
}

#[test]
fn after_a_restart_whoever_came_last_counts() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), ONE);
    assert_eq!(put(&server, TWO).status, 200);
    assert_eq!(server.stop(), Some(0));
    // The file is as it was when the config was put.
    let server = Server::start(dir.path(), ONE);
    let view = server.get("/v1/config").json();
    assert_eq!((limit(&view), &view["source"]), (2, &json!("put")));
    assert_eq!(server.stop(), Some(0));
    // It has changed since.
    let three = "placements: {cart: {limit: 3}}\n";
    let server = Server::start(dir.path(), three);
    let view = server.get("/v1/config").json();
    assert_eq!((limit(&view), &view["source"]), (3, &json!("file")));
    // SIGHUP: the file, even though it has not.
    assert_eq!(put(&server, TWO).status, 200);
    server.signal("HUP");
    let view = server.await_json("/v1/config", |view| limit(view) == 3);
    assert_eq!(view["source"], "file");
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(dir.path(), three);
    assert_eq!(limit(&server.get("/v1/config").json()), 3);
}

#[test]
fn one_command_goes_back_even_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), ONE);
    let first = server.get("/v1/config").json();
    assert_eq!(put(&server, TWO).status, 200);
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(dir.path(), ONE);
    let run = |args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sidecart")).args(["config", "--url", &server.url]).args(args).output();
        let output = output.expect("runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let version = first["version"].as_str().expect("a version");
    assert_eq!(run(&["diff", version]), (Some(1), "placements.cart.limit: 2 -> 1\n".to_owned()));
    let (code, said) = run(&["rollback"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(&format!("config {version}, in force since ")), "{said}");
    let view = server.get("/v1/config").json();
    assert_eq!((limit(&view), &view["source"], &view["version"]), (1, &json!("rollback"), &first["version"]));
    let (_, history) = run(&["history"]);
    let sources: Vec<_> = history.lines().filter_map(|line| line.split("  ").nth(2)).collect();
    assert_eq!(sources, ["rollback", "put", "file"], "{history}");
    assert_eq!(run(&["rollback", "nosuch"]).0, Some(1));
    assert_eq!(run(&["rollback"]).0, Some(0));
    assert_eq!(limit(&server.get("/v1/config").json()), 2, "twice is back where it began");
    // A rollback survives a restart, too.
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(dir.path(), ONE);
    assert_eq!(limit(&server.get("/v1/config").json()), 2);
}

#[test]
fn one_answer_is_of_one_version_while_configs_change() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = unhurried(dir.path(), ONE);
    stock_up(&server);
    let versions: Vec<Value> =
        [TWO, ONE].into_iter().map(|body| put(&server, body).json()["version"].clone()).collect();
    let (stop, least, most) = (AtomicBool::new(false), 200, 100_000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                assert_eq!(put(&server, TWO).status, 200);
                assert_eq!(put(&server, ONE).status, 200);
            }
        });
        let mut seen = [0, 0];
        for asked in 0..most {
            // As long as it takes for both: a change writes to the disk, an answer does not.
            if asked >= least && seen[0] > 0 && seen[1] > 0 {
                break;
            }
            let answer = ask(&server);
            let shown = answer["items"].as_array().map_or(0, Vec::len);
            let place = versions.iter().position(|version| *version == answer["configVersion"]).expect("a version");
            seen[place] += 1;
            assert_eq!(shown, [2, 1][place], "{answer}");
        }
        stop.store(true, Ordering::Release);
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    });
    let kept = server.get("/v1/config/history").json()["versions"].as_array().map_or(0, Vec::len);
    assert!(kept <= 50, "{kept} configs kept");
}

#[test]
fn the_log_level_and_the_number_of_decisions_follow() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), "{}");
    for _ in 0..5 {
        ask(&server);
    }
    assert_eq!(put(&server, "observability: {log_level: debug, decisions_kept: 2}").status, 200);
    for _ in 0..5 {
        ask(&server);
    }
    assert!(server.get("/metrics").text.contains("sidecart_decisions 2\n"));
    let log = fs::read_to_string(dir.path().join("server.log")).expect("a log");
    assert!(log.contains("DEBUG"), "{log}");
}

#[test]
fn a_config_is_tried_on_recent_requests_and_on_the_log() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = unhurried(dir.path(), "placements: {cart: {limit: 3}}");
    stock_up(&server);
    let events: Vec<Value> = (0..6)
        .map(|n| json!({"eventType": "add_to_cart", "sessionId": "s", "itemId": format!("i{}", n % 3)}))
        .collect();
    assert_eq!(server.json("POST", "/v1/events?wait=applied", &json!(events)).status, 202);
    for _ in 0..4 {
        assert_eq!(ask(&server)["items"].as_array().map(Vec::len), Some(3));
    }
    let explicit = json!({"placement": "cart", "sessionId": "s", "limit": 2});
    assert_eq!(server.json("POST", "/v1/recommendations", &explicit).status, 200);
    let new = "placements: {cart: {limit: 1}}\nstorage: {checkpoints_kept: 9}\n";
    let report = server.send("POST", "/v1/config/simulate", "application/yaml", new.as_bytes()).json();
    assert_eq!((&report["requests"], &report["changed"]), (&json!(5), &json!(4)), "{report:#}");
    assert_eq!((&report["base"]["slots"], &report["new"]["slots"]), (&json!(14), &json!(6)));
    assert_eq!(report["base"]["version"], server.get("/v1/config").json()["version"]);
    assert_eq!(report["restartRequired"], json!(["storage.checkpoints_kept"]));
    let report = server.send("POST", "/v1/config/simulate?last=1", "application/yaml", new.as_bytes()).json();
    assert_eq!((&report["requests"], &report["changed"]), (&json!(1), &json!(0)));
    assert_eq!(server.send("POST", "/v1/config/simulate?last=0", "application/yaml", b"{}").status, 400);
    assert_eq!(server.send("POST", "/v1/config/simulate", "application/yaml", b"x: 1").status, 400);

    // Beside the running server.
    let file = dir.path().join("new.yaml");
    fs::write(&file, new).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["simulate", "--json", "--base"])
        .arg(dir.path().join("config.yaml"))
        .arg("--config")
        .arg(&file)
        .arg("--from")
        .arg(dir.path())
        .output()
        .expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&report["requests"], &report["changed"]), (&json!(6), &json!(6)), "{report:#}");
}
