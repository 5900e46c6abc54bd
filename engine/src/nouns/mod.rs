//! The nouns: the types that every other room speaks in. They hold no logic beyond their own validity.
//!
//! Everything here is parsed at the edge and then trusted: an [`Event`] that exists is well formed.

mod arrangement;
mod dice;
mod erasure;
mod event;
mod exposure;
mod feature;
mod gate;
mod hidden;
mod history;
mod id;
mod item;
mod model;
mod money;
mod record;
mod request;
mod slate;
mod time;

pub use arrangement::{Arrangement, Objective, Substitutes};
pub(crate) use dice::mixed;
pub use erasure::Erasure;
pub use event::{Event, EventContext, EventKind, Line, MAX_LINES, MAX_QUANTITY};
pub use exposure::Exposure;
pub(crate) use exposure::Shown;
pub(crate) use feature::{FEATURES, Feature, Vector};
pub(crate) use gate::{GATES, Gate, Gates};
pub use hidden::HiddenLayer;
pub(crate) use hidden::{Hidden, UNITS, Units};
pub use history::{History, Past, Recalled};
pub use id::{AnonymousId, EventId, IdError, ItemId, MAX_ID_BYTES, OrderId, PlacementId, RequestId, SessionId, UserId};
pub use item::{Attribute, Item, ItemPatch, StockUpdate};
pub(crate) use model::Learned;
pub use model::{Intent, Model, PastModel};
pub use money::{Currency, Money, MoneyError};
pub use record::{Entry, Record};
pub use request::{Filter, Repeats, Request, Shopper, Strategy};
pub use slate::{Cause, Drop, DropReason, Pick, Reason, ReasonCode, RuleFault, Slate, Tier};
pub use time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
