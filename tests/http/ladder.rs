//! The ladder, switched by hand and probed; and what becomes of more requests than can be answered.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::server::Server;

/// Answers take the time they need: which rung serves must not depend on how busy the machine is.
const UNHURRIED: &str = "server: {deadline: 10s}";

fn started(config: &str) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), config);
    let item = |id: &str| json!({"itemId": id, "price": 1, "categoryPath": ["food"]});
    let items = json!(["bread", "butter", "jam", "tea", "milk"].map(item));
    assert_eq!(server.json("PUT", "/v1/items", &items).status, 202);
    let orders: Vec<Value> = (0..20)
        .map(|n| {
            json!({"eventType": "purchase", "sessionId": format!("o{n}"), "orderId": format!("o{n}"),
                        "items": [{"itemId": "bread"}, {"itemId": "butter"}]})
        })
        .collect();
    assert_eq!(server.json("POST", "/v1/events?wait=applied", &json!(orders)).status, 202);
    (dir, server)
}

fn ask(server: &Server, placement: &str) -> Value {
    let body = json!({"placement": placement, "sessionId": "s", "cart": ["bread"], "limit": 2});
    let response = server.json("POST", "/v1/recommendations", &body);
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

#[test]
fn the_ceiling_is_set_by_hand_seen_and_ends_by_itself() {
    let (_dir, server) = started(UNHURRIED);
    assert_eq!(ask(&server, "cart")["tier"], "full");
    for tier in ["session", "co_purchase", "category", "curated", "empty"] {
        let set = server.json("PUT", "/v1/ladder", &json!({ "ceiling": tier }));
        assert_eq!((set.status, &set.json()["ceiling"]), (200, &json!(tier)));
        let answer = ask(&server, "cart");
        assert_eq!((&answer["tier"], &answer["degraded"]["cause"]), (&json!(tier), &json!("manual")));
    }
    assert!(server.get("/metrics").text.contains("sidecart_ladder_ceiling 5\n"));
    assert!(server.get("/metrics").text.contains(r#"sidecart_degraded_total{cause="manual"} 5"#));
    assert_eq!(server.json("PUT", "/v1/ladder", &json!({"ceiling": "full"})).status, 200);
    assert_eq!(ask(&server, "cart")["tier"], "full");

    let past = json!({"ceiling": "empty", "until": "2020-01-01T00:00:00Z"});
    assert_eq!(server.json("PUT", "/v1/ladder", &past).status, 400);
    assert_eq!(server.json("PUT", "/v1/ladder", &json!({"ceiling": "roof"})).status, 400);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3);
    let until = json!({"ceiling": "category", "until": soon.to_string()});
    assert_eq!(server.json("PUT", "/v1/ladder", &until).status, 200);
    assert_eq!(ask(&server, "cart")["tier"], "category");
    server.await_json("/v1/ladder", |view| view["ceiling"] == "full");
    assert_eq!(ask(&server, "cart")["tier"], "full");
}

#[test]
fn what_sells_out_is_gone_from_every_rung() {
    let (_dir, server) = started(UNHURRIED);
    let stock = |units: u32| {
        let body = json!([{"itemId": "butter", "stock": units}]);
        assert_eq!(server.json("PUT", "/v1/inventory?wait=applied", &body).status, 202);
    };
    let shows_butter = || {
        let answer = ask(&server, "cart");
        answer["items"].as_array().expect("items").iter().any(|item| item["itemId"] == "butter")
    };
    for tier in ["full", "session", "co_purchase", "category", "curated"] {
        assert_eq!(server.json("PUT", "/v1/ladder", &json!({ "ceiling": tier })).status, 200);
        stock(5);
        assert!(shows_butter(), "{tier} serves the best-selling partner while there is stock");
        stock(0);
        assert!(!shows_butter(), "{tier} serves what is sold out");
    }
}

#[test]
fn lower_rungs_are_tried_on_live_requests_and_shown_to_nobody() {
    let (_dir, server) = started("server: {deadline: 10s, ladder_probes: 1}");
    let rungs = ["session", "co_purchase", "category", "curated"];
    let tried = |text: &str, rung: &str| {
        text.contains(&format!(r#"sidecart_ladder_probes_total{{tier="{rung}",outcome="filled"}}"#))
    };
    for _ in 0..500 {
        assert_eq!(ask(&server, "cart")["tier"], "full");
        let text = server.get("/metrics").text;
        if rungs.iter().all(|rung| tried(&text, rung)) {
            return;
        }
    }
    panic!("not all rungs were tried: {}", server.get("/metrics").text);
}

#[test]
fn more_requests_than_can_be_answered_cost_a_rung_and_nothing_else() {
    let (_dir, server) = started("server: {deadline: 10s, max_in_flight: 2}");
    let asked = 100;
    let counts = ["checkout", "home"].map(|_| [AtomicUsize::new(0), AtomicUsize::new(0)]);
    std::thread::scope(|scope| {
        for worker in 0..32 {
            let (place, placement) = if worker % 2 == 0 { (0, "checkout") } else { (1, "home") };
            let (server, counts) = (&server, &counts);
            scope.spawn(move || {
                for _ in 0..asked {
                    // Each is 200, or `ask` fails.
                    let overloaded = ask(server, placement)["degraded"]["cause"] == "overload";
                    counts[place][usize::from(overloaded)].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let [checkout, home] = counts.map(|[well, over]| (well.into_inner(), over.into_inner()));
    assert_eq!(checkout.0 + checkout.1 + home.0 + home.1, 32 * asked);
    assert!(home.1 > checkout.1, "checkout {checkout:?}, home {home:?}");
    let metrics = server.get("/metrics").text;
    assert!(metrics.contains("sidecart_in_flight_recommendations 0\n"), "{metrics}");
    assert!(!metrics.contains(r#"status="5"#), "{metrics}");
    // It recovers at once.
    assert_eq!(ask(&server, "home")["tier"], "full");
}
