//! `sidecart simulate` as a merchandiser sees it: what would another config change?

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn simulate(dir: &Path, new: &str, more: &[&str]) -> Value {
    let file = dir.join("new.yaml");
    std::fs::write(&file, new).expect("written");
    let base = dir.join("base.yaml");
    std::fs::write(&base, "{}").expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["simulate", "--json", "--config"])
        .arg(&file)
        .arg("--base")
        .arg(&base)
        .args(more)
        .output()
        .expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Forty visits that look at a, then b; and an item that nobody wants.
fn data(dir: &Path) -> String {
    let mut events = "event_type,timestamp,session_id,item_id\n".to_owned();
    for visit in 0..40 {
        let at = 1_600_000_000_000_i64 + visit * 60_000;
        events.push_str(&format!("view,{at},s{visit},a\nview,{},s{visit},b\n", at + 1_000));
    }
    std::fs::write(dir.join("events.csv"), events).expect("written");
    let catalog = "item_id,title,price,cost,stock\na,Tea,4,1,9\nb,Pot,9,5,9\nc,Cup,2,1,9\n";
    std::fs::write(dir.join("catalog.csv"), catalog).expect("written");
    dir.display().to_string()
}

#[test]
fn the_same_config_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let from = data(dir.path());
    let report = simulate(dir.path(), "version: 1", &["--from", &from]);
    assert_eq!((&report["requests"], &report["changed"]), (&80.into(), &0.into()));
    assert_eq!(report["meanOverlap"], 1.0);
    assert_eq!(report["base"]["suppressed"], report["new"]["suppressed"]);
    assert_eq!(report["base"]["version"], report["new"]["version"]);
}

#[test]
fn what_a_config_takes_away_is_lost_and_what_it_adds_is_gained() {
    let dir = tempfile::tempdir().expect("a folder");
    let from = data(dir.path());
    let new = "placements: {pdp: {limit: 1}}\n";
    let report = simulate(dir.path(), new, &["--from", &from, "--last", "20"]);
    assert_eq!(report["requests"], 20);
    assert_eq!(report["gained"], serde_json::json!([]));
    assert_eq!(report["lost"][0], serde_json::json!({"itemId": "c", "title": "Cup", "answers": 10}));
    assert_eq!((&report["base"]["slots"], &report["new"]["slots"]), (&80.into(), &20.into()));
    assert!(report["examples"].as_array().expect("examples").len() <= 10);
    let narrower = "features: {sessions: {bot_events_per_visit: 1}}\n";
    let report = simulate(dir.path(), narrower, &["--from", &from]);
    assert_eq!(report["requests"], 80, "a config that shapes another state has an engine of its own");
}

#[test]
fn nothing_to_replay_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("new.yaml");
    std::fs::write(&file, "{}").expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["simulate", "--from", "/nowhere/at/all", "--config"])
        .arg(&file)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no `/nowhere/at/all`"), "{said}");
}
