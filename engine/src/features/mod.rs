//! What the scorer knows of a candidate: a fixed list of numbers ([`Feature`]), each small, finite and comparable across
//! requests.

use crate::nouns::{FEATURES, Feature, HOUR_MS, Vector};
use crate::store::{Candidate, ItemIx, Moment, NO_IX, Pool, Relation, place};

/// Items of context whose rows are read for each request's conditional features.
const LINKS: usize = 8;

/// Writes the features of each candidate of the pool into `vectors`, in the pool's order.
pub(crate) fn extract(moment: &Moment<'_>, pool: &Pool, vectors: &mut Vec<Vector>) {
    vectors.clear();
    vectors.resize(pool.candidates.len(), [0.0; FEATURES]);
    let surroundings = Surroundings::of(moment);
    for (candidate, vector) in pool.candidates.iter().zip(vectors.iter_mut()) {
        sources(candidate, vector);
        wanted(moment, candidate.item, vector);
        likeness(moment, &surroundings, candidate.item, vector);
        shopper(moment, candidate.item, vector);
    }
    own_visit(moment, pool, vectors);
    visit_links(moment, pool, vectors);
    basket_links(moment, pool, vectors);
    for vector in vectors.iter_mut() {
        products(surroundings.log_length, vector);
    }
}

fn set(vector: &mut Vector, feature: Feature, value: f32) {
    vector[feature as usize] = value;
}

/// What holds for all candidates of one request.
struct Surroundings {
    log_length: f32,
    last_category: u32,
    last_department: u32,
    last_brand: u32,
    log_price: Option<f32>,
    categories: Vec<u32>,
}

impl Surroundings {
    fn of(moment: &Moment<'_>) -> Self {
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
            log_length: (1.0 + moment.visit.len() as f32).ln(),
            last_category: last.map_or(NO_IX, |last| last.category),
            last_department: last.map_or(NO_IX, |last| last.department),
            last_brand: last.map_or(NO_IX, |last| last.brand),
            log_price: (!prices.is_empty()).then(|| prices.iter().sum::<f32>() / prices.len() as f32),
            categories: moment.recent().iter().map(|seen| facts(seen.item).category).collect(),
        }
    }
}

/// What each source says of the candidate: its score against the best, and its rank.
fn sources(candidate: &Candidate, vector: &mut Vector) {
    use Feature as F;
    let relative = |place: usize| candidate.relative[place];
    let rank = |place: usize| match candidate.ranks[place] {
        0 => 0.0,
        rank => 1.0 / f32::from(rank),
    };
    for (place, score, by_rank) in [
        (place::BOUGHT, F::BoughtRelative, F::BoughtRank),
        (place::CARTED, F::CartedRelative, F::CartedRank),
        (place::VIEWED, F::ViewedRelative, F::ViewedRank),
        (place::KNN, F::KnnRelative, F::KnnRank),
        (place::TWO_HOPS, F::TwoHopsRelative, F::TwoHopsRank),
        (place::USER, F::UserRelative, F::UserRank),
    ] {
        set(vector, score, relative(place));
        set(vector, by_rank, rank(place));
    }
    set(vector, F::CategoryRank, rank(place::CATEGORY));
    set(vector, F::TrendingRank, rank(place::TRENDING));
    set(vector, F::CuratedRank, rank(place::CURATED));
    set(vector, F::BoughtRoot, relative(place::BOUGHT).sqrt());
    set(vector, F::ViewedRoot, relative(place::VIEWED).sqrt());
    set(vector, F::KnnRoot, relative(place::KNN).sqrt());
}

/// How much everybody wants it, and lately.
fn wanted(moment: &Moment<'_>, item: ItemIx, vector: &mut Vector) {
    let counter = moment.state.counters.get(item);
    let long = (1.0 + moment.lens.counts.of(counter.long)).ln();
    let short = (1.0 + moment.lens.short.of(counter.short)).ln();
    let idle_ms = counter.last_at.map_or(i64::MAX / 2, |at| moment.now.since_ms(at).max(0));
    set(vector, Feature::LogCount, long / 8.0);
    set(vector, Feature::LogTrend, short / 8.0);
    set(vector, Feature::Rising, (short - long).clamp(-8.0, 8.0) / 8.0);
    set(vector, Feature::LogIdle, (1.0 + idle_ms as f32 / HOUR_MS as f32).ln().min(10.0) / 10.0);
}

