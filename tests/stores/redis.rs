use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::Server;
use crate::shop::{Service, assert_in_time, metric, put_items, send, wait_until};

/// Answers before the breaker can open: it judges none before it knows eight.
const BEFORE_IT_OPENS: usize = 7;

/// A shop that remembers two shoppers itself, and learns nothing, so that answers move with what is remembered alone. They
/// wait for the store as long as a config can have them: a busy machine must not cost them the history that is looked for.
fn config(service: &Service, more: &str) -> String {
    config_with(service, "1s", more)
}

/// As [`config`], with answers that wait this long for the store.
fn config_with(service: &Service, read_timeout: &str, more: &str) -> String {
    let urls: Vec<String> = service.fact("REDIS_NODES").split(',').map(url).collect();
    let urls = if more.contains("cluster") { urls } else { vec![url(service.fact("REDIS_URL"))] };
    format!(
        "features: {{store: redis, users: {{max_users: 2}}, redis: {{urls: {urls:?}, read_timeout: {read_timeout}, \
         cache_for: 1ms, write_every: 10ms{more}}}}}\nranker: {{learn: false}}\nserver: {{deadline: 10s}}\n"
    )
}

fn url(node: &str) -> String {
    let host = node.rsplit('@').next().unwrap_or(node).trim_start_matches("redis://");
    format!("redis://{host}")
}

