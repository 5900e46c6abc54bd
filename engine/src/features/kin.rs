//! What goes together at large: how likely a candidate's category and brand are, given those of the context.

use super::set;
use crate::nouns::{Feature, Intent, Vector};
use crate::store::{Facts, Moment, NO_IX, Rows};

/// Items of context whose category and brand speak.
const VOICES: usize = 6;

/// P(category | context) and P(brand | context), as far as anything is known.
pub(super) struct Kin {
    categories: Vec<(u32, f32)>,
    brands: Vec<(u32, f32)>,
}

impl Kin {
    pub(super) fn of(moment: &Moment<'_>) -> Self {
        Self {
            categories: shares(moment, &moment.state.category_rows, |facts| facts.category),
            brands: shares(moment, &moment.state.brand_rows, |facts| facts.brand),
        }
    }

    pub(super) fn write(&self, facts: &Facts, vector: &mut Vector) {
        set(vector, Feature::CategoryGiven, share(&self.categories, facts.category));
        set(vector, Feature::BrandGiven, share(&self.brands, facts.brand));
    }
}

fn share(shares: &[(u32, f32)], of: u32) -> f32 {
    shares.binary_search_by_key(&of, |&(kin, _)| kin).map_or(0.0, |place| shares[place].1.min(1.0))
}

/// The mean over the newest items of context, all alike in a basket, the newest above all when browsing; by number.
fn shares(moment: &Moment<'_>, rows: &Rows, kin: impl Fn(&Facts) -> u32) -> Vec<(u32, f32)> {
    let say = |age: f32| if moment.intent() == Intent::Basket { 1.0 } else { (-age).exp() };
    let mut shares: Vec<(u32, f32)> = Vec::new();
    let mut total = 0.0;
    for seen in moment.visit.iter().take(VOICES) {
        let of = kin(moment.state.catalog.facts(seen.item));
        let Some((row, n)) = moment.kin_row(rows, of) else { continue };
        let say = say(seen.age);
        total += say;
        let partners = row.partners.iter().zip(&row.weights).filter(|&(&partner, _)| partner != NO_IX);
        shares.extend(partners.map(|(&partner, &weight)| (partner, say * weight / n)));
    }
    shares.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    shares.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    shares.iter_mut().for_each(|share| share.1 /= total);
    shares
}
