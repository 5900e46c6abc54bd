//! With `privacy.pseudonyms` no file of the data folder holds what the shop calls its shoppers, and everything goes on by
//! the shop's own ids all the same.

#[path = "support/naming.rs"]
mod naming;
#[path = "http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;

use std::process::Command;
use std::time::{Duration, Instant};

use naming::files_that_name;
use serde_json::{Value, json};
use server::Server;

/// Ids that nothing else contains.
const USER: &str = "ada.lovelace@example.org";
const DEVICE: &str = "device-of-ada-0815";
const SESSION: &str = "visit-of-ada-0815";
const CONFIG: &str = "privacy: {pseudonyms: true}\nobservability: {log_level: trace}\n\
    storage: {checkpoint_every: 1s, checkpoints_kept: 2}\n";
const PATIENCE: Duration = Duration::from_secs(60);

fn event(kind: &str, item: &str) -> Value {
    json!({"eventType": kind, "sessionId": SESSION, "userId": USER, "anonymousId": DEVICE, "itemId": item})
}

/// A visit with an order, a foreign event, one that is too late in each shape, and a question.
fn shop(server: &Server) -> Value {
    let items: Vec<Value> = (0..20).map(|n| json!({"itemId": format!("i{n}"), "title": "t", "price": 2.5})).collect();
    assert_eq!(server.json("PUT", "/v1/items?wait=applied", &Value::from(items)).status, 202);
    let segment = json!({"type": "track", "event": "Product Viewed", "userId": USER, "anonymousId": DEVICE,
                         "messageId": "m1", "properties": {"product_id": "i3", "session_id": SESSION}});
    let mut bought = event("purchase", "i2");
    bought["orderId"] = "o1".into();
    let events = json!([event("view", "i1"), event("add_to_cart", "i2"), &segment, bought]);
    let taken = server.json("POST", "/v1/events?wait=applied", &events).json();
    assert_eq!(taken["accepted"], 4, "{taken}");
    let mut late = event("view", "i4");
    late["timestamp"] = "2020-01-01T00:00:00Z".into();
    late["email"] = USER.into();
    let mut late_segment = segment.clone();
    late_segment["messageId"] = "m2".into();
    late_segment["timestamp"] = "2020-01-01T00:00:00Z".into();
    let refused = server.json("POST", "/v1/events", &json!([late, late_segment])).json();
    assert_eq!(refused["rejected"].as_array().map(Vec::len), Some(2), "{refused}");
    let question = json!({"placement": "pdp", "sessionId": SESSION, "userId": USER, "contextItems": ["i1"]});
    server.json("POST", "/v1/recommendations", &question).json()
}

#[test]
fn no_file_names_a_shopper_and_their_own_ids_find_what_is_known() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), CONFIG);
    let answer = shop(&server);
    let visit = server.get(&format!("/v1/features/sessions/{SESSION}"));
    assert_eq!(visit.status, 200, "{visit:?}");
    let shopper = server.get(&format!("/v1/features/users/{USER}"));
    assert_eq!(shopper.status, 200, "{shopper:?}");
    let decision = server.get(&format!("/v1/decisions/{}", answer["requestId"].as_str().expect("an id")));
    assert_eq!(decision.status, 200, "{decision:?}");
    assert!(!decision.text.contains(SESSION) && !decision.text.contains(USER), "{}", decision.text);
    assert_eq!(server.stop(), Some(0));
    let named = files_that_name(folder.path(), &[USER, DEVICE, SESSION]);
    assert_eq!(named, Vec::<String>::new());
    // After a restart, too: the key is kept.
    let server = Server::start(folder.path(), CONFIG);
    assert_eq!(server.get(&format!("/v1/features/users/{USER}")).status, 200);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn dead_letters_come_back_under_the_same_stand_ins() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), CONFIG);
    shop(&server);
    let letters = server.get("/v1/dead-letters");
    assert!(!letters.text.contains(USER) && !letters.text.contains(SESSION), "{}", letters.text);
    let replayed = server.json("POST", "/v1/dead-letters/replay", &Value::Null).json();
    assert_eq!(replayed["accepted"], 2, "{replayed}");
    assert_eq!(server.stop(), Some(0));
    let dump = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["log", "dump", "--json", "--limit", "1000", "--data-dir"])
        .arg(folder.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8(dump.stdout).expect("text");
    let users: std::collections::BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["payload"]["record"]["event"]["user"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(users.len(), 1, "one shopper, live and from the letters: {users:?}");
}

#[test]
fn an_erasure_by_the_shops_own_id_finds_the_shopper() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(folder.path(), CONFIG);
    shop(&server);
    let ordered = server.json("POST", "/v1/erasures", &json!({"userId": USER}));
    assert_eq!(ordered.status, 202, "{ordered:?}");
    let id = ordered.json()["erasureId"].as_str().expect("an id").to_owned();
    let started = Instant::now();
    let done = loop {
        let status = server.get(&format!("/v1/erasures/{id}")).json();
        if status["status"] == "done" {
            break status;
        }
        assert!(started.elapsed() < PATIENCE, "{status}");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!((&done["sessions"], &done["deadLetters"]), (&1.into(), &2.into()), "{done}");
    assert!(done["records"].as_u64() >= Some(4), "{done}");
    assert_eq!(server.get(&format!("/v1/features/users/{USER}")).status, 404);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_folder_written_with_pseudonyms_is_not_opened_without() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(Server::start(folder.path(), CONFIG).stop(), Some(0));
    let run = Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && said.contains("privacy.pseudonyms: true"), "{said}");
}
