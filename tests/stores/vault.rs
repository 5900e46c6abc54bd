use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::server::Server;
use crate::shop::{events, metric, put_items, send, wait_until};

/// Saves often and learns nothing, so that the digest moves with the events alone.
pub fn config(url: &str, more: &str) -> String {
    format!(
        "storage: {{checkpoint_every: 1s, checkpoints_kept: 50, remote: {{url: '{url}', keep: 3{more}}}}}\n\
         ranker: {{learn: false}}\n"
    )
}

pub fn digest(server: &Server) -> Value {
    let answer = server.get("/v1/state/digest");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

pub fn files(dir: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    files.sort();
    files
}

/// Starts a server that is to refuse to; gives what it said.
pub fn refused(data_dir: &Path, config: &str, variables: &[(&str, &str)]) -> String {
    fs::create_dir_all(data_dir).expect("a data folder");
    let file = data_dir.join("config.yaml");
    fs::write(&file, config).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidecart"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir).arg("--config").arg(file);
    let Output { status, stderr, .. } = command.envs(variables.iter().copied()).output().expect("it runs");
    assert!(!status.success(), "it started");
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn an_empty_replica_begins_with_the_state_of_the_one_before_and_goes_on_from_there() {
    let shared = tempfile::tempdir().expect("a folder");
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let config = config(&format!("file://{}", shared.path().display()), "");
    let first = Server::start(one.path(), &config);
    put_items(&first, 20);
    send(&first, &events(0, 200));
    let before = digest(&first);
    assert_eq!(first.stop(), Some(0));

    let second = Server::start(two.path(), &config);
    assert_eq!(digest(&second), before, "the same state at the same offset");
    send(&second, &events(1, 40));
    let after = digest(&second);
    assert!(after["applied"].as_u64() > before["applied"].as_u64(), "its log begins where the checkpoint ends");
    second.kill();
    let second = Server::start(two.path(), &config);
    assert_eq!(digest(&second), after, "what it took itself is in its own log");
    let ordered = second.json("POST", "/v1/erasures", &json!({"userId": "u1"}));
    assert_eq!(ordered.status, 202, "{}", ordered.text);
    let path = format!("/v1/erasures/{}", ordered.json()["erasureId"].as_str().expect("an id"));
    second.await_json(&path, |erasure| erasure["status"] == "done");
    let knows = |file: &PathBuf| {
        let manifest: Value = serde_json::from_slice(&fs::read(file).expect("read")).expect("JSON");
        manifest["next"].as_u64() > after["applied"].as_u64()
    };
    let left = files(shared.path(), ".json");
    assert!(!left.is_empty() && left.iter().all(knows), "none is left from before the erasure: {left:?}");
    assert_eq!(files(shared.path(), ".ckpt").len(), left.len());
    drop(second);

    // The folder of before is behind what is there, and says so; a folder of another log is refused the place.
    let third = tempfile::tempdir().expect("a folder");
    let alone = Server::start(third.path(), "ranker: {learn: false}\n");
    put_items(&alone, 3);
    assert_eq!(alone.stop(), Some(0));
    let left = files(shared.path(), ".json").len();
    let alone = Server::start(third.path(), &config);
    wait_until("a refused upload", || metric(&alone, "sidecart_remote_uploads_total{outcome=\"failed\"}") > 0.0);
    assert_eq!(alone.stop(), Some(0));
    assert_eq!(files(shared.path(), ".json").len(), left, "nothing was written there");
    let said = fs::read_to_string(third.path().join("server.log")).expect("its words");
    assert!(said.contains("give each log a place of its own"), "{said}");
}

#[test]
fn killed_at_any_instant_of_saving_and_uploading_it_leaves_a_whole_checkpoint_there() {
    let shared = tempfile::tempdir().expect("a folder");
    let one = tempfile::tempdir().expect("a folder");
    let config = config(&format!("file://{}", shared.path().display()), "");
    for round in 0..4 {
        let server = Server::start(one.path(), &config);
        put_items(&server, 20);
        let uploads = |server: &Server| metric(server, "sidecart_remote_uploads_total{outcome=\"written\"}");
        let mut part = 0;
        // Two uploads at least, and then the kill at another place of the next one's way each round.
        wait_until("two uploads", || {
            part += 1;
            send(&server, &events(round * 1_000 + part, 20));
            uploads(&server) >= 2.0
        });
        for more in 0..round * 15 {
            send(&server, &events(round * 1_000 + 500 + more, 20));
        }
        server.kill();
        let two = tempfile::tempdir().expect("a folder");
        let restored = Server::start(two.path(), &config);
        let name = format!("checkpoints/{:020}.ckpt", digest(&restored)["applied"].as_u64().expect("an offset"));
        let read = |dir: &Path| fs::read(dir.join(&name)).expect("the checkpoint");
        assert_eq!(read(two.path()), read(one.path()), "round {round}");
        restored.kill();
    }
    // What a kill between an upload and its pruning has left over goes with the next upload.
    let server = Server::start(one.path(), &config);
    send(&server, &events(9_000, 20));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(files(shared.path(), ".json").len(), 3, "three are kept");
}

#[test]
fn a_place_with_nothing_usable_is_an_error_with_the_remedy_and_not_an_empty_shop() {
    let (shared, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let config = config(&format!("file://{}", shared.path().display()), "");
    let first = Server::start(data.path(), &config);
    put_items(&first, 3);
    assert_eq!(first.stop(), Some(0));
    for state in files(shared.path(), ".ckpt") {
        fs::write(&state, b"nothing of a checkpoint").expect("written");
    }
    let new = tempfile::tempdir().expect("a folder");
    let said = refused(new.path(), &config, &[]);
    assert!(
        said.contains("is damaged (it has another length)") && said.contains("storage.remote.restore: false"),
        "{said}"
    );
    let anew = config.replace("keep: 3", "keep: 3, restore: false");
    assert_eq!(Server::start(new.path(), &anew).stop(), Some(0));
    let other = config.replace("keep: 3", "keep: 3, cluster: grocer");
    let said = refused(&new.path().join("other"), &other, &[]);
    assert!(said.contains("cluster `sidecart`") && said.contains("cluster `grocer`"), "{said}");
}
