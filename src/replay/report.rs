//! What a replay found, in the shape of its JSON.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use sidecart_engine::nouns::{Intent, Model};

use super::bootstrap::Interval;
use super::calibration::Calibration;
use super::pairs::Met;
use super::study::{FeatureReport, Retrieval, SourceReport};
use crate::data::Rejections;

/// Values by name, in a given order.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub Vec<(String, T)>);

impl<T> Named<T> {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Percentiles of a measured quantity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are below.
    pub p50: f64,
    /// 95% are below.
    pub p95: f64,
    /// 99% are below.
    pub p99: f64,
}

impl Percentiles {
    /// Of values of any order, each multiplied by `unit`; zeros if there are none.
    pub fn of<T: Copy + Ord + Into<f64>>(mut values: Vec<T>, unit: f64) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        values.sort_unstable();
        let last = (values.len() - 1) as f64;
        let at = |share: f64| values[(last * share).round() as usize].into() * unit;
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

/// How one kind of event was foretold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindReport {
    /// Questions asked.
    pub queries: u64,
    /// Figures by name and cut-off.
    pub metrics: Named<Interval>,
}

/// How a strategy did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyReport {
    /// Its name.
    pub name: String,
    /// Questions asked.
    pub queries: u64,
    /// Figures by name and cut-off.
    pub metrics: Named<Interval>,
    /// Wall time of one answer, in microseconds.
    pub latency_us: Percentiles,
    /// By how much of the events' time the model was behind when asked, in milliseconds.
    pub behind_ms: Percentiles,
    /// Answers by the rung that served them.
    pub tiers: BTreeMap<&'static str, u64>,
    /// The same by kind of event, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_type: BTreeMap<&'static str, KindReport>,
}

/// One strategy minus another, query by query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The one.
    pub of: &'static str,
    /// The other.
    pub minus: &'static str,
    /// Differences of the figures.
    pub metrics: Named<Interval>,
}

/// A strategy as a multiple of a baseline, over the same queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratio {
    /// The one.
    pub of: &'static str,
    /// The baseline.
    pub over: &'static str,
    /// Multiples of the figures, where the baseline's are not 0.
    pub metrics: Named<Interval>,
}

/// The live strategy with a source switched off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ablation {
    /// The source.
    pub without: &'static str,
    /// How it did.
    #[serde(flatten)]
    pub lane: StrategyReport,
    /// The live strategy minus this: what the source brings.
    pub realtime_minus: Named<Interval>,
}

/// The live strategy, behind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Freshness {
    /// What is behind: `model` (what is learned from everybody; the request is fresh) or `context` (all events, the
    /// session's own among them).
    pub behind: &'static str,
    /// By how much, milliseconds.
    pub lag_ms: i64,
    /// Whether the request carries what the session has come to, or the engine knows of it by events alone.
    pub request_carries_items: bool,
    /// How it did.
    #[serde(flatten)]
    pub lane: StrategyReport,
    /// Its figures as shares of the live strategy's, where those are not 0.
    pub share_of_realtime: Named<Interval>,
    /// The live strategy minus this: what the lag costs.
    pub realtime_minus: Named<Interval>,
}

/// What became of the events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EventCounts {
    /// Rows read and kept; a row may be one line of an order.
    pub rows: usize,
    /// Events that they make.
    pub total: usize,
    /// Of these, before the cut.
    pub before_cut: usize,
    /// Applied by the engine.
    pub applied: u64,
    /// Passed over by the engine: their id had come before.
    pub duplicates: u64,
    /// Refused by the engine.
    pub refused: u64,
    /// Nothing was learned from these: their visits are too busy for a person.
    pub bots: u64,
    /// Visits that they are of.
    pub bot_visits: u64,
    /// Questions asked in such visits.
    pub bot_queries: u64,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was asked.
    pub protocol: &'static str,
    /// Names of the data.
    pub data: String,
    /// The instant of the cut, RFC 3339.
    pub cut: String,
    /// Seed of samples, hidden halves and intervals.
    pub seed: u64,
    /// Whether items that the session has seen were left out.
    pub exclude_seen: bool,
    /// Events.
    pub events: EventCounts,
    /// Sessions.
    pub sessions: usize,
    /// Sessions that were asked in.
    pub scored_sessions: usize,
    /// Items known at the end.
    pub items: usize,
    /// Of these, made from events, as no catalogue has them.
    pub bare_items: usize,
    /// How pairs met the events, if there were pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Met>,
    /// Rows not taken.
    pub rejected: Rejections,
    /// Wall time of applying one event, in microseconds.
    pub update_us: Percentiles,
    /// The strategies.
    pub strategies: Vec<StrategyReport>,
    /// The live strategy minus each other.
    pub differences: Vec<Difference>,
    /// The hybrid, frozen and live, over each baseline that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<Ratio>,
    /// The live strategy without a source each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ablations: Vec<Ablation>,
    /// The live strategy behind by so much each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freshness: Vec<Freshness>,
    /// What the live strategy's sources found; none where it was not asked, as for the three below.
    pub sources: Vec<SourceReport>,
    /// What they found together.
    pub retrieval: Option<Retrieval>,
    /// What each feature did, by intent, the most important first.
    pub features: BTreeMap<Intent, Vec<FeatureReport>>,
    /// Whether the live strategy's probabilities come true, over its answers at the largest cut-off.
    pub calibration: Option<Calibration>,
    /// The scorer's weights at the end, by intent and feature; none where nothing was learned.
    pub model: Model,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_values() {
        let percentiles = Percentiles::of((0..=100_u32).rev().collect(), 0.5);
        assert_eq!((percentiles.p50, percentiles.p95, percentiles.p99), (25.0, 47.5, 49.5));
        assert_eq!(Percentiles::of(vec![7_u32], 1.0).p99, 7.0);
        assert_eq!(Percentiles::of(Vec::<u32>::new(), 1.0), Percentiles::default());
    }

    #[test]
    fn names_keep_their_order_in_json() {
        let named = Named(vec![("hr@20".to_owned(), 1), ("hr@5".to_owned(), 2)]);
        assert_eq!(serde_json::to_string(&named).expect("serialises"), r#"{"hr@20":1,"hr@5":2}"#);
    }
}
