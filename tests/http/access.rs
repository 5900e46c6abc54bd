//! Who may do what: keys, scopes, rates, the admin listener, pages of other origins, the audit log.

use std::process::Command;

use serde_json::{Value, json};

use crate::server::Server;

/// A new key and its hash, from the command that makes them.
fn new_key() -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sidecart")).args(["keys", "new", "--json"]).output().expect("runs");
    let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (text("key"), text("hash"))
}

fn with(server: &Server, key: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    server.send_with(method, path, ("authorization", &format!("Bearer {key}")), body)
}

const ASK: &str = r#"{"placement": "cart", "sessionId": "s"}"#;

#[test]
fn each_scope_opens_its_own_doors_and_no_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = ["events", "recommend", "read", "admin"].map(|scope| (scope, new_key()));
    let entries: Vec<String> =
        keys.iter().map(|(scope, (_, hash))| format!("{scope}: {{hash: '{hash}', scopes: [{scope}]}}")).collect();
    let server = Server::start(dir.path(), &format!("access: {{keys: {{{}}}}}", entries.join(", ")));
    let doors = [
        ("events", "POST", "/v1/events", "[]"),
        ("events", "PUT", "/v1/items", "[]"),
        ("recommend", "POST", "/v1/recommendations", ASK),
        ("read", "GET", "/metrics", ""),
        ("read", "GET", "/v1/model", ""),
        ("admin", "GET", "/v1/config", ""),
        ("admin", "POST", "/v1/config/validate", "{}"),
        ("admin", "PUT", "/v1/ladder", r#"{"ceiling": "full"}"#),
    ];
    for (needed, method, path, body) in doors {
        for (scope, (key, _)) in &keys {
            let (status, answer) = with(&server, key, method, path, body);
            let passed = status < 300;
            assert_eq!(passed, *scope == needed, "{scope} at {method} {path}: {status} {answer}");
            assert!(passed || status == 403, "{scope} at {method} {path}: {status}");
        }
        // Once per door: an address may not fail often.
        assert_eq!(with(&server, "sk_x", method, path, body).0, 401, "{method} {path}");
    }
    for wrong in ["", &keys[0].1.1] {
        assert_eq!(with(&server, wrong, "GET", "/metrics", "").0, 401, "no key, and a key's hash");
    }
    for free in ["/", "/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(server.get(free).status, 200, "{free}");
    }
    let (status, _) = server.send_with("POST", "/v1/recommendations", ("x-api-key", &keys[1].1.0), ASK);
    assert_eq!(status, 200);
    let history = std::fs::read_dir(dir.path().join("config-history")).expect("a history");
    let log = std::fs::read_to_string(dir.path().join("server.log")).expect("a log");
    let kept: Vec<String> =
        history.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("text")).chain([log]).collect();
    assert!(kept.iter().any(|text| text.contains(&keys[0].1.1)), "the hash is kept");
    assert!(!kept.iter().any(|text| keys.iter().any(|(_, (key, _))| text.contains(key))), "a key is kept");
}

#[test]
fn keys_are_changed_without_a_gap_and_what_admin_does_is_written_down() {
    let dir = tempfile::tempdir().expect("a folder");
    let [(old, old_hash), (new, new_hash), (boss, boss_hash)] = [new_key(), new_key(), new_key()];
    let boss_entry = format!("boss: {{hash: '{boss_hash}', scopes: [admin]}}");
    let config = |keys: &str| format!("access: {{keys: {{{boss_entry}, {keys}}}}}");
    let entry = |name: &str, hash: &str| format!("{name}: {{hash: '{hash}', scopes: [recommend]}}");
    let server = Server::start(dir.path(), &config(&entry("old", &old_hash)));
    let ask = |key: &str| with(&server, key, "POST", "/v1/recommendations", ASK).0;
    assert_eq!((ask(&old), ask(&new)), (200, 401));
    let both = config(&format!("{}, {}", entry("old", &old_hash), entry("new", &new_hash)));
    let (status, view) = with(&server, &boss, "PUT", "/v1/config", &both);
    assert_eq!((status, &view["who"]), (200, &json!("boss")), "{view}");
    assert_eq!((ask(&old), ask(&new)), (200, 200));
    assert_eq!(with(&server, &boss, "PUT", "/v1/config", &config(&entry("new", &new_hash))).0, 200);
    assert_eq!((ask(&old), ask(&new)), (401, 200));
    assert_eq!(with(&server, &old, "PUT", "/v1/ladder", "{}").0, 401);

    let audit = std::fs::read_to_string(dir.path().join("audit.jsonl")).expect("an audit log");
    let actions: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<(&Value, &Value, &Value)> =
        actions.iter().map(|action| (&action["key"], &action["path"], &action["status"])).collect();
    let (boss, config, ok) = (&json!("boss"), &json!("/v1/config"), &json!(200));
    assert_eq!(told, [(boss, config, ok), (boss, config, ok), (&Value::Null, &json!("/v1/ladder"), &json!(401))]);
    assert_eq!(actions[0]["configVersion"], view["version"]);
}

