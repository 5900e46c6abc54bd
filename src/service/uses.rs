use std::collections::hash_map::Entry;
use std::hash::{Hash, Hasher};
use std::mem;

use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHasher};
use sidecart_engine::nouns::{Event, EventKind, ItemId, Timestamp};
use uuid::Uuid;

/// How often an item may be clicked, bought, ... with one token, by events of different ids: a shopper comes back to an
/// answer once or twice, a program a thousand times.
const MAX_PER_ITEM: usize = 3;
/// Uses of one token in all: a few for each item of a long answer, or one large order.
const MAX_PER_TOKEN: usize = 256;
/// How long after its answer a token still ties events to it: no attribution window is longer.
const MAX_AGE_MS: i64 = 30 * 86_400_000;
/// Uses that one of the two generations holds, some 6 MiB with what the map needs: at a hundred clicks a second the last
/// quarter of an hour at least, and up to twice that.
const MAX_USES: usize = 100_000;

/// What a token is worth that comes with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// It ties the event to its answer.
    Counts,
    /// It was used often enough.
    Replayed,
    /// Its answer is too long ago.
    Expired,
}

impl Worth {
    /// The label in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counts => "valid",
            Self::Replayed => "replayed",
            Self::Expired => "expired",
        }
    }
}

/// What tokens were used for lately, so that one that was read off a page can't be used for ever. Bounded: two
/// generations, of which the older one goes when the younger is full. In memory alone: a restart forgets it, and with it
/// the answers that clicks could teach from; how old a token may be holds regardless.
#[derive(Debug, Default)]
pub struct Uses(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: FxHashMap<Uuid, Vec<Use>>,
    old: FxHashMap<Uuid, Vec<Use>>,
    /// Uses in `young`.
    held: usize,
}

/// One item of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    /// Kind of event and item.
    of: u64,
    /// The event: sent again, it is the same use.
    event: u64,
}

impl Uses {
    /// Notes that the token of an answer came with an event, unless it is not worth anything any more. All lines count
    /// or none: an event has one token.
    pub fn take(&self, answer: Uuid, event: &Event) -> Worth {
        if made_at(answer).is_some_and(|made| event.at.0.saturating_sub(made.0) > MAX_AGE_MS) {
            return Worth::Expired;
        }
        let id = hash(&event.id);
        let wanted = event.lines.iter().map(|line| Use { of: of(event.kind, &line.item), event: id });
        let mut generations = self.0.lock();
        let known = generations.of(answer);
        let new: Vec<Use> = wanted.filter(|wanted| !known.contains(wanted)).collect();
        let is_full = |new: &Use| known.iter().filter(|known| known.of == new.of).count() >= MAX_PER_ITEM;
        if known.len() + new.len() > MAX_PER_TOKEN || new.iter().any(is_full) {
            return Worth::Replayed;
        }
        known.extend_from_slice(&new);
        generations.held += new.len();
        Worth::Counts
    }
}

impl Generations {
    /// The uses of an answer's token, in the younger generation from now on.
    fn of(&mut self, answer: Uuid) -> &mut Vec<Use> {
        if self.held >= MAX_USES {
            self.old = mem::take(&mut self.young);
            self.held = 0;
        }
        match self.young.entry(answer) {
            Entry::Occupied(uses) => uses.into_mut(),
            Entry::Vacant(place) => {
                let uses = self.old.remove(&answer).unwrap_or_default();
                self.held += uses.len();
                place.insert(uses)
            }
        }
    }
}

/// When an answer was given: version 7 ids begin with it.
fn made_at(answer: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = answer.get_timestamp()?.to_unix();
    Some(Timestamp(i64::try_from(seconds).ok()?.saturating_mul(1_000) + i64::from(nanos / 1_000_000)))
}

fn of(kind: EventKind, item: &ItemId) -> u64 {
    hash(&(kind.name(), item.as_str()))
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{EventId, Line, SessionId};

    use super::*;

    fn event(id: &str, kind: EventKind, items: &[String]) -> Event {
        let line = |item: &String| Line { item: ItemId::new(item).expect("an id"), quantity: 1, price: None };
        Event {
            id: EventId::new(id).expect("an id"),
            kind,
            session: SessionId::new("s").expect("an id"),
            user: None,
            anonymous: None,
            at: Timestamp(1_800_000_000_000),
            lines: items.iter().map(line).collect(),
            order: None,
            placement: None,
            attribution_token: None,
            consent: None,
            context: None,
        }
    }

    fn items(from: usize, count: usize) -> Vec<String> {
        (from..from + count).map(|n| format!("i{n}")).collect()
    }

    #[test]
    fn an_item_counts_three_times_for_each_kind_and_an_event_sent_again_once() {
        let (uses, answer, one) = (Uses::default(), Uuid::from_u128(1), items(0, 1));
        for n in [0, 0, 1, 1, 2, 0, 2] {
            assert_eq!(uses.take(answer, &event(&format!("e{n}"), EventKind::Click, &one)), Worth::Counts);
        }
        let fourth = event("e3", EventKind::Click, &one);
        assert_eq!(uses.take(answer, &fourth), Worth::Replayed);
        assert_eq!(uses.take(answer, &event("e3", EventKind::Click, &items(0, 2))), Worth::Replayed, "with another");
        assert_eq!(uses.take(answer, &event("e3", EventKind::Click, &items(1, 1))), Worth::Counts);
        assert_eq!(uses.take(answer, &event("e4", EventKind::Purchase, &one)), Worth::Counts);
        assert_eq!(uses.take(Uuid::from_u128(2), &fourth), Worth::Counts, "another answer");
    }

    #[test]
    fn made_up_items_use_a_token_up() {
        let (uses, answer) = (Uses::default(), Uuid::from_u128(1));
        let taken = |n: usize| uses.take(answer, &event(&format!("e{n}"), EventKind::Click, &items(n, 1)));
        let counted = (0..10_000).filter(|n| taken(*n) == Worth::Counts).count();
        assert_eq!(counted, MAX_PER_TOKEN);
    }

    #[test]
    fn a_token_is_worth_nothing_long_after_its_answer() {
        let uses = Uses::default();
        let click = event("e", EventKind::Click, &items(0, 1));
        let given = |before_ms: i64| {
            let at = u64::try_from(click.at.0 - before_ms).expect("after 1970");
            let time = uuid::Timestamp::from_unix(uuid::NoContext, at / 1_000, (at % 1_000) as u32 * 1_000_000);
            uses.take(Uuid::new_v7(time), &click)
        };
        assert_eq!(given(-5_000), Worth::Counts, "clocks differ");
        assert_eq!(given(MAX_AGE_MS), Worth::Counts);
        assert_eq!(given(MAX_AGE_MS + 1_000), Worth::Expired);
    }

    #[test]
    fn memory_is_bounded_and_what_is_still_used_is_kept() {
        let uses = Uses::default();
        let busy = event("e", EventKind::Click, &items(0, 1));
        for n in 0..3 {
            uses.take(
                Uuid::from_u128(1),
                &Event { id: EventId::new(&format!("b{n}")).expect("an id"), ..busy.clone() },
            );
        }
        for n in 0..(5 * MAX_USES as u128 / 2) {
            if n % (MAX_USES as u128 / 2) == 0 {
                assert_eq!(uses.take(Uuid::from_u128(1), &busy), Worth::Replayed, "after {n} others");
            }
            assert_eq!(uses.take(Uuid::from_u128(2 + n), &busy), Worth::Counts);
            let generations = uses.0.lock();
            assert!(generations.young.len().max(generations.old.len()) <= MAX_USES + 1);
        }
    }
}
