//! What fills slots when the strategy's own candidates do not: each rung wider and less personal than the one before.

use super::Scratch;
use super::draft::{Draft, Origin};
use crate::candidates::{listed, paired};
use crate::nouns::Tier;
use crate::store::{ItemIx, Moment, place};

/// Items of the catalogue looked at, at most, when all else failed: bounds the time an answer can take when nearly
/// nothing is eligible. At some 10 ns each this is a fifth of a millisecond.
const MAX_CATALOGUE: usize = 20_000;

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
    let all = 0..moment.state.catalog.numbers() as ItemIx;
    draft.fill(all.take(MAX_CATALOGUE), Origin::Catalogue, scratch);
}
