use std::collections::VecDeque;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key::Key;
use crate::nouns::{MINUTE_MS, Timestamp};
use crate::settings::DedupeSettings;

/// The event ids of the last while, so that an event that comes twice counts once. Bounded by age and by number.
///
/// Ids are kept in order of acceptance; their ages in marks of one minute, since one instant per id would double the
/// memory for nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dedupe {
    seen: FxHashSet<Key>,
    order: VecDeque<Key>,
    /// (Minute of acceptance, ids accepted in it), oldest first.
    marks: VecDeque<(i64, u32)>,
}

impl Dedupe {
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(crate) fn contains(&self, id: Key) -> bool {
        self.seen.contains(&id)
    }

    /// Remembers an id; `false` if it was remembered already.
    pub(crate) fn insert(&mut self, id: Key, accepted_at: Timestamp, settings: &DedupeSettings) -> bool {
        self.forget_older(accepted_at.plus_ms(-settings.window_ms));
        if self.contains(id) {
            return false;
        }
        while self.len() >= settings.max_ids.max(1) && self.forget_oldest() {}
        self.seen.insert(id);
        self.order.push_back(id);
        let minute = accepted_at.0.div_euclid(MINUTE_MS);
        match self.marks.back_mut() {
            // A clock that steps back must not reorder the marks.
            Some((last, count)) if *last >= minute && *count < u32::MAX => *count += 1,
            _ => self.marks.push_back((minute, 1)),
        }
        true
    }

    /// Forgets that these ids have come. Walks all ids remembered, once, if any of these is among them.
    pub(crate) fn forget(&mut self, ids: &FxHashSet<Key>) {
        if !ids.iter().any(|&id| self.contains(id)) {
            return;
        }
        let mut order = std::mem::take(&mut self.order).into_iter();
        for (_, count) in &mut self.marks {
            let of_minute = order.by_ref().take(*count as usize);
            let before = self.order.len();
            self.order.extend(of_minute.filter(|id| !ids.contains(id)));
            *count = (self.order.len() - before) as u32;
        }
        self.marks.retain(|&(_, count)| count > 0);
        self.seen.retain(|id| !ids.contains(id));
    }

    fn forget_older(&mut self, than: Timestamp) {
        let oldest_kept = than.0.div_euclid(MINUTE_MS);
        while self.marks.front().is_some_and(|&(minute, _)| minute < oldest_kept) && self.forget_oldest() {}
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(id) = self.order.pop_front() else { return false };
        self.seen.remove(&id);
        if let Some((_, count)) = self.marks.front_mut() {
            *count -= 1;
            if *count == 0 {
                self.marks.pop_front();
            }
        }
        true
    }
}

impl Serialize for Dedupe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.order, &self.marks).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dedupe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (order, marks) = <(VecDeque<Key>, VecDeque<(i64, u32)>)>::deserialize(deserializer)?;
        Ok(Self { seen: order.iter().copied().collect(), order, marks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: DedupeSettings = DedupeSettings { window_ms: 60 * MINUTE_MS, max_ids: 3 };

    #[test]
    fn an_id_is_remembered_for_the_window_and_then_forgotten() {
        let mut dedupe = Dedupe::default();
        assert!(dedupe.insert(1, Timestamp(0), &HOUR));
        assert!(!dedupe.insert(1, Timestamp(60 * MINUTE_MS), &HOUR));
        assert!(dedupe.insert(1, Timestamp(61 * MINUTE_MS), &HOUR));
    }

    #[test]
    fn the_number_of_ids_is_bounded() {
        let mut dedupe = Dedupe::default();
        for id in 0..10 {
            assert!(dedupe.insert(id, Timestamp(0), &HOUR));
        }
        assert_eq!(dedupe.len(), 3);
        assert!(dedupe.contains(9) && !dedupe.contains(6));
        assert_eq!(dedupe.marks.iter().map(|&(_, n)| n).sum::<u32>(), 3);
    }

    #[test]
    fn what_is_forgotten_leaves_the_others_as_they_were() {
        let room = DedupeSettings { max_ids: 100, ..HOUR };
        let (mut dedupe, mut without) = (Dedupe::default(), Dedupe::default());
        for id in 0..30_u64 {
            let at = Timestamp((id as i64 / 4) * MINUTE_MS);
            dedupe.insert(id, at, &room);
            if !(8..14).contains(&id) {
                without.insert(id, at, &room);
            }
        }
        dedupe.forget(&(8..14).chain(100..110).collect());
        assert_eq!((&dedupe.order, &dedupe.marks, &dedupe.seen), (&without.order, &without.marks, &without.seen));
        assert!(dedupe.insert(9, Timestamp(7 * MINUTE_MS), &room), "it may come anew");
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing_early() {
        let mut dedupe = Dedupe::default();
        assert!(dedupe.insert(1, Timestamp(100 * MINUTE_MS), &HOUR));
        assert!(dedupe.insert(2, Timestamp(10 * MINUTE_MS), &HOUR));
        assert!(!dedupe.insert(1, Timestamp(10 * MINUTE_MS), &HOUR));
        assert!(!dedupe.insert(2, Timestamp(150 * MINUTE_MS), &HOUR));
    }
}
