//! The pure engine of Sidecart: (state, input, now) -> output.
//!
//! No clock, no I/O, no threads, no unseeded randomness: instants are arguments, the caller watches the time
//! ([`Watch`]), and state is plain data that the caller saves and restores ([`State`]). The same entries in the same
//! order give the same state and the same answers, bit for bit.

pub mod nouns;
pub mod settings;
pub mod views;
mod watch;

use nouns::{Entry, EventId, Item, Request, Slate, Tier, Timestamp};
use serde::{Deserialize, Serialize};
pub use settings::Settings;
use views::{ItemView, SessionView, Sizes, UserView};
pub use watch::{Pace, Stage, Unhurried, Watch};

/// The shape of [`State`] when it is saved. Raised whenever a saved state of before could not be read back.
pub const STATE_VERSION: u32 = 1;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It changed the state.
    Fresh,
    /// Its event id had been applied before; nothing changed.
    Duplicate,
    /// It speaks of an item that is not in the catalogue, or the catalogue is full; nothing changed.
    Refused,
}

/// Everything the engine knows; what a checkpoint holds. Serialising equal states gives equal bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    applied: u64,
}

/// Working memory of one answer, reused by its caller from request to request.
#[derive(Debug, Default)]
pub struct Scratch {}

/// The engine: settings and state.
#[derive(Debug, Clone)]
pub struct Engine {
    settings: Settings,
    state: State,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::from_state(settings, State::default())
    }

    /// An engine that goes on from a saved state.
    #[must_use]
    pub fn from_state(settings: Settings, state: State) -> Self {
        Self { settings, state }
    }

    /// The state, to be saved.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Replaces the settings; bounds that shrank take effect as new entries come.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Applies one entry of the log. Idempotent by event id within the dedupe window.
    pub fn apply(&mut self, _entry: &Entry) -> Applied {
        self.state.applied += 1;
        Applied::Fresh
    }

    /// Whether an event of this id has been applied within the dedupe window.
    #[must_use]
    pub fn has_seen(&self, _id: &EventId) -> bool {
        false
    }

    /// Answers a request as of `now`. `watch` is told of each stage and may end the work early.
    #[must_use]
    pub fn recommend(
        &self,
        _request: &Request,
        _now: Timestamp,
        _watch: &mut dyn Watch,
        _scratch: &mut Scratch,
    ) -> Slate {
        Slate {
            picks: Vec::new(),
            tier: Tier::Empty,
            degraded: None,
            suppressed: std::collections::BTreeMap::new(),
            considered: 0,
            dropped: Vec::new(),
            context: Vec::new(),
            cart: Vec::new(),
            feature_age_ms: None,
        }
    }

    /// Rebuilds the table behind [`nouns::Strategy::Batch`] from the state as it is. `apply` does so by itself
    /// whenever the events' clock passes midnight (UTC).
    pub fn rebuild_batch(&mut self) {}

    /// Fixes the lists behind [`nouns::Strategy::Static`] from the state as it is (bestsellers of now).
    pub fn fix_static(&mut self) {}

    /// The catalogue's entry of an item, with live stock.
    #[must_use]
    pub fn item(&self, _id: &str) -> Option<&Item> {
        None
    }

    /// All items of the catalogue, in order of first mention.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        std::iter::empty()
    }

    /// What is known of a live visit.
    #[must_use]
    pub fn session(&self, _id: &str, _now: Timestamp) -> Option<SessionView> {
        None
    }

    /// What is known of a user.
    #[must_use]
    pub fn user(&self, _id: &str, _now: Timestamp) -> Option<UserView> {
        None
    }

    /// What is known of an item.
    #[must_use]
    pub fn item_features(&self, _id: &str, _now: Timestamp) -> Option<ItemView> {
        None
    }

    /// How full the state is.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes { applied: self.state.applied, ..Sizes::default() }
    }
}
