//! History on its way in: only so much of it may be ahead of the engine, so that what shoppers do now, which takes its
//! turn behind it, is visible within milliseconds beside an import, or many at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Ingest, Prepared, Receipt, SubmitError, next_part};

/// Records of history that may be in the log, or about to be, and not in the engine. They take the engine some 15 ms,
/// lessons included; two parts, so that one becomes durable while the other is applied.
pub(super) const MAX_UNAPPLIED: usize = 2 * MAX_PART_RECORDS;
/// Records of one part of a batch.
const MAX_PART_RECORDS: usize = 256;
/// A part that is not in the engine after this long makes room for others all the same: the writers tell why themselves.
const PATIENCE: Duration = Duration::from_secs(60);

/// The room for history that is not applied yet.
pub(super) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_UNAPPLIED))
}

impl Ingest {
    /// As [`Ingest::submit`], at the pace at which the engine takes history in. Where a broker has the records first, its
    /// order and its pace hold.
    ///
    /// # Errors
    /// [`SubmitError`]: to be sent again later.
    pub async fn submit_history(&self, records: Vec<Prepared>) -> Result<Receipt, SubmitError> {
        if self.shared.outlet.is_some() {
            return self.submit(records).await;
        }
        let mut total = Receipt::default();
        let mut rest = records.into_iter().peekable();
        while rest.peek().is_some() {
            let part = next_part(&mut rest, self.capacity.min(MAX_PART_RECORDS));
            self.refuse_unless_ready()?;
            let permits = u32::try_from(part.len()).map_err(|_| SubmitError::Full(self.capacity))?;
            let turn = Arc::clone(&self.history).acquire_many_owned(permits).await;
            let turn = turn.map_err(|_| SubmitError::Stopping)?;
            let receipt = self.submit(part).await?;
            let (shared, next) = (Arc::clone(&self.shared), receipt.next.clone());
            total.accepted += receipt.accepted;
            total.duplicates += receipt.duplicates;
            total.next.merge(&receipt.next);
            tokio::spawn(async move {
                shared.applied(&next, PATIENCE).await;
                drop(turn);
            });
        }
        Ok(total)
    }
}
