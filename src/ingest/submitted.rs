//! What becomes of records that were handed in.

use super::Mark;
use crate::log::LogError;

/// Why records were not taken. Nothing is wrong with them: they may be sent again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// `events.queue` records are waiting already.
    #[error("the queue of {0} records is full: send again in a moment, or raise `events.queue`")]
    Full(usize),
    /// The rest of the log is still being applied.
    #[error("the log is still being applied after a start: send again in a moment, see /readyz")]
    CatchingUp,
    /// The server stops.
    #[error("the server is stopping: send again to the one that takes over")]
    Stopping,
    /// A writer died.
    #[error("{0}: restart the server, see /readyz")]
    Failed(String),
    /// The disk is full, or a quota is.
    #[error("{0}: make room, the server needs no restart")]
    DiskFull(String),
    /// Another caller has the turn.
    #[error("another {0} is being made: ask again in a moment")]
    Busy(&'static str),
    /// The log would not take them for another reason.
    #[error("{0}")]
    Log(String),
}

impl From<&LogError> for SubmitError {
    fn from(error: &LogError) -> Self {
        if error.is_full() { Self::DiskFull(error.to_string()) } else { Self::Log(error.to_string()) }
    }
}

impl SubmitError {
    /// The stable name in metrics and error bodies.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Full(_) => "queue_full",
            Self::CatchingUp => "catching_up",
            Self::Stopping => "stopping",
            Self::Failed(_) => "writer_failed",
            Self::DiskFull(_) => "disk_full",
            Self::Busy(_) => "busy",
            Self::Log(_) => "log_unavailable",
        }
    }
}

/// What became of a batch of records, all of which are durable now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Records that are new.
    pub accepted: usize,
    /// Events whose id was known.
    pub duplicates: usize,
    /// Once everything before this is applied, all of the batch is.
    pub next: Mark,
}
