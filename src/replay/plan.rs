//! What is to be asked, and when: a list of queries in the order of the events.

use sidecart_engine::nouns::{EventKind, Timestamp};

use super::seeded::Seeded;
use crate::data::{Dataset, Head, NONE};

/// The newest items of a session that a query passes on as context. More than any model looks at.
pub const MAX_CONTEXT: usize = 100;

/// Items in a row of [`Plan::items`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// `len` items from `start` on.
    pub fn new(start: usize, len: usize) -> Self {
        let short = |number: usize| u32::try_from(number).expect("items in a plan are bounded by events and pairs");
        Self { start: short(start), len: short(len) }
    }

    /// Its last `most` items.
    pub fn newest(self, most: usize) -> Self {
        let len = self.len.min(u32::try_from(most).unwrap_or(u32::MAX));
        Self { start: self.start + self.len - len, len }
    }

    /// How many items.
    pub fn len(self) -> usize {
        self.len as usize
    }
}

/// One question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Query {
    /// It is asked before the event at this place is applied.
    pub before: u32,
    /// What it is resampled with: its session.
    pub cluster: u32,
    /// The live session to ask in, or [`NONE`] for one that nobody knows.
    pub session: u32,
    /// By whom, or [`NONE`].
    pub user: u32,
    /// The session's items so far, oldest first.
    pub context: Span,
    /// What is in the cart.
    pub cart: Span,
    /// What is to be found.
    pub targets: Span,
    /// Kind of the event that it foretells.
    pub kind: EventKind,
}

/// All questions of a replay.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of `before`.
    pub queries: Vec<Query>,
    /// The items that the queries' spans point into.
    pub items: Vec<u32>,
    /// Clusters are numbered below this.
    pub clusters: usize,
}

impl Plan {
    /// The items of a span.
    pub fn items_of(&self, span: Span) -> &[u32] {
        &self.items[span.start as usize..][..span.len as usize]
    }

    /// Adds items, and says where they are.
    pub fn keep(&mut self, items: &[u32]) -> Span {
        self.items.extend_from_slice(items);
        Span::new(self.items.len() - items.len(), items.len())
    }

    /// Keeps a random part of the queries.
    pub fn sample(&mut self, most: usize, seed: u64) {
        if most < self.queries.len() {
            let chosen = Seeded::new(seed, 0x5a3b).sample(self.queries.len(), most);
            self.queries = chosen.into_iter().map(|place| self.queries[place]).collect();
        }
    }
}

/// Where the events are cut into what is known and what is foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The instant.
    pub at: Timestamp,
    /// The place of the first event that is not known at the cut.
    pub place: usize,
}

impl Cut {
    /// The cut at an instant. Events are in the order of time.
    pub fn at(events: &[Head], at: Timestamp) -> Self {
        Self { at, place: events.partition_point(|head| head.at < at) }
    }

    /// The cut that leaves the last tenth of the events.
    pub fn last_tenth(events: &[Head]) -> Option<Self> {
        const KNOWN_TENTHS: usize = 9;
        let place = events.len() * KNOWN_TENTHS / 10;
        events.get(place).map(|head| Self::at(events, head.at))
    }
}

/// Sessions that belong to the test part: their first event is at or after the cut.
#[derive(Debug)]
pub struct TestSessions {
    begins: Vec<u32>,
    cut: usize,
}

impl TestSessions {
    /// Finds them.
    pub fn of(data: &Dataset, cut: usize) -> Self {
        let mut begins = vec![NONE; data.counts().1];
        for (place, head) in data.events().iter().enumerate() {
            let begin = &mut begins[head.session as usize];
            *begin = (*begin).min(place as u32);
        }
        Self { begins, cut }
    }

    /// Whether a session is one of them.
    pub fn holds(&self, session: u32) -> bool {
        self.begins.get(session as usize).is_some_and(|&begin| begin != NONE && begin as usize >= self.cut)
    }

    /// The place of a session's first event.
    pub fn begin(&self, session: u32) -> u32 {
        self.begins[session as usize]
    }
}

/// Each session's items in order, as far as the shopper showed interest in them.
#[derive(Debug)]
pub struct Histories {
    starts: Vec<u32>,
    lens: Vec<u32>,
}

impl Histories {
    /// Lays out room in the plan for the items of the sessions that `wanted` names.
    pub fn lay_out(data: &Dataset, plan: &mut Plan, wanted: impl Fn(u32) -> bool) -> Self {
        let mut counts = vec![0_u32; data.counts().1];
        for head in data.events().iter().filter(|head| head.kind.is_interest() && wanted(head.session)) {
            counts[head.session as usize] += data.items_of(head).len() as u32;
        }
        let mut next = plan.items.len() as u32;
        let starts = counts
            .iter()
            .map(|count| {
                let start = next;
                next += count;
                start
            })
            .collect();
        plan.items.resize(next as usize, NONE);
        Self { starts, lens: vec![0; counts.len()] }
    }

    /// A session's items so far.
    pub fn so_far(&self, session: u32) -> Span {
        Span { start: self.starts[session as usize], len: self.lens[session as usize] }
    }

    /// Adds an event's items to its session, and says where they are.
    pub fn add(&mut self, plan: &mut Plan, session: u32, items: impl Iterator<Item = u32>) -> Span {
        let Span { start, len } = self.so_far(session);
        let mut added = 0;
        for item in items {
            plan.items[(start + len + added) as usize] = item;
            added += 1;
        }
        self.lens[session as usize] += added;
        Span { start: start + len, len: added }
    }
}
