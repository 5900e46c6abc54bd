//! What can be said as one request and one answer is in
//! `tests/scenarios/`; here is what cannot.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::until;
use crate::server::Server;

fn started(config: &str) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), config);
    (dir, server)
}

fn view(id: &str) -> Value {
    json!({"eventId": id, "eventType": "view", "sessionId": "s", "itemId": "i"})
}

#[test]
fn every_documented_operation_is_served() {
    let (_dir, server) = started("{}");
    let document = server.get("/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 15, "{} paths", paths.len());
    for (path, operations) in paths {
        let concrete = path.replace("{id}", "x").replace("{requestId}", "x");
        for method in operations.as_object().expect("operations").keys() {
            let response = server.send(&method.to_uppercase(), &concrete, "application/json", b"{}");
            let code = response.json()["error"]["code"].clone();
            assert!(code != "unknown_path" && code != "unknown_method", "{method} {path}: {}", response.text);
            let documented = &operations[method]["responses"][response.status.to_string()];
            assert!(documented.is_object(), "{method} {path} answers {}, undocumented", response.status);
        }
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let (_dir, server) = started("{}");
    let document = server.get("/openapi.json").json();
    let text = document.to_string();
    let references: Vec<_> = text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 20);
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn a_zipped_body_and_a_path_that_is_no_text_are_refused_with_the_remedy() {
    let (_dir, server) = started("{}");
    for (method, path) in [("POST", "/v1/events"), ("PUT", "/v1/items"), ("POST", "/v1/recommendations")] {
        let refused = server.try_send_with(method, path, [("content-encoding", "gzip")], b"{}").expect("an answer");
        assert_eq!(refused.status, 415, "{refused:?}");
        let message = "the body has the content encoding `gzip`: send it as it is, without any";
        assert_eq!(refused.json()["error"]["message"], message);
    }
    for method in ["GET", "PATCH", "DELETE"] {
        let refused = server.send(method, "/v1/items/%ff", "application/json", b"{}");
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("bad_path")), "{refused:?}");
    }
}

#[test]
fn a_body_above_the_limit_is_refused_with_the_limit() {
    let (_dir, server) = started("server: {max_body: 1MiB}");
    let response = server.send("POST", "/v1/events", "application/json", &vec![b'x'; 10 << 20]);
    assert_eq!(response.status, 413, "{}", response.text);
    assert_eq!(
        response.json()["error"]["message"],
        "the body is larger than 1MiB: send smaller batches, or raise `server.max_body`"
    );
}

#[test]
fn invalid_text_spoils_its_own_line_only() {
    let (_dir, server) = started("{}");
    let mut body = view("a").to_string().into_bytes();
    body.extend_from_slice(b"\n{\"eventType\":\"view\",\"sessionId\":\"\xff\xfe\",\"itemId\":\"i\"}\n");
    body.extend_from_slice(view("b").to_string().as_bytes());
    for kind in ["application/x-ndjson", "application/json"] {
        let response = server.send("POST", "/v1/events", kind, &body);
        assert_eq!(response.status, 202);
        assert_eq!(response.json()["rejected"][0]["code"], "not_utf8", "{}", response.text);
        assert_eq!(response.json()["rejected"][0]["index"], 1);
    }
}

#[test]
fn an_event_sent_twice_counts_once_across_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(dir.path(), "{}");
    let both = json!([view("a"), view("a")]);
    assert_eq!(server.json("POST", "/v1/events", &both).json()["duplicates"], 1);
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(dir.path(), "{}");
    let again = server.json("POST", "/v1/events?wait=applied", &both).json();
    assert_eq!((&again["accepted"], &again["duplicates"], &again["applied"]), (&json!(0), &json!(2), &json!(true)));
    assert_eq!(server.get("/v1/features/sessions/s").json()["views"], 1);
}

#[test]
fn late_and_future_events_are_kept_as_dead_letters_and_history_is_taken() {
    let (dir, server) = started("{}");
    let old = json!({"eventId": "old", "eventType": "view", "sessionId": "s", "itemId": "i", "timestamp": "2017-06-01T00:00:00Z"});
    let response = server.json("POST", "/v1/events", &old).json();
    assert_eq!((&response["accepted"], &response["rejected"][0]["code"]), (&json!(0), &json!("too_late")));
    // A letter is written behind the answer; whoever lists them finds all.
    assert!(server.get("/v1/dead-letters").text.contains("too_late"));
    let letters = std::fs::read_to_string(dir.path().join("dead-letters.jsonl")).expect("dead letters");
    let letter: Value = serde_json::from_str(letters.trim()).expect("one line");
    assert_eq!((&letter["code"], &letter["event"]), (&json!("too_late"), &old));
    assert_eq!(server.json("POST", "/v1/events?mode=history", &old).json()["accepted"], 1);
}

