//! The state from the log, record by record: what a checkpoint is made from, and what the live state is compared with.

use std::ops::ControlFlow;

use serde::Serialize;
use sidecart_engine::Engine;
use sidecart_engine::nouns::Entry;

use crate::log::{Logged, Offset, Replayed};

/// An engine that follows a log.
pub struct Rebuild {
    /// The engine; knows every record shown so far.
    pub engine: Engine,
    /// What it met.
    pub met: Met,
}

/// What was met while a state was rebuilt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Met {
    /// Records applied.
    pub records: u64,
    /// Records that cannot be read, since another version wrote them.
    pub unreadable: u64,
    /// Offsets that were given out and are missing, since their bytes are damaged.
    pub lost: u64,
}

impl Rebuild {
    /// Goes on from the state of this engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine, met: Met::default() }
    }

    /// Applies one record.
    pub fn take(&mut self, logged: &Logged<'_>) -> ControlFlow<()> {
        match serde_json::from_slice::<Entry>(logged.payload) {
            Ok(entry) => {
                self.engine.apply(&entry);
                self.met.records += 1;
            }
            Err(_) => self.met.unreadable += 1,
        }
        ControlFlow::Continue(())
    }

    /// Notes what the replay could not show; gives the offset behind the last record.
    pub fn end(&mut self, replayed: &Replayed) -> Offset {
        self.met.lost += replayed.lost;
        replayed.next
    }
}
