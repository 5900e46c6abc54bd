//! An erased shopper is nowhere: not in the answers, and not in any byte of any file of the data folder.

#[path = "support/naming.rs"]
mod naming;
#[path = "http/server.rs"]
#[expect(dead_code, reason = "shared with the HTTP tests, which use more of it")]
mod server;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use naming::files_that_name;
use serde_json::{Value, json};
use server::Server;

/// The shopper to be forgotten: ids that nothing else contains.
const USER: &str = "user-erase-me-4711";
const DEVICE: &str = "device-erase-me-4711";
const SESSIONS: [&str; 3] = ["visit-before-login-4711", "visit-with-login-4711", "visit-on-device-4711"];
const ORDER: &str = "order-erase-me-4711";
const IDS: [&str; 6] = [USER, DEVICE, ORDER, SESSIONS[0], SESSIONS[1], SESSIONS[2]];
/// The time within which it must be done here; docs/operations.md states how it grows with the log.
const IN_TIME: Duration = Duration::from_secs(60);
const CONFIG: &str = "storage: {checkpoint_every: 1s, checkpoints_kept: 3, segment_size: 64KiB}";

fn event(n: usize, kind: &str, session: &str, user: Option<&str>, device: Option<&str>) -> Value {
    let mut event = json!({"eventType": kind, "sessionId": session, "itemId": format!("i{}", n % 20)});
    if let Some(user) = user {
        event["userId"] = user.into();
    }
    if let Some(device) = device {
        event["anonymousId"] = device.into();
    }
    event
}

/// What the shopper does, spread among others: a visit that becomes theirs, an order, and an event that is too late.
fn fill(server: &Server) {
    for round in 0..30 {
        let others = (0..40).map(|n| event(n + round, "view", &format!("s{n}"), Some(&format!("u{}", n % 7)), None));
        let mut events: Vec<Value> = others.collect();
        let mut first = event(round, "view", SESSIONS[0], (round == 29).then_some(USER), None);
        // As many shops make them.
        first["eventId"] = format!("{}-{round}", SESSIONS[0]).into();
        events.push(first);
        events.push(event(round, "add_to_cart", SESSIONS[1], Some(USER), Some(DEVICE)));
        events.push(event(round, "view", SESSIONS[2], None, Some(DEVICE)));
        let mut bought = event(round, "purchase", SESSIONS[1], Some(USER), None);
        bought["orderId"] = ORDER.into();
        events.push(bought);
        assert_eq!(server.json("POST", "/v1/events?wait=applied", &Value::from(events)).status, 202);
    }
    let mut late = event(1, "view", SESSIONS[1], Some(USER), None);
    late["timestamp"] = "2020-01-01T00:00:00Z".into();
    let refused = server.json("POST", "/v1/events", &late).json();
    assert_eq!(refused["rejected"][0]["code"], "too_late", "{refused}");
}

