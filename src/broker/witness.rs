use sidecart_engine::nouns::{Erasure, Event, Positions, Timestamp};
use uuid::Uuid;

use super::Reading;
use crate::decisions::Decision;
use crate::in_force::Proposal;

/// What the rest of a replica does about records that come back, at their place of the one order and before its own log has
/// them. Called by the one thread that reads.
pub trait Witness: Send + Sync {
    /// A shopper is to be forgotten. What is to be done about this replica's files is durable when this returns, so that
    /// a crash is made good by reading the record again. `reach`: how far it is read with that record.
    ///
    /// # Errors
    /// Why it cannot be noted; it is tried again before anything else is taken.
    fn erasure(&self, erasure: &Erasure, reach: &Positions, accepted_at: Timestamp) -> Result<(), String>;

    /// A config is to be in force from here on. Gives how foreign records are read under it.
    ///
    /// # Errors
    /// Why it is not taken up; what was in force stays.
    fn config(&self, proposal: &Proposal) -> Result<Reading, String>;

    /// A shopper has clicked in an answer; told where this replica leads.
    fn click(&self, event: &Event);

    /// Whether this decision is kept here already.
    fn has_decision(&self, id: Uuid) -> bool;

    /// Another replica has answered. Called by a thread of its own.
    fn decision(&self, id: Uuid, decision: Decision);

    /// A config was in force where reading begins: it was judged by those who took it in its time.
    ///
    /// # Errors
    /// As for [`Witness::config`].
    fn config_before(&self, proposal: &Proposal) -> Result<Reading, String> {
        self.config(&Proposal { expected: None, ..proposal.clone() })
    }
}
