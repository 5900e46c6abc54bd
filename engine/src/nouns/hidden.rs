use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::dice::mixed;
use super::{FEATURES, Feature, GATES, Gate};

/// Units of the hidden layer. Eight brought a third as much, 32 hardly more (decision record 0016).
pub(crate) const UNITS: usize = 16;

/// A number per unit.
pub(crate) type Units = [f32; UNITS];

/// A hidden layer as published, by name so that it outlives a change of the features. All lists hold one number per
/// unit; a layer of another width is taken for none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HiddenLayer {
    /// What each feature gives to each unit.
    pub features: BTreeMap<String, Vec<f32>>,
    /// What each gate gives to each unit.
    pub gates: BTreeMap<String, Vec<f32>>,
    /// Where each unit begins.
    pub bias: Vec<f32>,
    /// What each unit that is above 0 gives to the score.
    pub output: Vec<f32>,
}

/// A hidden layer as the scorer reads it: score = sum over units of output x max(0, bias + inputs x features + gates x
/// gates).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hidden {
    pub(crate) inputs: [Units; FEATURES],
    pub(crate) gates: [Units; GATES],
    pub(crate) bias: Units,
    pub(crate) output: Units,
}

impl Hidden {
    /// A layer that says nothing yet, and whose units differ, so that each can learn something of its own.
    pub(crate) fn untaught() -> Self {
        let row = |row: usize| std::array::from_fn(|unit| spread(row * UNITS + unit));
        Self {
            inputs: std::array::from_fn(row),
            gates: std::array::from_fn(|gate| row(FEATURES + gate)),
            bias: [0.0; UNITS],
            output: [0.0; UNITS],
        }
    }

    /// A published layer; an untaught one if it has another width or a number that is not finite. A feature that it does
    /// not know gives nothing until it has learned to.
    pub(crate) fn of(layer: &HiddenLayer) -> Self {
        Self::read(layer).unwrap_or_else(Self::untaught)
    }

    fn read(layer: &HiddenLayer) -> Option<Self> {
        let row = |of: Option<&Vec<f32>>| of.map_or(Some([0.0; UNITS]), |numbers| units(numbers));
        let mut hidden = Self { bias: units(&layer.bias)?, output: units(&layer.output)?, ..Self::untaught() };
        for &feature in Feature::ALL {
            hidden.inputs[feature as usize] = row(layer.features.get(feature.name()))?;
        }
        for &gate in Gate::ALL {
            hidden.gates[gate as usize] = row(layer.gates.get(gate.name()))?;
        }
        Some(hidden)
    }

    /// As it is published, each number as `written`.
    pub(crate) fn layer(&self, written: impl Fn(f32) -> f32 + Copy) -> HiddenLayer {
        let list = |units: &Units| units.iter().copied().map(written).collect::<Vec<f32>>();
        let of_feature = |&feature: &Feature| (feature.name().to_owned(), list(&self.inputs[feature as usize]));
        let of_gate = |&gate: &Gate| (gate.name().to_owned(), list(&self.gates[gate as usize]));
        HiddenLayer {
            features: Feature::ALL.iter().map(of_feature).collect(),
            gates: Gate::ALL.iter().map(of_gate).collect(),
            bias: list(&self.bias),
            output: list(&self.output),
        }
    }
}

/// One finite number per unit.
fn units(numbers: &[f32]) -> Option<Units> {
    let units = Units::try_from(numbers).ok()?;
    units.iter().all(|number| number.is_finite()).then_some(units)
}

/// The `place`th of some numbers between two bounds around 0, whose squares over all features add up to about 1, so that
/// a unit begins about as wide as one feature. The same ones at every start.
fn spread(place: usize) -> f32 {
    let even = mixed(place as u64) as f64 / u64::MAX as f64;
    ((even - 0.5) * (12.0 / FEATURES as f64).sqrt()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_reads_back_as_it_was_published() {
        let mut hidden = Hidden::untaught();
        hidden.output[3] = 0.25;
        assert_eq!(Hidden::of(&hidden.layer(|number| number)), hidden);
    }

    #[test]
    fn no_two_untaught_units_are_alike() {
        let hidden = Hidden::untaught();
        let column = |unit: usize| hidden.inputs.iter().map(|row| row[unit]).collect::<Vec<f32>>();
        for unit in 1..UNITS {
            assert!((0..unit).all(|other| column(other) != column(unit)));
        }
        let size: f32 = column(0).iter().map(|input| input * input).sum();
        assert!((0.7..1.3).contains(&size), "{size}");
    }

    #[test]
    fn what_a_layer_does_not_know_gives_nothing_and_another_width_is_none() {
        let mut layer = Hidden::untaught().layer(|number| number);
        layer.features.remove(Feature::LogBought.name());
        let hidden = Hidden::of(&layer);
        assert_eq!(hidden.inputs[Feature::LogBought as usize], [0.0; UNITS]);
        assert_ne!(hidden.inputs[Feature::LogCount as usize], [0.0; UNITS]);
        layer.output.push(1.0);
        assert_eq!(Hidden::of(&layer), Hidden::untaught());
        layer.output.pop();
        layer.bias[0] = f32::NAN;
        assert_eq!(Hidden::of(&layer), Hidden::untaught());
    }
}
