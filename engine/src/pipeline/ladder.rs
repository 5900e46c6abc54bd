//! What fills slots when the strategy's own candidates do not: each rung wider and less personal than the one before.

use super::Scratch;
use super::draft::{Draft, Origin};
use crate::candidates::{listed, paired};
use crate::nouns::Tier;
use crate::store::{ItemIx, Moment, place};

/// Items of the catalogue looked at, at most, when all else failed: bounds the time an answer can take when nearly
/// nothing is eligible. At some 10 ns each, more with rules of the shop's own, this is a fifth of a millisecond.
const MAX_CATALOGUE: usize = 20_000;
/// They are taken in runs of this length from all over the catalogue: a shop puts in its departments one after another,
/// and the one that may be shown need not be the first. Runs, because neighbours in memory are quick to read.
const RUN: usize = 500;

/// Fills the free slots from the context's categories, the curated choice, the bestsellers, the whole catalogue.
pub(super) fn fill(moment: &Moment<'_>, scratch: &mut Scratch, draft: &mut Draft<'_>) {
    let ceiling = moment.request.ceiling;
    if draft.is_full() || ceiling == Tier::Empty {
        return;
    }
    let leaders = &moment.state.leaders;
    let was_empty = draft.is_empty();
    let category = moment.last().filter(|_| ceiling <= Tier::Category);
    let category = category.map(|last| moment.state.catalog.facts(last).category);
    if let Some(board) = category.and_then(|category| leaders.category(category)) {
        draft.fill(board.items(), Origin::Source(place::CATEGORY), scratch);
    }
    if was_empty {
        draft.tier = if draft.is_empty() { Tier::Curated } else { Tier::Category };
    }
    draft.fill(paired(moment).chain(listed(moment)), Origin::Source(place::CURATED), scratch);
    draft.fill(leaders.trending.items(), Origin::Source(place::TRENDING), scratch);
    draft.fill(leaders.bestsellers.items(), Origin::Bestsellers, scratch);
    draft.fill(spread(moment.state.catalog.numbers()), Origin::Catalogue, scratch);
}

/// At most [`MAX_CATALOGUE`] of `items` numbers, spread evenly in runs; all of them, in order, where there are not more.
fn spread(items: usize) -> impl Iterator<Item = ItemIx> {
    let runs = MAX_CATALOGUE / RUN;
    let (runs, length) = if items <= MAX_CATALOGUE { (1, items) } else { (runs, RUN) };
    (0..runs).flat_map(move |run| {
        let begin = items / runs * run;
        (begin..begin + length).map(|number| number as ItemIx)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_catalogue_is_walked_whole_and_a_large_one_all_over() {
        assert_eq!(spread(7).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(spread(MAX_CATALOGUE).count(), MAX_CATALOGUE);
        let of_many: Vec<_> = spread(1_000_003).collect();
        assert_eq!(of_many.len(), MAX_CATALOGUE);
        assert!(of_many.windows(2).all(|pair| pair[0] < pair[1]), "each once");
        assert!(of_many.last().is_some_and(|&last| last > 970_000 && last < 1_000_003));
    }
}
