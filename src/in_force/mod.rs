//! The config in force, and how it changes while the server runs.
//!
//! file, signal, `PUT` or rollback -> read and checked as a whole -> live keys laid on what runs ([`mix`](crate::config::mix)) ->
//! written into the history -> swapped in at once -> followers told. Whatever fails on the way leaves what was in force.

mod change;
mod history;
mod proposal;
mod start;
mod status;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
pub use change::{ChangeError, Changed, Verdict};
pub use history::{History, HistoryError, Past};
use parking_lot::Mutex;
pub use proposal::Proposal;
use proposal::Way;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;
use sidecart_engine::nouns::Timestamp;
pub use start::{Beginning, at_start};
pub use status::{Failure, Status, Wrong};
use utoipa::ToSchema;
pub use watch::{Watcher, watch};

use crate::access::Keys;
use crate::clock::Clock;
use crate::config::{Config, Loaded, Override};
use crate::metrics::Metrics;
use crate::wire::shapes::Mapping;

/// Where a config came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConfigSource)]
pub enum Source {
    /// The defaults, the environment and flags: there is no file.
    Defaults,
    /// The file.
    File,
    /// `PUT /v1/config`.
    Put,
    /// Brought back from the history.
    Rollback,
    /// The topic that all replicas read; see `events.config`.
    Topic,
}

impl Source {
    /// The name in JSON and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::File => "file",
            Self::Put => "put",
            Self::Rollback => "rollback",
            Self::Topic => "topic",
        }
    }

    /// Whether it was given to the running server, so that it counts until the file changes.
    fn is_by_hand(self) -> bool {
        matches!(self, Self::Put | Self::Rollback | Self::Topic)
    }
}

/// A config with all that is made of it. Never changed: a request takes one and keeps it to its end, so that one answer
/// is of one version.
#[derive(Debug)]
pub struct InForce {
    /// The config.
    pub config: Config,
    /// Names it by its content.
    pub version: String,
    /// The engine's settings, made of it.
    pub settings: Arc<Settings>,
    /// The keys, made of it.
    pub keys: Keys,
    /// How foreign events are understood, made of it.
    pub mapping: Mapping,
    /// Since when.
    pub since: Timestamp,
    /// Where it came from.
    pub source: Source,
    /// Who brought it, if that is known.
    pub who: Option<String>,
}

/// Something that is told of each new config, in order; for parts that cannot ask with each request.
pub type Follower = Box<dyn Fn(&InForce) + Send + Sync>;

/// Holds the config in force. Reading it takes some nanoseconds and never waits; changes are made one at a time.
pub struct Keeper {
    now: ArcSwap<InForce>,
    changing: Mutex<Changing>,
    status: Mutex<Status>,
    followers: Vec<Follower>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    file: Option<PathBuf>,
    overrides: Vec<Override>,
}

/// What only the change under way touches.
struct Changing {
    history: History,
    /// The hash of the file as it was last read.
    digest: Option<String>,
    /// Whether a config of the topic has been taken: from then on all replicas have the same.
    has_taken: bool,
}

impl Keeper {
    /// Brings the config of the start into force.
    #[must_use]
    pub fn new(
        beginning: Beginning,
        mut history: History,
        followers: Vec<Follower>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let Beginning { loaded, source, who, failure } = beginning;
        let Loaded { config, version, path, digest, overrides, .. } = loaded;
        let (settings, keys) = (Arc::new(config.settings()), Keys::of(&config.access));
        let first = InForce {
            mapping: config.events.mapping.compiled(),
            config,
            version,
            settings,
            keys,
            since: clock.now(),
            source,
            who,
        };
        if history.newest().is_none_or(|newest| newest.version != first.version || newest.digest != digest)
            && let Err(error) = history.add(&first, digest.clone())
        {
            tracing::warn!(%error, "the config of the start is not in the history");
        }
        followers.iter().for_each(|follower| follower(&first));
        Self {
            now: ArcSwap::from_pointee(first),
            changing: Mutex::new(Changing { history, digest, has_taken: source == Source::Topic }),
            status: Mutex::new(Status { failure, restart_required: Vec::new() }),
            followers,
            metrics,
            clock,
            file: path,
            overrides,
        }
    }

    /// The config in force.
    #[must_use]
    pub fn now(&self) -> Arc<InForce> {
        self.now.load_full()
    }

    /// The file that is watched; `None`: there is none.
    #[must_use]
    pub fn file(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }

    /// The keys that flags set, whatever the config says.
    #[must_use]
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// What is to be known of the newest change.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// The configs that were in force, newest first, that in force included.
    #[must_use]
    pub fn past(&self) -> Vec<Past> {
        self.changing.lock().history.list()
    }

    /// A config that was in force.
    ///
    /// # Errors
    /// [`HistoryError`] when it is not kept or cannot be read.
    pub fn past_config(&self, version: &str) -> Result<serde_json::Value, HistoryError> {
        self.changing.lock().history.read(version)
    }
}
