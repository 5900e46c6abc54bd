use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key::Key;
use super::places::Places;

const NONE: u32 = u32::MAX;

#[derive(Debug, Clone)]
struct Node<V> {
    key: Key,
    newer: u32,
    older: u32,
    value: V,
}

/// A bounded map that forgets what was touched longest ago. O(1) per operation; what it evicts is counted.
#[derive(Debug, Clone)]
pub(crate) struct Lru<V> {
    /// By key, which is a hash already.
    places: Places,
    nodes: Vec<Node<V>>,
    newest: u32,
    oldest: u32,
    evicted: u64,
}

impl<V> Default for Lru<V> {
    fn default() -> Self {
        Self { places: Places::default(), nodes: Vec::new(), newest: NONE, oldest: NONE, evicted: 0 }
    }
}

impl<V> Lru<V> {
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many values were forgotten because the map was full.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(crate) fn get(&self, key: Key) -> Option<&V> {
        self.place(key).map(|place| &self.nodes[place as usize].value)
    }

    fn place(&self, key: Key) -> Option<u32> {
        self.places.get(key, |place| self.nodes[place as usize].key == key)
    }

    /// The value without touching it.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut V> {
        self.place(key).map(|place| &mut self.nodes[place as usize].value)
    }

    /// The value of `key`, made by `make` if there is none, now the most recently touched. Forgets the longest
    /// untouched values beyond `max`.
    pub(crate) fn touch(&mut self, key: Key, max: usize, make: impl FnOnce() -> V) -> &mut V {
        let place = if let Some(place) = self.place(key) {
            self.unlink(place);
            place
        } else {
            while self.nodes.len() >= max.max(1) {
                self.remove_at(self.oldest);
                self.evicted += 1;
            }
            let place = self.nodes.len() as u32;
            self.make_room(max);
            self.nodes.push(Node { key, newer: NONE, older: NONE, value: make() });
            self.places.insert(key, place);
            place
        };
        self.link_newest(place);
        &mut self.nodes[place as usize].value
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<V> {
        let place = self.place(key)?;
        Some(self.remove_at(place))
    }

    /// The keys that `goes` names, oldest first. Walks all.
    pub(crate) fn keys_where(&self, goes: impl Fn(Key, &V) -> bool) -> Vec<Key> {
        self.iter().filter(|(key, value)| goes(*key, value)).map(|(key, _)| key).collect()
    }

    /// Oldest first.
    fn iter(&self) -> impl Iterator<Item = (Key, &V)> {
        let mut place = self.oldest;
        std::iter::from_fn(move || {
            let node = self.nodes.get(place as usize)?;
            place = node.newer;
            Some((node.key, &node.value))
        })
    }

    /// Doubles the room, but not beyond what is ever used of it.
    fn make_room(&mut self, max: usize) {
        let len = self.nodes.len();
        if len == self.nodes.capacity() && len > max / 2 {
            self.nodes.reserve_exact(max.saturating_sub(len).clamp(1, len));
        }
    }

    fn unlink(&mut self, place: u32) {
        let (newer, older) = (self.nodes[place as usize].newer, self.nodes[place as usize].older);
        match newer {
            NONE => self.newest = older,
            newer => self.nodes[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.nodes[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, place: u32) {
        let before = self.newest;
        self.nodes[place as usize].newer = NONE;
        self.nodes[place as usize].older = before;
        match before {
            NONE => self.oldest = place,
            before => self.nodes[before as usize].newer = place,
        }
        self.newest = place;
    }

    /// Takes a node out; the last node moves into its place so that the nodes stay dense.
    fn remove_at(&mut self, place: u32) -> V {
        self.unlink(place);
        let node = self.nodes.swap_remove(place as usize);
        self.places.remove(node.key, place);
        if let Some(moved) = self.nodes.get(place as usize) {
            let (key, newer, older) = (moved.key, moved.newer, moved.older);
            self.places.set(key, self.nodes.len() as u32, place);
            match newer {
                NONE => self.newest = place,
                newer => self.nodes[newer as usize].older = place,
            }
            match older {
                NONE => self.oldest = place,
                older => self.nodes[older as usize].newer = place,
            }
        }
        node.value
    }
}

/// The count of evictions, then key and value from the oldest to the newest: equal maps give equal bytes, whatever
/// the order of their nodes in memory.
impl<V: Serialize> Serialize for Lru<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.len() + 1))?;
        seq.serialize_element(&(self.evicted, None::<&V>))?;
        for (key, value) in self.iter() {
            seq.serialize_element(&(key, Some(value)))?;
        }
        seq.end()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Lru<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Lru<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys and values, oldest first")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lru<V>, A::Error> {
                let mut lru = Lru::default();
                while let Some((key, value)) = seq.next_element::<(u64, Option<V>)>()? {
                    match value {
                        Some(value) => drop(lru.touch(key, usize::MAX, || value)),
                        None => lru.evicted = key,
                    }
                }
                Ok(lru)
            }
        }
        deserializer.deserialize_seq(Entries(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(lru: &Lru<u32>) -> Vec<Key> {
        lru.iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn the_longest_untouched_leaves_first() {
        let mut lru = Lru::default();
        for key in [1, 2, 3, 1, 4] {
            lru.touch(key, 3, || 0_u32);
        }
        assert_eq!(keys(&lru), [3, 1, 4]);
        assert_eq!(lru.evicted(), 1);
    }

    proptest! {
        #[test]
        fn behaves_like_a_list(ops in prop::collection::vec((0..12_u64, any::<bool>()), 0..200)) {
            let mut lru = Lru::default();
            let mut list: Vec<Key> = Vec::new();
            for (key, remove) in ops {
                list.retain(|&k| k != key);
                if remove {
                    lru.remove(key);
                } else {
                    lru.touch(key, 5, || 7_u32);
                    list.push(key);
                    if list.len() > 5 {
                        list.remove(0);
                    }
                }
                prop_assert_eq!(keys(&lru), list.clone());
                prop_assert!(list.iter().all(|&key| lru.get(key) == Some(&7)));
                prop_assert_eq!(lru.len(), list.len());
            }
        }
    }
}
