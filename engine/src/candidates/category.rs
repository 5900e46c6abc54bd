use super::{Source, Workspace};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, NO_IX};

/// Categories of the context looked at, newest first.
const CATEGORIES: usize = 4;

/// The most wanted items of the context's categories. Reaches items that are too new for anyone to have met them
/// together with the context.
pub(crate) struct Category;

impl Source for Category {
    fn name(&self) -> &'static str {
        "category"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.category
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::GoesWithCategory
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let catalog = &moment.state.catalog;
        work.items.begin(catalog.numbers());
        for (place, (category, _)) in (1_u8..).zip(of_context(moment)) {
            let Some(board) = moment.state.leaders.category(category) else { continue };
            for (rank, item) in (1_u8..=u8::MAX).zip(board.items().take(limit)) {
                work.items.add(item, 1.0 / (f32::from(place) * (4.0 + f32::from(rank))));
            }
        }
        work.items.best(limit, &mut work.found);
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        because(moment, item)
    }
}

/// The items of context that are of the item's category.
pub(super) fn because(moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
    let own = moment.state.catalog.facts(item).category;
    of_context(moment).into_iter().filter(|&(category, _)| category == own).map(|(_, of)| (of, 1.0)).collect()
}

/// The newest different categories of the context, each with the newest item of it.
pub(super) fn of_context(moment: &Moment<'_>) -> Vec<(u32, ItemIx)> {
    let mut found: Vec<(u32, ItemIx)> = Vec::with_capacity(CATEGORIES);
    for seen in moment.recent() {
        let category = moment.state.catalog.facts(seen.item).category;
        if category != NO_IX && found.len() < CATEGORIES && !found.iter().any(|&(other, _)| other == category) {
            found.push((category, seen.item));
        }
    }
    found
}
