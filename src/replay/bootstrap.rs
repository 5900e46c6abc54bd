//! How sure a figure is: 95% intervals by resampling sessions.
//!
//! Each resample gives each session a Poisson(1) weight, the large-sample form of drawing with replacement (Hanley and
//! MacGibbon, 2006; Chamandy et al., 2012). The weights depend on seed, resample and session alone, so strategies are
//! resampled alike and their differences are paired.

use serde::Serialize;

use super::seeded::Seeded;
use super::tally::Tally;

/// Resamples drawn. The ends of a 95% interval rest on the outermost 25 on either side.
pub const RESAMPLES: usize = 1_000;

/// A figure and its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The means of a tally: over all queries, and over those of each resample.
#[derive(Debug, Clone)]
pub struct Means {
    all: Vec<f64>,
    resampled: Vec<Vec<f64>>,
}

impl Means {
    /// Computes them. A resample without any query counts as the whole.
    pub fn of(tally: &Tally, seed: u64) -> Self {
        let all = mean(tally, |_| 1.0).unwrap_or_else(|| vec![0.0; tally.width() - 1]);
        let resampled = (0..RESAMPLES as u64)
            .map(|resample| {
                let mut seeded = Seeded::new(seed, resample);
                mean(tally, |_| poisson(&mut seeded)).unwrap_or_else(|| all.clone())
            })
            .collect();
        Self { all, resampled }
    }

    /// The figures with their intervals, in the order of the tally's names.
    pub fn intervals(&self) -> Vec<Interval> {
        (0..self.all.len())
            .map(|figure| interval(self.all[figure], self.resampled.iter().map(|means| means[figure]).collect()))
            .collect()
    }

    /// These figures minus others of the same clusters and seed, with intervals.
    pub fn minus(&self, other: &Self) -> Vec<Interval> {
        (0..self.all.len())
            .map(|figure| {
                let pairs = self.resampled.iter().zip(&other.resampled);
                let differences = pairs.map(|(ours, theirs)| ours[figure] - theirs[figure]).collect();
                interval(self.all[figure] - other.all[figure], differences)
            })
            .collect()
    }

    /// These figures as shares of others of the same clusters and seed, with intervals; `None` for a share of nothing.
    pub fn over(&self, other: &Self) -> Vec<Option<Interval>> {
        (0..self.all.len())
            .map(|figure| {
                let pairs = self.resampled.iter().zip(&other.resampled).filter(|(_, theirs)| theirs[figure] > 0.0);
                let shares = pairs.map(|(ours, theirs)| ours[figure] / theirs[figure]).collect();
                let whole = other.all[figure];
                (whole > 0.0).then(|| interval(self.all[figure] / whole, shares))
            })
            .collect()
    }
}

/// Weighted means of a tally's sums; `None` if no query has weight.
fn mean(tally: &Tally, mut weight: impl FnMut(usize) -> f64) -> Option<Vec<f64>> {
    let mut sums = vec![0.0; tally.width()];
    for (cluster, row) in tally.rows().enumerate() {
        let weight = weight(cluster);
        if weight > 0.0 && row[0] > 0.0 {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    (sums[0] > 0.0).then(|| sums[1..].iter().map(|sum| sum / sums[0]).collect())
}

/// A Poisson(1) number, by inversion.
fn poisson(seeded: &mut Seeded) -> f64 {
    let uniform = (seeded.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let (mut count, mut term) = (0_u32, (-1.0_f64).exp());
    let mut below = term;
    while uniform >= below && count < 16 {
        count += 1;
        term /= f64::from(count);
        below += term;
    }
    f64::from(count)
}

fn interval(value: f64, mut resampled: Vec<f64>) -> Interval {
    resampled.sort_unstable_by(f64::total_cmp);
    let Some(last) = resampled.len().checked_sub(1) else { return Interval { value, low: value, high: value } };
    let at = |share: f64| resampled[(share * last as f64).round() as usize];
    Interval { value, low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many sessions of one query each, of which every `every`th is a hit at rank 1.
    fn tally(sessions: u32, every: u32) -> Tally {
        let mut tally = Tally::new(&[1], sessions as usize);
        (0..sessions).for_each(|session| tally.add(session, &[u32::from(session % every == 0)], &[1]));
        tally
    }

    #[test]
    fn a_share_has_its_binomial_interval() {
        let interval = Means::of(&tally(2_000, 4), 1).intervals()[0];
        let half = 1.96 * (0.25_f64 * 0.75 / 2_000.0).sqrt();
        assert!((interval.value - 0.25).abs() < 1e-12);
        assert!((interval.low - (0.25 - half)).abs() < 0.003, "{interval:?}");
        assert!((interval.high - (0.25 + half)).abs() < 0.003, "{interval:?}");
    }

    #[test]
    fn intervals_hold_the_truth_about_95_times_in_100() {
        let mut held = 0;
        for trial in 0..200 {
            let mut draw = Seeded::new(trial, 999);
            let mut tally = Tally::new(&[1], 300);
            (0..300).for_each(|session| tally.add(session, &[u32::from(draw.below(10) < 3)], &[1]));
            let interval = Means::of(&tally, trial).intervals()[0];
            held += u32::from(interval.low <= 0.3 && 0.3 <= interval.high);
        }
        assert!((180..=199).contains(&held), "{held} of 200");
    }

    #[test]
    fn queries_of_one_session_are_not_taken_for_independent() {
        let mut clustered = Tally::new(&[1], 100);
        for session in 0..100 {
            (0..20).for_each(|_| clustered.add(session, &[session % 2], &[1]));
        }
        let width = |tally: &Tally| {
            let interval = Means::of(tally, 1).intervals()[0];
            interval.high - interval.low
        };
        assert!(width(&clustered) > 3.0 * width(&tally(2_000, 2)));
    }

    #[test]
    fn a_paired_difference_of_equals_is_nothing() {
        let means = Means::of(&tally(50, 3), 5);
        assert!(means.minus(&means).iter().all(|i| *i == Interval { value: 0.0, low: 0.0, high: 0.0 }));
    }

    #[test]
    fn a_share_of_itself_is_one_and_of_nothing_is_none() {
        let (some, none) = (Means::of(&tally(200, 3), 5), Means::of(&tally(200, 1_000_000), 5));
        assert!(some.over(&some).iter().flatten().all(|i| *i == Interval { value: 1.0, low: 1.0, high: 1.0 }));
        let half = Means::of(&tally(200, 6), 5).over(&some)[0].expect("a share");
        assert!(half.low < half.value && half.value < half.high && (half.value - 0.5).abs() < 0.01, "{half:?}");
        let nothing = Means::of(&Tally::new(&[1], 1), 5);
        assert!(none.over(&nothing).iter().all(Option::is_none));
    }

    #[test]
    fn one_session_gives_finite_figures() {
        let interval = Means::of(&tally(1, 1), 1).intervals()[0];
        assert_eq!(interval, Interval { value: 1.0, low: 1.0, high: 1.0 });
        assert_eq!(Means::of(&Tally::new(&[5], 0), 1).intervals()[0].value, 0.0);
    }
}
