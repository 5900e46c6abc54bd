use crate::nouns::{Intent, Model};

/// From scores to probabilities: what the scorer was trained to be, softmax over all candidates of one list, times the
/// share of what shoppers took that such lists hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odds {
    largest: f32,
    factor: f64,
}

impl Odds {
    /// The odds of a list by the scores of all its candidates. `None`: nothing has been learned of such lists, or no
    /// score is a finite number.
    pub(crate) fn of(scores: impl Iterator<Item = f32> + Clone, model: &Model, intent: Intent) -> Option<Self> {
        let found = model.found.get(&intent).copied().filter(|share| (0.0..=1.0).contains(share))?;
        let largest = scores.clone().fold(f32::NEG_INFINITY, f32::max);
        if !largest.is_finite() {
            return None;
        }
        let sum: f64 = scores.map(|score| f64::from((score - largest).exp())).sum();
        Some(Self { largest, factor: f64::from(found) / sum })
    }

    /// The probability that the shopper goes on to the candidate of this score. 0..=1.
    pub(crate) fn of_score(&self, score: f32) -> f64 {
        f64::from((score - self.largest).exp()) * self.factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(found: f32) -> Model {
        Model { found: [(Intent::Browse, found)].into(), ..Model::default() }
    }

    #[test]
    fn probabilities_add_up_to_the_share_found() {
        let scores = [900.0, 899.0, 0.0, f32::NEG_INFINITY];
        let odds = Odds::of(scores.into_iter(), &model(0.8), Intent::Browse).expect("odds");
        let of_all = scores.map(|score| odds.of_score(score));
        assert!((of_all.iter().sum::<f64>() - 0.8).abs() < 1e-6, "{of_all:?}");
        assert!((of_all[0] / of_all[1] - std::f64::consts::E).abs() < 1e-4);
        assert_eq!(of_all[3], 0.0);
    }

    #[test]
    fn where_nothing_is_known_there_are_no_odds() {
        assert!(Odds::of([1.0].into_iter(), &model(0.8), Intent::Basket).is_none());
        assert!(Odds::of([f32::NEG_INFINITY].into_iter(), &model(0.8), Intent::Browse).is_none());
        assert!(Odds::of([].into_iter(), &model(0.8), Intent::Browse).is_none());
        assert!(Odds::of([1.0].into_iter(), &model(f32::NAN), Intent::Browse).is_none());
    }
}
