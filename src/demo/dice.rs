/// Seeded draws: the same seed and topic give the same numbers on every machine and in every order of asking.
///
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) over an FNV-1a hash of the topic. Good enough for made-up browsing,
/// not for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Draws about one topic, such as one basket.
    pub fn about(seed: u64, topic: &str, name: &str) -> Self {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let bytes = topic.bytes().chain([0]).chain(name.bytes());
        let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
        Self(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `end`; 0 if `end` is 0. The bias of the remainder is below 1 in 2^40 for our sizes.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.bits() % end as u64) as usize }
    }

    /// True once in a while: with probability `share`, 0 to 1.
    pub fn chance(&mut self, share: f64) -> bool {
        ((self.bits() >> 11) as f64) < share * (1_u64 << 53) as f64
    }

    /// Puts a list into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_topics_draw_equal_numbers_and_others_do_not() {
        let draw = |seed, topic, name| Dice::about(seed, topic, name).bits();
        assert_eq!(draw(1, "basket", "7"), draw(1, "basket", "7"));
        assert_ne!(draw(1, "basket", "7"), draw(2, "basket", "7"));
        assert_ne!(draw(1, "basket", "7"), draw(1, "basket", "8"));
        assert_ne!(draw(1, "ab", "c"), draw(1, "a", "bc"));
    }

    #[test]
    fn chances_come_out_as_often_as_they_say() {
        let mut dice = Dice::about(3, "test", "chance");
        let hits = (0..10_000).filter(|_| dice.chance(0.2)).count();
        assert!((1_850..2_150).contains(&hits), "{hits} of 10000");
        assert!(!dice.chance(0.0));
        assert!(dice.chance(1.0));
    }

    #[test]
    fn a_shuffle_keeps_everything() {
        let mut list: Vec<_> = (0..100).collect();
        Dice::about(3, "test", "shuffle").shuffle(&mut list);
        assert_ne!(list, (0..100).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..100).collect::<Vec<_>>());
    }
}
