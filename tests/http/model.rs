//! The scorer's model over HTTP: it learns from clicks, can be carried elsewhere, frozen, rolled back, and survives.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;

/// Answers take the time they need: one that a busy machine cuts short shows nothing to click.
const CONFIG: &str = "ranker: {publish_every: 100ms}\nplacements: {cart: {limit: 3}}\nserver: {deadline: 10s}";
/// Longer than anything takes on a loaded machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

fn model(server: &Server) -> Value {
    server.get("/v1/model").json()
}

/// Waits until something holds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A shop in which `a` goes with `b`, `c` and `d`, and no model has been published yet.
fn stock_up(server: &Server) {
    let items: Value = ["a", "b", "c", "d"].into_iter().map(|id| json!({"itemId": id})).collect();
    server.json("PUT", "/v1/items?wait=applied", &items);
    let order = |n: usize, other: &str| {
        json!({"eventId": format!("{other}{n}"), "eventType": "purchase", "sessionId": format!("{other}{n}"), "orderId": format!("{other}{n}"),
               "items": [{"itemId": "a"}, {"itemId": other}]})
    };
    let orders: Value = (0..3).flat_map(|n| ["b", "c", "d"].map(|other| order(n, other))).collect();
    let taken = server.json("POST", "/v1/events?wait=applied", &orders).json();
    assert_eq!(taken["accepted"], 9, "{taken}");
}

/// Asks beside a cart of `a`, and clicks on the last item of the answer; gives the metrics' count of lessons of clicks.
fn ask_and_click(server: &Server, visit: &str) {
    let ask = json!({"placement": "cart", "sessionId": visit, "cart": ["a"]});
    let answer = server.json("POST", "/v1/recommendations", &ask).json();
    let last = answer["items"].as_array().and_then(|items| items.last()).expect("items");
    assert_eq!(last["propensity"], 1.0, "{answer}");
    let click = json!({"eventId": format!("click-{visit}"), "eventType": "click", "sessionId": visit,
                       "itemId": last["itemId"], "attributionToken": answer["attributionToken"]});
    assert_eq!(server.json("POST", "/v1/events", &json!([click])).json()["accepted"], 1);
    // The same click under another id teaches nothing more.
    let again = json!({"eventId": format!("again-{visit}"), "eventType": "click", "sessionId": visit,
                       "itemId": last["itemId"], "attributionToken": answer["attributionToken"]});
    assert_eq!(server.json("POST", "/v1/events", &json!([again])).json()["accepted"], 1);
}

fn clicks_learned(server: &Server) -> u64 {
    let metrics = server.get("/metrics").text;
    let line = metrics.lines().find(|line| line.starts_with(r#"sidecart_lessons_total{kind="exposure"}"#));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn clicks_teach_once_each_and_the_model_is_kept_frozen_and_rolled_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), CONFIG);
    stock_up(&server);
    (0..5).for_each(|n| ask_and_click(&server, &format!("v{n}")));
    until("five clicks are learned from", || clicks_learned(&server) == 5);
    until("a model is published", || model(&server)["version"].as_u64() >= Some(1));

    let frozen = server.json("POST", "/v1/model/freeze", &json!({"frozen": true})).json();
    assert_eq!(frozen["frozen"], true, "{frozen}");
    let learned = frozen["weights"]["basket"]["log_count"].clone();
    assert!(learned.is_number(), "{frozen}");
    (5..8).for_each(|n| ask_and_click(&server, &format!("v{n}")));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(model(&server)["version"], frozen["version"], "a frozen model stays");
    assert_eq!(clicks_learned(&server), 5);

    let changed = json!({"weights": {"basket": {"log_count": 7.5}}});
    let imported = server.json("PUT", "/v1/model", &changed).json();
    assert_eq!(imported["weights"]["basket"], json!({"log_count": 7.5}), "{imported}");
    assert_eq!(imported["frozen"], true, "as it was");
    let past = imported["past"].as_array().expect("models of before").clone();
    assert!(past.iter().any(|past| past["version"] == frozen["version"]), "what was frozen is kept: {imported}");
    let back = server.json("POST", "/v1/model/rollback", &json!({"version": frozen["version"]})).json();
    assert_eq!((&back["weights"]["basket"]["log_count"], &back["frozen"]), (&learned, &json!(true)));

    // As records of the log, all of this outlives the process.
    server.kill();
    let server = Server::start(dir.path(), CONFIG);
    until("the log is applied", || server.get("/readyz").status == 200);
    assert_eq!(model(&server), back);
    let thawed = server.json("POST", "/v1/model/freeze", &json!({"frozen": false})).json();
    assert_eq!(thawed["frozen"], false);
    ask_and_click(&server, "v9");
    until("it learns again", || model(&server)["version"].as_u64() > thawed["version"].as_u64());
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_model_that_cannot_be_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), CONFIG);
    let refused = |method, path, body: Value| {
        let response = server.json(method, path, &body);
        let message = response.json()["error"]["message"].as_str().expect("a message").to_owned();
        (response.status, message)
    };
    let (status, message) = refused("PUT", "/v1/model", json!({"weights": {"basket": {"magic": 1}}}));
    assert!(status == 400 && message.contains("weights.basket.magic"), "{status} {message}");
    let (status, message) = refused("POST", "/v1/model/rollback", json!({"version": 9}));
    assert!(status == 404 && message.contains("no model of version 9 is kept"), "{status} {message}");
    let (status, message) = refused("POST", "/v1/model/freeze", json!({}));
    assert!(status == 400 && message.contains("frozen"), "{status} {message}");
    assert_eq!(model(&server)["version"], 0);
    assert_eq!(server.stop(), Some(0));
}
