//! Random numbers from a seed: the same seed, the same draw, on every machine.

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014): small, quick, and good enough for sampling.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// The numbers of a seed; `stream` tells apart draws that must not depend on each other.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        mixed.0 = mixed.next_u64();
        mixed
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `bound` - 1. The bias is below 2^-32 for any bound that fits in 32 bits.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Puts the values into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for place in (1..values.len()).rev() {
            values.swap(place, self.below(place + 1));
        }
    }

    /// `count` of the numbers from 0 to `of` - 1, in ascending order.
    pub fn sample(&mut self, of: usize, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..of).collect();
        self.shuffle(&mut numbers);
        numbers.truncate(count);
        numbers.sort_unstable();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_stream_fix_the_draw() {
        let draw = |seed, stream| Seeded::new(seed, stream).sample(100, 10);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn a_sample_is_of_distinct_numbers_in_order() {
        let sample = Seeded::new(7, 0).sample(20, 30);
        assert_eq!(sample, (0..20).collect::<Vec<_>>());
        let sample = Seeded::new(7, 0).sample(1_000, 100);
        assert!(sample.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(sample.len(), 100);
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut seeded = Seeded::new(3, 0);
        let mut counts = [0; 10];
        (0..100_000).for_each(|_| counts[seeded.below(10)] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
