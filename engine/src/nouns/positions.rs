use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far each partition of a broker's topics has been read: the offset of the next record, by topic and partition.
///
/// Part of the state, so that state and position are saved, restored and compared as one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Positions(pub BTreeMap<String, BTreeMap<i32, i64>>);

impl Positions {
    /// The next offset of a partition; `None`: it was never read.
    #[must_use]
    pub fn of(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(topic)?.get(&partition).copied()
    }

    /// Moves on to `next`; never back. Whether it moved.
    pub fn advance(&mut self, topic: &str, partition: i32, next: i64) -> bool {
        if self.of(topic, partition).is_some_and(|known| known >= next) {
            return false;
        }
        match self.0.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, next),
            None => self.0.entry(topic.to_owned()).or_default().insert(partition, next),
        };
        true
    }

    /// Moves on to the further of both, partition by partition. Whether any moved.
    pub fn merge(&mut self, other: &Self) -> bool {
        let mut moved = false;
        for (topic, partition, next) in other.iter() {
            moved |= self.advance(topic, partition, next);
        }
        moved
    }

    /// Whether every partition of `other` has been read as far as there.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(topic, partition, next)| self.of(topic, partition).is_some_and(|own| own >= next))
    }

    /// All, by topic and partition.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.0.iter().flat_map(|(topic, partitions)| partitions.iter().map(|(&p, &next)| (topic.as_str(), p, next)))
    }

    /// Whether none was ever read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_never_go_back() {
        let mut positions = Positions::default();
        assert!(positions.advance("events", 0, 5) && positions.advance("events", 1, 2));
        assert!(!positions.advance("events", 0, 4) && !positions.advance("events", 0, 5));
        let mut other = Positions::default();
        other.advance("events", 0, 3);
        other.advance("catalog", 0, 1);
        assert!(!positions.covers(&other));
        assert!(positions.merge(&other) && !positions.merge(&other));
        assert!(positions.covers(&other));
        assert_eq!((positions.of("events", 0), positions.of("catalog", 0)), (Some(5), Some(1)));
    }
}
