//! How near a candidate is to the visit among all items: by their vectors, so that items speak for one another that
//! were never met together.

use super::set;
use crate::nouns::{Feature, Vector};
use crate::store::{Candidate, Moment, Pool, dot};

/// Logits above the mean of the list at which the feature is 1, and where it ends, either way.
const LOGITS: f32 = 4.0;
const MOST: f32 = 2.0;
/// Candidates whose vectors are fetched at once: half a KiB each, as many as the nearest cache holds.
const AT_ONCE: usize = 32;

pub(super) fn write(moment: &Moment<'_>, pool: &Pool, vectors: &mut [Vector]) {
    let embeddings = &moment.state.embeddings;
    let Some(stand) = embeddings.stand(moment.visit.iter().map(|seen| (seen.item, seen.age))) else { return };
    let last = moment.last().and_then(|last| embeddings.of(last)).map(|last| (last, dot(last, last)));
    let (mut sum, mut known) = (0.0, 0_u32);
    for (candidates, vectors) in pool.candidates.chunks(AT_ONCE).zip(vectors.chunks_mut(AT_ONCE)) {
        embeddings.fetch(candidates.iter().map(|candidate| candidate.item));
        for (candidate, vector) in candidates.iter().zip(vectors).filter(is_new) {
            let Some((wanted, like)) = embeddings.near(&stand, last, candidate.item) else { continue };
            set(vector, Feature::CompanyWanted, wanted);
            sum += wanted;
            known += 1;
            if let Some(like) = like {
                set(vector, Feature::CompanyLike, like);
            }
        }
    }
    let mean = sum / known.max(1) as f32;
    for (candidate, vector) in pool.candidates.iter().zip(vectors.iter_mut()).filter(is_new) {
        // Without vectors an item is like the mean: the figure stays 0.
        if embeddings.of(candidate.item).is_some() {
            let wanted = &mut vector[Feature::CompanyWanted as usize];
            *wanted = ((*wanted - mean) / LOGITS).clamp(-MOST, MOST);
        }
    }
}

/// The visit's own items have none of this: its own events have just drawn them together.
fn is_new((_, vector): &(&Candidate, &mut Vector)) -> bool {
    vector[Feature::InVisit as usize] == 0.0
}
