//! What the scorer knows of a candidate: a fixed list of numbers ([`Feature`]), each small, finite and comparable across
//! requests. One file per kind of knowledge.

mod company;
mod gates;
mod item;
mod kin;
mod links;
mod shares;
mod shopper;
mod sources;
mod visit;

pub(crate) use gates::gates;

use crate::nouns::{FEATURES, Feature, Vector};
use crate::store::{Moment, Pool};

/// Writes the features of each candidate of the pool into `vectors`, in the pool's order.
pub(crate) fn extract(moment: &Moment<'_>, pool: &Pool, vectors: &mut Vec<Vector>) {
    vectors.clear();
    vectors.resize(pool.candidates.len(), [0.0; FEATURES]);
    moment.state.counters.fetch(pool.candidates.iter().map(|candidate| candidate.item));
    let surroundings = item::Surroundings::of(moment);
    let kin = kin::Kin::of(moment, pool);
    let shopper = shopper::Shopper::of(moment);
    let log_length = (1.0 + moment.visit.len() as f32).ln();
    visit::write(moment, pool, vectors);
    for (candidate, vector) in pool.candidates.iter().zip(vectors.iter_mut()) {
        let facts = moment.state.catalog.facts(candidate.item);
        sources::write(candidate, vector);
        item::wanted(moment, candidate.item, vector);
        item::likeness(&surroundings, facts, vector);
        kin.write(facts, vector);
        if let Some(shopper) = &shopper {
            shopper.write(moment, candidate.item, facts, vector);
        }
        products(log_length, vector);
    }
    item::wanted_by_others(moment, pool, vectors);
    links::of_visit(moment, pool, vectors);
    links::of_next(moment, pool, vectors);
    links::of_basket(moment, pool, vectors);
    company::write(moment, pool, vectors);
}

fn set(vector: &mut Vector, feature: Feature, value: f32) {
    vector[feature as usize] = value;
}

/// What a linear scorer cannot see by itself, of what the sources and the visit say.
fn products(log_length: f32, vector: &mut Vector) {
    let knn = vector[Feature::KnnRelative as usize];
    set(vector, Feature::KnnInVisit, knn * vector[Feature::InVisit as usize]);
    set(vector, Feature::KnnLength, knn * log_length / 3.0);
    let whole = vector[Feature::WholeRelative as usize];
    set(vector, Feature::WholeLength, whole * log_length / 3.0);
    set(vector, Feature::KnnWhole, knn * whole);
    set(vector, Feature::KnnNext, knn * vector[Feature::NextRelative as usize]);
    set(vector, Feature::ViewedLength, vector[Feature::ViewedRelative as usize] * log_length / 3.0);
}
