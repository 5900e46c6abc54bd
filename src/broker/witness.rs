use sidecart_engine::nouns::{Erasure, Positions, Timestamp};

/// What the rest of a replica does about records that come back, at their place of the one order and before its own log has
/// them. Called by the one thread that reads.
pub trait Witness: Send + Sync {
    /// A shopper is to be forgotten. What is to be done about this replica's files is durable when this returns, so that
    /// a crash is made good by reading the record again. `reach`: how far it is read with that record.
    ///
    /// # Errors
    /// Why it cannot be noted; it is tried again before anything else is taken.
    fn erasure(&self, erasure: &Erasure, reach: &Positions, accepted_at: Timestamp) -> Result<(), String>;
}