#[test]
fn a_request_id_is_echoed_if_it_is_one() {
    let (_dir, server) = started("{}");
    let response = server.json("POST", "/v1/events", &view("a"));
    assert_eq!(response.request_id.len(), 36, "a UUID of our own");
    let mut echoed = ureq::get(format!("{}/healthz", server.url)).header("x-request-id", "mine-1").call().expect("ok");
    assert_eq!(echoed.headers()["x-request-id"], "mine-1");
    assert!(echoed.body_mut().read_to_string().expect("text").contains("ok"));
}

#[test]
fn overload_is_answered_with_200() {
    let (_dir, server) = started("server: {max_in_flight: 1, deadline: 10s}\nplacements: {cart: {deadline: 10s}}");
    let ask = json!({"placement": "cart", "sessionId": "s", "cart": ["i"]});
    let (asked, causes) = (400, std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..asked / 8 {
                    let response = server.json("POST", "/v1/recommendations", &ask);
                    assert_eq!(response.status, 200);
                    causes.lock().expect("no panic").push(response.json()["degraded"]["cause"].clone());
                }
            });
        }
    });
    let causes = causes.into_inner().expect("no panic");
    assert_eq!(causes.len(), asked);
    assert!(causes.iter().all(|cause| cause.is_null() || cause == "overload"), "{causes:?}");
}

#[test]
fn a_slow_body_is_given_up() {
    use std::io::{Read, Write};
    let (_dir, server) = started("server: {request_timeout: 200ms}");
    let address = server.url.strip_prefix("http://").expect("an address");
    let mut stream = std::net::TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    stream.write_all(b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").expect("sent");
    let mut answer = String::new();
    // To the end of the connection: what is left of the body is not read any more.
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("timeout"), "{answer}");
}

#[test]
fn two_servers_never_share_a_data_folder() {
    let (dir, _server) = started("{}");
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_sidecart"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path())
        .output()
        .expect("it runs");
    assert_eq!(second.status.code(), Some(2));
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(told.contains("in use"), "{told}");
}

#[test]
fn the_scorer_learns_from_what_is_sent_and_a_restart_has_its_model() {
    let (folder, server) = started("ranker: {lessons_per_second: 10000, publish_every: 100ms}");
    let items: Vec<Value> = ["a", "b", "c"].map(|id| json!({"itemId": id, "title": id})).into();
    assert_eq!(server.json("PUT", "/v1/items?wait=applied", &json!(items)).status, 202);
    let version = |server: &Server| {
        let answer = server.json("POST", "/v1/recommendations", &json!({"placement": "pdp", "sessionId": "x"})).json();
        answer["modelVersion"].as_str().expect("a version").to_owned()
    };
    // Visits of long ago, as an import brings them: they teach as well as those of today.
    let visit = |n: u32| {
        let view = |item: &str, at: &str| json!({"eventId": format!("{n}{item}"), "eventType": "view", "sessionId": format!("s{n}"), "itemId": item, "timestamp": at});
        json!([view("a", "2020-01-01T00:00:00Z"), view("b", "2020-01-01T00:00:10Z"), view("c", "2020-01-01T00:00:20Z")])
    };
    let taught = (0..10_000).find(|&n| {
        assert_eq!(server.json("POST", "/v1/events?mode=history&wait=applied", &visit(n)).status, 202);
        version(&server) != "linear-0"
    });
    assert!(taught.is_some(), "ten thousand visits taught nothing");
    server.kill();
    let again = Server::start(folder.path(), "ranker: {learn: false}");
    assert_ne!(version(&again), "linear-0");
}

#[test]
fn imported_history_teaches_however_fast_it_comes() {
    let (_folder, server) = started("ranker: {lessons_per_second: 1}");
    let items: Vec<Value> = ["a", "b", "c", "d", "e"].map(|id| json!({"itemId": id, "title": id})).into();
    assert_eq!(server.json("PUT", "/v1/items?wait=applied", &json!(items)).status, 202);
    let began = std::time::Instant::now();
    for batch in 0..10 {
        let view = |n: usize| {
            json!({"eventId": format!("{batch}-{n}"), "eventType": "view", "sessionId": format!("{batch}-{}", n / 5),
            "itemId": (["a", "b", "c", "d", "e"][n % 5]), "timestamp": format!("2020-01-{:02}T00:00:{:02}Z", batch + 1, n % 5)})
        };
        let views: Vec<Value> = (0..320).map(view).collect();
        assert_eq!(server.json("POST", "/v1/events?mode=history&wait=applied", &json!(views)).status, 202);
    }
    let lessons = || -> u64 {
        let metrics = server.get("/metrics").text;
        let line = metrics.lines().find(|line| line.starts_with(r#"sidecart_lessons_total{kind="organic"}"#));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    };
    // Of 3,200 events one in 16; the first of a visit teaches nothing. The pace alone would have it at one a second.
    let least = 2 * began.elapsed().as_secs() + 50;
    until("history is learned from", || lessons() >= least);
}
