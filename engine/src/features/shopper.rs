//! What the shopper did before this visit, with the candidate, its category and its brand.

use super::set;
use super::shares::Shares;
use crate::nouns::{DAY_MS, Feature, Timestamp, Vector};
use crate::store::{Facts, ItemIx, Moment, NO_IX, Profile};

/// Days after which "lately" has halved.
const LATELY_DAYS: f32 = 7.0;

/// A known shopper's past, put together once per request.
pub(super) struct Shopper<'a> {
    profile: &'a Profile,
    /// Square roots of the shares of past purchases by category and by brand: most shares are small, and differ.
    categories: Shares,
    brands: Shares,
    /// Mean log price of past purchases.
    log_price: Option<f32>,
}

impl<'a> Shopper<'a> {
    pub(super) fn of(moment: &'a Moment<'_>) -> Option<Self> {
        let profile = moment.profile()?;
        let (mut categories, mut brands) = (Vec::new(), Vec::new());
        let (mut total, mut priced, mut log_price) = (0.0, 0.0, 0.0);
        for (item, count, _) in profile.bought.iter() {
            let (facts, count) = (moment.state.catalog.facts(item), moment.lens.users.of(count));
            total += count;
            let known = |kin: u32| (kin != NO_IX).then_some((kin, count));
            categories.extend(known(facts.category));
            brands.extend(known(facts.brand));
            if facts.price_minor > 0 {
                priced += count;
                log_price += count * (facts.price_minor as f32).ln();
            }
        }
        // Counts may have faded to nothing.
        let root = |sum: f32| if total > 0.0 { (sum / total).sqrt() } else { 0.0 };
        Some(Self {
            profile,
            categories: Shares::of(categories.into_iter(), root),
            brands: Shares::of(brands.into_iter(), root),
            log_price: (priced > 0.0).then(|| log_price / priced),
        })
    }

    pub(super) fn write(&self, moment: &Moment<'_>, item: ItemIx, facts: &Facts, vector: &mut Vector) {
        if let Some((count, at)) = self.profile.bought.get(item) {
            set(vector, Feature::UserBought, (1.0 + moment.lens.users.of(count)).ln());
            set(vector, Feature::UserRecency, lately(moment.aged, at));
        }
        // What the visit has come to, its own events have just entered there.
        let is_new = vector[Feature::InVisit as usize] == 0.0;
        if let Some((count, at)) = self.profile.seen.get(item).filter(|_| is_new) {
            set(vector, Feature::UserLooked, (1.0 + moment.lens.users.of(count)).ln());
            set(vector, Feature::UserLookedRecency, lately(moment.aged, at));
        }
        set(vector, Feature::UserCategory, self.categories.get(facts.category));
        set(vector, Feature::UserBrand, self.brands.get(facts.brand));
        if let (Some(usual), true) = (self.log_price, facts.price_minor > 0) {
            set(vector, Feature::UserPrice, ((facts.price_minor as f32).ln() - usual).abs().min(4.0) / 4.0);
        }
    }
}

fn lately(now: Timestamp, at: Timestamp) -> f32 {
    let days = now.since_ms(at).max(0) as f32 / DAY_MS as f32;
    1.0 / (1.0 + days / LATELY_DAYS)
}
