//! What can be read of the engine's state: plain data for `GET /v1/features/...`, ready for JSON; and what an answer was
//! made of.

use serde::Serialize;

use crate::nouns::{Intent, ItemId, Timestamp};

/// One item of a cart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CartLine {
    /// Which item.
    pub item_id: ItemId,
    /// Units, after adds, removals and purchases are netted.
    pub quantity: u32,
}

/// A live visit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Distinct items the visit touched, most recent last.
    pub items: Vec<ItemId>,
    /// The netted cart, in the order of first adding.
    pub cart: Vec<CartLine>,
    /// Events of each kind in this visit.
    pub views: u32,
    /// See `views`.
    pub adds: u32,
    /// See `views`.
    pub removes: u32,
    /// See `views`.
    pub purchases: u32,
    /// First event.
    pub started_at: Timestamp,
    /// Newest event.
    pub last_event_at: Timestamp,
    /// Whether the visit has been idle for too long, as of now.
    pub ended: bool,
    /// Whether it is too busy for a person: nothing is learned from it.
    pub bot: bool,
}

/// What is remembered of a user.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    /// Purchased items with decayed counts, largest first.
    pub purchased: Vec<Weighted>,
    /// Viewed or carted items with decayed counts, largest first.
    pub interested: Vec<Weighted>,
    /// Orders placed.
    pub orders: u32,
    /// Newest event.
    pub last_event_at: Timestamp,
    /// Devices merged into this user.
    pub merged_devices: u32,
}

/// An item and how much it counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Weighted {
    /// Which item.
    pub item_id: ItemId,
    /// Decayed count or affinity, as of now. At least 0.
    pub weight: f32,
}

/// What is known of an item beyond its catalogue entry.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemView {
    /// Whether it is in the catalogue; others are never shown.
    pub known: bool,
    /// Units on hand, if tracked.
    pub stock: Option<u32>,
    /// Decayed count of views, as of now.
    pub views: f32,
    /// Decayed count of adds to carts, as of now.
    pub adds: f32,
    /// Decayed count of purchases, as of now.
    pub purchases: f32,
    /// Short-run popularity, as of now.
    pub trend: f32,
    /// Newest event.
    pub last_event_at: Option<Timestamp>,
    /// Strongest co-viewed items: P(j | i) estimates.
    pub viewed_together: Vec<Weighted>,
    /// Strongest co-carted items: P(j | i) estimates.
    pub carted_together: Vec<Weighted>,
    /// Strongest co-bought items: P(j | i) estimates.
    pub bought_together: Vec<Weighted>,
}

/// How full the state is; each figure has a limit in the settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sizes {
    /// Items in the catalogue.
    pub items: usize,
    /// Live sessions.
    pub sessions: usize,
    /// Users.
    pub users: usize,
    /// Event ids remembered.
    pub event_ids: usize,
    /// Sessions in the index.
    pub indexed_sessions: usize,
    /// Co-visitation pairs, all relations.
    pub pairs: usize,
    /// Items that have vectors.
    pub embedded_items: usize,
    /// Live sessions that left because of the limit.
    pub evicted_sessions: u64,
    /// Users that left because of the limit.
    pub evicted_users: u64,
    /// Indexed sessions that left because of the limit.
    pub evicted_indexed_sessions: u64,
    /// Items that lost their vectors because of the limit.
    pub evicted_embeddings: u64,
    /// Items refused because of the limit.
    pub refused_items: u64,
    /// Events left out of all that is learned, because their visits are too busy for a person.
    pub bot_events: u64,
    /// Visits taken for a program's.
    pub bot_visits: u64,
    /// Newest event time applied.
    pub newest_event_at: Option<Timestamp>,
    /// Entries applied since the state began.
    pub applied: u64,
}

/// What an answer was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What the shopper was taken to be about to do.
    pub intent: Intent,
    /// What each source that is switched on proposed, before any rule.
    pub proposals: Vec<Proposal>,
    /// What was scored: the union of the proposals, after the rules and the limit.
    pub scored: Vec<ItemId>,
    /// What each feature did to the scores.
    pub influences: Vec<Influence>,
}

/// What one source proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The source's name, as in the config.
    pub source: &'static str,
    /// Its items, best first; at most its limit.
    pub items: Vec<ItemId>,
}

/// What a feature did to the scores of one list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Influence {
    /// The feature's name; `hidden_layer`: what features add together.
    pub feature: &'static str,
    /// Its weight in the scorer.
    pub weight: f32,
    /// By how much it moved the scores of the list apart: |weight| x standard deviation of the feature over the
    /// candidates. >= 0; 0: all candidates were alike to it.
    pub spread: f32,
}
