//! Who cuts, learns and buries for all: the member of a consumer group that gets the only partition of the cuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::RDKafkaErrorCode;

use super::client::{BrokerError, Callbacks, config, explain};
use super::topics::Topics;
use crate::config::Kafka;

/// How long a leader may be silent before another one takes its place; what brokers allow at least by default.
const SESSION: Duration = Duration::from_secs(6);
/// Between two looks at the stop signal.
const POLL: Duration = Duration::from_millis(200);

/// Why the broker does not let this replica in, if it said so.
pub type Refusal = Arc<Mutex<Option<String>>>;

/// Whether this replica leads.
#[derive(Clone)]
struct Seat {
    callbacks: Callbacks,
    leads: Arc<AtomicBool>,
    /// The same, as it is told.
    told: Gauge,
    kafka: Kafka,
    refusal: Refusal,
}

impl ClientContext for Seat {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.callbacks.token()
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        // Whoever asks the broker something is told only that nobody answered; why is told here.
        if matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) {
            *self.refusal.lock() = Some(format!("{}: {reason}", explain(&self.kafka, &error)));
        }
        self.callbacks.error(error, reason);
    }
}

impl ConsumerContext for Seat {
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let leads = match rebalance {
            Rebalance::Assign(partitions) => {
                // Nothing is read here: the order is read by all alike.
                if let Err(error) = consumer.pause(partitions) {
                    tracing::debug!(%error, "the cuts are read twice");
                }
                partitions.count() > 0
            }
            Rebalance::Revoke(_) | Rebalance::Error(_) => false,
        };
        self.told.set(i64::from(leads));
        if self.leads.swap(leads, Ordering::AcqRel) != leads {
            tracing::info!(leads, "leadership changed");
        }
    }
}

/// Joins the group and stays in it until `stop`. `leads` and `told` say whether this replica is the leader.
///
/// # Errors
/// [`BrokerError`].
pub fn spawn(
    kafka: &Kafka,
    topics: &Topics,
    (leads, told): (Arc<AtomicBool>, Gauge),
    stop: Arc<AtomicBool>,
    refusal: Refusal,
) -> Result<JoinHandle<()>, BrokerError> {
    let mut config = config(kafka)?;
    config.set("group.id", format!("{}leader", kafka.topic_prefix));
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "latest");
    config.set("session.timeout.ms", SESSION.as_millis().to_string()).set("heartbeat.interval.ms", "1500");
    let seat = Seat { callbacks: Callbacks::of(kafka), leads, told, kafka: kafka.clone(), refusal };
    let consumer: BaseConsumer<Seat> = config.create_with_context(seat).map_err(BrokerError::Settings)?;
    let cuts = topics.cuts.clone();
    let run = move || {
        while !stop.load(Ordering::Acquire) {
            if consumer.subscription().is_ok_and(|subscribed| subscribed.count() == 0)
                && let Err(error) = consumer.subscribe(&[&cuts])
            {
                tracing::warn!(%error, "cannot join the group of leaders");
            }
            // What is polled are the group's calls back; there are no records.
            let _ = consumer.poll(POLL);
        }
        consumer.unsubscribe();
    };
    std::thread::Builder::new().name("leader".into()).spawn(run).map_err(|error| BrokerError::Thread("leader", error))
}
