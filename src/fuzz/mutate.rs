//! Mutations of bytes: what a bad sender, a bad disk and a bad programmer do to an input.

/// A stream of numbers from a seed (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

/// The longest input; beyond it, bodies are refused by their length, which is tested elsewhere.
const MAX_BYTES: usize = 64 << 10;
/// Mutations of one input at most.
const MAX_MUTATIONS: usize = 8;
/// Texts at which parsers stumble.
const ODD: [&str; 24] = [
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "-0.0",
    "NaN",
    "18446744073709551616",
    "9223372036854775807",
    "\"\"",
    "[]",
    "{}",
    "\\u0000",
    "\\ud800",
    "\u{FEFF}",
    "\u{1F6D2}",
    "\0",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "\n",
    "\r\n",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:60+99:99",
    "*a &a",
];

/// A mutation of one of `kept`, now and then with a part of another.
pub fn input(kept: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut input = kept[dice.roll(kept.len())].clone();
    for _ in 0..=dice.roll(MAX_MUTATIONS) {
        mutate(&mut input, kept, words, dice);
    }
    input.truncate(MAX_BYTES);
    input
}

fn mutate(input: &mut Vec<u8>, kept: &[Vec<u8>], words: &[&str], dice: &mut Dice) {
    let at = dice.roll(input.len() + 1);
    let length = 1 + dice.roll(16);
    let end = (at + length).min(input.len());
    match dice.roll(9) {
        0 if at < input.len() => input[at] ^= 1 << dice.roll(8),
        1 if at < input.len() => input[at] = dice.roll(256) as u8,
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => {
            let copy = input[at..end].to_vec();
            drop(input.splice(at..at, copy));
        }
        5 => drop(input.splice(at..at, ODD[dice.roll(ODD.len())].bytes())),
        6 => drop(input.splice(at..end, words[dice.roll(words.len())].bytes())),
        7 => {
            let other = &kept[dice.roll(kept.len())];
            let from = dice.roll(other.len() + 1);
            let to = (from + 1 + dice.roll(256)).min(other.len());
            drop(input.splice(at..end, other[from..to].iter().copied()));
        }
        _ => drop(input.splice(at..at, (0..length).map(|_| dice.roll(256) as u8).collect::<Vec<_>>())),
    }
}
