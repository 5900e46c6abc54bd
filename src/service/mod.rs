//! The application without its transport: what HTTP, the demo and the tests call.
//!
//! Path of a request: [`Service::recommend`] -> admission -> deadline -> `Engine::recommend` -> decision -> answer.
//! Path of a record: [`Service::accept`] -> parse -> `Ingest` -> receipt.

mod accept;
mod admission;
mod clicks;
mod configs;
mod dead_letters;
mod deadline;
mod erasures;
mod gate;
mod ladder;
mod memory;
mod model;
mod recommend;
mod scratch;
mod simulate;
mod token;
mod uses;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub use accept::{Accepted, Refused, Timing};
pub use clicks::Clicks;
pub use configs::{GiveError, Given};
pub use dead_letters::{LettersError, Replayed};
pub use gate::Gate;
pub use ladder::Ceiling;
use ladder::Ladder;
pub use memory::Memory;
#[cfg(feature = "redis")]
pub use memory::{Recalling, Unavailable};
pub use model::{ModelError, ModelView};
use sidecart_engine::nouns::{Item, SessionId, Tier, Timestamp, UserId};
use sidecart_engine::views::{ItemView, SessionView, UserView};
pub use simulate::{MAX_REQUESTS, USUAL_REQUESTS};
pub use token::Tokens;
use tokio::sync::Semaphore;

use crate::access::Pseudonyms;
use crate::decisions::Decisions;
use crate::erasure::Erasures;
use crate::in_force::{InForce, Keeper};
use crate::ingest::{DeadLetters, Ingest, Mark, Phase, Shared, StateDigest, SubmitError};
use crate::log::Offset;
use crate::metrics::{Metrics, Observed};
use crate::wire::scalar::rfc3339;

/// How long `?wait=applied` waits, and a change to one item for the changes before it. Applying takes milliseconds; what
/// takes longer than this is answered as not applied.
pub const APPLY_PATIENCE: Duration = Duration::from_secs(2);

/// What a service is made of.
pub struct Parts {
    /// The config in force, and how it changes.
    pub keeper: Arc<Keeper>,
    /// The way to the log.
    pub ingest: Ingest,
    /// The engine and how far it is.
    pub shared: Arc<Shared>,
    /// Where late events are written down.
    pub dead_letters: Arc<DeadLetters>,
    /// Answers that are remembered, and what clicks in them teach.
    pub clicks: Clicks,
    /// Forgets shoppers.
    pub erasures: Erasures,
    /// Replaces the ids of shoppers, if the config asks for it.
    pub pseudonyms: Option<Pseudonyms>,
    /// What is remembered of shoppers beyond the engine's own memory.
    pub memory: Option<Arc<dyn Memory>>,
}

/// Sidecart without its transport. Shared by all requests.
pub struct Service {
    keeper: Arc<Keeper>,
    ingest: Ingest,
    shared: Arc<Shared>,
    dead_letters: Arc<DeadLetters>,
    tokens: Tokens,
    pseudonyms: Option<Pseudonyms>,
    clicks: Clicks,
    uses: uses::Uses,
    decisions: Arc<Decisions>,
    erasures: Erasures,
    scratch: scratch::Pool,
    digest_turn: Semaphore,
    admission: admission::Admission,
    ladder: Ladder,
    simulations: Gate,
    memory: Option<Arc<dyn Memory>>,
}

