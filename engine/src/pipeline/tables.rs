//! The two simpler strategies: the daily table and the fixed list.

use super::Scratch;
use super::draft::{Draft, Origin, Score};
use crate::candidates::{listed, paired};
use crate::nouns::Tier;
use crate::store::{ItemIx, MAX_CART, Moment, Seen, place};

/// Entries taken from the table's sum, at most.
const MAX_FOUND: usize = 300;
/// Steps in which a context item's say falls to 1/e.
const MEMORY: f32 = 2.5;

fn say(seen: &Seen) -> f32 {
    if seen.in_cart { 1.0 } else { (-seen.age / MEMORY).exp() }
}

/// Looks the current items up in the table; short answers are filled from the fixed list.
pub(super) fn batch(moment: &Moment<'_>, scratch: &mut Scratch, draft: &mut Draft<'_>) {
    let items = &mut scratch.work.items;
    items.begin(moment.state.catalog.numbers());
    for seen in moment.visit.iter().take(MAX_CART) {
        for &(partner, score) in moment.state.batch.get(seen.item) {
            items.add(partner, score * say(seen));
        }
    }
    let mut found = std::mem::take(&mut scratch.work.found);
    scratch.work.items.best(MAX_FOUND, &mut found);
    found.retain(|&(item, _)| draft.admits(item, scratch));
    if draft.shop.weighs() {
        found.iter_mut().for_each(|(item, score)| *score *= draft.shop.weight(*item) as f32);
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    }
    for &(item, score) in &found {
        draft.place(item, Score::bare(score), Origin::BatchTable, None);
    }
    scratch.work.found = found;
    draft.tier = if draft.is_empty() { Tier::Curated } else { Tier::CoPurchase };
    draft.fill(moment.state.fixed.items().iter().copied(), Origin::StaticList, scratch);
}

/// Curated pairs, curated lists, then the bestsellers of the day the list was fixed.
pub(super) fn fixed(moment: &Moment<'_>, scratch: &mut Scratch, draft: &mut Draft<'_>) {
    draft.tier = Tier::Curated;
    draft.fill(paired(moment).chain(listed(moment)), Origin::Source(place::CURATED), scratch);
    draft.fill(moment.state.fixed.items().iter().copied(), Origin::StaticList, scratch);
}

/// What the table's score for an item rests on.
pub(super) fn because(moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
    let share = |seen: &Seen| {
        let row = moment.state.batch.get(seen.item);
        row.iter().find(|&&(partner, _)| partner == item).map_or(0.0, |&(_, score)| score * say(seen))
    };
    moment.visit.iter().map(|seen| (seen.item, share(seen))).collect()
}
