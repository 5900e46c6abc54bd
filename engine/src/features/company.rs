//! How near a candidate is to the visit among all items: by their vectors, so that items speak for one another that
//! were never met together.

use super::set;
use crate::nouns::{Feature, Vector};
use crate::store::{Moment, Pool, dot};

/// Logits above the mean of the list at which the feature is 1, and where it ends, either way.
const LOGITS: f32 = 4.0;
const MOST: f32 = 2.0;

pub(super) fn write(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let embeddings = &moment.state.embeddings;
    let Some(stand) = embeddings.stand(moment.visit.iter().map(|seen| (seen.item, seen.age))) else { return };
    let (mut sum, mut known) = (0.0, 0_u32);
    for (candidate, vector) in pool.candidates.iter().zip(vectors.iter_mut()) {
        if let Some(wanted) = embeddings.wanted(&stand, candidate.item) {
            set(vector, Feature::CompanyWanted, wanted);
            sum += wanted;
            known += 1;
        }
    }
    let mean = sum / known.max(1) as f32;
    let last = moment.last().and_then(|last| embeddings.given(last)).map(|last| (last, dot(last, last)));
    for (candidate, vector) in pool.candidates.iter().zip(vectors.iter_mut()) {
        // Without vectors an item is like the mean: the figure stays 0.
        let Some(own) = embeddings.given(candidate.item) else { continue };
        let wanted = &mut vector[Feature::CompanyWanted as usize];
        *wanted = ((*wanted - mean) / LOGITS).clamp(-MOST, MOST);
        if let Some((last, square)) = last {
            let cosine = dot(last, own) / (square * dot(own, own)).sqrt().max(f32::MIN_POSITIVE);
            set(vector, Feature::CompanyLike, cosine);
        }
    }
}
