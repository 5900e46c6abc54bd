//! Events beyond the limits become dead letters with a reason; they are listed, and taken after all when told.

#[path = "http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use server::Server;

fn sidecart(args: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidecart"));
    command.arg("dead-letters").args(args);
    if args.contains(&"list") {
        command.arg("--data-dir").arg(dir);
    }
    command.output().expect("it runs")
}

#[test]
fn late_and_future_events_are_kept_with_reason_and_late_ones_can_be_replayed() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), "events: {allowed_lateness: 1h, max_future_skew: 1m}");
    let late = |id: &str| {
        json!({"eventId": id, "eventType": "view", "sessionId": "late", "itemId": "i",
               "timestamp": "2026-01-01T00:00:00Z"})
    };
    let mut nameless = late("");
    nameless.as_object_mut().expect("an object").remove("eventId");
    let ahead = json!({"eventId": "f", "eventType": "view", "sessionId": "s", "itemId": "i",
                       "timestamp": "2099-01-01T00:00:00Z"});
    let sent = server.json("POST", "/v1/events", &json!([late("a"), late("b"), nameless, ahead])).json();
    let codes: Vec<&str> =
        sent["rejected"].as_array().expect("a list").iter().filter_map(|r| r["code"].as_str()).collect();
    assert_eq!(codes, ["too_late", "too_late", "too_late", "in_future"]);

    // Letters are written behind the answer. Whoever asks the server for them finds all, and from then on so do the files.
    let over_http = server.get("/v1/dead-letters?code=in_future").json();
    assert_eq!(over_http["letters"][0]["event"]["eventId"], "f");
    let listed = String::from_utf8(sidecart(&["list", "--json"], dir.path()).stdout).expect("text");
    let letters: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(letters.len(), 4);
    assert!(letters.iter().all(|letter| letter["error"].as_str().is_some_and(|why| why.contains("timestamp"))));

    let replayed = sidecart(&["replay", "--json", "--url", &server.url], dir.path());
    assert_eq!(replayed.status.code(), Some(1), "the one from the future is still refused");
    let done: Value = serde_json::from_slice(&replayed.stdout).expect("JSON");
    assert_eq!(done, json!({"accepted": 3, "duplicates": 0, "refused": 1, "left": 0}));
    assert_eq!(server.get("/v1/dead-letters").json()["letters"].as_array().map(Vec::len), Some(1));
    let again = sidecart(&["replay", "--json", "--code", "too_late", "--url", &server.url], dir.path());
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(server.stop(), Some(0));
}
