//! What takes the place of a shopper's ids in the log: random names that nothing leads back from. A replay meets them
//! instead, and the erasure's own record, which names them too, forgets them where the live state forgot the person; so
//! both end in the same state.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sidecart_engine::Engine;
use sidecart_engine::nouns::{
    AnonymousId, Entry, Erasure, Event, EventId, OrderId, Record, Request, SessionId, UserId,
};

use super::who::Who;
use crate::log::{Logged, Offset};

/// Bytes of a replacement's randomness.
const NAME_BYTES: usize = 12;

/// A shopper's ids and what stands in for them.
pub struct Replacement {
    who: Who,
    mac: Hmac<Sha256>,
    /// By what the state remembers the person, and all else that is to leave the records of erasures.
    original: Erasure,
    /// By what a replay of the rewritten log remembers the names that stand in.
    stand_ins: StandIns,
    /// The ids as JSON texts, as they stand in files.
    quoted: Vec<String>,
    /// The order whose records in the log do not know the stand-ins yet.
    order: Option<Order>,
}

/// The pseudonyms of names that stand in, by those of the ids.
#[derive(Default)]
struct StandIns {
    profiles: BTreeMap<u64, u64>,
    sessions: BTreeMap<u64, u64>,
    orders: BTreeMap<u64, u64>,
    events: BTreeMap<u64, u64>,
}

impl StandIns {
    fn add(&mut self, original: &Erasure, stand_in: &Erasure) {
        let pairs = |from: &[u64], to: &[u64]| from.iter().copied().zip(to.iter().copied()).collect::<Vec<_>>();
        self.profiles.extend(pairs(&original.profiles, &stand_in.profiles));
        self.sessions.extend(pairs(&original.sessions, &stand_in.sessions));
        self.orders.extend(pairs(&original.orders, &stand_in.orders));
        self.events.extend(pairs(&original.events, &stand_in.events));
    }

    /// The pseudonyms of ids.
    fn originals(&self) -> Erasure {
        let keys = |map: &BTreeMap<u64, u64>| map.keys().copied().collect();
        let (profiles, sessions) = (keys(&self.profiles), keys(&self.sessions));
        Erasure { order: None, profiles, sessions, orders: keys(&self.orders), events: keys(&self.events) }
    }

    /// What stands in for those that `erasure` names.
    fn of(&self, erasure: &Erasure) -> Erasure {
        let known =
            |map: &BTreeMap<u64, u64>, keys: &[u64]| keys.iter().filter_map(|key| map.get(key).copied()).collect();
        Erasure {
            order: None,
            profiles: known(&self.profiles, &erasure.profiles),
            sessions: known(&self.sessions, &erasure.sessions),
            orders: known(&self.orders, &erasure.orders),
            events: known(&self.events, &erasure.events),
        }
    }
}

/// An order that another replica was asked for.
struct Order {
    name: String,
    /// What stands in for ids that none of its records names: this log reaches further back.
    beyond: Erasure,
}

impl Replacement {
    /// Stand-ins that depend on a salt which is thrown away in the end.
    pub fn new(who: &Who, salt: &[u8]) -> Self {
        let mac = Hmac::new_from_slice(salt).expect("any length of key will do");
        let name = |id: &str| name(&mac, id);
        let mut stand_ins = StandIns::default();
        let mut add = |original: Erasure, stand_in: Erasure| stand_ins.add(&original, &stand_in);
        for (id, other) in who.user.iter().filter_map(|id| Some((id, UserId::new(&name(id.as_str())).ok()?))) {
            add(Engine::erasure([id], [], [], []), Engine::erasure([&other], [], [], []));
        }
        for (id, other) in who.devices.iter().filter_map(|id| Some((id, AnonymousId::new(&name(id.as_str())).ok()?))) {
            add(Engine::erasure([], [id], [], []), Engine::erasure([], [&other], [], []));
        }
        for (id, other) in who.sessions.iter().filter_map(|id| Some((id, SessionId::new(&name(id.as_str())).ok()?))) {
            add(Engine::erasure([], [], [id], []), Engine::erasure([], [], [&other], []));
        }
        for (id, other) in who.orders.iter().filter_map(|id| Some((id, OrderId::new(&name(id.as_str())).ok()?))) {
            add(Engine::erasure([], [], [], [id]), Engine::erasure([], [], [], [&other]));
        }
        for (id, other) in who.events.iter().filter_map(|id| Some((id, EventId::new(&name(id.as_str())).ok()?))) {
            add(Engine::erasure_of_events([id]), Engine::erasure_of_events([&other]));
        }
        let texts = who.user.iter().map(UserId::as_str);
        let texts = texts.chain(who.devices.iter().map(AnonymousId::as_str));
        let texts = texts.chain(who.sessions.iter().map(SessionId::as_str));
        let quoted = texts.filter_map(|text| serde_json::to_string(text).ok()).collect();
        let original = stand_ins.originals();
        Self { who: who.clone(), mac, original, stand_ins, quoted, order: None }
    }

