use super::starting;
use crate::nouns::{Feature, Intent, Model, Vector};
use crate::settings::CandidateSettings;

/// A linear scorer: score = sum of weight x feature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub(crate) weights: Vector,
}

impl Linear {
    /// The scorer of an intent as learned. Where nothing is learned, or not a finite number: the starting weights.
    pub(crate) fn learned(model: &Model, intent: Intent, settings: &CandidateSettings) -> Self {
        let mut linear = Self { weights: starting::weights(intent, settings) };
        if let Some(learned) = model.weights.get(&intent) {
            for &feature in Feature::ALL {
                if let Some(&weight) = learned.get(feature.name()).filter(|weight| weight.is_finite()) {
                    linear.weights[feature as usize] = weight;
                }
            }
        }
        linear
    }

    /// The score of one candidate. Not finite only if a feature is not.
    pub(crate) fn score(&self, vector: &Vector) -> f32 {
        self.weights.iter().zip(vector).map(|(weight, value)| weight * value).sum()
    }
}
