//! Values that are right one by one, but not together.

use std::path::PathBuf;

use super::events::LogKind;
use super::fault::Fault;
use super::kafka::Mechanism;
use super::{Config, Events, Kafka};

/// Two keys that do not go together, and why.
pub struct Conflict {
    /// The key to blame, and the place to point at if it was given.
    pub key: String,
    /// The other one.
    pub other: &'static str,
    /// What is wrong.
    pub fault: Fault,
}

/// Every pair of values that do not go together.
pub fn conflicts(config: &Config) -> Vec<Conflict> {
    let Config { server, access, events, storage, features, kafka, .. } = config;
    let popularity = &features.popularity;
    let mut found = vec![
        // A late copy of an event must still be known as a copy.
        at_least("events.dedupe_window", events.dedupe_window, "events.allowed_lateness", events.allowed_lateness),
        at_least("storage.retention_size", storage.retention_size, "storage.segment_size", storage.segment_size),
        at_most("server.deadline", server.deadline, "server.request_timeout", server.request_timeout),
        at_most(
            "features.popularity.short_half_life",
            popularity.short_half_life,
            "features.popularity.half_life",
            popularity.half_life,
        ),
    ];
    for (name, placement) in &config.placements {
        let deadline = config.deadline(placement);
        if placement.deadline.is_some() {
            let key = format!("placements.{name}.deadline");
            found.push(at_most(&key, deadline, "server.request_timeout", server.request_timeout));
        }
    }
    found.extend([("server.listen", Some(server.listen)), ("server.admin_listen", server.admin_listen)].map(
        |(key, at)| {
            let at = at.filter(|at| !at.ip().is_loopback() && access.keys.is_empty() && !access.open)?;
            let says = "is beyond this machine, and there is no key: make one by `sidecart keys new` and put it into \
                    `access.keys`, or say `access.open: true` where a gateway asks for one";
            Some(conflict(key, at.to_string(), "access.open", says.to_owned()))
        },
    ));
    let beside = |key: &str, value: &Option<PathBuf>, other: &'static str, there: &Option<PathBuf>| {
        let value = value.as_ref().filter(|_| there.is_none())?;
        let says = format!("needs `{other}` beside it: give both, or neither");
        Some(conflict(key, value.display().to_string(), other, says))
    };
    let (certificate, key) = (&server.tls.certificate, &server.tls.key);
    found.push(beside("server.tls.certificate", certificate, "server.tls.key", key));
    found.push(beside("server.tls.key", key, "server.tls.certificate", certificate));
    found.extend(broker(events, kafka));
    found.extend(events.mapping.ambiguous().into_iter().map(|(key, one, other)| {
        let says = format!("is the same name as `{one}` and means something else: keep one of the two");
        Some(conflict(&format!("{key}.{other}"), other, key, says))
    }));
    found.into_iter().flatten().collect()
}

/// What the log on a broker needs.
fn broker(events: &Events, kafka: &Kafka) -> Vec<Option<Conflict>> {
    let security = &kafka.security;
    let lacks = |key: &str, value: &str, other: &'static str, is_there: bool, says: &str| {
        (!is_there).then(|| conflict(key, value.to_owned(), other, says.to_owned()))
    };
    let mut found = Vec::new();
    if events.log == LogKind::Kafka {
        let build = "is not in this build: build Sidecart with `--features kafka`, or take the container";
        found.push(lacks("events.log", "kafka", "events.log", cfg!(feature = "kafka"), build));
        let brokers = "needs `kafka.brokers`: name some, as `[host:9092]`";
        found.push(lacks("events.log", "kafka", "kafka.brokers", !kafka.brokers.is_empty(), brokers));
    }
    let mechanism = "kafka.security.mechanism";
    match security.mechanism {
        Some(Mechanism::Oauthbearer) => {
            let says = "needs `kafka.security.token_file`: name the file with the token";
            found.push(lacks(
                mechanism,
                "oauthbearer",
                "kafka.security.token_file",
                security.token_file.is_some(),
                says,
            ));
        }
        Some(Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512) => {
            let is_there = security.username.is_some() && security.password_file.is_some();
            let says = "needs `kafka.security.username` and `kafka.security.password_file`: give both";
            found.push(lacks(mechanism, "this mechanism", "kafka.security.username", is_there, says));
        }
        None => {}
    }
    found
}

fn at_least<T: PartialOrd + ToString>(key: &str, value: T, other: &'static str, least: T) -> Option<Conflict> {
    let says = |least: String| format!("is below `{other}` (`{least}`): give at least `{least}`, or lower `{other}`");
    (value < least).then(|| conflict(key, value.to_string(), other, says(least.to_string())))
}

fn at_most<T: PartialOrd + ToString>(key: &str, value: T, other: &'static str, most: T) -> Option<Conflict> {
    let says = |most: String| format!("is above `{other}` (`{most}`): give at most `{most}`, or raise `{other}`");
    (value > most).then(|| conflict(key, value.to_string(), other, says(most.to_string())))
}

fn conflict(key: &str, value: String, other: &'static str, says: String) -> Conflict {
    Conflict { key: key.to_owned(), other, fault: Fault::Conflict { shown: format!("`{value}`"), says } }
}
