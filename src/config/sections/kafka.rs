use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::DAY_MS;

use crate::config::{Span, kind};

/// The broker that holds the log where `events.log` is `kafka`: Apache Kafka or Redpanda.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// Some of the brokers, as `host:port`.
    #[schemars(with = "Vec<kind::Name>")]
    pub brokers: Vec<String>,
    /// What the names of the topics begin with. One prefix is one shop.
    #[schemars(with = "kind::Name")]
    pub topic_prefix: String,
    /// Whether to make topics that are missing.
    pub create_topics: bool,
    /// Partitions of the topic of events, where it is made.
    #[schemars(range(min = 1, max = 1_000))]
    pub partitions: u16,
    /// Copies of each partition, where topics are made; `null`: the broker's own default.
    #[schemars(range(min = 1, max = 10))]
    pub replication: Option<u16>,
    /// Whether replicas tell one another what they answered: then clicks teach the ranker, and decisions can be looked up,
    /// whichever replica answered. Without it only answers of the replica that leads teach.
    pub share_decisions: bool,
    /// How long topics keep events, cuts, erasures and dead letters, where they are made.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub retention: Span,
    /// How long the broker may take to make a record durable before its sender is told to come again (503).
    #[schemars(extend("x-min" = "100ms", "x-max" = "5m"))]
    pub publish_timeout: Span,
    /// How often the leader has what has arrived taken into the state.
    #[schemars(extend("x-min" = "1ms", "x-max" = "10s"))]
    pub cut_every: Span,
    /// How to be let in.
    pub security: KafkaSecurity,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            topic_prefix: "sidecart.".into(),
            create_topics: true,
            partitions: 12,
            replication: None,
            share_decisions: true,
            retention: Span::from_ms(28 * DAY_MS),
            publish_timeout: Span::from_secs(5),
            cut_every: Span::from_ms(10),
            security: KafkaSecurity::default(),
        }
    }
}

/// How the broker knows this Sidecart, and this Sidecart the broker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSecurity {
    /// Whether to speak TLS.
    pub tls: bool,
    /// Certificates of the authorities to trust, in PEM; `null`: the system's.
    #[schemars(with = "Option<kind::FilePath>")]
    pub ca: Option<PathBuf>,
    /// This Sidecart's certificate, in PEM, where the broker asks for one.
    #[schemars(with = "Option<kind::FilePath>")]
    pub certificate: Option<PathBuf>,
    /// The certificate's key, in PEM.
    #[schemars(with = "Option<kind::FilePath>")]
    pub key: Option<PathBuf>,
    /// The way of logging in; `null`: none.
    pub mechanism: Option<Mechanism>,
    /// The name to log in with; for `plain` and `scram_*`.
    #[schemars(with = "Option<kind::Note>")]
    pub username: Option<String>,
    /// A file that holds the password and nothing else: the config itself can be read over HTTP.
    #[schemars(with = "Option<kind::FilePath>")]
    pub password_file: Option<PathBuf>,
    /// A file with a token, for `oauthbearer`; read anew whenever the old token is about to expire. Topics must be made by
    /// hand then.
    #[schemars(with = "Option<kind::FilePath>")]
    pub token_file: Option<PathBuf>,
}

/// Ways of logging in to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// Name and password as they are; only over TLS.
    Plain,
    /// Salted challenge and response with SHA-256.
    #[serde(rename = "scram_sha_256")]
    ScramSha256,
    /// Salted challenge and response with SHA-512.
    #[serde(rename = "scram_sha_512")]
    ScramSha512,
    /// A token of an identity provider.
    Oauthbearer,
}
