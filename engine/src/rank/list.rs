//! The scores of a whole list: some candidates side by side, features that no candidate has left out.
//!
//! Compiled twice, once for processors with AVX2, which is asked at run time. What comes out is the same bit for bit: each
//! unit of each candidate is a sum of its own, in order of the features, and products are rounded before they are added.

use multiversion::multiversion;

use super::linear::dot;
use crate::nouns::{FEATURES, Hidden, UNITS, Units, Vector};

/// Candidates side by side: with AVX2 their units fill eight of sixteen registers, and the processor need not wait for one
/// sum before it goes on with the next.
const BLOCK: usize = 4;

/// The scores of a list in its order, see [`super::Given::scores`].
#[multiversion(targets("x86_64+avx2"))]
pub(super) fn scores(weights: &Vector, hidden: &Hidden, start: &Units, vectors: &[Vector], scores: &mut Vec<f32>) {
    scores.clear();
    let present = present(vectors);
    let rows = hidden.inputs.iter().zip(present).enumerate();
    let mut columns = [(0, &hidden.bias); FEATURES];
    let mut len = 0;
    for (place, (row, present)) in rows {
        columns[len] = (place, row);
        len += usize::from(present);
    }
    let columns = &columns[..len];
    let (blocks, rest) = vectors.as_chunks::<BLOCK>();
    for block in blocks {
        scores.extend(
            said(columns, start, &hidden.output, block)
                .into_iter()
                .zip(block)
                .map(|(said, vector)| dot(weights, vector) + said),
        );
    }
    for vector in rest {
        let [said] = said(columns, start, &hidden.output, std::array::from_ref(vector));
        scores.push(dot(weights, vector) + said);
    }
}

/// Which features any candidate has.
#[inline(always)]
fn present(vectors: &[Vector]) -> [bool; FEATURES] {
    let mut bits = [0; FEATURES];
    for vector in vectors {
        bits.iter_mut().zip(vector).for_each(|(bits, value)| *bits |= value.to_bits());
    }
    // But for the sign: -0 is nothing, too.
    bits.map(|bits| bits << 1 != 0)
}

/// What the hidden layer adds to the scores of some candidates.
#[inline(always)]
fn said<const N: usize>(columns: &[(usize, &Units)], start: &Units, output: &Units, vectors: &[Vector; N]) -> [f32; N] {
    let mut sums = [*start; N];
    for &(place, row) in columns {
        for (sums, vector) in sums.iter_mut().zip(vectors) {
            let value = vector[place];
            for unit in 0..UNITS {
                sums[unit] += value * row[unit];
            }
        }
    }
    sums.map(|sums| sums.iter().zip(output).map(|(sum, output)| sum.max(0.0) * output).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nouns::{GATES, Intent, Learned};
    use crate::rank::Scorer;
    use crate::settings::CandidateSettings;

    proptest! {
        /// On a machine with AVX2 the one side is worked out with it and the other without.
        #[test]
        fn a_list_has_the_scores_of_its_candidates_bit_for_bit(
            seed in any::<u64>(),
            len in 0..11_usize,
            absent in prop::collection::vec(0..FEATURES, 0..60),
        ) {
            let mut scorer = Scorer::learned(&Learned::default(), Intent::Browse, &CandidateSettings::default());
            let mut dice = seed;
            let mut number = || {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
            };
            scorer.hidden.output = std::array::from_fn(|_| number());
            let gates: [f32; GATES] = std::array::from_fn(|_| number());
            let mut vectors: Vec<Vector> = (0..len).map(|_| std::array::from_fn(|_| number())).collect();
            for (n, vector) in vectors.iter_mut().enumerate() {
                absent.iter().for_each(|&place| vector[place] = if n % 2 == 0 { 0.0 } else { -0.0 });
            }
            let given = scorer.given(&gates);
            let mut scores = vec![7.0];
            given.scores(&vectors, &mut scores);
            let one_by_one: Vec<u32> = vectors.iter().map(|vector| given.score(vector).to_bits()).collect();
            prop_assert_eq!(scores.into_iter().map(f32::to_bits).collect::<Vec<_>>(), one_by_one);
        }
    }
}
