//! What Sidecart tells about itself at `/metrics`, in the OpenMetrics text format. Every label has a bounded set of
//! values, whatever callers send.

#[cfg(feature = "kafka")]
mod broker;
#[cfg(feature = "redis")]
mod features;
mod learning;
mod sizes;
#[cfg(feature = "object-store")]
mod vault;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use sidecart_engine::nouns::RuleFault;
pub use sizes::Observed;

/// Seconds; sub-millisecond steps because an answer takes some hundred microseconds.
const LATENCY_BUCKETS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_2, 0.000_3, 0.000_5, 0.000_75, 0.001, 0.001_5, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 1.0, 5.0,
];
/// Seconds; one stage takes some microseconds.
const STAGE_BUCKETS: [f64; 12] =
    [0.000_001, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1];
/// Seconds; the objective is one second.
const FRESHNESS_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// Records.
const GROUP_BUCKETS: [f64; 9] = [1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0];

/// One HTTP route and how it answered.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Route {
    /// The route's pattern, or `other` for paths that are none.
    pub route: String,
    /// The method, or `other`.
    pub method: &'static str,
    /// The status code.
    pub status: u16,
}

/// Where an answer was shown, and which rung served it.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Answered {
    /// A placement of the config, or `other`.
    pub placement: String,
    /// The rung.
    pub tier: &'static str,
}

/// One label named `stage`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StageLabel {
    /// The stage.
    pub stage: &'static str,
}

/// One label named `cause`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CauseLabel {
    /// The cause.
    pub cause: &'static str,
}

/// One label named `reason`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReasonLabel {
    /// The reason's stable name.
    pub reason: &'static str,
}

/// One label named `kind`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct KindLabel {
    /// The kind: of a lesson, `organic` or `exposure`.
    pub kind: &'static str,
}

/// What came in and what became of it.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Taken {
    /// The kind of event, or `item`, `patch`, `delete`, `stock`.
    pub kind: &'static str,
    /// `accepted` (durable), `duplicate` (durable before), `refused` (the engine has no room for it).
    pub outcome: &'static str,
}

/// One label named `tier`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct TierLabel {
    /// The rung.
    pub tier: &'static str,
}

/// A rung that was tried, and how it did.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Probed {
    /// The rung.
    pub tier: &'static str,
    /// `filled`, `short`, `empty`, `timeout` or `fault`.
    pub outcome: &'static str,
}

/// A change of the config, and what came of it.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ConfigChange {
    /// `file`, `put`, `rollback` or `defaults`.
    pub source: &'static str,
    /// `applied`, `unchanged` or `rejected`.
    pub outcome: &'static str,
}

/// One label named `outcome`.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// The outcome.
    pub outcome: &'static str,
}

/// A rule of the shop, and what it did for want of something.
#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RuleLabel {
    /// Its id: as many as the config has rules.
    pub rule: String,
    /// `denied` or `skipped`.
    pub effect: &'static str,
}

