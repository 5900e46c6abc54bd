//! The few statistics that the demo reports.

use rustc_hash::FxHashMap;

use super::dice::Dice;

/// Resamples of the bootstrap; the ends of a 95% interval are steady to about a tenth of its width by then.
const RESAMPLES: usize = 1_000;

/// A share and its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The share, 0 to 1.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The value below or at which `share` of the values lie (nearest rank); `None` of nothing.
#[must_use]
pub fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The share of hits with a 95% interval by bootstrap over the groups (visits): answers to one visit resemble one
/// another, so whole visits are drawn. `None` of nothing.
#[must_use]
pub fn share(answers: impl Iterator<Item = (u32, bool)>, seed: u64) -> Option<Estimate> {
    let mut groups: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    for (group, hit) in answers {
        let (hits, all) = groups.entry(group).or_default();
        *hits += u32::from(hit);
        *all += 1;
    }
    let mut groups: Vec<(u32, (u32, u32))> = groups.into_iter().collect();
    groups.sort_unstable();
    let groups: Vec<(u32, u32)> = groups.into_iter().map(|(_, counts)| counts).collect();
    let of = |drawn: &mut dyn Iterator<Item = (u32, u32)>| {
        let (hits, all) = drawn.fold((0, 0), |(hits, all), (h, a)| (hits + h, all + a));
        f64::from(hits) / f64::from(all)
    };
    if groups.is_empty() {
        return None;
    }
    let mut dice = Dice::about(seed, "bootstrap", "share");
    let resampled: Vec<f64> =
        (0..RESAMPLES).map(|_| of(&mut (0..groups.len()).map(|_| groups[dice.below(groups.len())]))).collect();
    Some(Estimate {
        value: of(&mut groups.iter().copied()),
        low: percentile(&resampled, 0.025)?,
        high: percentile(&resampled, 0.975)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(percentile(&values, 0.5), Some(3.0));
        assert_eq!(percentile(&values, 0.95), Some(5.0));
        assert_eq!(percentile(&values, 0.0), Some(1.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn a_share_lies_within_its_interval_and_more_visits_narrow_it() {
        let estimate = |visits: u32| share((0..visits).map(|visit| (visit, visit % 4 == 0)), 1).unwrap();
        let (few, many) = (estimate(40), estimate(4_000));
        assert!((few.value - 0.25).abs() < 1e-9 && few.low < 0.25 && few.high > 0.25);
        assert!(many.high - many.low < (few.high - few.low) / 3.0);
    }

    #[test]
    fn answers_of_one_visit_count_as_one_draw() {
        let alone = share((0..100).map(|visit| (visit, visit % 2 == 0)), 1).unwrap();
        let tenfold = share((0..1_000).map(|answer| (answer % 100, answer % 2 == 0)), 1).unwrap();
        assert!((tenfold.high - tenfold.low) > 0.8 * (alone.high - alone.low));
        assert_eq!(share(std::iter::empty(), 1), None);
    }
}