impl Service {
    /// A service of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            decisions: Arc::clone(&parts.clicks.decisions),
            erasures: parts.erasures,
            digest_turn: Semaphore::new(1),
            admission: admission::Admission::new(),
            ladder: Ladder::default(),
            simulations: Gate::default(),
            memory: parts.memory,
            keeper: parts.keeper,
            ingest: parts.ingest,
            shared: parts.shared,
            dead_letters: parts.dead_letters,
            tokens: parts.clicks.tokens.clone(),
            clicks: parts.clicks,
            pseudonyms: parts.pseudonyms,
            uses: uses::Uses::default(),
            scratch: scratch::Pool::new(),
        }
    }

    /// The config in force. Whoever needs it more than once for one request takes it once.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.keeper.now()
    }

    /// How the config changes.
    #[must_use]
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// What is told at `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The present instant by the service's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Where the process stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.shared.progress.phase()
    }

    /// What is still to come from a broker before the process is ready.
    #[must_use]
    pub fn behind(&self) -> Option<String> {
        self.shared.progress.behind()
    }

    /// What works, but not as well as it could.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.shared.progress.warnings()
    }

    /// Records of the log that are applied, and all of them.
    #[must_use]
    pub fn offsets(&self) -> (Offset, Offset) {
        (self.shared.progress.applied(), self.shared.progress.appended())
    }

    /// The highest rung of the ladder that may serve, as set by hand.
    #[must_use]
    pub fn ceiling(&self) -> Ceiling {
        self.ladder.ceiling(self.now())
    }

    /// Sets the highest rung that may serve, for good or until an instant.
    pub fn set_ceiling(&self, tier: Tier, until: Option<Timestamp>) -> Ceiling {
        let since = (tier != Tier::Full).then(|| self.now());
        tracing::warn!(ceiling = tier.name(), until = ?until.map(rfc3339), "the ladder's ceiling was set by hand");
        self.ladder.set(Ceiling { tier, until, since });
        self.ceiling()
    }

    /// Publishes what the scorer has learned so far, see [`Ingest::publish_learned`].
    pub async fn publish_learned(&self, patience: Duration) {
        self.ingest.publish_learned(patience).await;
    }

    /// Takes no more records; what is queued is still written, applied and saved.
    pub async fn stop_taking(&self) {
        self.ingest.stop().await;
        tokio::task::block_in_place(|| self.dead_letters.write_waiting());
    }

    /// Waits until everything before `mark` is in the engine, for at most [`APPLY_PATIENCE`].
    pub async fn applied(&self, mark: &Mark) -> bool {
        self.ingest.applied(mark, APPLY_PATIENCE).await
    }

    /// The catalogue's entry of an item, with live stock.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<Item> {
        self.shared.engine.read().item(id).cloned()
    }

    /// What is known of a live visit.
    #[must_use]
    pub fn session(&self, id: &str) -> Option<SessionView> {
        let hidden = self.pseudonyms.as_ref().zip(SessionId::new(id).ok()).map(|(hidden, id)| hidden.session(&id));
        self.shared.engine.read().session(hidden.as_ref().map_or(id, SessionId::as_str), self.now())
    }

    /// What is known of a shopper, here and elsewhere.
    pub async fn user(&self, id: &str) -> Option<UserView> {
        let named: Option<UserId> = id.to_owned().try_into().ok();
        let named = named.map(|id| self.pseudonyms.as_ref().map_or(id.clone(), |hidden| hidden.user(&id)));
        let id = named.as_ref().map_or(id, UserId::as_str);
        let asker = named.as_ref().map(|user| self.shared.engine.read().asker_of(user));
        let recalled = match asker.zip(self.memory.as_ref()).filter(|(asker, memory)| memory.may_know(*asker)) {
            Some((asker, memory)) => memory.recall(asker, Instant::now() + APPLY_PATIENCE).await.unwrap_or_default(),
            None => None,
        };
        let engine = self.shared.engine.read();
        match recalled {
            Some(recalled) => engine.user_with(id, &recalled, self.now()),
            None => engine.user(id, self.now()),
        }
    }

    /// What is known of an item beyond its catalogue entry.
    #[must_use]
    pub fn item_features(&self, id: &str) -> Option<ItemView> {
        self.shared.engine.read().item_features(id, self.now())
    }

    /// The digest of the state as of now; one at a time, since it encodes all of the state.
    ///
    /// # Errors
    /// [`SubmitError`]: to be asked again later.
    pub async fn state_digest(&self) -> Result<StateDigest, SubmitError> {
        let Ok(_turn) = self.digest_turn.try_acquire() else { return Err(SubmitError::Busy("digest")) };
        self.ingest.digest().await
    }

    /// The metrics as text.
    #[must_use]
    pub fn scrape(&self) -> String {
        let (applied, appended) = self.offsets();
        let (sizes, model_version) = {
            let engine = self.shared.engine.read();
            (engine.sizes(), engine.model().version)
        };
        let (in_force, status) = (self.in_force(), self.keeper.status());
        let observed = Observed {
            ladder_ceiling: self.ceiling().tier,
            config_ok: status.is_well(),
            config_restart_required: status.restart_required.len(),
            config_since_seconds: u64::try_from(in_force.since.0 / 1_000).unwrap_or(0),
            sizes,
            model_version,
            ready: self.shared.progress.is_ready(),
            queued: self.ingest.queued(),
            unapplied: appended.0.saturating_sub(applied.0),
            lag_ms: u64::try_from(self.shared.progress.lag().as_millis()).unwrap_or(u64::MAX),
            in_flight: self.admission.inside(),
            next_offset: appended.0,
            decisions: self.decisions.len(),
        };
        #[cfg(feature = "redis")]
        self.metrics().features.waiting.set(self.shared.changed.count() as u64);
        self.metrics().render(&observed)
    }

    /// Runs `change` on the engine under its lock; for what is no record, such as fixing the static lists.
    pub fn with_engine<T>(&self, change: impl FnOnce(&mut sidecart_engine::Engine) -> T) -> T {
        self.shared.unlogged.store(true, Ordering::Release);
        change(&mut self.shared.engine.write())
    }
}
