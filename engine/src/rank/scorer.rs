use super::linear::Linear;
use super::list;
use crate::nouns::{Gates, Hidden, Intent, Learned, Units, Vector};
use crate::settings::CandidateSettings;

/// What puts candidates in order: what each feature says, and what a small hidden layer adds for features that say more,
/// or less, together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scorer {
    pub(crate) linear: Linear,
    pub(crate) hidden: Hidden,
}

impl Scorer {
    /// The scorer of an intent as learned; what was not learned is as at the start, where the hidden layer says nothing.
    pub(crate) fn learned(learned: &Learned, intent: Intent, settings: &CandidateSettings) -> Self {
        let hidden = learned.get(intent).map_or_else(Hidden::untaught, |learned| learned.hidden);
        Self { linear: Linear::learned(learned, intent, settings), hidden }
    }

    /// All its numbers, kind by kind.
    pub(crate) fn numbers(&self) -> [&[f32]; 6] {
        let (linear, hidden) = (&self.linear, &self.hidden);
        [
            &linear.weights,
            linear.gates.as_flattened(),
            hidden.inputs.as_flattened(),
            hidden.gates.as_flattened(),
            &hidden.bias,
            &hidden.output,
        ]
    }

    /// The same, to be changed.
    pub(crate) fn numbers_mut(&mut self) -> [&mut [f32]; 6] {
        let (linear, hidden) = (&mut self.linear, &mut self.hidden);
        [
            &mut linear.weights,
            linear.gates.as_flattened_mut(),
            hidden.inputs.as_flattened_mut(),
            hidden.gates.as_flattened_mut(),
            &mut hidden.bias,
            &mut hidden.output,
        ]
    }

    /// The scorer for a list of those gates.
    pub(crate) fn given(&self, gates: &Gates) -> Given<'_> {
        Given { weights: self.linear.given(gates), hidden: &self.hidden, start: self.hidden.start(gates) }
    }
}

/// A scorer for one list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) weights: Vector,
    hidden: &'a Hidden,
    /// What the hidden units begin with.
    start: Units,
}

impl Given<'_> {
    /// The score of one candidate by itself: what lists are tested against.
    #[cfg(test)]
    pub(crate) fn score(&self, vector: &Vector) -> f32 {
        super::linear::dot(&self.weights, vector) + self.combined(vector)
    }

    /// The scores of a whole list, in its order. Not finite only where a feature or a weight is not.
    pub(crate) fn scores(&self, vectors: &[Vector], scores: &mut Vec<f32>) {
        list::scores(&self.weights, self.hidden, &self.start, vectors, scores);
    }

    /// The hidden layer's part of it.
    pub(crate) fn combined(&self, vector: &Vector) -> f32 {
        self.hidden.said(&self.start, vector)
    }
}