/// Asks a node by redis-cli, as a reader of the documentation would.
fn cli(service: &Service, arguments: &[&str]) -> String {
    let url = service.fact("REDIS_URL");
    let output = Command::new("redis-cli").args(["-c", "-u", url]).args(arguments).output();
    let output = output.expect("redis-cli is in the package redis-tools");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

fn buy(server: &Server, name: &str, item: &str, time: &str) {
    let order = json!({"eventId": format!("{name}-{item}-{time}"), "eventType": "purchase", "itemId": item,
                       "sessionId": format!("visit-{name}-{time}"), "userId": name});
    send(server, &json!([order]));
}

/// Ten shoppers, each with an item that is theirs alone; eight of them leave the memory again.
fn ten_shoppers(server: &Server) {
    put_items(server, 20);
    for n in 0..10 {
        buy(server, &format!("u{n}"), &format!("i{n}"), "1");
        // One at a time into the store, as they would come in a shop with room for more than two.
        wait_until("the write", || writes(server, "written") > f64::from(n));
    }
}

fn writes(server: &Server, outcome: &str) -> f64 {
    metric(server, &format!("sidecart_feature_writes_total{{outcome=\"{outcome}\"}}"))
}

fn asked(server: &Server, name: &str) -> (Value, Duration) {
    let body = json!({"placement": "home", "sessionId": format!("new-{name}"), "userId": name, "limit": 1,
                      "repeats": "allow"});
    let began = Instant::now();
    let answer = server.json("POST", "/v1/recommendations", &body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    (answer.json(), began.elapsed())
}

/// Whether the answer is made of what the shopper bought.
fn is_theirs(answer: &Value, item: &str) -> bool {
    answer["items"][0]["itemId"] == item && answer["items"][0]["reason"]["code"] == "bought_before"
}

/// Asks until the answer is made of what the shopper bought; gives it. Right after a start the connection is not made yet,
/// and no answer waits for it.
fn await_theirs(server: &Server, name: &str, item: &str) -> Value {
    let mut answer = Value::Null;
    wait_until("an answer of what they bought", || {
        answer = asked(server, name).0;
        is_theirs(&answer, item)
    });
    answer
}

fn holds_theirs(server: &Server, name: &str, item: &str) -> bool {
    let features = server.get(&format!("/v1/features/users/{name}")).json();
    features["purchased"][0]["itemId"] == item
}

#[test]
#[ignore = "needs a Redis (scripts/services/redis starts one): run by scripts/test-services"]
fn a_shopper_who_left_the_memory_is_answered_from_the_store_and_comes_back_whole() {
    let redis = Service::start("redis", &[]);
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &config(&redis, ""));
    ten_shoppers(&server);
    assert!(metric(&server, "sidecart_users") <= 2.0);
    let answer = await_theirs(&server, "u0", "i0");
    assert!(answer["degraded"].is_null(), "{answer:#}");
    assert!(holds_theirs(&server, "u0", "i0"));

    // Back again, with a new generation in memory and the one before in the store.
    buy(&server, "u0", "i15", "2");
    wait_until("the merge", || writes(&server, "merged") > 0.0);
    let features = server.get("/v1/features/users/u0").json();
    assert_eq!(features["purchased"].as_array().map(Vec::len), Some(2), "{features:#}");
    assert_eq!(features["orders"], 2);

    // The layout, as it is documented.
    let keys = cli(&redis, &["--scan", "--pattern", "sidecart:user:*"]);
    assert_eq!(keys.lines().count(), 10, "{keys}");
    let found = keys.lines().find(|key| cli(&redis, &["HGET", key, "past"]).contains("i0")).expect("u0's key");
    let now: Value = serde_json::from_str(&cli(&redis, &["HGET", found, "now"])).expect("JSON");
    assert_eq!(now["bought"][0]["item"], "i15");
    assert!(cli(&redis, &["TTL", found]).parse::<i64>().expect("seconds") > 15_000_000);

    // Erased there, too.
    let ordered = server.json("POST", "/v1/erasures", &json!({"userId": "u0"})).json();
    let path = format!("/v1/erasures/{}", ordered["erasureId"].as_str().expect("an id"));
    server.await_json(&path, |erasure| erasure["status"] == "done");
    assert_eq!(cli(&redis, &["EXISTS", found]), "0");
    assert_eq!(server.get("/v1/features/users/u0").status, 404);
}

#[test]
#[ignore = "needs a Redis (scripts/services/redis starts one): run by scripts/test-services"]
fn frozen_or_killed_answers_stay_in_time_the_breaker_opens_and_all_comes_back() {
    let redis = Service::start("redis", &["--append-only"]);
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &config_with(&redis, "20ms", ""));
    ten_shoppers(&server);
    await_theirs(&server, "u1", "i1");
    for (fault, remedy) in [("pause", "resume"), ("kill", "restart")] {
        redis.tell(fault);
        let took: Vec<Duration> = (0..60)
            .map(|round| {
                let (answer, took) = asked(&server, &format!("u{}", round % 8));
                assert_eq!(answer["degraded"]["cause"], "features", "{answer:#}");
                assert_eq!(answer["items"].as_array().map(Vec::len), Some(1), "a shelf all the same: {answer:#}");
                took
            })
            .collect();
        assert_in_time(&format!("{fault}, and all ask"), &took[..BEFORE_IT_OPENS]);
        assert_in_time(fault, &took[BEFORE_IT_OPENS..]);
        wait_until("an open breaker", || metric(&server, "sidecart_feature_breaker") > 0.0);
        let open = metric(&server, "sidecart_feature_reads_total{outcome=\"open\"}");
        assert!(open > 0.0, "nobody waits for what does not answer");
        // Events go on; what the store was not told is told later.
        buy(&server, "u9", "i19", fault);
        redis.tell(remedy);
        await_theirs(&server, "u1", "i1");
        wait_until("a closed breaker", || {
            asked(&server, "u2");
            metric(&server, "sidecart_feature_breaker") == 0.0
        });
        wait_until("what was missed", || {
            let keys = cli(&redis, &["--scan", "--pattern", "sidecart:user:*"]);
            keys.lines().any(|key| cli(&redis, &["HGET", key, "now"]).contains("i19"))
        });
    }
}

#[test]
#[ignore = "needs a Redis (scripts/services/redis starts one): run by scripts/test-services"]
fn an_emptied_store_degrades_to_the_visit_without_error_and_is_filled_from_memory() {
    let redis = Service::start("redis", &[]);
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &config(&redis, ""));
    ten_shoppers(&server);
    await_theirs(&server, "u0", "i0");
    assert_eq!(cli(&redis, &["FLUSHALL"]), "OK");
    // Longer than answers are cached.
    std::thread::sleep(Duration::from_millis(5));
    let (answer, _) = asked(&server, "u0");
    assert!(answer["degraded"].is_null() && !is_theirs(&answer, "i0"), "{answer:#}");
    wait_until("the two in memory", || cli(&redis, &["--scan", "--pattern", "sidecart:user:*"]).lines().count() == 2);
    assert!(metric(&server, "sidecart_feature_repairs_total") > 0.0);
    assert!(is_theirs(&asked(&server, "u9").0, "i9"));
}

