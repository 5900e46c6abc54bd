//! What is true of an item whoever asks, and how alike it is to what the shopper looks at.

use super::set;
use crate::nouns::{EventKind, Feature, HOUR_MS, Vector};
use crate::store::{Facts, ItemIx, Moment, NO_IX, Pool};

/// What holds for all candidates of one request.
pub(super) struct Surroundings {
    last_category: u32,
    last_department: u32,
    last_brand: u32,
    /// Mean log price of the context.
    log_price: Option<f32>,
    categories: Vec<u32>,
}

impl Surroundings {
    pub(super) fn of(moment: &Moment<'_>) -> Self {
        let facts = |ix| moment.state.catalog.facts(ix);
        let last = moment.last().map(facts);
        let prices: Vec<f32> = moment
            .recent()
            .iter()
            .map(|seen| facts(seen.item).price_minor)
            .filter(|&p| p > 0)
            .map(|p| (p as f32).ln())
            .collect();
        Self {
            last_category: last.map_or(NO_IX, |last| last.category),
            last_department: last.map_or(NO_IX, |last| last.department),
            last_brand: last.map_or(NO_IX, |last| last.brand),
            log_price: (!prices.is_empty()).then(|| prices.iter().sum::<f32>() / prices.len() as f32),
            categories: moment.recent().iter().map(|seen| facts(seen.item).category).collect(),
        }
    }
}

/// How much everybody wants it, and lately.
pub(super) fn wanted(moment: &Moment<'_>, item: ItemIx, vector: &mut Vector) {
    let counter = moment.state.counters.get(item);
    popularity(moment.lens.counts.of(counter.long), moment.lens.short.of(counter.short), vector);
    let idle_ms = counter.last_at.map_or(i64::MAX / 2, |at| moment.aged.since_ms(at).max(0));
    let bought = moment.lens.counts.of(counter.of(EventKind::Purchase));
    set(vector, Feature::LogBought, (1.0 + bought).ln() / 8.0);
    set(vector, Feature::LogIdle, (1.0 + idle_ms as f32 / HOUR_MS as f32).ln().min(10.0) / 10.0);
}

/// The same for what the visit has come to: what others think of it, as the visit's own events must not say more where
/// they have arrived than where the request alone tells of them. Nobody can say when others met it last; it is as if
/// just now.
pub(super) fn wanted_by_others(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    for seen in moment.visit.iter().filter(|seen| seen.browsed) {
        let Some(place) = pool.place(seen.item) else { continue };
        let counter = moment.state.counters.get(seen.item);
        let others = |all: f32| (all - seen.interest).max(0.0);
        let vector = &mut vectors[place];
        popularity(others(moment.lens.counts.of(counter.long)), others(moment.lens.short.of(counter.short)), vector);
        set(vector, Feature::LogIdle, 0.0);
    }
}

/// How much is wanted what has such counts in the long and in the short run.
fn popularity(long: f32, short: f32, vector: &mut Vector) {
    let (long, short) = ((1.0 + long).ln(), (1.0 + short).ln());
    set(vector, Feature::LogCount, long / 8.0);
    set(vector, Feature::LogTrend, short / 8.0);
    set(vector, Feature::Rising, (short - long).clamp(-8.0, 8.0) / 8.0);
}

/// How alike it is to what the shopper looks at.
pub(super) fn likeness(around: &Surroundings, facts: &Facts, vector: &mut Vector) {
    let same = |a: u32, b: u32| f32::from(u8::from(a != NO_IX && a == b));
    set(vector, Feature::SameCategory, same(facts.category, around.last_category));
    set(vector, Feature::SameDepartment, same(facts.department, around.last_department));
    set(vector, Feature::SameBrand, same(facts.brand, around.last_brand));
    if facts.category != NO_IX && !around.categories.is_empty() {
        let of_it = around.categories.iter().filter(|&&category| category == facts.category).count();
        set(vector, Feature::CategoryShare, of_it as f32 / around.categories.len() as f32);
    }
    if let (Some(log_price), true) = (around.log_price, facts.price_minor > 0) {
        set(vector, Feature::PriceRatio, ((facts.price_minor as f32).ln() - log_price).abs().min(4.0) / 4.0);
    }
}
