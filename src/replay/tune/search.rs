//! Coordinate search: one setting at a time, one step along its ladder, taken only if it is told to be better.

use serde_json::Value;

use super::super::bootstrap::{Interval, Means};
use super::super::report::Percentiles;
use super::judge::{Judge, Verdict};
use super::knobs::{Knob, Step, at, put};
use crate::config::Config;

/// How some settings did.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Names of the figures.
    pub names: Vec<String>,
    /// The figures.
    pub means: Means,
    /// Wall time of an answer.
    pub latency_us: Percentiles,
}

/// One comparison.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Trial {
    /// Which key.
    pub key: &'static str,
    /// Its value before.
    pub from: Value,
    /// Its value as tried.
    pub to: Value,
    /// The figure to raise, as tried minus before, with its own 95% interval.
    pub difference: Interval,
    /// What that is taken to mean.
    pub verdict: Verdict,
}

/// What came of it.
pub struct Outcome {
    /// All comparisons, in their order.
    pub trials: Vec<Trial>,
    /// The best config found, as JSON.
    pub best: Value,
    /// How it did, if it is not the one at the start.
    pub measured: Option<Measured>,
    /// Whether the budget ended before every step had been tried.
    pub cut_short: bool,
}

/// A search.
pub struct Search<'a> {
    /// What may be changed, the most promising first.
    pub knobs: &'a [Knob],
    /// Who decides.
    pub judge: &'a Judge,
    /// Comparisons at most.
    pub trials: usize,
}

/// Where a search stands.
struct Stand<'m> {
    config: Value,
    start: &'m Means,
    best: Option<Measured>,
    trials: Vec<Trial>,
}

impl Stand<'_> {
    fn means(&self) -> &Means {
        self.best.as_ref().map_or(self.start, |best| &best.means)
    }
}

impl Search<'_> {
    /// Runs it from a config whose figures are `start`; `measure` is given a config and what is new in it.
    pub fn run(
        &self,
        from: &Config,
        start: &Measured,
        measure: &mut dyn FnMut(&Config, String) -> Measured,
    ) -> Outcome {
        let config = serde_json::to_value(from).expect("a config is plain data");
        let mut stand = Stand { config, start: &start.means, best: None, trials: Vec::new() };
        // A further pass only where the one before changed something; each ends, as ladders and the budget do.
        let mut cut_short = false;
        loop {
            let mut changed = false;
            for knob in self.knobs {
                for step in [Step::Up, Step::Down] {
                    let outcome = self.walk(knob, step, &mut stand, measure);
                    cut_short |= outcome == Walk::OutOfBudget;
                    changed |= outcome == Walk::Moved;
                    if outcome != Walk::Stayed {
                        break;
                    }
                }
            }
            if !changed || cut_short {
                break;
            }
        }
        Outcome { trials: stand.trials, best: stand.config, measured: stand.best, cut_short }
    }

    /// Goes along a ladder as long as that is better.
    fn walk(
        &self,
        knob: &Knob,
        step: Step,
        stand: &mut Stand<'_>,
        measure: &mut dyn FnMut(&Config, String) -> Measured,
    ) -> Walk {
        let mut moved = Walk::Stayed;
        while let Some((from, to)) =
            at(&stand.config, knob.key).and_then(|now| Some((now.clone(), knob.next(now, step)?)))
        {
            let mut changed = stand.config.clone();
            put(&mut changed, knob.key, to.clone());
            let Ok(config) = serde_json::from_value::<Config>(changed.clone()) else { break };
            if stand.trials.len() >= self.trials {
                return Walk::OutOfBudget;
            }
            let said = format!("{} of {}: {} = {to}", stand.trials.len() + 1, self.trials, knob.key);
            let measured = measure(&config, said);
            let (verdict, difference) = self.judge.compare(&measured.means, stand.means());
            stand.trials.push(Trial { key: knob.key, from, to, difference, verdict });
            if verdict != Verdict::Better {
                break;
            }
            (stand.config, stand.best, moved) = (changed, Some(measured), Walk::Moved);
        }
        moved
    }
}

/// What came of a walk along a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    Moved,
    Stayed,
    OutOfBudget,
}

#[cfg(test)]
mod tests {
    use super::super::super::run::Protocol;
    use super::super::super::seeded::Seeded;
    use super::super::super::tally::Tally;
    use super::super::{Tuning, knobs};
    use super::*;

    /// Figures of a shop in which each session is answered right with a chance of `percent`; sessions keep their luck,
    /// as paired questions do.
    fn measured(percent: usize) -> Measured {
        let mut draw = Seeded::new(7, 7);
        let mut tally = Tally::new(&[10, 20], 200);
        (0..200).for_each(|session| tally.add(session, &[u32::from(draw.below(100) < percent)], &[1]));
        Measured { names: tally.names(), means: Means::of(&tally, 1), latency_us: Percentiles::default() }
    }

    fn search(trials: usize, shop: impl Fn(&Config) -> usize) -> Outcome {
        let knobs: Vec<Knob> = knobs::all().collect();
        let start = measured(shop(&Config::default()));
        let tuning = Tuning { trials, window: None, metric: None, config: None };
        let judge = Judge::of(&start.names, &tuning, Protocol::NextItem).expect("known figures");
        let search = Search { knobs: &knobs, judge: &judge, trials };
        search.run(&Config::default(), &start, &mut |config, _| measured(shop(config)))
    }

    #[test]
    fn it_finds_what_is_better_along_two_ladders() {
        let default = Config::default();
        let outcome = search(200, |config| {
            let more = 10 * usize::from(config.candidates.neighbours > default.candidates.neighbours);
            let slower = 15 * usize::from(config.features.users.half_life > default.features.users.half_life);
            30 + more + slower
        });
        let best: Config = serde_json::from_value(outcome.best).expect("a config");
        assert!(best.candidates.neighbours > default.candidates.neighbours);
        assert!(best.features.users.half_life > default.features.users.half_life);
        assert_eq!(outcome.trials.iter().filter(|trial| trial.verdict == Verdict::Better).count(), 2);
        assert!(!outcome.cut_short);
        assert!(outcome.measured.is_some());
    }

    #[test]
    fn where_nothing_is_better_nothing_is_changed() {
        let outcome = search(200, |_| 30);
        assert_eq!(outcome.best, serde_json::to_value(Config::default()).expect("plain data"));
        assert!(outcome.measured.is_none() && !outcome.cut_short);
        assert!(outcome.trials.iter().all(|trial| trial.verdict == Verdict::NoDifference));
    }

    #[test]
    fn the_budget_is_kept() {
        let outcome = search(5, |_| 30);
        assert_eq!((outcome.trials.len(), outcome.cut_short), (5, true));
    }
}