#[test]
fn a_key_is_used_no_more_often_than_its_rate() {
    let dir = tempfile::tempdir().expect("a folder");
    let ((slow, slow_hash), (free, free_hash)) = (new_key(), new_key());
    let keys = format!(
        "access: {{keys: {{slow: {{hash: '{slow_hash}', scopes: [read], rate: 3}}, \
         free: {{hash: '{free_hash}', scopes: [read]}}}}}}"
    );
    let server = Server::start(dir.path(), &keys);
    let statuses: Vec<u16> = (0..60).map(|_| with(&server, &slow, "GET", "/v1/model", "").0).collect();
    assert_eq!(statuses[..3], [200; 3]);
    assert!(statuses.contains(&429), "{statuses:?}");
    assert!((0..60).all(|_| with(&server, &free, "GET", "/v1/model", "").0 == 200));
}

#[test]
fn a_server_beyond_this_machine_wants_a_key_or_a_word() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("shop.yaml");
    std::fs::write(&file, "server: {listen: '0.0.0.0:0'}\n").expect("written");
    let serve = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["serve", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(dir.path())
        .output()
        .expect("runs");
    assert_eq!(serve.status.code(), Some(2));
    let said = String::from_utf8_lossy(&serve.stderr).into_owned();
    assert!(said.contains("is beyond this machine, and there is no key"), "{said}");
    assert!(said.contains("shop.yaml:1:18"), "{said}");
    std::fs::write(&file, "server: {listen: '0.0.0.0:0'}\naccess: {open: true}\n").expect("written");
    let check = Command::new(env!("CARGO_BIN_EXE_sidecart")).arg("check").arg(&file).status().expect("runs");
    assert!(check.success());
}

#[test]
fn admin_has_its_own_listener_where_it_is_given_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), "server: {admin_listen: '127.0.0.1:0'}");
    let refused = server.get("/v1/config");
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (403, &json!("wrong_listener")));
    assert_eq!(server.get("/v1/model").status, 200);
    assert_eq!(server.json("PUT", "/v1/ladder", &json!({"ceiling": "full"})).status, 403);
    let admin = server.second_url();
    let mut answer = ureq::get(format!("{admin}/v1/config")).call().expect("an answer");
    assert!(answer.body_mut().read_to_string().expect("text").contains("\"version\""));
}

#[test]
fn pages_of_listed_origins_may_call_and_no_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), "access: {cors: ['https://shop.example']}");
    let asked = |method: &str, origin: &str| {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/v1/recommendations", server.url))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .body(ASK.as_bytes())
            .expect("a request");
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let response = agent.run(request).expect("an answer");
        let told = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        (response.status().as_u16(), told("access-control-allow-origin"), told("x-content-type-options"))
    };
    let (shop, nosniff) = (Some("https://shop.example".to_owned()), Some("nosniff".to_owned()));
    assert_eq!(asked("OPTIONS", "https://shop.example"), (204, shop.clone(), nosniff.clone()));
    assert_eq!(asked("POST", "https://shop.example"), (200, shop, nosniff.clone()));
    assert_eq!(asked("POST", "https://evil.example"), (200, None, nosniff.clone()));
    assert_eq!(asked("OPTIONS", "https://evil.example"), (405, None, nosniff));
}

#[test]
fn who_comes_without_a_key_too_often_is_told_to_slow_down_and_keys_are_not_held_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let (key, hash) = new_key();
    let server = Server::start(dir.path(), &format!("access: {{keys: {{shop: {{hash: '{hash}', scopes: [read]}}}}}}"));
    let statuses: Vec<u16> = (0..60).map(|_| with(&server, "sk_guess", "GET", "/v1/model", "").0).collect();
    assert_eq!(statuses[..20], [401; 20]);
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert!(limited > 20 && statuses[20..].iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    assert!((0..40).all(|_| with(&server, &key, "GET", "/v1/model", "").0 == 200));
}
