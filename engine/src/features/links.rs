//! How tightly a candidate is linked to the items of context, by the rows of what goes together.

use super::set;
use crate::nouns::{Feature, Vector};
use crate::store::{ItemIx, Moment, Pool, Relation};

/// Items of context whose rows are read for each request's conditional features.
const LINKS: usize = 8;

/// P(j | i) for the newest items i of context, each row read once. The visit's own items have none: its own events
/// have just drawn them together.
pub(super) fn of_visit(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let rows = &moment.state.rows;
    let recent = &moment.visit[..moment.visit.len().min(LINKS)];
    for (age, seen) in recent.iter().enumerate() {
        let Some(row) = rows.get(Relation::Visit, seen.item) else { continue };
        let factor = moment.lens.rows.factor(row.epoch);
        let n = seen.occurrences(row.n * factor);
        if age == 0 {
            rows.fetch_counts(
                Relation::Visit,
                row.partners.iter().copied().filter(|&partner| pool.place(partner).is_some()),
            );
        }
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
                    set(vector, Feature::LastCosine, cosine(moment, Relation::Visit, n, weight, partner));
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
fn cosine(moment: &Moment<'_>, relation: Relation, n: f32, weight: f32, partner: ItemIx) -> f32 {
    let reading = &moment.lens.rows;
    let other = moment.state.rows.get(relation, partner).map_or(0.0, |row| row.n * reading.factor(row.epoch));
    (weight / (n * other.max(1.0)).sqrt()).min(1.0)
}

/// P(j comes right after the newest item).
pub(super) fn of_next(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let Some(seen) = moment.visit.first() else { return };
    let Some(row) = moment.state.rows.get(Relation::Next, seen.item) else { return };
    let factor = moment.lens.rows.factor(row.epoch);
    let n = seen.occurrences(row.n * factor);
    for (&partner, &weight) in row.partners.iter().zip(&row.weights) {
        if let Some(place) = pool.place(partner).filter(|&place| vectors[place][Feature::InVisit as usize] == 0.0) {
            set(&mut vectors[place], Feature::LastNext, (weight * factor / n).min(1.0));
        }
    }
}

/// P(j | i) in orders, best and mean over the cart (or over the context, if there is no cart), and how many of its items
/// link to j.
pub(super) fn of_basket(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let has_cart = !moment.cart.is_empty();
    let basis = moment.visit.iter().filter(|seen| seen.in_cart || !has_cart);
    let share = 1.0 / basis.clone().count().max(1) as f32;
    for seen in basis {
        let Some(row) = moment.state.rows.get(Relation::Buy, seen.item).filter(|row| row.n > 0.0) else { continue };
        let factor = moment.lens.rows.factor(row.epoch);
        let n = row.n * factor;
        for (&partner, &weight) in row.partners.iter().zip(&row.weights) {
            let Some(place) = pool.place(partner) else { continue };
            let vector = &mut vectors[place];
            let p = (weight * factor / (n + 1.0)).min(1.0);
            let close = cosine(moment, Relation::Buy, n + 1.0, weight * factor, partner);
            for (feature, value) in [(Feature::BestBuy, p), (Feature::BestBuyCosine, close)] {
                let best = &mut vector[feature as usize];
                *best = best.max(value);
            }
            vector[Feature::MeanBuy as usize] += p * share;
            vector[Feature::LinkedBuyShare as usize] += share;
        }
    }
}
