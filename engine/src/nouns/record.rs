use serde::{Deserialize, Serialize};

use super::{Erasure, Event, Item, ItemId, ItemPatch, Model, Positions, StockUpdate, Timestamp};

/// One thing that changes the engine's state. What the log holds, and nothing else changes the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A shopper did something.
    Event(Box<Event>),
    /// The shop created or replaced an item.
    Item(Box<Item>),
    /// The shop changed some fields of an item.
    Patch {
        /// Which item.
        item: ItemId,
        /// The change.
        patch: Box<ItemPatch>,
    },
    /// The shop removed an item.
    Delete {
        /// Which item.
        item: ItemId,
    },
    /// The trainer published new weights; an older version than the one in force changes nothing.
    Model(Box<Model>),
    /// The shop told a stock figure.
    Stock(StockUpdate),
    /// A shopper is to be forgotten.
    Erase(Box<Erasure>),
    /// The broker's partitions were read as far as this.
    Positions(Positions),
}

/// A record as the log keeps it: with the instant at which Sidecart accepted it.
///
/// Replaying entries in log order gives the same state, because `accepted_at` stands in for the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was accepted, by our clock.
    pub accepted_at: Timestamp,
    /// What it says.
    pub record: Record,
    /// Where it came from, if not to this Sidecart first. One that came before changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The place of a record in a broker's topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The record's offset there.
    pub offset: i64,
}