/// How alike it is to what the shopper looks at.
fn likeness(moment: &Moment<'_>, around: &Surroundings, item: ItemIx, vector: &mut Vector) {
    let facts = moment.state.catalog.facts(item);
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

/// What the shopper did with it before this visit.
fn shopper(moment: &Moment<'_>, item: ItemIx, vector: &mut Vector) {
    let Some((count, at)) = moment.profile.and_then(|profile| profile.bought.get(item)) else { return };
    let days = moment.now.since_ms(at).max(0) as f32 / (24 * HOUR_MS) as f32;
    set(vector, Feature::UserBought, (1.0 + moment.lens.users.of(count)).ln());
    set(vector, Feature::UserRecency, 1.0 / (1.0 + days / 7.0));
}

/// P(j | i) for the newest items i of context, each row read once. The visit's own items have none: its own events
/// have just drawn them together.
fn visit_links(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let rows = &moment.state.rows;
    let recent = &moment.visit[..moment.visit.len().min(LINKS)];
    for (age, seen) in recent.iter().enumerate() {
        let Some(row) = rows.get(Relation::Visit, seen.item) else { continue };
        let factor = moment.lens.rows.factor(row.epoch);
        let n = seen.occurrences(row.n * factor);
        for (&partner, &weight) in row.partners.iter().zip(&row.weights) {
            let Some(place) = pool.place(partner) else { continue };
            let vector = &mut vectors[place];
            if vector[Feature::InVisit as usize] > 0.0 {
                continue;
            }
            let weight = weight * factor;
            let p = (weight / n).min(1.0);
            match age {
                0 => {
                    set(vector, Feature::LastVisit, p);
                    set(vector, Feature::LastCosine, cosine(moment, n, weight, partner));
                }
                1 => set(vector, Feature::SecondVisit, p),
                _ => {}
            }
            let best = &mut vector[Feature::BestVisit as usize];
            *best = best.max(p);
            vector[Feature::LinkedShare as usize] += 1.0 / recent.len() as f32;
        }
    }
}

/// C_ij / sqrt(n_i n_j), all as of now.
fn cosine(moment: &Moment<'_>, n: f32, weight: f32, partner: ItemIx) -> f32 {
    let reading = &moment.lens.rows;
    let other = moment.state.rows.get(Relation::Visit, partner).map_or(0.0, |row| row.n * reading.factor(row.epoch));
    (weight / (n * other.max(1.0)).sqrt()).min(1.0)
}

/// P(j | i) in orders, best and mean over the cart (or over the context, if there is no cart).
fn basket_links(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let has_cart = !moment.cart.is_empty();
    let basis = moment.visit.iter().filter(|seen| seen.in_cart || !has_cart);
    let share = 1.0 / basis.clone().count().max(1) as f32;
    for seen in basis {
        let Some(row) = moment.state.rows.get(Relation::Buy, seen.item).filter(|row| row.n > 0.0) else { continue };
        let factor = moment.lens.rows.factor(row.epoch);
        for (&partner, &weight) in row.partners.iter().zip(&row.weights) {
            let Some(place) = pool.place(partner) else { continue };
            let p = (weight * factor / (row.n * factor + 1.0)).min(1.0);
            let best = &mut vectors[place][Feature::BestBuy as usize];
            *best = best.max(p);
            vectors[place][Feature::MeanBuy as usize] += p * share;
        }
    }
}

fn own_visit(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    for seen in moment.visit.iter().filter(|seen| seen.browsed) {
        let Some(place) = pool.place(seen.item) else { continue };
        let vector = &mut vectors[place];
        set(vector, Feature::InVisit, 1.0);
        set(vector, Feature::InVisitRecency, 1.0 / (1.0 + seen.age));
        set(vector, Feature::InVisitTimes, (seen.times as f32).ln_1p());
        let first = if seen.age == 0.0 { Feature::IsLast } else { Feature::IsSecondLast };
        set(vector, first, f32::from(u8::from(seen.age <= 1.0)));
    }
    own_steps(moment, pool, vectors);
}

/// Where the visit went, or came from, at earlier times when it stood at the newest item.
fn own_steps(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let Some(&last) = moment.path.first() else { return };
    let turns = moment.path.iter().filter(|&&item| item == last).count() as f32;
    let mut count = |item: ItemIx, feature: Feature| {
        if let Some(place) = pool.place(item) {
            vectors[place][feature as usize] += 1.0 / turns;
        }
    };
    for step in moment.path.windows(2) {
        let (later, earlier) = (step[0], step[1]);
        if earlier == last {
            count(later, Feature::FollowedLast);
        }
        if later == last {
            count(earlier, Feature::PrecededLast);
        }
    }
}

/// What a linear scorer cannot see by itself.
fn products(log_length: f32, vector: &mut Vector) {
    let knn = vector[Feature::KnnRelative as usize];
    set(vector, Feature::KnnInVisit, knn * vector[Feature::InVisit as usize]);
    set(vector, Feature::KnnLength, knn * log_length / 3.0);
    set(vector, Feature::ViewedLength, vector[Feature::ViewedRelative as usize] * log_length / 3.0);
}
