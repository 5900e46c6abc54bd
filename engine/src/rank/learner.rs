//! The weights of one intent on their way: steps by AdaGrad, their mean, and the guard over it.

use std::collections::BTreeMap;

use super::guard::{Guard, Verdict};
use super::lesson::Lesson;
use super::linear::Linear;
use super::mean::Mean;
use super::scorer::Scorer;
use crate::nouns::{FEATURES, Feature, GATES, Hidden, HiddenLayer, UNITS};

/// Largest weight, either way: a runaway update must not take the ranking with it.
pub(super) const MAX_WEIGHT: f32 = 50.0;
/// First gradients are not trusted fully: AdaGrad's sums of squares start here. Those of gated weights, which start at
/// nothing and are many, less so.
const CAUTIOUS: Scorer = Scorer {
    linear: Linear { weights: [1e-2; FEATURES], gates: [[1.0; FEATURES]; GATES] },
    hidden: Hidden {
        inputs: [[0.1; UNITS]; FEATURES],
        gates: [[0.1; UNITS]; GATES],
        bias: [0.1; UNITS],
        output: [0.1; UNITS],
    },
};

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct Learner {
    /// Where the last step ended.
    pub(super) scorer: Scorer,
    /// AdaGrad's sums of squares, weight by weight.
    squares: Scorer,
    /// Where the steps ended lately: what is published.
    mean: Mean,
    /// Watches over the mean, for that is what ranks.
    pub(super) guard: Guard,
    pub(super) lessons: u64,
}

impl Learner {
    /// One that begins with the starting weights.
    pub(super) fn untaught(scorer: Scorer) -> Self {
        Self::at(scorer, Mean::untaught(scorer))
    }

    /// One that goes on from published weights.
    pub(super) fn taught(scorer: Scorer) -> Self {
        Self::at(scorer, Mean::taught(scorer))
    }

    fn at(scorer: Scorer, mean: Mean) -> Self {
        Self { scorer, squares: CAUTIOUS, mean, guard: Guard::of(scorer), lessons: 0 }
    }

    /// The weights to rank by.
    pub(super) fn published(&self) -> &Scorer {
        &self.mean.weights
    }

    /// Goes back to the last good weights if the published ones have become worse.
    pub(super) fn judge(&mut self) {
        if self.guard.judge(&self.mean.weights) == Verdict::Worse {
            let good = self.guard.good;
            (self.scorer, self.squares, self.mean) = (good, CAUTIOUS, Mean::taught(good));
        }
    }

    /// The published weights by feature name.
    pub(super) fn named(&self) -> BTreeMap<String, f32> {
        let named = |&feature: &Feature| {
            (feature.name().to_owned(), rounded(self.published().linear.weights[feature as usize]))
        };
        Feature::ALL.iter().map(named).collect()
    }

    /// The published gated weights by feature name, each list in the order of the gates.
    pub(super) fn named_gates(&self) -> BTreeMap<String, Vec<f32>> {
        let of =
            |feature: Feature| self.published().linear.gates.iter().map(move |gate| rounded(gate[feature as usize]));
        Feature::ALL.iter().map(|&feature| (feature.name().to_owned(), of(feature).collect())).collect()
    }

    /// The published hidden layer.
    pub(super) fn named_hidden(&self) -> HiddenLayer {
        self.published().hidden.layer(rounded)
    }

    /// One step against the gradient: sum over the list of (P - y) x features, for gated weights times their gate. At
    /// the rates of weights and of gated weights. Whether it was taken.
    pub(super) fn step(&mut self, errors: &[f32], lesson: &Lesson, [rate, gate_rate]: [f32; 2]) -> bool {
        let mut gradient = [0.0_f32; FEATURES];
        for (error, vector) in errors.iter().zip(&lesson.vectors) {
            for (sum, value) in gradient.iter_mut().zip(vector) {
                *sum += error * value;
            }
        }
        let slope = self.scorer.hidden.slope(&lesson.gates, &lesson.vectors, errors);
        if gradient.iter().chain(&lesson.gates).any(|value| !value.is_finite()) || !slope.is_finite() {
            return false;
        }
        self.lessons += 1;
        let (linear, squares) = (&mut self.scorer.linear, &mut self.squares.linear);
        descend(&mut linear.weights, &mut squares.weights, &gradient, 1.0, rate);
        for ((gated, squares), &open) in linear.gates.iter_mut().zip(&mut squares.gates).zip(&lesson.gates) {
            descend(gated, squares, &gradient, open, gate_rate);
        }
        let (hidden, squares) = (&mut self.scorer.hidden, &mut self.squares.hidden);
        descend(&mut hidden.output, &mut squares.output, &slope.output, 1.0, rate);
        descend(&mut hidden.bias, &mut squares.bias, &slope.bias, 1.0, rate);
        for ((row, squares), &open) in hidden.gates.iter_mut().zip(&mut squares.gates).zip(&lesson.gates) {
            descend(row, squares, &slope.bias, open, rate);
        }
        descend(
            hidden.inputs.as_flattened_mut(),
            squares.inputs.as_flattened_mut(),
            slope.inputs.as_flattened(),
            1.0,
            rate,
        );
        self.mean.follow(&self.scorer);
        true
    }
}

/// AdaGrad's step along `open` x gradient.
fn descend(weights: &mut [f32], squares: &mut [f32], gradient: &[f32], open: f32, rate: f32) {
    for ((weight, square), slope) in weights.iter_mut().zip(squares).zip(gradient) {
        let slope = slope * open;
        *square += slope * slope;
        *weight = (*weight - rate * slope / square.sqrt()).clamp(-MAX_WEIGHT, MAX_WEIGHT);
    }
}

/// To four digits after the point: a published model is a record of the log, and its digits are most of its length.
fn rounded(weight: f32) -> f32 {
    (weight * 1e4).round() / 1e4
}
