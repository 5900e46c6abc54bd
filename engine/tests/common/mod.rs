//! A small shop to test with: short ways to say what happened and to read an answer.
#![allow(dead_code, reason = "each test file uses its own part")]

use sidecart_engine::nouns::*;
use sidecart_engine::{Applied, Engine, Scratch, Settings, Unhurried};

/// Noon of an ordinary day; all times are minutes after it.
pub const NOON: i64 = 1_767_268_800_000;

pub fn at(minute: i64) -> Timestamp {
    Timestamp(NOON + minute * MINUTE_MS)
}

pub fn item_id(id: &str) -> ItemId {
    ItemId::new(id).expect("a valid id")
}

pub fn ids(names: &str) -> Vec<ItemId> {
    names.split_whitespace().map(item_id).collect()
}

pub struct Shop {
    pub engine: Engine,
    events: u32,
}

impl Shop {
    /// A shop that sells the named items, nothing known of them but their ids.
    pub fn selling(names: &str) -> Self {
        Self::with(Settings::default(), names)
    }

    pub fn with(settings: Settings, names: &str) -> Self {
        let mut shop = Self { engine: Engine::new(settings), events: 0 };
        for id in ids(names) {
            shop.put(Item::bare(id));
        }
        shop
    }

    pub fn put(&mut self, item: Item) -> Applied {
        self.apply(0, Record::Item(Box::new(item)))
    }

    pub fn stock(&mut self, minute: i64, item: &str, stock: u32) -> Applied {
        self.apply(minute, Record::Stock(StockUpdate { item: item_id(item), stock, at: at(minute) }))
    }

    pub fn apply(&mut self, minute: i64, record: Record) -> Applied {
        self.engine.apply(&Entry { accepted_at: at(minute), record, origin: None })
    }

    pub fn event(&mut self, minute: i64, session: &str, kind: EventKind, items: &str) -> Event {
        self.events += 1;
        Event {
            id: EventId::new(&format!("e{}", self.events)).expect("a valid id"),
            kind,
            session: SessionId::new(session).expect("a valid id"),
            user: None,
            anonymous: None,
            at: at(minute),
            lines: ids(items).into_iter().map(|item| Line { item, quantity: 1, price: None }).collect(),
            order: None,
            placement: None,
            attribution_token: None,
            consent: None,
            context: None,
        }
    }

    /// One event of one or more items.
    pub fn happen(&mut self, minute: i64, session: &str, kind: EventKind, items: &str) -> Applied {
        let event = self.event(minute, session, kind, items);
        self.send(event)
    }

    pub fn send(&mut self, event: Event) -> Applied {
        let minute = event.at.since_ms(Timestamp(NOON)) / MINUTE_MS;
        self.apply(minute, Record::Event(Box::new(event)))
    }

    /// One view after the other.
    pub fn view(&mut self, minute: i64, session: &str, items: &str) {
        for item in items.split_whitespace() {
            self.happen(minute, session, EventKind::View, item);
        }
    }

    pub fn buy(&mut self, minute: i64, session: &str, items: &str) {
        self.happen(minute, session, EventKind::Purchase, items);
    }

    pub fn ask(&self, minute: i64, request: &Request) -> Slate {
        self.engine.recommend(request, at(minute), &mut Unhurried, &mut Scratch::default())
    }
}

pub fn request(session: &str) -> Request {
    let placement = PlacementId::new("cart").expect("a valid id");
    Request::new(placement, SessionId::new(session).expect("a valid id"), 5)
}

/// The items of an answer, in order, separated by spaces.
pub fn shown(slate: &Slate) -> String {
    slate.picks.iter().map(|pick| pick.item_id.as_str()).collect::<Vec<_>>().join(" ")
}
