use super::{Source, Workspace, category};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, keep_best};

/// Categories that are followed from each category of the context.
const FOLLOWED: usize = 6;
/// Items taken of each.
const PER_CATEGORY: u8 = 12;

/// The most wanted of the categories that go with the context's, of brands that go with its brands first: what goes
/// together at large, known long before it is known item by item.
///
/// score(j) = sum over context categories c of P(category_j | c) (1 + P(brand_j | brand of c's item)) / (4 + rank_j).
pub(crate) struct Complements;

impl Source for Complements {
    fn name(&self) -> &'static str {
        "complements"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.complements
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::GoesWithCategory
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let catalog = &moment.state.catalog;
        work.items.begin(catalog.numbers());
        for (category, of) in category::of_context(moment) {
            let brands = moment.kin_row(&moment.state.brand_rows, catalog.facts(of).brand);
            for (partner, share) in followed(moment, category) {
                let Some(board) = moment.state.leaders.category(partner) else { continue };
                for (rank, item) in (1..=PER_CATEGORY).zip(board.items()) {
                    let kin = brands.map_or(0.0, |row| row.conditional(catalog.facts(item).brand));
                    work.items.add(item, share * (1.0 + kin) / (4.0 + f32::from(rank)));
                }
            }
        }
        work.leave_out_visit(moment);
        work.items.best(limit, &mut work.found);
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        let own = moment.state.catalog.facts(item).category;
        let share = |category| moment.kin_share(&moment.state.category_rows, category, own);
        category::of_context(moment).into_iter().map(|(category, of)| (of, share(category))).collect()
    }
}

/// The categories that go with one best: other ones where a cart is being filled, any where the shopper looks around.
fn followed(moment: &Moment<'_>, category: u32) -> Vec<(u32, f32)> {
    let Some(row) = moment.kin_row(&moment.state.category_rows, category) else { return Vec::new() };
    let others_only = moment.intent().has_cart();
    let wanted = |&(partner, _): &(u32, f32)| !(others_only && partner == category);
    let partners = row.partners.iter().zip(&row.weights).map(|(&partner, &weight)| (partner, weight / row.n));
    let mut partners: Vec<_> = partners.filter(wanted).collect();
    keep_best(&mut partners, FOLLOWED);
    partners
}
