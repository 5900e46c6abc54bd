//! Whom an order means: the ids that the log ties to the ones it names.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidecart_engine::Engine;
use sidecart_engine::nouns::{
    AnonymousId, Entry, Erasure, Event, EventId, OrderId, Record, Request, SessionId, UserId,
};

use super::job::Target;
use crate::log::{LogError, LogReader, Offset};

/// All ids of a shopper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The user.
    pub user: Option<UserId>,
    /// Their devices: those named, and those seen with the user and with nobody else.
    pub devices: BTreeSet<AnonymousId>,
    /// Their visits: those named, and those in which the user or one of the devices was seen.
    pub sessions: BTreeSet<SessionId>,
    /// Orders made in these visits.
    pub orders: BTreeSet<OrderId>,
    /// Their events whose own ids are made from theirs. Jobs of before lack it.
    #[serde(default)]
    pub events: BTreeSet<EventId>,
}

impl Who {
    /// Whether an event is theirs.
    pub fn did(&self, event: &Event) -> bool {
        (event.user.is_some() && event.user == self.user)
            || event.anonymous.as_ref().is_some_and(|id| self.devices.contains(id))
            || self.sessions.contains(&event.session)
            || event.order.as_ref().is_some_and(|id| self.orders.contains(id))
    }

    /// Whether the own id of an event of theirs is made from the user's, a device's or that of its visit. Not from those of
    /// their other visits: of these there may be a hundred thousand, and as many events.
    pub fn is_named_by(&self, event: &Event) -> bool {
        let visit = self.sessions.get(&event.session).map(SessionId::as_str);
        let shopper = self.user.iter().map(UserId::as_str).chain(self.devices.iter().map(AnonymousId::as_str));
        shopper.chain(visit).any(|text| event.id.as_str().contains(text))
    }
}

/// Reads the log up to `end` four times: for the devices, then for the visits, then for the orders made in them, then for
/// the events that name any of these.
///
/// # Errors
/// [`LogError`].
pub fn find(log: &dyn LogReader, target: &Target, end: Offset) -> Result<Who, LogError> {
    let mut devices: BTreeSet<AnonymousId> = target.anonymous.iter().cloned().collect();
    let mut shared = BTreeSet::new();
    if target.user.is_some() {
        each_event(log, end, |event| match (&event.anonymous, &event.user) {
            (Some(device), Some(_)) if event.user == target.user => drop(devices.insert(device.clone())),
            (Some(device), Some(_)) => drop(shared.insert(device.clone())),
            _ => {}
        })?;
    }
    devices.retain(|device| target.anonymous.as_ref() == Some(device) || !shared.contains(device));
    let sessions = target.sessions.iter().cloned().collect();
    complete(log, Who { user: target.user.clone(), devices, sessions, ..Who::default() }, end)
}

/// The pseudonyms of an erasure, to be asked about the ids behind them.
pub struct SoughtPseudonyms {
    profiles: FxHashSet<u64>,
    sessions: FxHashSet<u64>,
    orders: FxHashSet<u64>,
}

impl SoughtPseudonyms {
    /// Those of an erasure.
    pub fn of(erasure: &Erasure) -> Self {
        let set = |keys: &[u64]| keys.iter().copied().collect();
        Self { profiles: set(&erasure.profiles), sessions: set(&erasure.sessions), orders: set(&erasure.orders) }
    }

    fn is_user(&self, id: &UserId) -> bool {
        Engine::erasure([id], [], [], []).profiles.iter().any(|key| self.profiles.contains(key))
    }

    fn is_device(&self, id: &AnonymousId) -> bool {
        Engine::erasure([], [id], [], []).profiles.iter().any(|key| self.profiles.contains(key))
    }

    fn is_session(&self, id: &SessionId) -> bool {
        Engine::erasure([], [], [id], []).sessions.iter().any(|key| self.sessions.contains(key))
    }

    fn is_order(&self, id: &OrderId) -> bool {
        Engine::erasure([], [], [], [id]).orders.iter().any(|key| self.orders.contains(key))
    }

    /// Whether a request was theirs.
    pub fn is_about(&self, request: &Request) -> bool {
        self.is_session(&request.session) || request.user.as_ref().is_some_and(|id| self.is_user(id))
    }

