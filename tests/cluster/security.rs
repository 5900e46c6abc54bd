//! A broker that lets in only whom it knows, over TLS.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::server::Server;

/// How long a token is good for, and how often the broker asks for a fresh one; see `scripts/services/kafka`.
const TOKEN_LIFE: Duration = Duration::from_secs(15);
const ASKED_AGAIN: Duration = Duration::from_secs(10);

/// What the broker's users have as passwords; see `scripts/services/kafka`.
const ADMIN: (&str, &str) = ("admin", "admin-secret");

struct Listener {
    brokers: String,
    ca: String,
}

impl Listener {
    /// A config that logs in by `mechanism`, its password in a file of `dir`.
    fn config(&self, dir: &Path, mechanism: &str, (user, password): (&str, &str)) -> Value {
        std::fs::create_dir_all(dir).expect("a folder");
        let file = dir.join("password");
        std::fs::write(&file, format!("{password}\n")).expect("a password file");
        json!({
            "events": {"log": "kafka"},
            "kafka": {
                "brokers": [self.brokers],
                "topic_prefix": format!("{mechanism}."),
                "partitions": 2,
                "security": {
                    "tls": true,
                    "ca": self.ca,
                    "mechanism": mechanism,
                    "username": user,
                    "password_file": file,
                },
            },
        })
    }
}

#[test]
#[ignore = "starts a broker with TLS and logins: run by scripts/test-services"]
fn over_tls_whoever_has_the_password_is_let_in_and_whoever_has_not_is_told_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_with(&folder.path().join("broker"), &["--sasl", "--tls"]);
    let listener = Listener { brokers: broker.printed("KAFKA_TLS_BROKERS"), ca: broker.printed("KAFKA_CA") };
    for mechanism in ["plain", "scram_sha_256", "scram_sha_512"] {
        let dir = folder.path().join(mechanism);
        let server = Server::start(&dir, &listener.config(&dir, mechanism, ADMIN).to_string());
        let items = json!([{"itemId": "A", "title": "A", "price": 1}]);
        let answer = server.json("PUT", "/v1/items?wait=applied", &items);
        assert_eq!((answer.status, &answer.json()["applied"]), (202, &json!(true)), "{mechanism}: {}", answer.text);
        assert_eq!(server.stop(), Some(0));
    }
    let wrong = [
        (("admin", "not-it"), "does not let this Sidecart in", "kafka.security"),
        (("powerless", "powerless-secret"), "authorization failed", "grant"),
    ];
    for (number, (user, why, remedy)) in wrong.into_iter().enumerate() {
        let dir = folder.path().join(number.to_string());
        let server = Server::launch(&dir, &listener.config(&dir, "scram_sha_512", user).to_string());
        server.await_json("/readyz", |ready| {
            let reason = ready["reason"].as_str().unwrap_or_default();
            reason.contains(why) && reason.contains(remedy)
        });
        assert_eq!(server.stop(), Some(0));
    }
    // A certificate that nobody vouches for.
    let dir = folder.path().join("unknown");
    let mut config = listener.config(&dir, "plain", ADMIN);
    config["kafka"]["security"]["ca"] = Value::Null;
    let server = Server::launch(&dir, &config.to_string());
    server.await_json("/readyz", |ready| {
        ready["reason"].as_str().is_some_and(|why| why.contains("certificate") && why.contains("kafka.security"))
    });
    assert_eq!(server.stop(), Some(0));
}

#[test]
#[ignore = "starts a broker with TLS and logins: run by scripts/test-services"]
fn whoever_has_a_token_that_is_still_good_is_let_in_and_stays_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_with(&folder.path().join("broker"), &["--sasl", "--tls"]);
    let listener = Listener { brokers: broker.printed("KAFKA_TLS_BROKERS"), ca: broker.printed("KAFKA_CA") };
    let token = folder.path().join("token");
    let renew = |life: Duration| {
        let next = folder.path().join("token.next");
        std::fs::write(&next, broker.token(life)).expect("written");
        std::fs::rename(next, &token).expect("renamed");
    };
    let config = |prefix: &str| {
        let mut config = listener.config(&folder.path().join("unused"), "oauthbearer", ADMIN);
        config["kafka"]["topic_prefix"] = prefix.into();
        let security = config["kafka"]["security"].as_object_mut().expect("a section");
        security.retain(|key, _| key != "username" && key != "password_file");
        security.insert("token_file".into(), json!(token));
        config
    };
    renew(TOKEN_LIFE);
    let server = Server::launch(&folder.path().join("no-topics"), &config("none.").to_string());
    server.await_json("/readyz", |ready| {
        ready["reason"].as_str().is_some_and(|why| why.contains("none.events") && why.contains("make it by hand"))
    });
    assert_eq!(server.stop(), Some(0));
    // Topics are somebody else's to make.
    let mut maker = config("given.");
    maker["kafka"]["brokers"] = json!([broker.address]);
    maker["kafka"]["security"] = json!({});
    assert_eq!(Server::start(&folder.path().join("maker"), &maker.to_string()).stop(), Some(0));

    renew(TOKEN_LIFE);
    let server = Server::start(&folder.path().join("let-in"), &config("given.").to_string());
    let items = json!([{"itemId": "A", "title": "A", "price": 1}]);
    let put = |server: &Server| {
        let answer = server.json("PUT", "/v1/items?wait=applied", &items);
        assert_eq!((answer.status, &answer.json()["applied"]), (202, &json!(true)), "{}", answer.text);
    };
    let started = Instant::now();
    // Until no token of the start is good any more, and the broker has asked every connection for another.
    while started.elapsed() < TOKEN_LIFE + ASKED_AGAIN {
        put(&server);
        renew(TOKEN_LIFE);
        std::thread::sleep(TOKEN_LIFE / 5);
    }
    put(&server);
    assert_eq!(server.stop(), Some(0));

    let worn_out = Duration::from_secs(1);
    renew(worn_out);
    std::thread::sleep(2 * worn_out);
    let server = Server::launch(&folder.path().join("worn-out"), &config("given.").to_string());
    server.await_json("/readyz", |ready| {
        ready["reason"].as_str().is_some_and(|why| why.contains("unexpired") && why.contains("kafka.security"))
    });
    assert_eq!(server.stop(), Some(0));
}
