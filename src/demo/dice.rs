use crate::replay::Seeded;

/// Draws about one topic, such as one basket: the same seed and topic give the same numbers on every machine and in every
/// order of asking. The topic is hashed with FNV-1a.
pub fn about(seed: u64, topic: &str, name: &str) -> Seeded {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = topic.bytes().chain([0]).chain(name.bytes());
    Seeded::new(seed, bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)))
}

/// True once in a while: with probability `share`, 0 to 1.
pub fn chance(dice: &mut Seeded, share: f64) -> bool {
    ((dice.next_u64() >> 11) as f64) < share * (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_topics_draw_equal_numbers_and_others_do_not() {
        let draw = |seed, topic, name| about(seed, topic, name).next_u64();
        assert_eq!(draw(1, "basket", "7"), draw(1, "basket", "7"));
        assert_ne!(draw(1, "basket", "7"), draw(2, "basket", "7"));
        assert_ne!(draw(1, "basket", "7"), draw(1, "basket", "8"));
        assert_ne!(draw(1, "ab", "c"), draw(1, "a", "bc"));
    }

    #[test]
    fn chances_come_out_as_often_as_they_say() {
        let mut dice = about(3, "test", "chance");
        let hits = (0..10_000).filter(|_| chance(&mut dice, 0.2)).count();
        assert!((1_850..2_150).contains(&hits), "{hits} of 10000");
        assert!(!chance(&mut dice, 0.0));
        assert!(chance(&mut dice, 1.0));
    }
}
