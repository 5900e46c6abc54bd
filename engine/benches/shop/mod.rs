//! The generated shop of the benches.
//!
//! Items stand in clusters of 100 (a category each), drawn by Zipf's law; a visit stays in its cluster nine steps of ten
//! and lasts 4.8 items on average; one visit in four puts its last item into the cart and buys the cart.

use std::ops::Range;

use sidecart_engine::nouns::{
    Entry, Event, EventId, EventKind, Item, ItemId, Line, PlacementId, Record, Repeats, Request, SessionId, Timestamp,
};
use sidecart_engine::{Engine, Scratch, Settings};

pub(crate) const CLUSTER: u64 = 100;
pub(crate) const ITEMS: u64 = 100_000;
/// Items of context in a query.
pub(crate) const LENGTHS: [usize; 3] = [1, 5, 10];
/// Mean time between two visits' starts: a million visits make a month.
const PACE_MS: i64 = 2_600;
const START_MS: i64 = 1_700_000_000_000;

/// When a visit begins.
pub(crate) fn at(visit: u64) -> Timestamp {
    Timestamp(START_MS + visit as i64 * PACE_MS)
}

/// A seeded generator (splitmix64): the same shop on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `n`, about as often as 1 / (its place): the inverse of the log-uniform law.
    fn zipf(&mut self, n: u64) -> u64 {
        (((n as f64 + 1.0).powf(self.share())) as u64 - 1).min(n - 1)
    }
}

pub(crate) struct Shop {
    dice: Dice,
    items: u64,
    pub(crate) events: u64,
}

impl Shop {
    pub(crate) fn new(items: u64) -> Self {
        Self { dice: Dice(42), items, events: 0 }
    }

    fn item(&mut self, cluster: u64) -> u64 {
        let cluster = if self.dice.share() < 0.9 { cluster } else { self.dice.zipf(self.items / CLUSTER) };
        cluster * CLUSTER + self.dice.zipf(CLUSTER)
    }

    /// The events of one visit.
    pub(crate) fn visit(&mut self, number: u64) -> Vec<Entry> {
        let begin = at(number).0;
        let cluster = self.dice.zipf(self.items / CLUSTER);
        let mut entries = Vec::new();
        let mut last = 0;
        while entries.is_empty() || self.dice.share() < 0.79 {
            last = self.item(cluster);
            let at = begin + entries.len() as i64 * 20_000;
            entries.push(self.entry(number, at, EventKind::View, last));
        }
        if number.is_multiple_of(4) {
            let at = begin + entries.len() as i64 * 20_000;
            entries.push(self.entry(number, at, EventKind::AddToCart, last));
            entries.push(self.entry(number, at + 20_000, EventKind::Purchase, last));
        }
        entries
    }

    /// An order of so many different lines, from a few clusters, in one event.
    #[allow(dead_code, reason = "not all benches order at large")]
    pub(crate) fn order(&mut self, visit: u64, lines: usize) -> Entry {
        let cluster = self.dice.zipf(self.items / CLUSTER);
        let mut items: Vec<u64> = Vec::with_capacity(lines);
        while items.len() < lines {
            let item = self.item((cluster + items.len() as u64 / 30) % (self.items / CLUSTER));
            if !items.contains(&item) {
                items.push(item);
            }
        }
        let mut entry = self.entry(visit, at(visit).0, EventKind::Purchase, 0);
        if let Record::Event(event) = &mut entry.record {
            event.lines = items.into_iter().map(|item| Line { item: id(item), quantity: 1, price: None }).collect();
        }
        entry
    }

    /// A question with so many items of context.
    pub(crate) fn request(&mut self, length: usize) -> Request {
        let cluster = self.dice.zipf(self.items / CLUSTER);
        ask((0..length).map(|_| id(self.item(cluster))).collect())
    }

    fn entry(&mut self, visit: u64, at: i64, kind: EventKind, item: u64) -> Entry {
        self.events += 1;
        let event = Event {
            id: EventId::new(&format!("e{}", self.events)).expect("a valid id"),
            kind,
            session: SessionId::new(&format!("s{visit}")).expect("a valid id"),
            user: None,
            anonymous: None,
            at: Timestamp(at),
            lines: vec![Line { item: id(item), quantity: 1, price: None }],
            order: None,
            placement: None,
            attribution_token: None,
            consent: None,
            context: None,
        };
        Entry { accepted_at: Timestamp(at), record: Record::Event(Box::new(event)), origin: None }
    }
}

fn id(item: u64) -> ItemId {
    ItemId::new(&format!("i{item}")).expect("a valid id")
}

/// An engine with the shop's catalogue and both views of session-kNN.
pub(crate) fn engine(sessions: u64, items: u64) -> Engine {
    let mut settings = Settings::default();
    settings.index.max_sessions = settings.index.max_sessions.max(sessions as usize);
    settings.candidates.session_knn_whole.weight = 1.0;
    let mut engine = Engine::new(settings);
    for item in 0..items {
        let category_path = vec![format!("c{}", item / CLUSTER)];
        let record = Record::Item(Box::new(Item { category_path, ..Item::bare(id(item)) }));
        engine.apply(&Entry { accepted_at: Timestamp(0), record, origin: None });
    }
    engine
}

/// Visits that the scorer learns from before anything is measured: an untaught one leaves out half of its work.
pub(crate) const TAUGHT_VISITS: u64 = 1_000;

/// Applies some visits, has the scorer learn from each of their events, as it would in a shop, and brings that into force.
pub(crate) fn teach(engine: &mut Engine, shop: &mut Shop, visits: Range<u64>) {
    let (mut trainer, mut scratch) = (engine.trainer(), Scratch::default());
    for entry in visits.clone().flat_map(|visit| shop.visit(visit)) {
        if let Record::Event(event) = &entry.record
            && let Some(lesson) = engine.lesson(event, event.at, &mut scratch)
        {
            trainer.take(&lesson, 0.05);
        }
        engine.apply(&entry);
    }
    let record = Record::Model(Box::new(trainer.publish(engine.model())));
    engine.apply(&Entry { accepted_at: at(visits.end), record, origin: None });
}

fn ask(context_items: Vec<ItemId>) -> Request {
    let placement = PlacementId::new("pdp").expect("a valid id");
    let session = SessionId::new("a-new-visitor").expect("a valid id");
    Request { context_items, repeats: Repeats::Suppress, ..Request::new(placement, session, 20) }
}
