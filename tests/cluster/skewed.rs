//! A replica whose clock is off.

use serde_json::{Value, json};

use crate::await_one_state;
use crate::fleet::{Fleet, metric};
use crate::server::Server;

const HOUR_MS: i64 = 3_600_000;

/// Sets the clock of a replica that is or will be in `dir`; see the feature `failpoints`.
fn set_clock(fleet: &Fleet, replica: usize, ahead_ms: i64) {
    std::fs::create_dir_all(fleet.dir(replica)).expect("a folder");
    std::fs::write(fleet.dir(replica).join("failpoints"), format!("clock offset {ahead_ms}\n")).expect("written");
}

fn warns_of_clock(server: &Server, which: &str) -> Value {
    server.await_json("/readyz", |ready| {
        let warnings = ready["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().any(|said| said.as_str().is_some_and(|said| said.contains(which) && said.contains("NTP")))
    })
}

#[test]
#[ignore = "starts a broker and three replicas: run by scripts/test-services"]
fn a_replica_whose_clock_is_off_says_so_and_comes_to_the_same_state() {
    let fleet = Fleet::new(json!({}));
    set_clock(&fleet, 1, HOUR_MS);
    set_clock(&fleet, 2, -HOUR_MS);
    let servers: Vec<Server> = (0..3).map(|replica| fleet.start(replica)).collect();
    let view = |number: usize| json!({"eventType": "view", "sessionId": format!("s{number}"), "itemId": "a"});
    for (number, server) in servers.iter().enumerate() {
        let answer = server.json("POST", "/v1/events?wait=applied", &view(number));
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    warns_of_clock(&servers[1], "ahead of");
    warns_of_clock(&servers[2], "behind");
    let hours = |server: &Server| metric(server, "sidecart_broker_clock_ahead_seconds", "") / 3_600.0;
    assert!((0.99..1.01).contains(&hours(&servers[1])), "{}", hours(&servers[1]));
    assert!((-1.01..-0.99).contains(&hours(&servers[2])), "{}", hours(&servers[2]));
    let ready = servers[0].get("/readyz").json();
    assert!(!ready.to_string().contains("NTP"), "{ready}");
    // What a replica accepted has its time on all of them.
    await_one_state(&servers.iter().collect::<Vec<_>>());
    for (number, server) in servers.iter().enumerate() {
        let seen = server.get(&format!("/v1/features/sessions/s{number}"));
        assert_eq!(seen.status, 200, "{}", seen.text);
    }
    // Set right, it is warned of no more.
    set_clock(&fleet, 1, 0);
    assert_eq!(servers[1].json("POST", "/v1/events?wait=applied", &view(4)).status, 202);
    servers[1].await_json("/readyz", |ready| !ready.to_string().contains("NTP"));
}
