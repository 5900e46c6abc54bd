use super::{Source, Workspace, category};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{Facts, ItemIx, Moment, NO_IX};

/// What counts for a newcomer beside its category: the same brand as the item it stands for.
const SAME_BRAND: f32 = 0.5;

/// New in the context's categories, the nearest in brand and price first; without context, new in the shop. An item
/// that nobody has met yet can be found by what it is alone.
pub(crate) struct NewArrivals;

impl Source for NewArrivals {
    fn name(&self) -> &'static str {
        "newcomers"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.newcomers
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::NewArrival
    }

    fn is_contextual(&self) -> bool {
        false
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let (catalog, newcomers) = (&moment.state.catalog, &moment.state.newcomers);
        work.items.begin(catalog.numbers());
        for (place, (category, of)) in (1_u8..).zip(category::of_context(moment)) {
            let like = catalog.facts(of);
            for item in newcomers.of(category, moment.now) {
                work.items.add(item, closeness(catalog.facts(item), like) / f32::from(place));
            }
        }
        if moment.visit.is_empty() {
            let newest = (1_u16..).zip(newcomers.overall(moment.now));
            newest.for_each(|(rank, item)| work.items.add(item, 1.0 / f32::from(rank)));
        }
        work.leave_out_visit(moment);
        work.items.best(limit, &mut work.found);
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        category::because(moment, item)
    }
}

/// How near two items of one category are by brand and price: 0.1 to 1.5.
fn closeness(a: &Facts, b: &Facts) -> f32 {
    let brand = if a.brand != NO_IX && a.brand == b.brand { SAME_BRAND } else { 0.0 };
    let price = if a.price_minor > 0 && b.price_minor > 0 {
        (-(a.price_minor as f32 / b.price_minor as f32).ln().abs()).exp()
    } else {
        0.0
    };
    brand + price.max(0.1)
}
