use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Level, OutcomeLabel, latency};

/// Shoppers' features in the store elsewhere.
#[derive(Debug)]
pub struct Features {
    /// Histories asked for, by outcome: `cached`, `found`, `absent`, `late`, `failed`, `open`, `newer`, `damaged`.
    pub reads: Family<OutcomeLabel, Counter>,
    /// Time of one question to the store.
    pub read: Histogram,
    /// Profiles handed to the store, by outcome: `written`, `merged`, `known`, `deleted`, `newer`, `failed`; `lost`: left the
    /// memory before they were written.
    pub writes: Family<OutcomeLabel, Counter>,
    /// Profiles that wait to be written.
    pub waiting: Level,
    /// 0: all may ask the store; 1: one at a time; 2: nobody.
    pub breaker: Level,
    /// Times that the store had lost or never had what was to be there, so that it was written again from memory.
    pub repairs: Counter,
}

impl Features {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let features = Self {
            reads: Family::default(),
            read: latency(),
            writes: Family::default(),
            waiting: Level::default(),
            breaker: Level::default(),
            repairs: Counter::default(),
        };
        let read = features.read.clone();
        registry.register("feature_reads", "Shoppers' histories asked for, by outcome", features.reads.clone());
        registry.register_with_unit("feature_read", "One question to the feature store", Unit::Seconds, read);
        registry.register("feature_writes", "Shoppers' profiles by what became of them", features.writes.clone());
        registry.register("feature_waiting", "Profiles that wait to be written", features.waiting.clone());
        registry.register("feature_breaker", "0 closed, 1 half open, 2 open", features.breaker.clone());
        registry.register("feature_repairs", "Times all since a mark was written again", features.repairs.clone());
        features
    }

    /// Counts a question.
    pub fn count_read(&self, outcome: &'static str) {
        self.reads.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts a profile.
    pub fn count_write(&self, outcome: &'static str) {
        self.writes.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
