//! The pure engine of Sidecart: (state, input, now) -> output.
//!
//! No clock, no I/O, no threads, no unseeded randomness: instants are arguments, the caller watches the time
//! ([`Watch`]), and state is plain data that the caller saves and restores ([`State`]). The same entries in the same
//! order give the same state and the same answers, bit for bit.

mod candidates;
mod features;
mod inspect;
pub mod nouns;
mod pipeline;
pub mod policy;
mod rank;
mod rules;
pub mod settings;
mod store;
pub mod views;
mod watch;

use nouns::{
    AnonymousId, Entry, Erasure, Event, EventId, History, Item, Model, OrderId, PastModel, Request, SessionId, Slate,
    Timestamp, UserId,
};
pub use pipeline::Scratch;
pub use rank::{Course, Lesson, Trainer, Wish, Wishes};
pub use settings::Settings;
pub use store::{Asker, Forgotten, Kept, State};
use views::{ItemView, SessionView, Sizes, Trace, UserView};
pub use watch::{Pace, Stage, Unhurried, Watch};

/// The shape of [`State`] when it is saved. Raised whenever a saved state of before could not be read back, or is not what
/// its log gives now.
pub const STATE_VERSION: u32 = 8;

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
    pub fn from_state(settings: Settings, mut state: State) -> Self {
        state.models.read();
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

    /// The settings, to be replaced; bounds that shrank take effect as new entries come. Those that shape the state
    /// ([`Settings::candidates`], [`Settings::rules`] and [`Settings::curated`] do not) must be what they were when the
    /// log is replayed.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Applies one entry of the log. Idempotent by event id within the dedupe window.
    pub fn apply(&mut self, entry: &Entry) -> Applied {
        self.state.apply(entry, &self.settings)
    }

    /// The record that has the state forget these ids: their pseudonyms. Visits without an order id count as orders, too.
    #[must_use]
    pub fn erasure<'a>(
        users: impl IntoIterator<Item = &'a UserId>,
        devices: impl IntoIterator<Item = &'a AnonymousId>,
        sessions: impl IntoIterator<Item = &'a SessionId>,
        orders: impl IntoIterator<Item = &'a OrderId>,
    ) -> Erasure {
        store::erasure(users, devices, sessions, orders)
    }

    /// The same for events' own ids: that they have come.
    #[must_use]
    pub fn erasure_of_events<'a>(ids: impl IntoIterator<Item = &'a EventId>) -> Erasure {
        store::erasure_of_events(ids)
    }

    /// Looks for all that an erasure takes out of the state: the long part of applying it, which only reads.
    #[must_use]
    pub fn find_erased(&self, erasure: &Erasure) -> Forgotten {
        self.state.find_erased(erasure)
    }

    /// Applies an erasure whose finds are known from [`Engine::find_erased`], nothing having been applied since. The same
    /// as applying its entry.
    pub fn forget(&mut self, entry: &Entry, found: &Forgotten) {
        self.state.forget(entry, found);
    }

    /// Whether an event of this id has been applied within the dedupe window.
    #[must_use]
    pub fn has_seen(&self, id: &EventId) -> bool {
        self.state.has_seen(id)
    }

    /// Answers a request as of `now`. `watch` is told of each stage and may end the work early.
    #[must_use]
    pub fn recommend(&self, request: &Request, now: Timestamp, watch: &mut dyn Watch, scratch: &mut Scratch) -> Slate {
        self.recommend_with(&self.settings, request, now, watch, scratch)
    }

    /// Answers a request as of `now`, as an engine of the same state under other settings would.
    #[must_use]
    pub fn recommend_with(
        &self,
        settings: &Settings,
        request: &Request,
        now: Timestamp,
        watch: &mut dyn Watch,
        scratch: &mut Scratch,
    ) -> Slate {
        pipeline::recommend(&self.state, settings, request, now, watch, scratch)
    }

    /// What the real-time answer to a request would be made of: proposals, candidates, features. Costs as much as an
    /// answer and the copies.
    #[must_use]
    pub fn trace(&self, request: &Request, now: Timestamp, scratch: &mut Scratch) -> Trace {
        pipeline::trace(&self.state, &self.settings, request, now, scratch)
    }

    /// Names of all candidate sources, as in the config.
    pub fn sources() -> impl Iterator<Item = &'static str> {
        candidates::ALL.into_iter().map(candidates::Source::name)
    }

    /// The list that `event`, not applied yet, would have been answered with just before it, with what it took marked
    /// in it: food for a [`Trainer`]. `None` where it teaches nothing. Costs as much as an answer.
    #[must_use]
    pub fn lesson(&self, event: &Event, now: Timestamp, scratch: &mut Scratch) -> Option<Lesson> {
        pipeline::lesson(&self.state, &self.settings, event, now, scratch)
    }

    /// What `event`, not applied yet, may turn out to be where it is a look: a lesson in filling carts, should it be
    /// carted. To be kept in [`Wishes`]. Costs as much as an answer where there is a cart, and next to nothing else.
    #[must_use]
    pub fn wish(&self, event: &Event, now: Timestamp, scratch: &mut Scratch) -> Option<Wish> {
        pipeline::wish(&self.state, &self.settings, event, now, scratch)
    }

    /// A learner that goes on from the model in force.
    #[must_use]
    pub fn trainer(&self) -> Trainer {
        Trainer::new(self.state.model(), &self.settings.candidates)
    }

    /// How far the broker's partitions have been read; empty without a broker.
    #[must_use]
    pub fn positions(&self) -> &nouns::Positions {
        &self.state.positions
    }

    /// The model in force. It changes by applying a [`nouns::Record::Model`].
    #[must_use]
    pub fn model(&self) -> &Model {
        self.state.model()
    }

    /// When the model in force came into force, by the clock of acceptance.
    #[must_use]
    pub fn model_since(&self) -> Timestamp {
        self.state.models.since()
    }

    /// Models of before that can be gone back to, oldest first: an hour apart at least, at most 24.
    #[must_use]
    pub fn past_models(&self) -> &[PastModel] {
        self.state.models.past()
    }

    /// Names of the scorer's features, which are the keys of a model's weights.
    pub fn features() -> impl Iterator<Item = &'static str> {
        nouns::Feature::ALL.iter().map(|feature| feature.name())
    }

    /// Units of a model's hidden layer.
    pub const HIDDEN_UNITS: usize = nouns::UNITS;

    /// Names of the gates that a model's gated weights are for.
    pub fn gates() -> impl Iterator<Item = &'static str> {
        nouns::Gate::ALL.iter().map(|gate| gate.name())
    }

    /// Whether the visit of that id is taken for a program's.
    #[must_use]
    pub fn is_bot(&self, session: &SessionId) -> bool {
        self.state.is_bot_visit(session)
    }

    /// Rebuilds the table behind [`nouns::Strategy::Batch`] from the state as it is, all at once. `apply` does so by
    /// itself, a few rows per event, whenever the events' clock passes midnight (UTC).
    pub fn rebuild_batch(&mut self) {
        self.state.rebuild_batch(&self.settings);
    }

    /// Fixes the list behind [`nouns::Strategy::Static`] from the state as it is (bestsellers of now). `apply` does so
    /// by itself once, at the first midnight, for a shop that never fixed one.
    pub fn fix_static(&mut self) {
        self.state.fix_static();
    }

    /// The catalogue's entry of an item, with live stock.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.state.catalog.number(id).and_then(|ix| self.state.catalog.entry(ix))
    }

    /// All items of the catalogue, in order of first mention.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.state.catalog.entries()
    }

    /// What is known of a live visit.
    #[must_use]
    pub fn session(&self, id: &str, now: Timestamp) -> Option<SessionView> {
        self.state.session_view(id, now, &self.settings)
    }

    /// What is known of a user, or of a device by its anonymous id.
    #[must_use]
    pub fn user(&self, id: &str, now: Timestamp) -> Option<UserView> {
        self.state.user_view(id, None, now, &self.settings)
    }

    /// As [`Engine::user`], together with what is remembered of them elsewhere.
    #[must_use]
    pub fn user_with(&self, id: &str, recalled: &History, now: Timestamp) -> Option<UserView> {
        self.state.user_view(id, Some(recalled), now, &self.settings)
    }

    /// The shopper that a request is about, if it is about one: whose history to bring along, where the state may have
    /// forgotten it.
    #[must_use]
    pub fn asker(&self, request: &Request) -> Option<Asker> {
        self.state.asker(request)
    }

    /// A user, as [`Engine::asker`] would tell.
    #[must_use]
    pub fn asker_of(&self, user: &UserId) -> Asker {
        self.state.asker_of(user)
    }

    /// Pseudonyms of the shoppers whose profiles an entry, just applied, may have changed; 0 stands for none.
    #[must_use]
    pub fn shoppers_of(&self, entry: &Entry) -> [u64; 4] {
        self.state.shoppers_of(entry)
    }

    /// What the state holds of a shopper now; `None`: nothing, be it that there was nothing, that it was forgotten for
    /// want of room, or that a device has become its user's.
    #[must_use]
    pub fn kept(&self, shopper: u64) -> Option<Kept> {
        self.state.kept(shopper, &self.settings)
    }

    /// Whether this is a device that has become a user's.
    #[must_use]
    pub fn is_merged(&self, shopper: u64) -> bool {
        self.state.users.owner(shopper) != shopper
    }

    /// Changes of shoppers' profiles since the state began. From the log alone: replicas agree on it.
    #[must_use]
    pub fn profile_changes(&self) -> u64 {
        self.state.users.changes()
    }

    /// Shoppers whose profiles changed after that many changes. Walks all: some ten milliseconds per million.
    #[must_use]
    pub fn changed_after(&self, changes: u64) -> Vec<u64> {
        self.state.users.changed_after(changes)
    }

    /// What is known of an item.
    #[must_use]
    pub fn item_features(&self, id: &str, now: Timestamp) -> Option<ItemView> {
        self.state.item_view(id, now, &self.settings)
    }

    /// How full the state is. Walks all rows: for metrics and reports, not for the hot path.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.state.sizes()
    }
}