    /// As [`Replacement::new`], for an erasure that another replica was asked for: its records in this log name the
    /// person, and nobody of this log's.
    pub fn of_another(who: &Who, salt: &[u8], erasure: &Erasure) -> Self {
        let mut own = Self::new(who, salt);
        let mut beyond = own.original.clone();
        beyond.subtract(erasure);
        let beyond = own.stand_ins.of(&beyond);
        own.original.add(erasure);
        Self { order: erasure.order.clone().map(|name| Order { name, beyond }), ..own }
    }

    /// What the log says of the erasure until it is rewritten: the person's pseudonyms and those of the stand-ins.
    pub fn erasure(&self) -> Erasure {
        let mut both = self.original.clone();
        both.add(&self.stand_ins.of(&self.original));
        both
    }

    /// What a record of the log becomes; `None`: it says nothing of them. Events behind `forgotten`, the erasure's own
    /// record, were accepted after it and are not part of it.
    pub fn of_record(&self, logged: &Logged<'_>, forgotten: Offset) -> Option<Vec<u8>> {
        let mut entry: Entry = serde_json::from_slice(logged.payload).ok()?;
        match &mut entry.record {
            Record::Event(event) if logged.offset < forgotten && self.who.did(event) => self.blank(event),
            // The hash of an id leads back to whoever can guess the id.
            Record::Erase(erasure) => {
                let stand_ins = self.in_record(erasure, logged.offset.plus(1) == forgotten);
                let is_less = erasure.subtract(&self.original);
                let is_more = erasure.add(&stand_ins);
                if !is_less && !is_more {
                    return None;
                }
            }
            _ => return None,
        }
        serde_json::to_vec(&entry).ok()
    }

    /// What is to be added to a record of an erasure, of this order or of one before: what stands in for the ids that it
    /// names, so that it forgets in a replay what it made the state forget, and stays as short as it was. The last record
    /// of another replica's order gets the rest.
    fn in_record(&self, erasure: &Erasure, is_last: bool) -> Erasure {
        let mut stand_ins = self.stand_ins.of(erasure);
        let own = self.order.as_ref().filter(|order| is_last && erasure.order.as_ref() == Some(&order.name));
        if let Some(order) = own {
            stand_ins.add(&order.beyond);
        }
        stand_ins
    }

    fn blank(&self, event: &mut Event) {
        let name = |id: &str| name(&self.mac, id);
        let is_named = self.who.is_named_by(event);
        if event.user.is_some() && event.user == self.who.user {
            event.user = event.user.take().and_then(|id| UserId::new(&name(id.as_str())).ok());
        }
        if let Some(id) = event.anonymous.take_if(|id| self.who.devices.contains(id)) {
            event.anonymous = AnonymousId::new(&name(id.as_str())).ok();
        }
        if self.who.sessions.contains(&event.session)
            && let Ok(id) = SessionId::new(&name(event.session.as_str()))
        {
            event.session = id;
        }
        if let Some(id) = event.order.take_if(|id| self.who.orders.contains(id)) {
            event.order = OrderId::new(&name(id.as_str())).ok();
        }
        // An event's own id is random in a well-built shop. One that is made from the person's must go too; sent again,
        // such an event would count anew.
        if is_named && let Ok(id) = EventId::new(&name(event.id.as_str())) {
            event.id = id;
        }
        event.attribution_token = None;
        event.context = None;
    }

    /// Whether a line of JSON names them.
    pub fn is_named_in(&self, line: &str) -> bool {
        self.quoted.iter().any(|quoted| line.contains(quoted.as_str()))
    }

    /// Whether a request was theirs.
    pub fn is_about(&self, request: &Request) -> bool {
        self.who.sessions.contains(&request.session) || (request.user.is_some() && request.user == self.who.user)
    }
}

/// The name that stands in for an id.
fn name(mac: &Hmac<Sha256>, id: &str) -> String {
    let mut mac = mac.clone();
    mac.update(id.as_bytes());
    let tag = mac.finalize().into_bytes();
    let hex: String = tag.iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("erased-{hex}")
}
