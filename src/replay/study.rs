//! What the live answers are made of: what each source found, what each feature did, whether the probabilities hold.

use std::collections::BTreeMap;

use serde::Serialize;
use sidecart_engine::nouns::{Intent, ItemId, Pick};
use sidecart_engine::views::Trace;

use super::calibration::{Calibration, Reliability};

/// What one source found of what was to be found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceReport {
    /// The source, as in the config.
    pub name: &'static str,
    /// Mean share of a query's targets that it proposed within its limit. 0..=1.
    pub recall: f64,
    /// Mean share of a query's targets that it proposed and no other source did. 0..=1.
    pub alone: f64,
    /// Items it proposed per query, on average.
    pub proposed_mean: f64,
}

/// What all sources together found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Retrieval {
    /// Mean share of a query's targets that any source proposed. 0..=1.
    pub union: f64,
    /// The same of what was scored: after the rules and the limit. No ranking of these candidates can find more.
    pub scored: f64,
    /// Candidates scored per query, on average.
    pub scored_mean: f64,
}

/// What a feature did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureReport {
    /// The feature.
    pub feature: &'static str,
    /// Its weight when last asked.
    pub weight: f32,
    /// Mean over queries of |weight| x standard deviation of the feature over the query's candidates: by how much it
    /// moved scores apart. >= 0.
    pub importance: f64,
}

#[derive(Debug, Default)]
struct SourceSums {
    recall: f64,
    alone: f64,
    proposed: usize,
}

/// Sums over the queries of a replay.
#[derive(Debug, Default)]
pub struct Study {
    queries: usize,
    sources: Vec<(&'static str, SourceSums)>,
    union: f64,
    scored: f64,
    scored_items: usize,
    /// Lists, and of each feature the newest weight and the sum of spreads.
    features: BTreeMap<Intent, (usize, Vec<FeatureReport>)>,
    reliability: Reliability,
}

impl Study {
    /// Counts what an answer was made of.
    pub fn add(&mut self, trace: &Trace, targets: &[&ItemId]) {
        let share = 1.0 / targets.len().max(1) as f64;
        self.queries += 1;
        self.scored_items += trace.scored.len();
        for proposal in &trace.proposals {
            self.sums(proposal.source).proposed += proposal.items.len();
        }
        for &target in targets {
            let by = trace.proposals.iter().filter(|proposal| proposal.items.contains(target));
            let by: Vec<&'static str> = by.map(|proposal| proposal.source).collect();
            for &source in &by {
                self.sums(source).recall += share;
            }
            if let [source] = by[..] {
                self.sums(source).alone += share;
            }
            self.union += if by.is_empty() { 0.0 } else { share };
            self.scored += if trace.scored.contains(target) { share } else { 0.0 };
        }
        self.add_features(trace);
    }

    /// Counts the probabilities of an answer.
    pub fn add_picks(&mut self, picks: &[Pick], targets: &[&ItemId]) {
        let share = 1.0 / targets.len().max(1) as f64;
        for pick in picks {
            let happened = if targets.contains(&&pick.item_id) { share } else { 0.0 };
            self.reliability.add(pick.probability, happened);
        }
    }

    fn sums(&mut self, source: &'static str) -> &mut SourceSums {
        let place = self.sources.iter().position(|(name, _)| *name == source).unwrap_or_else(|| {
            self.sources.push((source, SourceSums::default()));
            self.sources.len() - 1
        });
        &mut self.sources[place].1
    }

    fn add_features(&mut self, trace: &Trace) {
        let fresh = || {
            let empty = |influence: &sidecart_engine::views::Influence| FeatureReport {
                feature: influence.feature,
                weight: 0.0,
                importance: 0.0,
            };
            (0, trace.influences.iter().map(empty).collect())
        };
        let (lists, features) = self.features.entry(trace.intent).or_insert_with(fresh);
        *lists += 1;
        for (sum, influence) in features.iter_mut().zip(&trace.influences) {
            sum.weight = influence.weight;
            sum.importance += f64::from(influence.spread);
        }
    }

    /// Each source, in the order in which they are asked.
    pub fn sources(&self) -> Vec<SourceReport> {
        let n = self.queries.max(1) as f64;
        let report = |(name, sums): &(&'static str, SourceSums)| SourceReport {
            name,
            recall: sums.recall / n,
            alone: sums.alone / n,
            proposed_mean: sums.proposed as f64 / n,
        };
        self.sources.iter().map(report).collect()
    }

    /// All sources together.
    pub fn retrieval(&self) -> Retrieval {
        let n = self.queries.max(1) as f64;
        Retrieval { union: self.union / n, scored: self.scored / n, scored_mean: self.scored_items as f64 / n }
    }

    /// The features by intent, the most important first.
    pub fn features(&self) -> BTreeMap<Intent, Vec<FeatureReport>> {
        let mut by_intent = BTreeMap::new();
        for (&intent, (lists, sums)) in &self.features {
            let mean =
                |sum: &FeatureReport| FeatureReport { importance: sum.importance / *lists as f64, ..sum.clone() };
            let mut features: Vec<FeatureReport> = sums.iter().map(mean).collect();
            features.sort_by(|a, b| b.importance.total_cmp(&a.importance).then(a.feature.cmp(b.feature)));
            by_intent.insert(intent, features);
        }
        by_intent
    }

    /// Whether the probabilities hold.
    pub fn calibration(&self) -> Option<Calibration> {
        self.reliability.report()
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::views::{Influence, Proposal};

    use super::*;

    fn ids(names: &str) -> Vec<ItemId> {
        names.split_whitespace().map(|name| ItemId::new(name).expect("an id")).collect()
    }

    fn trace(spread: f32) -> Trace {
        let influence = |feature, weight, spread| Influence { feature, weight, spread };
        Trace {
            intent: Intent::Browse,
            proposals: vec![
                Proposal { source: "one", items: ids("a b") },
                Proposal { source: "two", items: ids("b c d") },
            ],
            scored: ids("a b c"),
            influences: vec![influence("f", 1.0, 0.1), influence("g", -2.0, spread)],
        }
    }

    #[test]
    fn recall_is_by_source_alone_and_together() {
        let mut study = Study::default();
        for target in ["a", "b", "d", "x"] {
            let target = ids(target);
            study.add(&trace(0.0), &[&target[0]]);
        }
        let source = |name, recall, alone, proposed_mean| SourceReport { name, recall, alone, proposed_mean };
        assert_eq!(study.sources(), [source("one", 0.5, 0.25, 2.0), source("two", 0.5, 0.25, 3.0)]);
        assert_eq!(study.retrieval(), Retrieval { union: 0.75, scored: 0.5, scored_mean: 3.0 });
    }

    #[test]
    fn of_several_targets_each_counts_its_share() {
        let mut study = Study::default();
        let targets = ids("a b c x");
        study.add(&trace(0.0), &targets.iter().collect::<Vec<_>>());
        assert!((study.retrieval().union - 0.75).abs() < 1e-12);
        assert!((study.sources()[1].recall - 0.5).abs() < 1e-12);
        assert!((study.sources()[1].alone - 0.25).abs() < 1e-12);
    }

    #[test]
    fn what_moves_scores_most_comes_first() {
        let mut study = Study::default();
        study.add(&trace(0.5), &[]);
        study.add(&trace(0.1), &[]);
        let features = &study.features()[&Intent::Browse];
        assert_eq!((features[0].feature, features[0].weight), ("g", -2.0));
        assert!((features[0].importance - 0.3).abs() < 1e-6);
        assert!((features[1].importance - 0.1).abs() < 1e-6);
    }
}
