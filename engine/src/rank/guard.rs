//! Keeps a learner from carrying the ranking away: it races against its last good weights on every list, before it learns
//! from it.

use super::Scorer;

/// Lists before anything is judged.
const LEAST_LISTS: u32 = 100;
/// Lists after which weights that did not turn out worse become the ones to race against.
const TRUSTED_AFTER: u32 = 1_000;
/// By how much the mean loss may be worse, in nats, before it counts.
const TOLERANCE: f64 = 0.02;
/// Standard errors by which it must be beyond the tolerance.
const SURE: f64 = 3.0;
/// Lists over which the loss reported is a mean; those before fade by 1/e per so many.
const LOSS_LISTS: f64 = 500.0;

/// How the race stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not worse, as far as can be told.
    Good,
    /// Worse than the last good weights, beyond doubt.
    Worse,
}

/// A learner's last good weights, and the race against them.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The last good weights.
    pub(super) good: Scorer,
    /// Lists since then; mean and summed squared deviations of (loss of the learner - loss of the good weights).
    lists: u32,
    mean: f64,
    deviations: f64,
    /// Recent mean loss of the learner; `None`: no list yet.
    pub(super) loss: Option<f64>,
    /// How often the good weights had to be brought back.
    pub(super) rollbacks: u64,
}

impl Guard {
    pub(super) fn of(good: Scorer) -> Self {
        Self { good, lists: 0, mean: 0.0, deviations: 0.0, loss: None, rollbacks: 0 }
    }

    /// Takes in the losses of both on one list.
    pub(super) fn watch(&mut self, learner: f64, good: f64) {
        let loss = self.loss.get_or_insert(learner);
        *loss += (learner - *loss) / LOSS_LISTS;
        // Welford's running variance.
        let excess = learner - good;
        self.lists += 1;
        let off = excess - self.mean;
        self.mean += off / f64::from(self.lists);
        self.deviations += off * (excess - self.mean);
    }

    /// Mean loss beyond that of the good weights, in nats; below 0: better.
    pub(super) fn excess(&self) -> f64 {
        self.mean
    }

    /// Judges the learner's published weights: those that proved themselves become the good ones; those that are worse are
    /// to be replaced by the good ones.
    pub(super) fn judge(&mut self, weights: &Scorer) -> Verdict {
        if self.lists < LEAST_LISTS {
            return Verdict::Good;
        }
        let n = f64::from(self.lists);
        let error = (self.deviations / (n - 1.0) / n).sqrt();
        if self.mean - SURE * error > TOLERANCE || !self.mean.is_finite() {
            *self = Self { loss: self.loss, rollbacks: self.rollbacks + 1, ..Self::of(self.good) };
            return Verdict::Worse;
        }
        if self.lists >= TRUSTED_AFTER {
            *self = Self { loss: self.loss, rollbacks: self.rollbacks, ..Self::of(*weights) };
        }
        Verdict::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::{FEATURES, Hidden};
    use crate::rank::linear::Linear;

    fn all(weight: f32) -> Scorer {
        Scorer { linear: Linear::ungated([weight; FEATURES]), hidden: Hidden::untaught() }
    }

    /// The guard, and what it says of weights of 2 after such a race against weights of 1.
    fn after(lists: u32, excess: impl Fn(u32) -> f64) -> (Guard, Verdict) {
        let mut guard = Guard::of(all(1.0));
        (0..lists).for_each(|list| guard.watch(3.0 + excess(list), 3.0));
        let verdict = guard.judge(&all(2.0));
        (guard, verdict)
    }

    #[test]
    fn a_learner_that_is_surely_worse_is_rolled_back() {
        let (guard, verdict) = after(LEAST_LISTS, |list| 0.3 + f64::from(list % 3) * 0.1);
        assert_eq!((verdict, guard.good, guard.rollbacks), (Verdict::Worse, all(1.0), 1));
        assert_eq!(guard.lists, 0, "the race begins anew");
        let (guard, verdict) = after(LEAST_LISTS, |_| f64::NAN);
        assert_eq!((verdict, guard.good), (Verdict::Worse, all(1.0)));
    }

    #[test]
    fn noise_and_too_few_lists_are_no_reason() {
        let noise = |list: u32| if list.is_multiple_of(2) { 2.0 } else { -1.9 };
        assert_eq!(after(LEAST_LISTS, noise).1, Verdict::Good);
        assert_eq!(after(LEAST_LISTS - 1, |_| 1.0).1, Verdict::Good);
    }

    #[test]
    fn weights_that_proved_themselves_become_the_good_ones() {
        let (guard, verdict) = after(TRUSTED_AFTER, |_| -0.1);
        assert_eq!((verdict, guard.good), (Verdict::Good, all(2.0)));
    }
}
