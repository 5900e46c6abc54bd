//! What is published: not where a learner stands, but the mean of where it stood lately.

use super::Scorer;

/// Lessons over which the mean reaches in the long run; those before fade by 1/e per so many.
const REACH: f32 = 1_000.0;
/// Until then it reaches over one in so many of the lessons so far, so that where the learner began is soon forgotten.
const LATEST: f32 = 8.0;

/// A mean of weights over the newest lessons. Each step of a learner follows one list, and so ends a little off where the
/// lists as a whole would have it; the steps of a thousand lists err in different directions (Polyak and Juditsky, SIAM J.
/// Control Optim. 1992; by an exponential mean, because the shop moves on).
#[derive(Debug, Clone)]
pub(super) struct Mean {
    pub(super) weights: Scorer,
    /// Lessons so far, as far as they count.
    lessons: f32,
}

impl Mean {
    /// Of a learner that has not learned yet: its first lesson replaces the weights.
    pub(super) fn untaught(weights: Scorer) -> Self {
        Self { weights, lessons: 0.0 }
    }

    /// Of a learner that goes on from what was published, which is a mean already.
    pub(super) fn taught(weights: Scorer) -> Self {
        Self { weights, lessons: REACH * LATEST }
    }

    /// Takes in where the learner stands after one more lesson.
    pub(super) fn follow(&mut self, learner: &Scorer) {
        let share = 1.0 / (1.0 + self.lessons / LATEST).min(REACH);
        self.lessons += 1.0;
        for (to, from) in self.weights.numbers_mut().into_iter().zip(learner.numbers()) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += (from - *to) * share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::{FEATURES, Hidden};
    use crate::rank::linear::Linear;

    fn all(weight: f32) -> Scorer {
        let mut all = Scorer { linear: Linear::ungated([0.0; FEATURES]), hidden: Hidden::untaught() };
        all.numbers_mut().into_iter().for_each(|numbers| numbers.fill(weight));
        all
    }

    fn is_about(mean: &Mean, expected: f32) -> bool {
        mean.weights.numbers().into_iter().flatten().all(|number| (number - expected).abs() < 0.01)
    }

    #[test]
    fn the_beginning_is_forgotten_at_once_and_the_first_steps_soon() {
        let mut mean = Mean::untaught(all(-9.0));
        mean.follow(&all(5.0));
        assert!(is_about(&mean, 5.0));
        (0..99).for_each(|_| mean.follow(&all(1.0)));
        assert!(is_about(&mean, 1.0));
    }

    #[test]
    fn steps_to_and_fro_cancel_out_in_the_long_run() {
        let mut mean = Mean::untaught(all(0.0));
        (0..40_000).for_each(|lesson| mean.follow(&all(if lesson % 2 == 0 { 3.0 } else { 1.0 })));
        assert!(is_about(&mean, 2.0));
        (0..1_000).for_each(|_| mean.follow(&all(7.0)));
        assert!(is_about(&mean, 7.0 - 5.0 / std::f32::consts::E), "{}", mean.weights.hidden.bias[0]);
    }

    #[test]
    fn what_was_published_is_not_given_up_for_the_first_lesson_after() {
        let mut mean = Mean::taught(all(2.0));
        mean.follow(&all(9.0));
        assert!(is_about(&mean, 2.0));
    }
}
