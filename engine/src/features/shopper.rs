//! What the shopper did before this visit, with the candidate, its category and its brand.

use super::set;
use crate::nouns::{DAY_MS, Feature, Timestamp, Vector};
use crate::store::{Facts, ItemIx, Moment, NO_IX, Profile};

/// Days after which "lately" has halved.
const LATELY_DAYS: f32 = 7.0;

/// A known shopper's past, put together once per request.
pub(super) struct Shopper<'a> {
    profile: &'a Profile,
    /// Share of past purchases by category and by brand, by number.
    categories: Vec<(u32, f32)>,
    brands: Vec<(u32, f32)>,
    /// Mean log price of past purchases.
    log_price: Option<f32>,
}

impl<'a> Shopper<'a> {
    pub(super) fn of(moment: &Moment<'a>) -> Option<Self> {
        let profile = moment.profile?;
        let (mut categories, mut brands) = (Vec::new(), Vec::new());
        let (mut total, mut priced, mut log_price) = (0.0, 0.0, 0.0);
        for (item, count, _) in profile.bought.iter() {
            let (facts, count) = (moment.state.catalog.facts(item), moment.lens.users.of(count));
            total += count;
            categories.push((facts.category, count));
            brands.push((facts.brand, count));
            if facts.price_minor > 0 {
                priced += count;
                log_price += count * (facts.price_minor as f32).ln();
            }
        }
        Some(Self {
            profile,
            categories: shares(categories, total),
            brands: shares(brands, total),
            log_price: (priced > 0.0).then(|| log_price / priced),
        })
    }

    pub(super) fn write(&self, moment: &Moment<'_>, item: ItemIx, facts: &Facts, vector: &mut Vector) {
        if let Some((count, at)) = self.profile.bought.get(item) {
            set(vector, Feature::UserBought, (1.0 + moment.lens.users.of(count)).ln());
            set(vector, Feature::UserRecency, lately(moment.now, at));
        }
        if let Some((count, at)) = self.profile.seen.get(item) {
            set(vector, Feature::UserLooked, (1.0 + moment.lens.users.of(count)).ln());
            set(vector, Feature::UserLookedRecency, lately(moment.now, at));
        }
        set(vector, Feature::UserCategory, share(&self.categories, facts.category));
        set(vector, Feature::UserBrand, share(&self.brands, facts.brand));
        if let (Some(usual), true) = (self.log_price, facts.price_minor > 0) {
            set(vector, Feature::UserPrice, ((facts.price_minor as f32).ln() - usual).abs().min(4.0) / 4.0);
        }
    }
}

fn lately(now: Timestamp, at: Timestamp) -> f32 {
    let days = now.since_ms(at).max(0) as f32 / DAY_MS as f32;
    1.0 / (1.0 + days / LATELY_DAYS)
}

/// Counts to square roots of shares, by number: most shares are small, and differ.
fn shares(mut counts: Vec<(u32, f32)>, total: f32) -> Vec<(u32, f32)> {
    counts.retain(|&(of, _)| of != NO_IX);
    counts.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    counts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0.0 };
        same
    });
    counts.iter_mut().for_each(|count| count.1 = (count.1 / total).sqrt());
    counts
}

fn share(shares: &[(u32, f32)], of: u32) -> f32 {
    shares.binary_search_by_key(&of, |&(kin, _)| kin).map_or(0.0, |place| shares[place].1)
}