    /// Notes the ids behind the pseudonyms that a dead letter's event names.
    pub fn note_letter(&self, event: &Value, who: &mut Who) {
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        if let Some(id) = UserId::new(text("userId")).ok().filter(|id| self.is_user(id)) {
            who.user = Some(id);
        }
        who.devices.extend(AnonymousId::new(text("anonymousId")).ok().filter(|id| self.is_device(id)));
        who.sessions.extend(SessionId::new(text("sessionId")).ok().filter(|id| self.is_session(id)));
        who.orders.extend(OrderId::new(text("orderId")).ok().filter(|id| self.is_order(id)));
    }

    fn note(&self, event: &Event, who: &mut Who) {
        if let Some(id) = event.user.as_ref().filter(|id| self.is_user(id)) {
            who.user = Some(id.clone());
        }
        who.devices.extend(event.anonymous.iter().filter(|id| self.is_device(id)).cloned());
        who.sessions.extend(Some(&event.session).filter(|id| self.is_session(id)).cloned());
        who.orders.extend(event.order.iter().filter(|id| self.is_order(id)).cloned());
    }
}

/// What another replica's erasure means in this replica's log.
pub struct Found {
    /// The ids, those that came in with `known` included.
    pub who: Who,
    /// The offset behind the erasure's own record, of its last part if it has several; `end` where it is not there.
    pub forgotten: Offset,
}

/// Reads the log up to `end` for the ids behind pseudonyms, for the offset of the erasure's own record, then, where there
/// are any, for further visits and their orders: this log may reach further back than that of the replica that was asked.
///
/// # Errors
/// [`LogError`].
pub fn find_behind(log: &dyn LogReader, erasure: &Erasure, known: Who, end: Offset) -> Result<Found, LogError> {
    let (pseudonyms, mut who, mut forgotten) = (SoughtPseudonyms::of(erasure), known, None);
    each_record(log, log.first_offset()?..end, |offset, record| match record {
        Record::Event(event) => pseudonyms.note(event, &mut who),
        Record::Erase(own) if own.order == erasure.order => forgotten = Some(offset.plus(1)),
        _ => {}
    })?;
    let forgotten = forgotten.unwrap_or(end);
    if who != Who::default() {
        who = complete(log, who, forgotten)?;
    }
    Ok(Found { who, forgotten })
}

/// The offset behind the newest record of an erasure's order in a part of the log; `None` where it is not there.
///
/// # Errors
/// [`LogError`].
pub fn end_of_order(log: &dyn LogReader, erasure: &Erasure, part: Range<Offset>) -> Result<Option<Offset>, LogError> {
    let mut end = None;
    each_record(log, part, |offset, record| {
        if matches!(record, Record::Erase(own) if own.order == erasure.order) {
            end = Some(offset.plus(1));
        }
    })?;
    Ok(end)
}

/// Adds the visits in which they were seen, then the orders made in them, then the events that are named after them.
fn complete(log: &dyn LogReader, mut who: Who, end: Offset) -> Result<Who, LogError> {
    each_event(log, end, |event| {
        if who.did(event) {
            who.sessions.insert(event.session.clone());
        }
    })?;
    // Only now is it known of each event whose it is: a visit is anonymous until its shopper logs in.
    let mut orders = who.orders.clone();
    each_event(log, end, |event| orders.extend(event.order.iter().filter(|_| who.did(event)).cloned()))?;
    who.orders = orders;
    let mut events = BTreeSet::new();
    each_event(log, end, |event| {
        if who.did(event) && who.is_named_by(event) {
            events.insert(event.id.clone());
        }
    })?;
    Ok(Who { events, ..who })
}

fn each_event(log: &dyn LogReader, end: Offset, mut visit: impl FnMut(&Event)) -> Result<(), LogError> {
    each_record(log, log.first_offset()?..end, |_, record| {
        if let Record::Event(event) = record {
            visit(event);
        }
    })
}

fn each_record(
    log: &dyn LogReader,
    part: Range<Offset>,
    mut visit: impl FnMut(Offset, &Record),
) -> Result<(), LogError> {
    log.replay(part.start, part.end, &mut |logged| {
        if let Ok(Entry { record, .. }) = serde_json::from_slice(logged.payload) {
            visit(logged.offset, &record);
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
