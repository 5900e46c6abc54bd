//! Dead letters: who puts a record that nobody can read into the topic of dead letters, and when. Pure but for the types:
//! no broker, no clock.
//!
//! The leader has the broker acknowledge the letters of a batch before it appends that batch: however it dies, a letter
//! is there, or the record is read again. It says with its next cut which spans of offsets it has seen to ([`Spans`]).
//! The others hold their letters back until they are told so, and send what stays untold for [`PATIENCE`]: so nothing
//! depends on noticing that a leader died. A letter may be there twice, under the same key.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Origin;

/// How long a letter is held back for the leader: longer than it takes to elect another one (6 s) and to say so.
const PATIENCE: Duration = Duration::from_secs(10);
/// Letters that are held back at most; beyond, the oldest are sent without waiting longer.
const MAX_HELD: usize = 20_000;
/// Bytes that are held back at most.
const MAX_HELD_BYTES: usize = 32 << 20;

/// A record that cannot be taken, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Where it stands.
    pub origin: Origin,
    /// Why.
    pub reason: String,
    /// What was sent.
    pub payload: Vec<u8>,
}

impl Letter {
    /// What it is called in the topic: copies have the same, and compaction leaves one.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.origin.topic, self.origin.partition, self.origin.offset)
    }

    fn bytes(&self) -> usize {
        self.payload.len() + self.reason.len() + self.origin.topic.len() + size_of::<Self>()
    }
}

/// Spans of offsets whose letters are at the broker: by topic and partition the first offset, and the one behind the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spans(BTreeMap<String, BTreeMap<i32, (i64, i64)>>);

impl Spans {
    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a letter that stands behind all others of its partition, with none left out between.
    pub fn extend(&mut self, origin: &Origin) {
        let partitions = self.0.entry(origin.topic.clone()).or_default();
        let span = partitions.entry(origin.partition).or_insert((origin.offset, origin.offset));
        span.1 = span.1.max(origin.offset + 1);
    }

    fn contains(&self, origin: &Origin) -> bool {
        let span = self.0.get(&origin.topic).and_then(|partitions| partitions.get(&origin.partition));
        span.is_some_and(|&(first, behind)| (first..behind).contains(&origin.offset))
    }
}

/// Letters of records that were taken, held back until somebody is known to have sent them.
#[derive(Debug, Default)]
pub struct Held {
    letters: VecDeque<(Instant, Letter)>,
    bytes: usize,
}

impl Held {
    /// Holds letters back, from `now` on.
    pub fn hold(&mut self, letters: impl IntoIterator<Item = Letter>, now: Instant) {
        for letter in letters {
            self.bytes += letter.bytes();
            self.letters.push_back((now, letter));
        }
    }

    /// Somebody has seen to these.
    pub fn told(&mut self, spans: &Spans) {
        if spans.is_empty() {
            return;
        }
        self.letters.retain(|(_, letter)| !spans.contains(&letter.origin));
        self.bytes = self.letters.iter().map(|(_, letter)| letter.bytes()).sum();
    }

    /// Whether there are more than are held back: the oldest are to be sent now.
    pub fn is_full(&self) -> bool {
        self.letters.len() > MAX_HELD || self.bytes > MAX_HELD_BYTES
    }

    /// Whether there are far more: no more are taken until some are sent.
    pub fn is_overfull(&self) -> bool {
        self.letters.len() > 2 * MAX_HELD || self.bytes > 2 * MAX_HELD_BYTES
    }

    /// Takes out those that nobody has seen to for too long, and those for which there is no room.
    pub fn due(&mut self, now: Instant) -> Vec<Letter> {
        let mut due = Vec::new();
        while let Some((since, _)) = self.letters.front()
            && (now.saturating_duration_since(*since) >= PATIENCE || self.is_full())
            && let Some((_, letter)) = self.letters.pop_front()
        {
            self.bytes = self.bytes.saturating_sub(letter.bytes());
            due.push(letter);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(partition: i32, offset: i64) -> Letter {
        let origin = Origin { topic: "events".into(), partition, offset };
        Letter { origin, reason: "why".into(), payload: vec![0; 100] }
    }

    fn offsets(letters: &[Letter]) -> Vec<(i32, i64)> {
        letters.iter().map(|letter| (letter.origin.partition, letter.origin.offset)).collect()
    }

    #[test]
    fn a_letter_that_the_leader_has_sent_is_not_sent_again_and_one_that_it_left_out_is() {
        let (mut held, now) = (Held::default(), Instant::now());
        held.hold([letter(0, 3), letter(0, 5), letter(1, 5), letter(0, 9)], now);
        let mut sent = Spans::default();
        sent.extend(&letter(0, 4).origin);
        sent.extend(&letter(0, 8).origin);
        let sent: Spans = serde_json::from_slice(&serde_json::to_vec(&sent).expect("JSON")).expect("read back");
        held.told(&sent);
        assert_eq!(offsets(&held.due(now + PATIENCE - Duration::from_millis(1))), []);
        assert_eq!(offsets(&held.due(now + PATIENCE)), [(0, 3), (1, 5), (0, 9)]);
        assert_eq!(offsets(&held.due(now + PATIENCE)), []);
    }

    #[test]
    fn what_there_is_no_room_for_is_sent_at_once_and_not_lost() {
        let (mut held, now) = (Held::default(), Instant::now());
        held.hold((0..MAX_HELD as i64 + 2).map(|offset| letter(0, offset)), now);
        assert_eq!(offsets(&held.due(now)), [(0, 0), (0, 1)]);
        assert!(!held.is_full());
        let mut large = Held::default();
        large.hold((0..3).map(|n| Letter { payload: vec![0; MAX_HELD_BYTES / 2], ..letter(0, n) }), now);
        assert_eq!(offsets(&large.due(now)), [(0, 0), (0, 1)]);
        assert_eq!(offsets(&large.due(now + PATIENCE)), [(0, 2)]);
    }
}
