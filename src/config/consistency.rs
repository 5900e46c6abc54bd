//! Values that are right one by one, but not together.

use std::path::PathBuf;

use super::events::{ConfigKind, LogKind};
use super::fault::Fault;
use super::features::StoreKind;
use super::kafka::Mechanism;
use super::storage::{Encryption, Remote};
use super::{Config, Events, Features, Kafka};

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
    found.push(lone_key(config));
    found.extend(broker(events, kafka));
    found.extend(remote(&storage.remote));
    found.extend(feature_store(features));
    found.extend(events.mapping.ambiguous().into_iter().map(|(key, one, other)| {
        let says = format!("is the same name as `{one}` and means something else: keep one of the two");
        Some(conflict(&format!("{key}.{other}"), other, key, says))
    }));
    found.into_iter().flatten().collect()
}

/// Replicas that read one log must give a shopper the same stand-in, so each key of its own would be wrong.
fn lone_key(config: &Config) -> Option<Conflict> {
    let Config { privacy, events, .. } = config;
    let is_lone = privacy.pseudonyms && privacy.key_file.is_none() && events.log == LogKind::Kafka;
    let says = "needs `privacy.key_file` beside `events.log: kafka`: a key that all replicas have, from one secret";
    is_lone.then(|| conflict("privacy.pseudonyms", "true".to_owned(), "events.log", says.to_owned()))
}

/// What the log on a broker needs.
fn broker(events: &Events, kafka: &Kafka) -> Vec<Option<Conflict>> {
    let security = &kafka.security;
    let lacks = |key: &str, value: &str, other: &'static str, is_there: bool, says: &str| {
        (!is_there).then(|| conflict(key, value.to_owned(), other, says.to_owned()))
    };
    let is_alone = events.config == ConfigKind::Topic && events.log == LogKind::Embedded;
    let alone = "needs `events.log: kafka`: without a broker there is no topic, leave it `file`";
    let mut found = vec![lacks("events.config", "topic", "events.log", !is_alone, alone)];
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

/// What the config of the object store asks for and cannot have.
fn remote(remote: &Remote) -> Vec<Option<Conflict>> {
    let url = remote.url.as_deref();
    let lacking = url.filter(|_| cfg!(not(feature = "object-store"))).map(|url| {
        let says = "wants the feature `object-store`, which this build lacks: build with `--features cluster`";
        conflict("storage.remote.url", url.to_owned(), "storage.remote.url", says.to_owned())
    });
    let no_s3 = |key: &str, value: Option<&str>| {
        let value = value.filter(|_| url.is_some_and(|url| !url.starts_with("s3:")))?;
        let says = "is for S3 only: remove it, or give an `s3://` address in `storage.remote.url`";
        Some(conflict(key, value.to_owned(), "storage.remote.url", says.to_owned()))
    };
    let encryption = match remote.encryption {
        Encryption::Store => None,
        Encryption::Aes256 => Some("aes256"),
        Encryption::Kms => Some("kms"),
    };
    let keyless = remote.kms_key.as_ref().filter(|_| remote.encryption != Encryption::Kms).map(|key| {
        let says = "needs `storage.remote.encryption: kms` beside it: give both, or neither";
        conflict("storage.remote.kms_key", key.clone(), "storage.remote.encryption", says.to_owned())
    });
    vec![
        lacking,
        endpoint(remote),
        no_s3("storage.remote.region", remote.region.as_deref()),
        no_s3("storage.remote.encryption", encryption),
        keyless,
    ]
}

/// An address that does not go with the place: a folder has none, and only Azure's names something behind the host.
fn endpoint(remote: &Remote) -> Option<Conflict> {
    let (url, endpoint) = (remote.url.as_deref()?, remote.endpoint.as_deref()?);
    let has_path = endpoint.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    let says = match url.split(':').next() {
        Some("file") => "is for stores behind a network: remove it, or give their address in `storage.remote.url`",
        Some("az") => return None,
        _ if has_path => "has something behind its host, which only Azure's address has: remove that",
        _ => return None,
    };
    Some(conflict("storage.remote.endpoint", endpoint.to_owned(), "storage.remote.url", says.to_owned()))
}

/// What the config of the feature store asks for and cannot have.
fn feature_store(features: &Features) -> Vec<Option<Conflict>> {
    if features.store != StoreKind::Redis {
        return Vec::new();
    }
    let store = |says: &str| Some(conflict("features.store", "redis".into(), "features.redis.urls", says.to_owned()));
    let urls = &features.redis.urls;
    let says =
        "is not the only address, and without a cluster there is one: give one, or set `features.redis.cluster: true`";
    vec![
        store("wants the feature `redis`, which this build lacks: build with `--features cluster`")
            .filter(|_| cfg!(not(feature = "redis"))),
        store("needs an address: give `features.redis.urls: [redis://HOST:PORT]`").filter(|_| urls.is_empty()),
        urls.get(1)
            .filter(|_| !features.redis.cluster)
            .map(|url| conflict("features.redis.urls", url.clone(), "features.redis.cluster", says.to_owned())),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_s3_only_is_refused_elsewhere_and_what_the_build_lacks_everywhere() {
        let mut config = Config::default();
        config.storage.remote.url = Some("file:///backups".into());
        config.storage.remote.endpoint = Some("http://127.0.0.1:9000".into());
        config.storage.remote.encryption = Encryption::Aes256;
        let keys: Vec<String> = conflicts(&config).into_iter().map(|conflict| conflict.key).collect();
        let lacking = if cfg!(feature = "object-store") { &[][..] } else { &["storage.remote.url"][..] };
        assert_eq!(keys, [lacking, &["storage.remote.endpoint", "storage.remote.encryption"]].concat());
        config.storage.remote.url = Some("s3://backups/shop".into());
        assert_eq!(conflicts(&config).len(), lacking.len());
        config.storage.remote.endpoint = Some("http://127.0.0.1:10000/account".into());
        assert_eq!(conflicts(&config).len(), lacking.len() + 1, "S3 has no account behind its host");
        config.storage.remote.url = Some("az://backups/shop".into());
        config.storage.remote.encryption = Encryption::Store;
        assert_eq!(conflicts(&config).len(), lacking.len());
    }

    #[test]
    fn a_feature_store_needs_one_address_or_a_cluster() {
        let mut config = Config::default();
        config.features.store = StoreKind::Redis;
        let lacking = usize::from(cfg!(not(feature = "redis")));
        let mut count = |urls: &[&str], cluster| {
            config.features.redis.urls = urls.iter().map(|url| (*url).to_owned()).collect();
            config.features.redis.cluster = cluster;
            conflicts(&config).len() - lacking
        };
        let (one, two) = ("redis://a:1", "redis://b:1");
        assert_eq!((count(&[], false), count(&[one, two], false)), (1, 1));
        assert_eq!((count(&[one], false), count(&[one, two], true)), (0, 0));
    }
}