impl RuleLabel {
    /// The label of a fault.
    #[must_use]
    pub fn of(fault: &RuleFault) -> Self {
        Self { rule: fault.rule.clone(), effect: if fault.denied { "denied" } else { "skipped" } }
    }
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics. Cheap to update; shared by all threads.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests by route, method and status.
    pub requests: Histograms<Route>,
    /// Answers by placement and tier: time from admission to the finished answer.
    pub answers: Histograms<Answered>,
    /// Time per stage of an answer.
    pub stages: Histograms<StageLabel>,
    /// Answers that are not the best that could be given.
    pub degraded: Family<CauseLabel, Counter>,
    /// Erasures of this process's files: `done`, or `retried` after a failure.
    pub erasures: Family<OutcomeLabel, Counter>,
    /// Erasures that are not done.
    pub erasures_waiting: Level,
    /// Times that a rule of the shop needed what it did not know or could not compute.
    pub rule_faults: Family<RuleLabel, Counter>,
    /// Records by kind and outcome.
    pub records: Family<Taken, Counter>,
    /// Records not taken, by reason.
    pub rejected: Family<ReasonLabel, Counter>,
    /// Fields of events that nobody reads.
    pub unknown_fields: Counter,
    /// Foreign events that say nothing that counts here.
    pub ignored: Counter,
    /// Attribution tokens of events: `valid`, `invalid`, `replayed` or `expired`.
    pub tokens: Family<OutcomeLabel, Counter>,
    /// Batches turned away because a queue was full or the log would not take them.
    pub turned_away: Family<ReasonLabel, Counter>,
    /// Lists the scorer has learned from, by kind.
    pub lessons: Family<KindLabel, Counter>,
    /// How its learning goes.
    pub learning: learning::Learning,
    /// From acceptance until the scorer sees it.
    pub freshness: Histogram,
    /// One append to the log, sync included.
    pub append: Histogram,
    /// Records per append.
    pub group: Histogram,
    /// One checkpoint.
    pub checkpoint: Histogram,
    /// Checkpoints by outcome.
    pub checkpoints: Family<OutcomeLabel, Counter>,
    /// Time of answers from lower rungs that were tried.
    pub ladder_probe: Histograms<TierLabel>,
    /// Lower rungs that were tried, by outcome.
    pub ladder_probes: Family<Probed, Counter>,
    /// Changes of the config.
    pub config_changes: Family<ConfigChange, Counter>,
    /// Times the file could not be watched.
    pub config_watch_failures: Counter,
    /// What comes from a broker, where there is one.
    #[cfg(feature = "kafka")]
    pub broker: broker::Broker,
    /// Checkpoints in the object store.
    #[cfg(feature = "object-store")]
    pub vault: vault::Vault,
    /// Shoppers' features in the store elsewhere.
    #[cfg(feature = "redis")]
    pub features: features::Features,
    gauges: sizes::Gauges,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("sidecart");
        let requests = Histograms::<Route>::new_with_constructor(latency);
        let answers = Histograms::<Answered>::new_with_constructor(latency);
        let stages = Histograms::<StageLabel>::new_with_constructor(|| Histogram::new(STAGE_BUCKETS));
        let (degraded, records, rejected) = (Family::default(), Family::default(), Family::default());
        let ignored = Counter::default();
        let (unknown_fields, tokens, turned_away) = (Counter::default(), Family::default(), Family::default());
        let (freshness, append) = (Histogram::new(FRESHNESS_BUCKETS), latency());
        let (group, checkpoint) = (Histogram::new(GROUP_BUCKETS), latency());
        let (checkpoints, lessons, rule_faults) = (Family::default(), Family::default(), Family::default());
        let (config_changes, config_watch_failures) = (Family::default(), Counter::default());
        let mut seconds = |name: &str, help: &str, metric: Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, metric);
        };
        seconds("freshness", "From the acceptance of a record until the scorer sees it", freshness.clone());
        seconds("log_append", "One append to the log, sync included", append.clone());
        seconds("checkpoint", "One saving of the state", checkpoint.clone());
        registry.register_with_unit("http_request", "Requests", Unit::Seconds, requests.clone());
        registry.register_with_unit("recommendation", "Answers, from admission on", Unit::Seconds, answers.clone());
        registry.register_with_unit("stage", "Stages of answers", Unit::Seconds, stages.clone());
        registry.register("log_group_records", "Records per append", group.clone());
        registry.register("degraded", "Answers that are not the best that could be given", degraded.clone());
        let (erasures, erasures_waiting) = (Family::default(), Level::default());
        registry.register("erasures", "Erasures of this process's own files, by outcome", erasures.clone());
        registry.register("erasures_waiting", "Erasures that are not done", erasures_waiting.clone());
        registry.register("rule_faults", "Rules that lacked what they needed", rule_faults.clone());
        registry.register("records", "Records by kind and outcome", records.clone());
        registry.register("rejected", "Records not taken, by reason", rejected.clone());
        registry.register("unknown_fields", "Fields of events that nobody reads", unknown_fields.clone());
        registry.register("ignored_events", "Foreign events that say nothing that counts here", ignored.clone());
        registry.register("attribution_tokens", "Attribution tokens of events", tokens.clone());
        registry.register("turned_away", "Batches to be sent again later", turned_away.clone());
        registry.register("checkpoints", "Savings of the state by outcome", checkpoints.clone());
        registry.register("lessons", "Lists the scorer has learned from, by kind", lessons.clone());
        let ladder_probe = Histograms::<TierLabel>::new_with_constructor(latency);
        let ladder_probes = Family::default();
        let probe = ladder_probe.clone();
        registry.register_with_unit("ladder_probe", "Answers from lower rungs that were tried", Unit::Seconds, probe);
        registry.register("ladder_probes", "Lower rungs that were tried, by outcome", ladder_probes.clone());
        registry.register("config_changes", "Configs given to the running server", config_changes.clone());
        let failures = config_watch_failures.clone();
        registry.register("config_watch_failures", "Times the config could not be watched", failures);
        let learning = learning::Learning::register(&mut registry);
        #[cfg(feature = "kafka")]
        let broker = broker::Broker::register(&mut registry);
        #[cfg(feature = "object-store")]
        let vault = vault::Vault::register(&mut registry);
        #[cfg(feature = "redis")]
        let features = features::Features::register(&mut registry);
        let gauges = sizes::Gauges::register(&mut registry);
        Self {
            registry,
            requests,
            answers,
            stages,
            degraded,
            erasures,
            erasures_waiting,
            rule_faults,
            records,
            rejected,
            unknown_fields,
            ignored,
            tokens,
            turned_away,
            lessons,
            learning,
            freshness,
            append,
            group,
            checkpoint,
            checkpoints,
            ladder_probe,
            ladder_probes,
            config_changes,
            config_watch_failures,
            #[cfg(feature = "kafka")]
            broker,
            #[cfg(feature = "object-store")]
            vault,
            #[cfg(feature = "redis")]
            features,
            gauges,
        }
    }

    /// Counts a record.
    pub fn count(&self, kind: &'static str, outcome: &'static str, records: u64) {
        self.records.get_or_create(&Taken { kind, outcome }).inc_by(records);
    }

    /// Counts a record that was not taken.
    pub fn reject(&self, reason: &'static str) {
        self.rejected.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Counts a batch that is to be sent again later.
    pub fn turn_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// The text for a scrape, with the gauges as `observed`.
    #[must_use]
    pub fn render(&self, observed: &Observed) -> String {
        self.gauges.set(observed);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("a String takes all text");
        text
    }
}

fn latency() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

/// A gauge of whole numbers.
type Level = Gauge<u64, AtomicU64>;

/// Seconds as a histogram takes them.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_has_sub_millisecond_buckets_and_ends_as_the_format_wants() {
        let metrics = Metrics::new();
        metrics.answers.get_or_create(&Answered { placement: "cart".into(), tier: "full" }).observe(0.000_25);
        let text = metrics.render(&Observed::default());
        let bucket = r#"sidecart_recommendation_seconds_bucket{le="0.0003",placement="cart",tier="full"} 1"#;
        assert!(text.contains(bucket), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
