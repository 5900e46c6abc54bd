//! The best of many scored numbers.

use std::cmp::Reverse;

use super::fetch::fetch;

/// Keeps the `limit` entries of largest score, largest first; equal ones by number.
pub(crate) fn keep_best(entries: &mut Vec<(u32, f32)>, limit: usize) {
    select_best(entries, limit);
    entries.sort_unstable_by_key(|entry| Reverse(standing(entry)));
}

/// Keeps the `limit` entries of largest score, of equal ones those of lowest number, in no particular order (though in
/// the same for the same entries).
pub(crate) fn select_best(entries: &mut Vec<(u32, f32)>, limit: usize) {
    if entries.len() > limit && limit > 0 {
        entries.select_nth_unstable_by_key(limit - 1, |entry| Reverse(standing(entry)));
    }
    entries.truncate(limit);
}

/// The `limit` entries of largest score into `best`, as [`keep_best`] would leave them; `ranked` is room to work in.
pub(crate) fn best_of(
    entries: impl Iterator<Item = (u32, f32)>,
    limit: usize,
    ranked: &mut Vec<u64>,
    best: &mut Vec<(u32, f32)>,
) {
    ranked.clear();
    // What stands highest first in an order that needs no turning round: the complement of the standing.
    ranked.extend(entries.map(|entry| !standing(&entry)));
    choose(limit, ranked, best);
}

fn choose(limit: usize, ranked: &mut Vec<u64>, best: &mut Vec<(u32, f32)>) {
    best.clear();
    if ranked.len() > limit && limit > 0 {
        ranked.select_nth_unstable(limit - 1);
    }
    ranked.truncate(limit);
    ranked.sort_unstable();
    best.extend(ranked.iter().map(|&complement| entry(!complement)));
}

/// What scores are weighted by.
pub(crate) struct Factor<F, R> {
    /// The factor of a number. 0..=`most`.
    pub(crate) of: F,
    pub(crate) most: f32,
    /// Reads what the factor of a number depends on, see [`fetch`].
    pub(crate) reads: R,
}

/// The `limit` entries of largest score times factor into `best`, scores being positive. A
/// factor may cost a walk through memory and a logarithm: it is asked for only where it can matter.
pub(crate) fn best_weighted(
    entries: impl Iterator<Item = (u32, f32)>,
    factor: Factor<impl Fn(u32) -> f32, impl Fn(u32) -> u32>,
    limit: usize,
    ranked: &mut Vec<u64>,
    best: &mut Vec<(u32, f32)>,
) {
    /// How many more than `limit` are weighted at first, to learn what the others have to reach.
    const AT_FIRST: usize = 2;
    ranked.clear();
    ranked.extend(entries.map(|entry| !standing(&entry)));
    let first = limit.saturating_mul(AT_FIRST);
    let weighted = |(number, score): (u32, f32)| (number, score * (factor.of)(number));
    let weigh = |complement: &mut u64| *complement = !standing(&weighted(entry(!*complement)));
    let fetch = |ranked: &[u64]| fetch(ranked.iter().map(|&complement| (factor.reads)(entry(!complement).0)));
    if limit == 0 || ranked.len() <= first {
        fetch(ranked);
        ranked.iter_mut().for_each(weigh);
        return choose(limit, ranked, best);
    }
    ranked.select_nth_unstable(first - 1);
    fetch(&ranked[..first]);
    ranked[..first].iter_mut().for_each(weigh);
    let (_, &mut last, _) = ranked[..first].select_nth_unstable(limit - 1);
    let reached = entry(!last).1;
    let mut kept = first;
    for place in first..ranked.len() {
        let other = entry(!ranked[place]);
        if other.1 * factor.most >= reached {
            ranked[kept] = !standing(&weighted(other));
            kept += 1;
        }
    }
    ranked.truncate(kept);
    choose(limit, ranked, best);
}

/// The entry that has this standing.
fn entry(standing: u64) -> (u32, f32) {
    let ordered = (standing >> 32) as u32;
    let bits = if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered };
    (!(standing as u32), f32::from_bits(bits))
}

/// Score and number as one integer, for sorting compares nothing faster: as [`f32::total_cmp`] orders scores, then the
/// lower number above the higher.
fn standing(&(number, score): &(u32, f32)) -> u64 {
    let bits = score.to_bits();
    let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
    u64::from(ordered) << 32 | u64::from(!number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_a_full_sort(
            entries in prop::collection::vec((0..90_u32, prop_oneof![-2.0..2.0_f32, Just(0.0), Just(-0.0), Just(1.0)]), 0..200),
            limit in 0..50_usize,
        ) {
            let mut sorted = entries.clone();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            sorted.truncate(limit);
            let (mut kept, mut selected) = (entries.clone(), entries.clone());
            let (mut ranked, mut best) = (Vec::new(), Vec::new());
            best_of(entries.iter().copied(), limit, &mut ranked, &mut best);
            prop_assert_eq!(&best, &sorted);

            let positive = entries.iter().copied().filter(|entry| entry.1 > 0.0);
            let factor = |number: u32| 1.0 / (1.0 + number as f32 % 7.0);
            let weights = Factor { of: factor, most: 1.0, reads: |number| number };
            best_weighted(positive.clone(), weights, limit, &mut ranked, &mut best);
            let mut weighted: Vec<_> = positive.map(|(number, score)| (number, score * factor(number))).collect();
            keep_best(&mut weighted, limit);
            prop_assert_eq!(&best, &weighted);
            keep_best(&mut kept, limit);
            prop_assert_eq!(&kept, &sorted);
            select_best(&mut selected, limit);
            selected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            prop_assert_eq!(&selected, &sorted);
        }
    }
}
