//! The feature store: everything the engine remembers, each part bounded, and how entries of the log change it.
//!
//! [`State`] is plain data. Nothing here reads a clock; half-lives are measured on the events' own times.

mod affinities;
mod apply;
mod best;
mod by_key;
mod catalog;
mod counters;
mod decay;
mod dedupe;
mod embeddings;
mod fetch;
mod intern;
mod key;
mod leaders;
mod lru;
mod marks;
mod models;
mod moment;
mod newcomers;
mod orders;
mod places;
mod pool;
mod recall;
mod session_index;
mod sessions;
mod tables;
mod users;

use serde::{Deserialize, Serialize};

pub(crate) use affinities::{Relation, Row, Rows};
pub use apply::Forgotten;
pub(crate) use best::{Factor, best_of, best_weighted, keep_best};
pub(crate) use catalog::{Catalog, Facts, NO_IX};
pub(crate) use counters::Counters;
pub(crate) use decay::Lens;
pub(crate) use dedupe::Dedupe;
pub(crate) use embeddings::{Embeddings, dot};
pub(crate) use fetch::{fetch, with_next_fetched};
pub(crate) use key::{Space, key};
pub(crate) use leaders::Leaders;
pub(crate) use lru::Lru;
pub(crate) use marks::Marks;
pub(crate) use models::Models;
pub(crate) use moment::{MAX_CART, MAX_VISIT, Moment, Seen};
pub(crate) use newcomers::Newcomers;
pub(crate) use orders::Order;
pub(crate) use pool::{Candidate, Pool, SOURCES, place};
pub(crate) use recall::together;
pub use recall::{Asker, Kept};
pub(crate) use session_index::{Located, MAX_VISIT_ITEMS, SessionIndex};
pub(crate) use sessions::{Session, Touch};
pub(crate) use tables::{BatchTable, StaticList};
pub(crate) use users::{Profile, Tally, Users};

use crate::nouns::{
    AnonymousId, DAY_MS, Erasure, EventId, HOUR_MS, Model, OrderId, Positions, SessionId, Timestamp, UserId,
};
use crate::settings::Settings;

/// How long figures go on ageing after the newest event: as long as a lull of a shop that is open. Milliseconds.
const QUIET_MS: i64 = HOUR_MS;
/// Age of the newest event from which on a shop is not silent but fed its past: no live event is taken this late unless
/// the shop's config says so. Milliseconds.
const PAST_MS: i64 = DAY_MS;

/// The number of an item inside one engine: its place in order of first mention.
pub(crate) type ItemIx = u32;

/// Everything the engine knows; what a checkpoint holds. Serialising equal states gives equal bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) catalog: Catalog,
    pub(crate) counters: Counters,
    pub(crate) leaders: Leaders,
    pub(crate) rows: Rows,
    /// Rows of categories and of brands: what goes with what at large, known long before it is known item by item.
    pub(crate) category_rows: Rows,
    pub(crate) brand_rows: Rows,
    pub(crate) newcomers: Newcomers,
    pub(crate) sessions: Lru<Session>,
    pub(crate) index: SessionIndex,
    pub(crate) embeddings: Embeddings,
    pub(crate) users: Users,
    pub(crate) orders: Lru<Order>,
    pub(crate) dedupe: Dedupe,
    pub(crate) batch: BatchTable,
    pub(crate) fixed: StaticList,
    /// The scorer's learned weights.
    pub(crate) models: Models,
    /// How far the broker's partitions have been read.
    pub(crate) positions: Positions,
    /// Entries applied since the state began, without those that came twice.
    pub(crate) applied: u64,
    /// Items refused because the catalogue was full.
    pub(crate) refused_items: u64,
    /// Events left out of all that is learned, because their visits are too busy for a person.
    pub(crate) bot_events: u64,
    /// Visits taken for a program's.
    pub(crate) bot_visits: u64,
    /// Newest event time applied.
    pub(crate) newest_event_at: Option<Timestamp>,
}

/// The pseudonyms of these ids; see [`crate::Engine::erasure`].
pub(crate) fn erasure<'a>(
    users: impl IntoIterator<Item = &'a UserId>,
    devices: impl IntoIterator<Item = &'a AnonymousId>,
    sessions: impl IntoIterator<Item = &'a SessionId>,
    orders: impl IntoIterator<Item = &'a OrderId>,
) -> Erasure {
    let mut erasure = Erasure::default();
    erasure.profiles.extend(users.into_iter().map(|id| key(Space::User, id.as_str())));
    erasure.profiles.extend(devices.into_iter().map(|id| key(Space::Anonymous, id.as_str())));
    for id in sessions {
        erasure.sessions.push(key(Space::Session, id.as_str()));
        // The order of a visit whose shop names none.
        erasure.orders.push(key(Space::Order, id.as_str()));
    }
    erasure.orders.extend(orders.into_iter().map(|id| key(Space::Order, id.as_str())));
    erasure
}

/// The pseudonyms of these ids of events; see [`crate::Engine::erasure_of_events`].
pub(crate) fn erasure_of_events<'a>(ids: impl IntoIterator<Item = &'a EventId>) -> Erasure {
    Erasure { events: ids.into_iter().map(|id| key(Space::Event, id.as_str())).collect(), ..Erasure::default() }
}

impl State {
    /// The scorer's model in force.
    pub(crate) fn model(&self) -> &Model {
        self.models.now()
    }

    /// The instant that learned figures are read as of: `now`, but at most [`QUIET_MS`] after the newest event. Nothing ages in
    /// a shop that is silent. History that ended years ago would else have faded to nothing, and its items been idle for
    /// years, when lessons have seen them fresh. And not before the newest event, as when history is learned from in an open
    /// shop: answers read it as of that event, too, and as of long ago the figures of today are out of an `f32`.
    pub(crate) fn aged(&self, now: Timestamp) -> Timestamp {
        self.newest_event_at.map_or(now, |newest| now.clamp(newest, newest.plus_ms(QUIET_MS)))
    }

    /// The instant that visits are idle as of: `now`, but the newest event's where the shop is fed its past. There, events
    /// bring visits to life long after they were over by the clock on the wall.
    pub(crate) fn visits_as_of(&self, now: Timestamp) -> Timestamp {
        self.newest_event_at.filter(|&newest| now.since_ms(newest) > PAST_MS).unwrap_or(now)
    }

    /// The factors by which the decayed figures are read, as of `now`.
    pub(crate) fn lens(&self, settings: &Settings, now: Timestamp) -> Lens {
        Lens::new(settings, now)
    }

    /// Whether an event of this id has been applied within the dedupe window.
    pub(crate) fn has_seen(&self, id: &EventId) -> bool {
        self.dedupe.contains(key(Space::Event, id.as_str()))
    }

    /// Whether the visit of that id is taken for a program's.
    pub(crate) fn is_bot_visit(&self, session: &SessionId) -> bool {
        self.sessions.get(key(Space::Session, session.as_str())).is_some_and(Session::is_bot)
    }

    /// Rebuilds the batch table from the state as it is.
    pub(crate) fn rebuild_batch(&mut self, settings: &Settings) {
        let now = self.newest_event_at.unwrap_or_default();
        self.batch.begin(now);
        let lens = self.lens(settings, now);
        self.batch.advance(&self.rows, &lens, self.catalog.numbers(), usize::MAX);
    }

    /// Fixes the static list from the state as it is.
    pub(crate) fn fix_static(&mut self) {
        self.fixed.fix(&self.leaders, self.newest_event_at.unwrap_or_default());
    }
}
