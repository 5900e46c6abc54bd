use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use sidecart_engine::nouns::Entry;
use sidecart_engine::{Engine, Settings, State};

use super::Outlet;
use super::applier::{Group, Work};
use super::checkpoint::{CheckpointError, Checkpoints};
use super::trainer::Learning;
use crate::log::{EventLog, LogError, Offset};

/// Records handed to the applier at once while catching up.
const REPLAY_GROUP: usize = 1_024;

/// Where the records and the state are kept.
pub struct Storage {
    /// The log.
    pub log: Box<dyn EventLog>,
    /// The saved states.
    pub checkpoints: Checkpoints,
    /// When the state is saved.
    pub saving: Saving,
    /// How the scorer learns; `None`: it does not.
    pub learning: Option<Arc<Learning>>,
    /// Where records go first, if not into `log`.
    pub outlet: Option<Arc<dyn Outlet>>,
}

/// When the state is saved.
#[derive(Debug, Clone)]
pub struct Saving {
    /// How often, while records come.
    pub every: Duration,
    /// The config in force, noted in each checkpoint.
    pub config_version: String,
}

/// Why the writers cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The checkpoints cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The log is not the one that the checkpoint was made from.
    #[error(
        "the newest checkpoint covers the log up to offset {covered}, but the log ends at {end}: restore the log that \
         belongs to it, or delete the folder `checkpoints` to start from the log alone"
    )]
    LogBehindCheckpoint {
        /// The first offset that the checkpoint does not cover.
        covered: Offset,
        /// The next offset of the log.
        end: Offset,
    },
    /// The operating system gives no thread.
    #[error("cannot start the thread `{0}`: {1}")]
    Thread(&'static str, std::io::Error),
}

pub(super) struct Start {
    pub engine: Engine,
    /// The first record that the engine does not know.
    pub next: Offset,
}

/// The engine as the newest usable checkpoint has it, or empty.
pub(super) fn restore(storage: &Storage, settings: Settings) -> Result<Start, StartError> {
    let (restored, skipped) = storage.checkpoints.newest()?;
    for error in skipped {
        tracing::warn!(%error, "checkpoint skipped");
    }
    let (first, end) = (storage.log.first_offset(), storage.log.next_offset());
    let (state, mut next) = match restored {
        Some(restored) => {
            tracing::info!(next = restored.header.next.0, config = restored.header.config_version, "checkpoint read");
            (restored.state, restored.header.next)
        }
        None => (State::default(), Offset(0)),
    };
    if next > end {
        return Err(StartError::LogBehindCheckpoint { covered: next, end });
    }
    if next < first {
        tracing::error!(
            from = next.0,
            to = first.0,
            "no readable checkpoint covers what retention deleted from the log, so the state is partial: if an upgrade \
             changed the state's version, start the version before on a backup; else send the catalogue again, and \
             import the history"
        );
        next = first;
    }
    Ok(Start { engine: Engine::from_state(settings, state), next })
}

/// Hands the rest of the log to the applier; the last group, which may be empty, reaches the log's end.
pub(super) fn replay(log: &dyn EventLog, from: Offset, groups: &SyncSender<Work>) -> Result<(), LogError> {
    let started = Instant::now();
    let mut entries = Vec::new();
    let mut unreadable = 0_u64;
    let send = |entries: &mut Vec<Entry>, next| {
        let group = Group { entries: std::mem::take(entries), next, received: started, replayed: true };
        match groups.send(Work::Apply(group)) {
            Ok(()) => ControlFlow::Continue(()),
            // The applier is gone and has said why.
            Err(_) => ControlFlow::Break(()),
        }
    };
    let replayed = log.replay(from, &mut |logged| {
        match serde_json::from_slice(logged.payload) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                unreadable += 1;
                tracing::warn!(offset = logged.offset.0, %error, "record skipped: written by another version");
            }
        }
        if entries.len() < REPLAY_GROUP {
            return ControlFlow::Continue(());
        }
        send(&mut entries, logged.offset.plus(1))
    })?;
    let end = log.next_offset();
    let _ = send(&mut entries, end);
    if replayed.lost > 0 {
        tracing::error!(lost = replayed.lost, gaps = ?replayed.gaps, "damaged records skipped");
    }
    tracing::info!(
        from = from.0,
        next = end.0,
        records = replayed.records,
        unreadable,
        millis = started.elapsed().as_millis() as u64,
        "log read"
    );
    Ok(())
}
