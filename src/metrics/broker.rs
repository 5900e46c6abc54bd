use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::OutcomeLabel;

/// A partition of a topic.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PartitionLabel {
    topic: String,
    partition: i32,
}

/// What comes from a broker, where there is one.
#[derive(Debug)]
pub struct Broker {
    /// Cuts that this replica has sent.
    pub cuts: Counter,
    /// Records that cannot be taken.
    pub poison: Counter,
    /// Letters that this replica has put into the topic of dead letters.
    pub letters: Counter,
    /// Letters that could not be put there.
    pub letters_lost: Counter,
    /// 1: this replica leads.
    pub leader: Gauge,
    /// Records that have arrived and wait for their turn.
    pub waiting: Gauge,
    /// Decisions: `sent` to other replicas, `taken` from them, `dropped`, `unreadable`.
    pub decisions: Family<OutcomeLabel, Counter>,
    /// Decisions of replicas whose attribution tokens this one does not believe.
    pub strange_tokens: Counter,
    /// Seconds by which this replica's clock is ahead of the broker's, at least; below 0 it is behind.
    pub clock_ahead: Gauge<f64, AtomicU64>,
    lag: Family<PartitionLabel, Gauge>,
    age: Family<PartitionLabel, Gauge<f64, AtomicU64>>,
}

impl Broker {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let broker = Self {
            cuts: Counter::default(),
            poison: Counter::default(),
            letters: Counter::default(),
            letters_lost: Counter::default(),
            leader: Gauge::default(),
            waiting: Gauge::default(),
            decisions: Family::default(),
            strange_tokens: Counter::default(),
            clock_ahead: Gauge::default(),
            lag: Family::default(),
            age: Family::default(),
        };
        registry.register("broker_cuts", "Cuts that this replica has sent", broker.cuts.clone());
        registry.register("broker_poison", "Records of the broker that cannot be taken", broker.poison.clone());
        registry.register(
            "broker_letters",
            "Dead letters that this replica has written to the broker",
            broker.letters.clone(),
        );
        registry.register(
            "broker_letters_lost",
            "Dead letters that the broker did not take",
            broker.letters_lost.clone(),
        );
        registry.register("broker_leader", "Whether this replica leads: 1, or 0", broker.leader.clone());
        registry.register(
            "broker_waiting_records",
            "Records of the broker that have arrived and wait for their turn",
            broker.waiting.clone(),
        );
        registry.register("broker_decisions", "Decisions told between replicas", broker.decisions.clone());
        let strange = broker.strange_tokens.clone();
        registry.register("broker_strange_tokens", "Decisions of replicas with another key of tokens", strange);
        registry.register(
            "broker_clock_ahead_seconds",
            "By how much this replica's clock is ahead of the broker's at least; below 0 it is behind",
            broker.clock_ahead.clone(),
        );
        registry.register("broker_lag_records", "Offsets of a partition not applied yet", broker.lag.clone());
        registry.register(
            "broker_record_age_seconds",
            "Age of the newest record of a partition when it was taken, by the broker's clock",
            broker.age.clone(),
        );
        broker
    }

    /// Tells how many offsets of a partition are not applied.
    pub fn tell_lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag.get_or_create(&PartitionLabel { topic: topic.to_owned(), partition }).set(records);
    }

    /// Tells how old the newest record of a partition was when it was taken.
    pub fn tell_age(&self, topic: &str, partition: i32, ms: i64) {
        let label = PartitionLabel { topic: topic.to_owned(), partition };
        self.age.get_or_create(&label).set(ms as f64 / 1e3);
    }
}
