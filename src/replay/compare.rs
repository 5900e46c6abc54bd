//! Lanes compared with the live strategy, each put where it belongs in the report.

use super::asked::{Asked, Part, Told};
use super::bootstrap::{Interval, Means};
use super::lane::{Contender, Lane, named};
use super::report::{Ablation, Difference, Freshness, Named, Ratio, Report, StrategyReport};

/// A lane beside the live strategy, over the same queries.
pub struct Versus {
    realtime_minus: Named<Interval>,
    share_of_realtime: Named<Interval>,
}

impl Versus {
    /// Compares the figures of these names.
    pub fn of(names: Vec<String>, means: &Means, live: &Means) -> Self {
        let shares = names.iter().cloned().zip(means.over(live));
        let share_of_realtime = Named(shares.filter_map(|(name, share)| Some((name, share?))).collect());
        Self { share_of_realtime, realtime_minus: named(names, live.minus(means)) }
    }
}

/// The hybrid, frozen and live, as multiples of each baseline.
pub fn ratios(lanes: &[Lane], means: &[Means]) -> Vec<Ratio> {
    let of = |wanted: fn(Contender) -> bool| {
        let lanes = lanes.iter().zip(means);
        lanes.filter_map(move |(lane, means)| Some((lane.asked.contender().filter(|who| wanted(*who))?, lane, means)))
    };
    let hybrid = of(|who| matches!(who, Contender::Frozen | Contender::Realtime));
    let pairs = hybrid.flat_map(|ours| of(Contender::is_baseline).map(move |theirs| (ours, theirs)));
    let ratio =
        |((who, lane, means), (baseline, _, theirs)): ((Contender, &Lane, &Means), (Contender, &Lane, &Means))| {
            let multiples = lane.names().into_iter().zip(means.over(theirs));
            let metrics = Named(multiples.filter_map(|(name, multiple)| Some((name, multiple?))).collect());
            Ratio { of: who.name(), over: baseline.name(), metrics }
        };
    pairs.map(ratio).collect()
}

impl Report {
    /// Takes in how a lane did. `versus` is `None` where the live strategy was not asked; then there are no probes.
    pub fn enter(&mut self, asked: &Asked, lane: StrategyReport, versus: Option<Versus>) {
        match (asked, versus) {
            (Asked::Strategy(contender), versus) => {
                if let Some(versus) = versus.filter(|_| *contender != Contender::Realtime) {
                    self.differences.push(Difference {
                        of: Contender::Realtime.name(),
                        minus: contender.name(),
                        metrics: versus.realtime_minus,
                    });
                }
                self.strategies.push(lane);
            }
            (Asked::Without { source, .. }, Some(versus)) => {
                self.ablations.push(Ablation { without: source, lane, realtime_minus: versus.realtime_minus });
            }
            (Asked::Behind(behind), Some(versus)) => self.freshness.push(Freshness {
                behind: match behind.part {
                    Part::Model => "model",
                    Part::Context => "context",
                },
                lag_ms: behind.lag.ms(),
                request_carries_items: behind.told == Told::ByRequest,
                lane,
                share_of_realtime: versus.share_of_realtime,
                realtime_minus: versus.realtime_minus,
            }),
            (Asked::Without { .. } | Asked::Behind(_), None) => {}
        }
    }
}
