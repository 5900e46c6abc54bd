//! Whether a change is better, or chance.

use super::super::ReplayError;
use super::super::bootstrap::{Interval, Means};
use super::super::run::Protocol;
use super::Tuning;

/// Standard errors in half of a 95% interval.
const Z95: f64 = 1.96;

/// Compares two sets of figures over the same questions.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// Names of the figures.
    names: Vec<String>,
    /// Which of them is to be raised.
    aim: usize,
    /// Which must not be told to fall.
    guard: usize,
    /// Standard errors that a gain must be away from nothing. 95% hold for all trials together, not for each
    /// (Bonferroni): of 40 changes that do nothing, one would be told better at 1.96.
    pub z: f64,
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Better, and told from chance: it is taken over.
    Better,
    /// Better, but the other figure fell.
    Traded,
    /// Worse, in its own 95% interval.
    Worse,
    /// Nothing that could be told from chance.
    NoDifference,
}

impl Judge {
    /// A judge of figures of these names.
    ///
    /// # Errors
    /// [`ReplayError::Metric`].
    pub fn of(names: &[String], tuning: &Tuning, protocol: Protocol) -> Result<Self, ReplayError> {
        let [aim, guard] = protocol.aims();
        let wanted = tuning.metric.as_deref().unwrap_or(aim);
        let place = |name: &str| names.iter().position(|known| known == name);
        let unknown = || ReplayError::Metric { given: wanted.to_owned(), known: names.join(", ") };
        let aim_at = place(wanted).ok_or_else(unknown)?;
        let guard = if wanted == guard { aim } else { guard };
        let tail = 0.025 / tuning.trials.max(1) as f64;
        Ok(Self { names: names.to_vec(), aim: aim_at, guard: place(guard).unwrap_or(aim_at), z: upper(tail) })
    }

    /// The figure to raise.
    pub fn aim(&self) -> &str {
        &self.names[self.aim]
    }

    /// The figure that must not fall.
    pub fn guard(&self) -> &str {
        &self.names[self.guard]
    }

    /// What a change did, and by how much the figure to raise rose, in its own 95% interval.
    pub fn compare(&self, changed: &Means, before: &Means) -> (Verdict, Interval) {
        let differences = changed.minus(before);
        let (aim, guard) = (differences[self.aim], differences[self.guard]);
        // Only the lower side of the interval tells a gain from nothing.
        let corrected_low = aim.value - (aim.value - aim.low) * self.z / Z95;
        let verdict = match () {
            () if aim.high < 0.0 => Verdict::Worse,
            () if corrected_low <= 0.0 || aim.value <= 0.0 => Verdict::NoDifference,
            () if guard.high < 0.0 => Verdict::Traded,
            () => Verdict::Better,
        };
        (verdict, aim)
    }
}

/// The number that a standard normal exceeds with probability `tail`, 0 < tail < .5, within .0005 (Hastings;
/// Abramowitz and Stegun 26.2.23).
fn upper(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + 0.802_853 * t + 0.010_328 * t * t;
    let below = 1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t;
    t - above / below
}

#[cfg(test)]
mod tests {
    use super::super::super::seeded::Seeded;
    use super::super::super::tally::Tally;
    use super::*;

    fn judge(trials: usize) -> Judge {
        let names = Tally::new(&[10, 20], 1).names();
        let tuning = Tuning { trials, window: None, metric: None, config: None };
        Judge::of(&names, &tuning, Protocol::NextItem).expect("known figures")
    }

    /// Answers to 150 sessions of which a share of `percent` is right, drawn by `seed`.
    fn means(seed: u64, percent: usize) -> Means {
        let mut draw = Seeded::new(seed, 5);
        let mut tally = Tally::new(&[10, 20], 150);
        (0..150).for_each(|session| tally.add(session, &[u32::from(draw.below(100) < percent)], &[1]));
        Means::of(&tally, 1)
    }

    #[test]
    fn normal_quantiles_are_those_of_tables() {
        for (tail, expected) in [(0.025, 1.960), (0.000_625, 3.227), (0.000_25, 3.481)] {
            assert!((upper(tail) - expected).abs() < 1e-3, "{tail}: {}", upper(tail));
        }
    }

    #[test]
    fn a_gain_is_told_and_chance_is_not() {
        assert_eq!(judge(40).compare(&means(1, 60), &means(2, 30)).0, Verdict::Better);
        assert_eq!(judge(40).compare(&means(1, 30), &means(2, 60)).0, Verdict::Worse);
        let same = means(1, 30);
        assert_eq!(judge(40).compare(&same, &same).0, Verdict::NoDifference);
    }

    #[test]
    fn of_many_changes_that_do_nothing_hardly_any_is_taken_over() {
        let (mut of_all_together, mut of_each_alone) = (0, 0);
        for search in 0..6 {
            let before = means(1_000 * search, 30);
            let changes: Vec<Means> = (1..=40).map(|trial| means(1_000 * search + trial, 30)).collect();
            let taken = |judge: &Judge| changes.iter().any(|after| judge.compare(after, &before).0 == Verdict::Better);
            of_all_together += u32::from(taken(&judge(40)));
            of_each_alone += u32::from(taken(&judge(1)));
        }
        assert!(of_all_together <= 1, "{of_all_together} of 6 searches adopted noise");
        assert!(of_each_alone >= 2, "plain intervals adopt it: {of_each_alone} of 6");
    }

    #[test]
    fn a_figure_that_there_is_not_is_named_with_those_that_there_are() {
        let names = Tally::new(&[10, 20], 1).names();
        let tuning = Tuning { trials: 1, window: None, metric: Some("auc".to_owned()), config: None };
        let error = Judge::of(&names, &tuning, Protocol::Basket).expect_err("no such figure").to_string();
        assert!(error.contains("`auc`") && error.contains("recall@10"), "{error}");
    }
}
