//! Where records become durable before they reach this process's own log: a broker, if there is one.

use std::pin::Pin;

use sidecart_engine::nouns::Positions;

use super::{Prepared, SubmitError};
use crate::log::Offset;

/// Where a batch is, so that it can be waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Everything before this offset of this process's own log.
    pub next: Offset,
    /// Everything of a broker's partitions before these positions.
    pub positions: Positions,
}

impl Mark {
    /// Moves on to the further of both.
    pub fn merge(&mut self, other: &Self) {
        self.next = self.next.max(other.next);
        self.positions.merge(&other.positions);
    }
}

impl From<Offset> for Mark {
    fn from(next: Offset) -> Self {
        Self { next, positions: Positions::default() }
    }
}

/// What becomes of records that were sent off.
pub type Sent<'a> = Pin<Box<dyn Future<Output = Result<Positions, SubmitError>> + Send + 'a>>;

/// A log elsewhere, from which records come back to this process in the order of all replicas.
pub trait Outlet: Send + Sync {
    /// Sends records off; done when all of them are durable. On an error some of them may be.
    fn publish(&self, records: Vec<Prepared>) -> Sent<'_>;

    /// Sends a record off that nobody waits for; whether there was room for it.
    fn offer(&self, record: &Prepared) -> bool;

    /// Sends a config for all replicas, as JSON; done when it is durable.
    fn propose(&self, config: Vec<u8>) -> Sent<'_>;

    /// How far what this process has sent reaches.
    fn acknowledged(&self) -> Positions;
}
