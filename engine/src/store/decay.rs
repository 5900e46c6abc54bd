//! Forward decay (Cormode et al., ICDE 2009): an occurrence at time t is added with weight g = 2^((t - t0) / halfLife)
//! and nothing is ever multiplied down, so figures are sums and the order of arrival does not matter. Before g grows
//! out of an `f32` the landmark t0 moves on: time is cut into epochs of [`EPOCH_HALF_LIVES`] half-lives, each figure
//! knows the epoch it is written in and is moved to a later one when it is next touched.

use crate::nouns::Timestamp;
use crate::settings::Settings;

/// Half-lives per epoch. 2^24 within an epoch leaves an `f32` plenty of room above (2^127) and below.
const EPOCH_HALF_LIVES: f64 = 24.0;

/// An exponential decay with one half-life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decay {
    half_life_ms: f64,
}

impl Decay {
    pub(crate) fn new(half_life_ms: i64) -> Self {
        Self { half_life_ms: half_life_ms.max(1) as f64 }
    }

    /// The epoch of an instant, and the weight of an occurrence at that instant on the epoch's scale: 1 to 2^24.
    pub(crate) fn place(self, at: Timestamp) -> (i32, f32) {
        let half_lives = at.0 as f64 / self.half_life_ms;
        let epoch = (half_lives / EPOCH_HALF_LIVES).floor();
        (epoch as i32, (half_lives - epoch * EPOCH_HALF_LIVES).exp2() as f32)
    }

    /// What a figure on the scale of `from` is to be multiplied by to stand on the scale of `to`.
    pub(crate) fn rescale(from: i32, to: i32) -> f32 {
        if from == to {
            return 1.0;
        }
        ((f64::from(from) - f64::from(to)) * EPOCH_HALF_LIVES).exp2() as f32
    }

    /// What a figure on the scale of `epoch` is to be multiplied by to be read as of `now`.
    fn reading(self, epoch: i32, now: Timestamp) -> f32 {
        let half_lives = now.0 as f64 / self.half_life_ms;
        (f64::from(epoch) * EPOCH_HALF_LIVES - half_lives).exp2() as f32
    }

    /// A figure's place in an order that holds at all times: log2 of its value at t = 0. Comparable across epochs,
    /// and unchanged while the figure is not touched, because all figures of one half-life fade alike.
    pub(crate) fn standing(epoch: i32, value: f32) -> f64 {
        if value > 0.0 { f64::from(epoch) * EPOCH_HALF_LIVES + f64::from(value).log2() } else { f64::NEG_INFINITY }
    }
}

/// A decayed sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Decayed {
    pub(crate) epoch: i32,
    pub(crate) value: f32,
}

impl Decayed {
    /// Adds `weight` (negative to take back) for an occurrence at `at`; never falls below 0.
    pub(crate) fn add(&mut self, decay: Decay, at: Timestamp, weight: f32) {
        let (epoch, g) = decay.place(at);
        if self.value == 0.0 {
            self.epoch = epoch;
        } else if epoch > self.epoch {
            self.value *= Decay::rescale(self.epoch, epoch);
            self.epoch = epoch;
        }
        self.value = (self.value + weight * g * Decay::rescale(epoch, self.epoch)).max(0.0);
    }

    /// See [`Decay::standing`].
    pub(crate) fn standing(self) -> f64 {
        Decay::standing(self.epoch, self.value)
    }
}

/// One decay as of one instant, with the factor of the current epoch at hand: reading thousands of figures costs one
/// multiplication each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    decay: Decay,
    now: Timestamp,
    epoch: i32,
    factor: f32,
}

impl Reading {
    pub(crate) fn new(decay: Decay, now: Timestamp) -> Self {
        let (epoch, _) = decay.place(now);
        Self { decay, now, epoch, factor: decay.reading(epoch, now) }
    }

    /// What a figure on the scale of `epoch` is to be multiplied by.
    pub(crate) fn factor(&self, epoch: i32) -> f32 {
        if epoch == self.epoch { self.factor } else { self.decay.reading(epoch, self.now) }
    }

    /// The figure as of now.
    pub(crate) fn of(&self, figure: Decayed) -> f32 {
        if figure.value == 0.0 { 0.0 } else { figure.value * self.factor(figure.epoch) }
    }
}

/// The readings of all decays, as of one instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lens {
    pub(crate) rows: Reading,
    pub(crate) counts: Reading,
    pub(crate) short: Reading,
    pub(crate) users: Reading,
}

impl Lens {
    pub(crate) fn new(settings: &Settings, now: Timestamp) -> Self {
        let reading = |half_life_ms| Reading::new(Decay::new(half_life_ms), now);
        Self {
            rows: reading(settings.affinities.half_life_ms),
            counts: reading(settings.popularity.half_life_ms),
            short: reading(settings.popularity.short_half_life_ms),
            users: reading(settings.users.half_life_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nouns::DAY_MS;

    const WEEK: Decay = Decay { half_life_ms: 7.0 * DAY_MS as f64 };

    fn sum(times: &[i64], now: i64) -> f32 {
        let mut figure = Decayed::default();
        for &at in times {
            figure.add(WEEK, Timestamp(at), 1.0);
        }
        Reading::new(WEEK, Timestamp(now)).of(figure)
    }

    #[test]
    fn an_occurrence_counts_half_after_one_half_life() {
        assert!((sum(&[0], 7 * DAY_MS) - 0.5).abs() < 1e-6);
        assert!((sum(&[0, 7 * DAY_MS], 7 * DAY_MS) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn epochs_join_without_a_seam() {
        let edge = 24 * 7 * DAY_MS;
        let whole = sum(&[edge - DAY_MS, edge + DAY_MS], edge + 2 * DAY_MS);
        let parts = sum(&[edge - DAY_MS], edge + 2 * DAY_MS) + sum(&[edge + DAY_MS], edge + 2 * DAY_MS);
        assert!((whole - parts).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn order_of_arrival_does_not_matter(mut times in prop::collection::vec(0..400 * DAY_MS, 1..40)) {
            let now = 400 * DAY_MS;
            let forward = sum(&times, now);
            times.reverse();
            prop_assert!((forward - sum(&times, now)).abs() <= 1e-4 * forward.max(1e-6));
        }

        #[test]
        fn standing_orders_like_the_reading(a in 0..300 * DAY_MS, b in 0..300 * DAY_MS, x in 1..9_u8, y in 1..9_u8) {
            let (mut one, mut two) = (Decayed::default(), Decayed::default());
            one.add(WEEK, Timestamp(a), f32::from(x));
            two.add(WEEK, Timestamp(b), f32::from(y));
            let now = Reading::new(WEEK, Timestamp(300 * DAY_MS));
            let gap = now.of(one) / now.of(two) - 1.0;
            prop_assume!(gap.abs() > 1e-4);
            prop_assert_eq!(one.standing() > two.standing(), gap > 0.0);
        }
    }
}
