//! A shopper that one replica is asked to forget is in no file of any replica.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::await_one_state;
use crate::fleet::{Fleet, metric, until};
use crate::naming::files_that_name;
use crate::server::Server;

/// Ids that nothing else contains.
const USER: &str = "user-erase-me-4711";
const DEVICE: &str = "device-erase-me-4711";
const ORDER: &str = "order-erase-me-4711";
const SESSIONS: [&str; 3] = ["visit-before-login-4711", "visit-with-login-4711", "visit-on-device-4711"];
const NAMES: [&str; 6] = [USER, DEVICE, ORDER, SESSIONS[0], SESSIONS[1], SESSIONS[2]];
/// What docs/cluster.md states for a log this small.
const IN_TIME: Duration = Duration::from_secs(60);

fn tell(server: &Server, events: &Value) {
    let answer = server.json("POST", "/v1/events?wait=applied", events);
    assert_eq!(answer.status, 202, "{}", answer.text);
}

/// What the shopper does, spread among others and over the replicas.
fn shop(servers: &[Server]) {
    for round in 0..12 {
        let item = format!("i{}", round % 5);
        let event = |kind: &str, session: &str| json!({"eventType": kind, "sessionId": session, "itemId": item});
        let with = |mut event: Value, fields: &[(&str, &str)]| {
            fields.iter().for_each(|(key, value)| event[*key] = (*value).into());
            event
        };
        let mut events = vec![
            with(event("view", &format!("s{round}")), &[("userId", "somebody-else")]),
            with(event("view", SESSIONS[0]), if round == 11 { &[("userId", USER)] } else { &[] }),
            with(event("add_to_cart", SESSIONS[1]), &[("userId", USER), ("anonymousId", DEVICE)]),
            with(event("view", SESSIONS[2]), &[("anonymousId", DEVICE)]),
        ];
        events.push(with(event("purchase", SESSIONS[1]), &[("userId", USER), ("orderId", ORDER)]));
        tell(&servers[round % servers.len()], &Value::from(events));
    }
    for server in servers {
        let late = json!({"eventType": "view", "sessionId": SESSIONS[1], "userId": USER, "itemId": "i1",
            "timestamp": "2020-01-01T00:00:00Z"});
        assert_eq!(server.json("POST", "/v1/events", &late).json()["rejected"][0]["code"], "too_late");
        let asked = json!({"placement": "cart", "sessionId": SESSIONS[1], "userId": USER});
        assert_eq!(server.json("POST", "/v1/recommendations", &asked).status, 200);
    }
}

/// What lies in the object store.
fn names(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { names(&path) } else { vec![path] }).collect()
}

#[test]
#[ignore = "starts a broker and three replicas: run by scripts/test-services"]
fn an_erased_shopper_is_in_no_file_of_any_replica_even_if_one_was_down() {
    let storage = json!({"checkpoint_every": "1s", "checkpoints_kept": 3, "segment_size": "64KiB"});
    let remote = tempfile::tempdir().expect("a folder");
    let mut config = json!({"storage": storage});
    config["storage"]["remote"]["url"] = format!("file://{}", remote.path().display()).into();
    let fleet = Fleet::new(config);
    let mut servers: Vec<Server> = (0..3).map(|replica| fleet.start(replica)).collect();
    shop(&servers);
    for replica in 0..3 {
        until("all replicas hold the shopper", || files_that_name(&fleet.dir(replica), &NAMES).len() > 5);
    }
    until("a checkpoint is in the object store", || !names(remote.path()).is_empty());
    // One that is down takes the record when it is back.
    servers.pop().expect("three").kill();
    let before = names(remote.path());
    let ordered = servers[0].json("POST", "/v1/erasures", &json!({"userId": USER}));
    assert_eq!(ordered.status, 202, "{}", ordered.text);
    let path = format!("/v1/erasures/{}", ordered.json()["erasureId"].as_str().expect("an id"));
    let started = Instant::now();
    // Another one is killed in the midst of it, or just before.
    servers.pop().expect("two").kill();
    servers.push(fleet.start(1));
    servers.push(fleet.start(2));
    for (replica, server) in servers.iter().enumerate() {
        let done = server.await_json(&path, |status| status["status"] == "done");
        assert!(started.elapsed() < IN_TIME, "replica {replica} took {:?}", started.elapsed());
        assert!(done["records"].as_u64().is_some_and(|records| records >= 48), "replica {replica}: {done}");
        assert_eq!(done["deadLetters"], 1, "replica {replica}: {done}");
        let left = files_that_name(&fleet.dir(replica), &NAMES);
        assert!(left.is_empty(), "replica {replica}: {left:#?}");
        // Counted once its receipt is on file.
        until("none waits", || metric(server, "sidecart_erasures_waiting", "") == 0.0);
        assert_eq!(server.get(&format!("/v1/features/users/{USER}")).status, 404);
    }
    until("it is counted", || metric(&servers[0], "sidecart_erasures_total", "done") == 1.0);
    let old: Vec<_> = names(remote.path()).into_iter().filter(|name| before.contains(name)).collect();
    assert!(old.is_empty(), "checkpoints from before are left in the object store: {old:?}");
    println!("erased everywhere after {:?}", started.elapsed());
    await_one_state(&servers.iter().collect::<Vec<_>>());
    // A replay of the rewritten logs gives the same state as what never stopped.
    servers.remove(1).kill();
    std::fs::remove_dir_all(fleet.dir(1).join("checkpoints")).expect("removed");
    servers.insert(1, fleet.start(1));
    await_one_state(&servers.iter().collect::<Vec<_>>());
}
