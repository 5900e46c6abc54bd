//! A backup taken under load restores to a state that knows everything acknowledged before it began.

#[path = "http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use server::Server;

const CONFIG: &str = "storage: {checkpoint_every: 1s, checkpoints_kept: 2, segment_size: 64KiB, retention_size: 1MiB}";

fn sidecart(args: &[&str], path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sidecart")).args(args).arg(path).output().expect("it runs")
}

fn view(session: &str, number: u64) -> Value {
    json!({"eventId": format!("{session}-{number}"), "eventType": "view", "sessionId": session, "itemId": "i"})
}

#[test]
fn a_backup_under_load_restores_all_that_was_acknowledged_before_it() {
    let out = tempfile::tempdir().expect("a folder");
    let [data, backup, restored] = ["data", "backup", "restored"].map(|name| out.path().join(name));
    let server = Server::start(&data, CONFIG);
    let before: Vec<Value> = (0..100).map(|number| view("before", number)).collect();
    assert_eq!(server.json("POST", "/v1/events", &Value::from(before)).status, 202);
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                let from = sent.fetch_add(20, Ordering::AcqRel);
                let batch: Vec<Value> = (from..from + 20).map(|number| view("during", number)).collect();
                assert_eq!(server.json("POST", "/v1/events", &Value::from(batch)).status, 202);
            }
        });
        while sent.load(Ordering::Acquire) < 2_000 {
            std::thread::yield_now();
        }
        let made = sidecart(&["backup", "--data-dir", data.to_str().expect("text"), "--to"], &backup);
        stop.store(true, Ordering::Release);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
    });
    assert_eq!(server.stop(), Some(0));

    let done = sidecart(&["restore", "--from", backup.to_str().expect("text"), "--data-dir"], &restored);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let twice = sidecart(&["restore", "--from", backup.to_str().expect("text"), "--data-dir"], &restored);
    assert_eq!(twice.status.code(), Some(2), "a data folder is never overwritten: {twice:?}");
    let server = Server::start(&restored, CONFIG);
    assert_eq!(server.get("/v1/features/sessions/before").json()["views"], 100);
    assert_eq!(server.stop(), Some(0));
}
