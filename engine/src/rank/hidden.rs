//! The hidden layer's arithmetic: what it adds to a score, and which way its numbers should move.

use crate::nouns::{FEATURES, Gates, Hidden, UNITS, Units, Vector};

/// Errors smaller than this, either way, are left out of the slope: most candidates of a long list have one, and all of
/// them together move nothing.
const NEGLIGIBLE: f32 = 1e-5;

/// Which way each number of a layer should move for the loss to grow, summed over a list.
pub(super) struct Slope {
    pub(super) inputs: [Units; FEATURES],
    /// Also that of each gate, per unit of the gate.
    pub(super) bias: Units,
    pub(super) output: Units,
}

impl Hidden {
    /// What each unit begins with for a list of those gates.
    pub(super) fn start(&self, gates: &Gates) -> Units {
        let mut start = self.bias;
        for (row, &open) in self.gates.iter().zip(gates) {
            add(&mut start, row, open);
        }
        start
    }

    /// What arrives at each unit.
    fn reached(&self, start: &Units, vector: &Vector) -> Units {
        let mut sums = *start;
        // Half of a usual vector is nothing.
        for (row, &value) in self.inputs.iter().zip(vector).filter(|(_, value)| **value != 0.0) {
            add(&mut sums, row, value);
        }
        sums
    }

    /// What the layer adds to the score of one candidate.
    pub(super) fn said(&self, start: &Units, vector: &Vector) -> f32 {
        self.reached(start, vector).iter().zip(&self.output).map(|(sum, output)| sum.max(0.0) * output).sum()
    }

    /// The slope of the loss over a list, given by how much each candidate's score was off.
    pub(super) fn slope(&self, gates: &Gates, vectors: &[Vector], errors: &[f32]) -> Slope {
        let start = self.start(gates);
        let mut slope = Slope { inputs: [[0.0; UNITS]; FEATURES], bias: [0.0; UNITS], output: [0.0; UNITS] };
        for (vector, &error) in vectors.iter().zip(errors).filter(|(_, error)| error.abs() >= NEGLIGIBLE) {
            let mut back = [0.0; UNITS];
            for (unit, sum) in self.reached(&start, vector).into_iter().enumerate() {
                slope.output[unit] += error * sum.max(0.0);
                back[unit] = if sum > 0.0 { error * self.output[unit] } else { 0.0 };
            }
            add(&mut slope.bias, &back, 1.0);
            for (row, &value) in slope.inputs.iter_mut().zip(vector).filter(|(_, value)| **value != 0.0) {
                add(row, &back, value);
            }
        }
        slope
    }
}

impl Slope {
    /// Whether it can be followed.
    pub(super) fn is_finite(&self) -> bool {
        self.inputs.iter().chain([&self.bias, &self.output]).flatten().all(|value| value.is_finite())
    }
}

fn add(sums: &mut Units, row: &Units, times: f32) {
    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += times * value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::GATES;

    /// The slope against the loss's own change along every kind of number. The loss here is the sum of errors x scores.
    #[test]
    fn the_slope_is_that_of_the_loss() {
        let mut hidden = Hidden::untaught();
        hidden.output = std::array::from_fn(|unit| (unit as f32 - 7.5) * 0.1);
        let gates: Gates = std::array::from_fn(|gate| 0.3 * gate as f32 - 0.5);
        let vector = |n: usize| std::array::from_fn(|place| ((place * 7 + n * 13) % 11) as f32 * 0.2 - 1.0);
        let (vectors, errors): (Vec<Vector>, _) = ((0..5).map(vector).collect(), [0.3, -0.8, 0.2, 0.2, 0.1]);
        let loss = |hidden: &Hidden| -> f32 {
            let start = hidden.start(&gates);
            vectors.iter().zip(errors).map(|(vector, error)| error * hidden.said(&start, vector)).sum()
        };
        let slope = hidden.slope(&gates, &vectors, &errors);
        let near = |name: &str, found: f32, number: fn(&mut Hidden) -> &mut f32| {
            const STEP: f32 = 1e-3;
            let (mut up, mut down) = (hidden, hidden);
            *number(&mut up) += STEP;
            *number(&mut down) -= STEP;
            let expected = (loss(&up) - loss(&down)) / (2.0 * STEP);
            assert!((found - expected).abs() < 1e-2, "{name}: {found}, by differences {expected}");
        };
        near("output", slope.output[5], |hidden| &mut hidden.output[5]);
        near("bias", slope.bias[9], |hidden| &mut hidden.bias[9]);
        near("input", slope.inputs[12][3], |hidden| &mut hidden.inputs[12][3]);
        near("gate", slope.bias[2] * gates[GATES - 1], |hidden| &mut hidden.gates[GATES - 1][2]);
    }
}
