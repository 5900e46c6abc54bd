//! What goes together at large: how likely a candidate's category and brand are, given those of the context.

use super::set;
use super::shares::{Asked, Shares};
use crate::nouns::{Feature, Vector};
use crate::store::{Facts, Moment, Pool, Rows};

/// Items of context whose category and brand speak.
const VOICES: usize = 6;

/// P(category | context) and P(brand | context), as far as anything is known.
pub(super) struct Kin {
    categories: Shares,
    brands: Shares,
}

impl Kin {
    pub(super) fn of(moment: &Moment<'_>, pool: &Pool) -> Self {
        Self {
            categories: shares(moment, pool, &moment.state.category_rows, |facts| facts.category),
            brands: shares(moment, pool, &moment.state.brand_rows, |facts| facts.brand),
        }
    }

    pub(super) fn write(&self, facts: &Facts, vector: &mut Vector) {
        set(vector, Feature::CategoryGiven, self.categories.get(facts.category));
        set(vector, Feature::BrandGiven, self.brands.get(facts.brand));
    }
}

/// The mean over the newest items of context, all alike in a basket, the newest above all when browsing. 0..=1.
fn shares(moment: &Moment<'_>, pool: &Pool, rows: &Rows, kin: impl Fn(&Facts) -> u32) -> Shares {
    let say = |age: f32| if moment.intent().has_cart() { 1.0 } else { (-age).exp() };
    let kin_of = |item| kin(moment.state.catalog.facts(item));
    // Most of what the rows tell is of kin that no candidate has.
    let asked = Asked::of(pool.candidates.iter().map(|candidate| kin_of(candidate.item)));
    let mut parts: Vec<(u32, f32)> = Vec::new();
    let mut total = 0.0;
    for seen in moment.visit.iter().take(VOICES) {
        let Some(row) = moment.kin_row(rows, kin_of(seen.item)) else { continue };
        let say = say(seen.age);
        total += say;
        let partners = row.partners.iter().zip(&row.weights).filter(|&(&partner, _)| asked.may_hold(partner));
        parts.extend(partners.map(|(&partner, &weight)| (partner, say * weight / row.n)));
    }
    Shares::of(parts.into_iter(), |sum| (sum / total).min(1.0))
}
