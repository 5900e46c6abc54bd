//! Whom an order means: the ids that the log ties to the ones it names.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{AnonymousId, Entry, Event, OrderId, Record, SessionId, UserId};

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
}

impl Who {
    /// Whether an event is theirs.
    pub fn did(&self, event: &Event) -> bool {
        (event.user.is_some() && event.user == self.user)
            || event.anonymous.as_ref().is_some_and(|id| self.devices.contains(id))
            || self.sessions.contains(&event.session)
            || event.order.as_ref().is_some_and(|id| self.orders.contains(id))
    }
}

/// Reads the log up to `end` three times: for the devices, then for the visits, then for the orders made in them.
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
    let mut who = Who { user: target.user.clone(), devices, sessions, orders: BTreeSet::new() };
    each_event(log, end, |event| {
        if who.did(event) {
            who.sessions.insert(event.session.clone());
        }
    })?;
    // Only now is it known of each event whose it is: a visit is anonymous until its shopper logs in.
    let mut orders = BTreeSet::new();
    each_event(log, end, |event| orders.extend(event.order.iter().filter(|_| who.did(event)).cloned()))?;
    Ok(Who { orders, ..who })
}

fn each_event(log: &dyn LogReader, end: Offset, mut visit: impl FnMut(&Event)) -> Result<(), LogError> {
    log.replay(log.first_offset()?, end, &mut |logged| {
        if let Ok(Entry { record: Record::Event(event), .. }) = serde_json::from_slice(logged.payload) {
            visit(&event);
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}
