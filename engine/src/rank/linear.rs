use super::starting;
use crate::nouns::{FEATURES, GATES, Gates, Intent, Learned, Vector};
use crate::settings::CandidateSettings;

/// A linear scorer whose weights depend on the list: score = sum over features of (weight + sum over gates of gate x
/// gated weight) x feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Linear {
    pub(crate) weights: Vector,
    /// What is added to the weights per unit of each gate.
    pub(crate) gates: [Vector; GATES],
}

impl Linear {
    /// The same weights for all lists.
    pub(crate) fn ungated(weights: Vector) -> Self {
        Self { weights, gates: [[0.0; FEATURES]; GATES] }
    }

    /// The scorer of an intent as learned. Where nothing is learned, or not a finite number: the starting weights.
    pub(crate) fn learned(learned: &Learned, intent: Intent, settings: &CandidateSettings) -> Self {
        let mut linear = Self::ungated(starting::weights(intent, settings));
        if let Some(learned) = learned.get(intent) {
            for (weight, &learned) in linear.weights.iter_mut().zip(&learned.weights) {
                *weight = if learned.is_finite() { learned } else { *weight };
            }
            linear.gates = learned.gates;
        }
        linear
    }

    /// The weights for a list of those gates.
    pub(crate) fn given(&self, gates: &Gates) -> Vector {
        let mut given = self.weights;
        for (gated, &open) in self.gates.iter().zip(gates) {
            given.iter_mut().zip(gated).for_each(|(weight, more)| *weight += open * more);
        }
        given
    }
}

/// The sum of weight x feature.
#[inline(always)]
pub(super) fn dot(weights: &Vector, vector: &Vector) -> f32 {
    /// Sums that grow side by side: one sum would have to wait for itself at each step.
    const LANES: usize = 4;
    let mut lanes = [0.0; LANES];
    let (weights, values) = (weights.as_chunks::<LANES>(), vector.as_chunks::<LANES>());
    for (weights, values) in weights.0.iter().zip(values.0) {
        add(&mut lanes, weights, values);
    }
    add(&mut lanes, weights.1, values.1);
    lanes.iter().sum()
}

#[inline(always)]
fn add(lanes: &mut [f32], weights: &[f32], values: &[f32]) {
    for ((lane, weight), value) in lanes.iter_mut().zip(weights).zip(values) {
        *lane += weight * value;
    }
}
