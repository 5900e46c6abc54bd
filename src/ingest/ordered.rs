use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Job, Message, Prepared, Receipt, SubmitError};

/// The most records of one batch: as many as the sequencer appends at once.
pub const MAX_ORDERED: usize = 4_096;

/// The way in for records whose order was decided elsewhere: for one thread, a batch at a time, before the process is
/// ready too.
pub struct Ordered {
    jobs: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
}

impl Ordered {
    pub(super) fn new(jobs: mpsc::Sender<Message>) -> Self {
        Self { jobs, room: Arc::new(Semaphore::new(2 * MAX_ORDERED)) }
    }

    /// Has a batch appended to this process's log and applied. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing of it is taken.
    pub fn send(&self, records: Vec<Prepared>, received: Instant) -> Result<Answer, SubmitError> {
        let permits = u32::try_from(records.len()).map_err(|_| SubmitError::Full(MAX_ORDERED))?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(permits);
        let room = room.map_err(|_| SubmitError::Full(MAX_ORDERED))?;
        let (reply, answer) = oneshot::channel();
        let job = Job { records, received, reply, room };
        self.jobs.blocking_send(Message::Take(job)).map_err(|_| SubmitError::Stopping)?;
        Ok(Answer(answer))
    }
}

/// What becomes of a batch.
pub struct Answer(oneshot::Receiver<Result<Receipt, SubmitError>>);

impl Answer {
    /// Waits for the append. Must not be called on a thread of the runtime.
    ///
    /// # Errors
    /// [`SubmitError`]: nothing of the batch was taken.
    pub fn wait(self) -> Result<Receipt, SubmitError> {
        self.0.blocking_recv().unwrap_or(Err(SubmitError::Stopping))
    }
}
