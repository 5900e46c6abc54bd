//! An answer of one replica, a click on another, and the one that leads learns from it.

use serde_json::{Value, json};

use crate::fleet::{Fleet, metric, until};
use crate::leader::await_leader;
use crate::server::Server;

fn ask(server: &Server, session: &str) -> Value {
    let asked = json!({"placement": "cart", "sessionId": session, "contextItems": ["i1"], "cart": ["i1"]});
    server.json("POST", "/v1/recommendations", &asked).json()
}

/// Items that were bought together, so that there is something to rank.
fn stock_up(server: &Server) {
    let items: Vec<Value> = (0..8).map(|n| json!({"itemId": format!("i{n}"), "title": "t", "price": 1.5})).collect();
    assert_eq!(server.json("PUT", "/v1/items?wait=applied", &items.into()).status, 202);
    let views = (0..40).flat_map(|visit| {
        [0, 1, 2].map(|step| {
            let item = format!("i{}", (1 + step * (visit % 5 + 1)) % 8);
            json!({"eventType": "add_to_cart", "sessionId": format!("v{visit}"), "itemId": item})
        })
    });
    let views: Vec<Value> = views.collect();
    assert_eq!(server.json("POST", "/v1/events?wait=applied", &views.into()).status, 202);
}

/// Where an answer can be looked up.
fn path_of(answer: &Value) -> String {
    format!("/v1/decisions/{}", answer["requestId"].as_str().expect("an id"))
}

fn click(server: &Server, answer: &Value, session: &str) {
    let event = json!({"eventType": "click", "sessionId": session, "itemId": answer["items"][0]["itemId"],
        "attributionToken": answer["attributionToken"]});
    let taken = server.json("POST", "/v1/events?wait=applied", &event);
    assert_eq!(taken.status, 202, "{}", taken.text);
}

#[test]
#[ignore = "starts a broker and three replicas: run by scripts/test-services"]
fn a_click_teaches_whichever_replica_answered_and_whichever_took_it() {
    // Answers take the time they need: one that a busy machine cuts short has nothing to click.
    let mut fleet = Fleet::new(json!({"server": {"deadline": "10s"}}));
    fleet.share_token_key();
    let servers: Vec<Server> = (0..3).map(|replica| fleet.start(replica)).collect();
    stock_up(&servers[0]);
    let leads = await_leader(&fleet.broker.address, "fleet.", &servers.iter().collect::<Vec<_>>());
    let (answers, takes) = (&servers[(leads + 1) % 3], &servers[(leads + 2) % 3]);
    until("the one that answers knows the visits", || ask(answers, "warm")["items"].as_array().map_or(0, Vec::len) > 1);
    // A replica hears of what is answered from when it has begun to listen: some time after it is ready.
    let mut told = Vec::new();
    for server in &servers {
        until("it hears of answers", || {
            told.push(path_of(&ask(answers, "warm")));
            told.iter().any(|path| server.get(path).status == 200)
        });
    }
    let answer = ask(answers, "shopper");
    assert!(answer["items"].as_array().map_or(0, Vec::len) > 1, "{answer}");
    let path = path_of(&answer);
    for server in &servers {
        let looked_up = server.await_json(&path, |found| found["answer"]["requestId"] == answer["requestId"]);
        assert_eq!(looked_up["answer"], answer, "the same on every replica");
        assert_eq!(looked_up["request"]["cart"], json!(["i1"]));
    }
    let taught = |server: &Server| metric(server, "sidecart_lessons_total", "exposure");
    assert_eq!(servers.iter().map(taught).sum::<f64>(), 0.0);
    click(takes, &answer, "shopper");
    until("the leader has learned", || taught(&servers[leads]) == 1.0);
    assert_eq!(servers.iter().map(taught).sum::<f64>(), 1.0, "nobody else");
    assert_eq!(metric(takes, "sidecart_attribution_tokens_total", "valid"), 1.0);
    // Once per item shown, whatever comes.
    click(answers, &answer, "shopper");
    click(&servers[leads], &answer, "shopper");
    let last = ask(answers, "other");
    servers[leads].await_json(&path_of(&last), |found| found["answer"]["requestId"] == last["requestId"]);
    click(&servers[leads], &last, "other");
    until("the leader has learned once more", || taught(&servers[leads]) == 2.0);
    for server in &servers {
        assert_eq!(metric(server, "sidecart_broker_strange_tokens_total", ""), 0.0);
        assert_eq!(metric(server, "sidecart_broker_decisions_total", "dropped"), 0.0);
    }
}

#[test]
#[ignore = "starts a broker and two replicas: run by scripts/test-services"]
fn replicas_with_keys_of_their_own_say_so() {
    let fleet = Fleet::new(json!({}));
    let servers: Vec<Server> = (0..2).map(|replica| fleet.start(replica)).collect();
    until("the second one wonders", || {
        ask(&servers[0], "s");
        metric(&servers[1], "sidecart_broker_strange_tokens_total", "") > 0.0
    });
    let log = || std::fs::read_to_string(fleet.dir(1).join("server.log")).expect("its log");
    until("its log has the remedy", || log().contains("access.token_key_file"));
}
