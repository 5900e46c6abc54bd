//! How a client of the broker is made, and what its errors mean to whoever runs this.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::kafka::Mechanism;
use crate::config::{Kafka, Span};

/// The largest message: a record with what goes around it.
pub const MAX_MESSAGE_BYTES: usize = 2 << 20;
/// How long a consumer waits for its first token: a file is read.
const FIRST_TOKEN: Duration = Duration::from_millis(300);
/// How long a token counts that does not say so itself.
const TOKEN_LIFE: Span = Span::from_secs(300);

/// Why there is no log on a broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A file of the config cannot be read.
    #[error("cannot read `{}` for `{key}`: {source}", path.display())]
    File {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The client cannot be made of these settings.
    #[error("the section `kafka` cannot be used: {0}")]
    Settings(KafkaError),
    /// The broker does not do as it is asked.
    #[error("{0}")]
    Refused(String),
    /// A topic is not as it must be.
    #[error("topic `{topic}` {problem}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong, and the remedy.
        problem: String,
    },
    /// The operating system gives no thread.
    #[error("cannot start the thread `{0}`: {1}")]
    Thread(&'static str, std::io::Error),
}

/// Settings that producers and consumers share.
///
/// # Errors
/// [`BrokerError::File`].
pub fn config(kafka: &Kafka) -> Result<ClientConfig, BrokerError> {
    let security = &kafka.security;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers.join(","));
    config.set("client.id", "sidecart");
    config.set("message.max.bytes", MAX_MESSAGE_BYTES.to_string());
    config.set("socket.keepalive.enable", "true");
    config.set("reconnect.backoff.max.ms", "1000");
    config.set_log_level(RDKafkaLogLevel::Warning);
    let protocol = match (security.tls, security.mechanism.is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    let files = [
        ("ssl.ca.location", &security.ca),
        ("ssl.certificate.location", &security.certificate),
        ("ssl.key.location", &security.key),
    ];
    for (name, path) in files {
        if let Some(path) = path {
            config.set(name, path.display().to_string());
        }
    }
    let mechanism = match security.mechanism {
        None => return Ok(config),
        Some(Mechanism::Plain) => "PLAIN",
        Some(Mechanism::ScramSha256) => "SCRAM-SHA-256",
        Some(Mechanism::ScramSha512) => "SCRAM-SHA-512",
        Some(Mechanism::Oauthbearer) => "OAUTHBEARER",
    };
    config.set("sasl.mechanism", mechanism);
    if let (Some(name), Some(path)) = (&security.username, &security.password_file) {
        config.set("sasl.username", name);
        config.set("sasl.password", secret("kafka.security.password_file", path)?);
    }
    Ok(config)
}

/// A consumer that can be asked at once: one that logs in by a token is called back for it, and only polling serves that.
///
/// # Errors
/// [`BrokerError::Settings`].
pub fn consumer(kafka: &Kafka, config: &ClientConfig) -> Result<BaseConsumer<Callbacks>, BrokerError> {
    let consumer: BaseConsumer<Callbacks> =
        config.create_with_context(Callbacks::of(kafka)).map_err(BrokerError::Settings)?;
    if logs_in_by_token(kafka) {
        // Why there is none the leader's seat tells.
        let _ = consumer.poll(FIRST_TOKEN);
    }
    Ok(consumer)
}

/// Whether tokens are asked for.
pub fn logs_in_by_token(kafka: &Kafka) -> bool {
    kafka.security.mechanism == Some(Mechanism::Oauthbearer)
}

/// What a file holds, without the line end that editors add.
fn secret(key: &'static str, path: &Path) -> Result<String, BrokerError> {
    let text = fs::read_to_string(path);
    text.map(|text| text.trim_end().to_owned()).map_err(|source| BrokerError::File { key, path: path.into(), source })
}

/// What clients of the broker call back.
#[derive(Clone, Default)]
pub struct Callbacks {
    token_file: Option<std::path::PathBuf>,
}

impl Callbacks {
    /// Those of a config.
    pub fn of(kafka: &Kafka) -> Self {
        Self { token_file: kafka.security.token_file.clone() }
    }

    /// A token, its end of life (milliseconds since 1970) and whose it is.
    pub fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let path = self.token_file.as_deref().ok_or("`kafka.security.token_file` is not set")?;
        let token = secret("kafka.security.token_file", path)?;
        let lifetime_ms = expiry(&token).unwrap_or_else(|| jiff::Timestamp::now().as_millisecond() + TOKEN_LIFE.ms());
        Ok(OAuthToken { token, principal_name: "sidecart".into(), lifetime_ms })
    }
}

/// When a JSON web token ends, as it says itself.
fn expiry(token: &str) -> Option<i64> {
    use base64::Engine as _;
    let claims = token.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    claims.get("exp")?.as_i64()?.checked_mul(1_000)
}

impl ClientContext for Callbacks {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, "broker client: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "broker client: {reason}");
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.token()
    }
}

impl ConsumerContext for Callbacks {}

/// An error in words that say what to do.
pub fn explain(kafka: &Kafka, error: &KafkaError) -> String {
    let brokers = kafka.brokers.join("`, `");
    match error.rdkafka_error_code() {
        Some(Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve | Code::OperationTimedOut) => format!(
            "no broker of `{brokers}` answers ({error}): check `kafka.brokers`, the network, and that `kafka.security` \
             is what the listener there speaks"
        ),
        Some(Code::MessageTimedOut | Code::RequestTimedOut | Code::NotEnoughReplicas) => {
            format!("the broker did not make the record durable in time ({error}): check its replicas and disks")
        }
        Some(Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL) => format!(
            "the broker does not let this Sidecart in ({error}): check `kafka.security`, its password or token \
             file and certificates"
        ),
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::GroupAuthorizationFailed) => {
            format!(
                "the broker does not allow this ({error}): grant read, write, describe and create on topics and read \
                 on groups that begin with `{}`",
                kafka.topic_prefix
            )
        }
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            format!("a topic is missing ({error}): set `kafka.create_topics: true`, or make it by hand")
        }
        _ => error.to_string(),
    }
}
