//! One strategy in a replay, and what is counted of it.

use std::collections::BTreeMap;

use sidecart_engine::nouns::{EventKind, Strategy, Tier};

use super::asked::Asked;
use super::bootstrap::{Interval, Means};
use super::report::{KindReport, Named, Percentiles, StrategyReport};
use super::tally::{Coverage, Tally};

/// A strategy that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Contender {
    /// Curated pairs and bestsellers, fixed at the cut.
    Static,
    /// An item-to-item table, rebuilt at each midnight of the events' clock.
    Batch,
    /// The live strategy with everything fixed at the cut; it sees only what the request carries.
    Frozen,
    /// The live strategy.
    Realtime,
    /// A yardstick, never served: time-decayed conditional probability of what is bought together, fixed at the cut.
    ConditionalFrozen,
    /// The same, learning from every purchase.
    Conditional,
}

impl Contender {
    /// Those that can be served, in the order of reports.
    pub const SERVED: [Self; 4] = [Self::Static, Self::Batch, Self::Frozen, Self::Realtime];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Batch => "batch",
            Self::Frozen => "frozen",
            Self::Realtime => "realtime",
            Self::ConditionalFrozen => "conditional-frozen",
            Self::Conditional => "conditional",
        }
    }

    /// What the engine is asked for; a baseline is none of the engine's.
    pub fn strategy(self) -> Option<Strategy> {
        match self {
            Self::Static => Some(Strategy::Static),
            Self::Batch => Some(Strategy::Batch),
            Self::Frozen | Self::Realtime => Some(Strategy::Realtime),
            Self::ConditionalFrozen | Self::Conditional => None,
        }
    }

    /// Whether it is measured only, to say what the others' figures are worth.
    pub fn is_baseline(self) -> bool {
        self.strategy().is_none()
    }

    /// Whether it is fixed at the cut, and so needs one.
    pub fn is_fixed(self) -> bool {
        matches!(self, Self::Static | Self::Frozen | Self::ConditionalFrozen)
    }
}

/// An answer, as far as it is counted.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Numbers of its items, best first.
    pub items: &'a [u32],
    /// What was to be found.
    pub targets: &'a [u32],
    /// Which session it belongs to.
    pub cluster: u32,
    /// Kind of the event that was to be foretold.
    pub kind: EventKind,
    /// The rung that served it.
    pub tier: Tier,
    /// Wall time, nanoseconds.
    pub took_ns: u32,
    /// By how much the model was behind, seconds.
    pub behind_s: u32,
}

/// Somebody who is asked, and the counts.
#[derive(Debug)]
pub struct Lane {
    /// Whom it asks.
    pub asked: Asked,
    cut_offs: Vec<usize>,
    clusters: usize,
    tally: Tally,
    by_kind: BTreeMap<EventKind, Tally>,
    coverage: Vec<Coverage>,
    took_ns: Vec<u32>,
    behind_s: Vec<u32>,
    tiers: BTreeMap<&'static str, u64>,
}

impl Lane {
    /// A lane of which nothing is counted yet.
    pub fn new(asked: Asked, cut_offs: &[usize], clusters: usize) -> Self {
        Self {
            asked,
            cut_offs: cut_offs.to_vec(),
            clusters,
            tally: Tally::new(cut_offs, clusters),
            by_kind: BTreeMap::new(),
            coverage: cut_offs.iter().map(|&k| Coverage::new(k)).collect(),
            took_ns: Vec::new(),
            behind_s: Vec::new(),
            tiers: BTreeMap::new(),
        }
    }

    /// Counts one answer.
    pub fn add(&mut self, answer: &Answer<'_>) {
        self.tally.add(answer.cluster, answer.items, answer.targets);
        let of_kind = || Tally::new(&self.cut_offs, self.clusters);
        self.by_kind.entry(answer.kind).or_insert_with(of_kind).add(answer.cluster, answer.items, answer.targets);
        self.coverage.iter_mut().for_each(|coverage| coverage.add(answer.cluster, answer.items));
        self.took_ns.push(answer.took_ns);
        self.behind_s.push(answer.behind_s);
        *self.tiers.entry(answer.tier.name()).or_default() += 1;
    }

    /// The means of its figures with their resamples.
    pub fn means(&self, seed: u64) -> Means {
        Means::of(&self.tally, seed)
    }

    /// Names of the figures in [`Lane::means`].
    pub fn names(&self) -> Vec<String> {
        self.tally.names()
    }

    /// Wall times of its answers, nanoseconds.
    pub fn into_times(self) -> Vec<u32> {
        self.took_ns
    }

    /// Its part of the report; coverage is of so many items.
    pub fn report(self, means: &Means, seed: u64, items: usize) -> StrategyReport {
        let mut metrics = named(self.tally.names(), means.intervals());
        metrics.0.extend(self.cut_offs.iter().zip(&self.coverage).map(|(k, coverage)| {
            let (value, half) = coverage.share(items, self.clusters);
            let interval = Interval { value, low: (value - half).max(0.0), high: (value + half).min(1.0) };
            (format!("coverage@{k}"), interval)
        }));
        let several = self.by_kind.len() > 1;
        let by_type = self.by_kind.iter().filter(|_| several).map(|(kind, tally)| {
            let metrics = named(tally.names(), Means::of(tally, seed).intervals());
            (kind.name(), KindReport { queries: tally.queries(), metrics })
        });
        StrategyReport {
            name: self.asked.name(),
            queries: self.tally.queries(),
            metrics,
            by_type: by_type.collect(),
            latency_us: Percentiles::of(self.took_ns, 1e-3),
            behind_ms: Percentiles::of(self.behind_s, 1e3),
            tiers: self.tiers,
        }
    }
}

/// Figures under their names.
pub fn named(names: Vec<String>, intervals: Vec<Interval>) -> Named<Interval> {
    Named(names.into_iter().zip(intervals).collect())
}
