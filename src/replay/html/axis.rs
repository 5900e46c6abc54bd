//! From values to places along an axis, as percentages of its length, so that a chart is as wide as the page lets it be
//! while its text keeps its size.

/// Ticks at most.
const MAX_TICKS: usize = 12;

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    from: f64,
    to: f64,
    scale: Scale,
    /// Values at which it is labelled, ascending.
    pub ticks: Vec<f64>,
}

/// How values lie along it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Their logarithms do.
    Log,
}

impl Axis {
    /// A linear axis that holds all finite `values`, with about `wanted` round ticks.
    pub fn linear(values: impl Iterator<Item = f64>, wanted: usize) -> Self {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let step = round_step((high - low).max(1e-9) / wanted.max(1) as f64);
        let from = (low / step + 1e-9).floor() * step;
        let to = ((high / step - 1e-9).ceil() * step).max(from + step);
        let steps = (((to - from) / step).round() as usize).min(MAX_TICKS);
        let ticks = (0..=steps).map(|tick| from + tick as f64 * step).collect();
        Self { from, to, scale: Scale::Linear, ticks }
    }

    /// A logarithmic axis that holds all `values` above 0, with a tick at each power of ten.
    pub fn log(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = range(values.filter(|value| *value > 0.0)).unwrap_or((0.1, 1.0));
        let from = (low.log10() + 1e-9).floor();
        let to = (high.log10() - 1e-9).ceil().max(from + 1.0);
        let ticks = (0..=((to - from) as usize).min(MAX_TICKS)).map(|tick| 10_f64.powf(from + tick as f64)).collect();
        Self { from, to, scale: Scale::Log, ticks }
    }

    /// Where a value lies, in percent of the axis; values beyond its ends lie at them.
    pub fn at(&self, value: f64) -> f64 {
        let place = match self.scale {
            Scale::Linear => value,
            Scale::Log if value > 0.0 => value.log10(),
            Scale::Log => self.from,
        };
        let share = (place - self.from) / (self.to - self.from);
        let percent = if share.is_finite() { 100.0 * share.clamp(0.0, 1.0) } else { 0.0 };
        (percent * 100.0).round() / 100.0
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// The next larger of 1, 2, 2.5, 5 x a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= least * 0.999);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_the_values() {
        let axis = Axis::linear([0.0, 0.187].into_iter(), 4);
        assert_eq!(axis.ticks, [0.0, 0.05, 0.1, 0.15000000000000002, 0.2]);
        assert!((axis.at(0.1) - 50.0).abs() < 1e-9);
        let axis = Axis::linear([-0.003, 0.012].into_iter(), 4);
        assert_eq!(axis.ticks.len(), 5, "{:?}", axis.ticks);
        assert!(axis.at(-0.003) > 0.0 && axis.at(0.012) < 100.0);
    }

    #[test]
    fn powers_of_ten_are_ticks_of_a_logarithmic_axis() {
        let axis = Axis::log([0.002, 0.3].into_iter());
        assert_eq!(axis.ticks.len(), 4);
        assert!((axis.at(0.01) - 33.33).abs() < 0.01);
        assert!((axis.at(0.0)).abs() < f64::EPSILON, "nothing lies at its beginning");
    }

    #[test]
    fn odd_values_have_a_place_too() {
        for values in [vec![], vec![f64::NAN], vec![0.0], vec![5.0, 5.0], vec![f64::INFINITY, 1.0]] {
            let axis = Axis::linear(values.iter().copied(), 4);
            assert!((2..=MAX_TICKS + 1).contains(&axis.ticks.len()), "{values:?}: {:?}", axis.ticks);
            assert!((0.0..=100.0).contains(&axis.at(f64::NAN)));
            assert!((0.0..=100.0).contains(&axis.at(1e9)));
        }
    }
}
