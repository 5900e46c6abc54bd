//! Lists made for a cart alone, kept until it shows whether what was looked at next is carted or bought.

use std::collections::VecDeque;

use super::Lesson;
use crate::nouns::{Event, EventKind, ItemId, MINUTE_MS, Timestamp};
use crate::store::{Space, key};

/// Wishes kept at most. Each holds some 50 KiB of features.
const MAX_WISHES: usize = 256;
/// A wish that was not granted after this long is given up, so that there is room for others. Milliseconds, either way: the
/// events of imported history are older than those of before.
const PATIENCE_MS: i64 = 5 * MINUTE_MS;

/// What a visit looked at for the first time, with the list that its cart alone would have been answered with just before:
/// a lesson, once all that it waits for is carted or bought in this visit.
#[derive(Debug, Clone)]
pub struct Wish {
    at: Timestamp,
    visit: u64,
    awaited: Vec<u64>,
    lesson: Lesson,
}

impl Wish {
    /// Of a look, which has to be followed up; and `other`, if there is one, has to be bought, too.
    pub(crate) fn new(event: &Event, other: Option<ItemId>, lesson: Lesson) -> Self {
        let looked_at = event.lines.iter().map(|line| name(&line.item));
        let awaited = looked_at.chain(other.as_ref().map(name)).collect();
        Self { at: event.at, visit: visit(event), awaited, lesson }
    }
}

/// Wishes, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Wishes(VecDeque<Wish>);

impl Wishes {
    /// Whether there is room for one more as of `now`, without which it need not be made.
    pub fn has_room(&mut self, now: Timestamp) -> bool {
        while self.0.front().is_some_and(|wish| now.since_ms(wish.at).abs() > PATIENCE_MS) {
            self.0.pop_front();
        }
        self.0.len() < MAX_WISHES
    }

    /// Keeps a wish, if there is room.
    pub fn keep(&mut self, wish: Wish) {
        if self.has_room(wish.at) {
            self.0.push_back(wish);
        }
    }

    /// The lessons of the wishes that an event grants.
    pub fn granted(&mut self, event: &Event) -> Vec<Lesson> {
        let is_taken = matches!(event.kind, EventKind::AddToCart | EventKind::Purchase);
        let visit = visit(event);
        // Of most events nobody waits: their lines, hundreds in a large order, need not be looked at.
        if !is_taken || !self.0.iter().any(|wish| wish.visit == visit) {
            return Vec::new();
        }
        let taken: Vec<u64> = event.lines.iter().map(|line| name(&line.item)).collect();
        for wish in self.0.iter_mut().filter(|wish| wish.visit == visit) {
            wish.awaited.retain(|awaited| !taken.contains(awaited));
        }
        let granted: VecDeque<Wish>;
        (granted, self.0) = std::mem::take(&mut self.0).into_iter().partition(|wish| wish.awaited.is_empty());
        granted.into_iter().map(|wish| wish.lesson).collect()
    }
}

fn visit(event: &Event) -> u64 {
    key(Space::Session, event.session.as_str())
}

fn name(item: &ItemId) -> u64 {
    key(Space::Event, item.as_str())
}