fn erase(server: &Server) -> Value {
    let ordered = server.json("POST", "/v1/erasures", &json!({"userId": USER}));
    assert_eq!(ordered.status, 202, "{ordered:?}");
    let id = ordered.json()["erasureId"].as_str().expect("an id").to_owned();
    let started = Instant::now();
    loop {
        let status = server.get(&format!("/v1/erasures/{id}")).json();
        if status["status"] == "done" {
            return status;
        }
        assert!(started.elapsed() < IN_TIME, "{status}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The digest of a clean replay of the log, once the server's is of the same offset.
fn assert_clean_replay(server: &Server, dir: &Path) {
    let started = Instant::now();
    loop {
        let live = server.get("/v1/state/digest").json();
        let output = Command::new(env!("CARGO_BIN_EXE_sidecart"))
            .args(["log", "digest", "--json", "--config"])
            .arg(dir.join("config.yaml"))
            .arg("--data-dir")
            .arg(dir)
            .output()
            .expect("it runs");
        let clean: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        if live["applied"] == clean["applied"] {
            assert_eq!(live["sha256"], clean["sha256"], "live {live}, clean {clean}");
            return;
        }
        assert!(started.elapsed() < IN_TIME, "live {live}, clean {clean}");
    }
}

/// What is known of a shopper, its weights rounded: they fade while the test runs.
fn settled(server: &Server, path: &str) -> Value {
    let mut known = server.get(path).json();
    for item in known["interested"].as_array_mut().into_iter().flatten() {
        item["weight"] = json!((item["weight"].as_f64().expect("a weight") * 100.0).round());
    }
    known
}

#[test]
fn an_erased_shopper_is_in_no_file_and_a_replay_of_the_rest_gives_the_same_state() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), CONFIG);
    fill(&server);
    let asked = json!({"placement": "cart", "sessionId": SESSIONS[1], "userId": USER});
    let answer = server.json("POST", "/v1/recommendations", &asked).json();
    let decision = format!("/v1/decisions/{}", answer["requestId"].as_str().expect("an id"));
    assert_eq!(server.get(&decision).status, 200);
    assert_eq!(server.get(&format!("/v1/features/users/{USER}")).status, 200);
    let others = settled(&server, "/v1/features/users/u3");
    let found = files_that_name(dir.path(), &IDS);
    assert!(found.len() > 5, "the test looks in the wrong place: {found:?}");

    let status = erase(&server);
    assert_eq!((&status["sessions"], &status["deadLetters"]), (&json!(3), &json!(1)), "{status}");
    assert!(status["records"].as_u64().is_some_and(|records| records >= 120), "{status}");
    let left = files_that_name(dir.path(), &IDS);
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(server.get(&decision).status, 404);
    assert_eq!(server.get(&format!("/v1/features/users/{USER}")).status, 404);
    assert_eq!(server.get(&format!("/v1/features/sessions/{}", SESSIONS[0])).status, 404);
    assert_eq!(settled(&server, "/v1/features/users/u3"), others, "somebody else was touched");
    assert_clean_replay(&server, dir.path());

    server.kill();
    let server = Server::start(dir.path(), CONFIG);
    assert_clean_replay(&server, dir.path());
    assert_eq!(server.stop(), Some(0));
    let left = files_that_name(dir.path(), &IDS);
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn an_order_that_names_nobody_is_refused_and_an_unknown_erasure_is_not_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), "");
    assert_eq!(server.json("POST", "/v1/erasures", &json!({})).status, 400);
    assert_eq!(server.json("POST", "/v1/erasures", &json!({"userid": "x"})).status, 400);
    assert_eq!(server.get("/v1/erasures/0192f0c0-0000-7000-8000-000000000000").status, 404);
    assert_eq!(server.get("/v1/erasures/nonsense").status, 404);
}

/// Batches that each of two senders sends of a shopper who is erased again and again meanwhile: some of them share a group
/// with the record. Bounded, as each erasure looks through all that there is.
const BUSY_BATCHES: usize = 250;
/// Between two of them, so that several erasures fit in.
const BUSY_PAUSE: Duration = Duration::from_millis(4);

#[test]
fn what_a_shopper_does_while_being_erased_is_kept_alike_by_the_state_and_by_a_replay() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), CONFIG);
    fill(&server);
    let sent = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for sender in 0..2 {
            let (server, sent) = (&server, &sent);
            scope.spawn(move || {
                for n in 1..=BUSY_BATCHES {
                    let theirs = |k| event(n + k, "view", &format!("busy-{sender}-{}", n / 4), Some(USER), None);
                    let events: Value = (0..8).map(theirs).collect();
                    assert_eq!(server.json("POST", "/v1/events", &events).status, 202);
                    sent.fetch_add(1, Ordering::AcqRel);
                    std::thread::sleep(BUSY_PAUSE);
                }
            });
        }
        let started = Instant::now();
        while sent.load(Ordering::Acquire) < 2 * BUSY_BATCHES && started.elapsed() < IN_TIME {
            erase(&server);
        }
    });
    assert_clean_replay(&server, dir.path());
    assert_eq!(server.stop(), Some(0));
}