#[test]
#[ignore = "needs a Redis (scripts/services/redis starts one): run by scripts/test-services"]
fn kills_of_both_sides_and_replays_count_nothing_twice() {
    let redis = Service::start("redis", &["--append-only"]);
    let data = tempfile::tempdir().expect("a folder");
    let config = config(&redis, "");
    for round in 0..3 {
        let server = Server::start(data.path(), &config);
        if round == 0 {
            ten_shoppers(&server);
        }
        for n in 0..4 {
            buy(&server, &format!("u{n}"), "i12", &format!("{round}-{n}"));
            // Seen in the store itself: with room for two in memory, the next ones would push out who is not written yet.
            wait_until("the write", || stored_orders(&redis) == 10 + 4 * round + n + 1);
        }
        wait_until("nobody waiting", || metric(&server, "sidecart_feature_waiting") == 0.0);
        redis.tell("kill");
        redis.tell("restart");
        // Its log is replayed at the next start, since the last checkpoint, which was never made.
        server.kill();
    }
    let server = Server::start(data.path(), &config);
    for n in 0..4 {
        // Right after a start the connection is not made yet, and nothing waits for it.
        let features = server.await_json(&format!("/v1/features/users/u{n}"), |features| features["orders"] == 4);
        let weight = features["purchased"][0]["weight"].as_f64().expect("a number");
        assert!((weight - 3.0).abs() < 0.01, "{features:#}");
    }
    // A folder that begins anew adds to what another log has told.
    drop(server);
    let other = tempfile::tempdir().expect("a folder");
    let server = Server::start(other.path(), &config);
    put_items(&server, 20);
    buy(&server, "u0", "i3", "anew");
    wait_until("both logs", || server.get("/v1/features/users/u0").json()["orders"] == 5);
}

/// The orders of all shoppers in the store.
fn stored_orders(redis: &Service) -> u64 {
    let orders = |key: &str, field: &str| {
        let part: Option<Value> = serde_json::from_str(&cli(redis, &["HGET", key, field])).ok();
        part.map_or(0, |part| part["orders"].as_u64().expect("a number"))
    };
    let keys = cli(redis, &["--scan", "--pattern", "sidecart:user:*"]);
    keys.lines().map(|key| orders(key, "now") + orders(key, "past")).sum()
}

#[test]
#[ignore = "needs a Redis cluster (scripts/services/redis starts one): run by scripts/test-services"]
fn on_a_cluster_shoppers_are_spread_and_found() {
    let redis = Service::start("redis", &["--cluster"]);
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &config(&redis, ", cluster: true"));
    ten_shoppers(&server);
    for n in 0..8 {
        await_theirs(&server, &format!("u{n}"), &format!("i{n}"));
    }
}

#[test]
#[ignore = "needs a Redis (scripts/services/redis starts one): run by scripts/test-services"]
fn a_password_is_read_from_its_file_and_a_wrong_one_is_told_with_the_remedy() {
    let redis = Service::start("redis", &["--password", "Open5esame"]);
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("password");
    std::fs::write(&file, "Open5esame\n").expect("written");
    let right = config(&redis, &format!(", password_file: '{}'", file.display()));
    let server = Server::start(data.path(), &right);
    ten_shoppers(&server);
    await_theirs(&server, "u0", "i0");
    drop(server);
    std::fs::write(&file, "wrong").expect("written");
    let server = Server::start(data.path(), &right);
    let took = [(); BEFORE_IT_OPENS].map(|()| {
        let (answer, took) = asked(&server, "u0");
        assert_eq!(answer["degraded"]["cause"], "features");
        took
    });
    assert_in_time("answers without a connection", &took);
    let log = || std::fs::read_to_string(data.path().join("server.log")).expect("its words");
    wait_until("its words", || log().contains("check `features.redis.username` and `.password_file`"));
    assert!(!log().contains("Open5esame"));
}
