use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Arrangement, Attribute, ItemId, PlacementId, Recalled, SessionId, Tier, UserId};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Real-time events and hybrid scoring.
    #[default]
    Realtime,
    /// An item-to-item table, rebuilt at each midnight (UTC) of the events' clock.
    Batch,
    /// Curated pairs, then bestsellers; fixed when [`crate::Engine::fix_static`] was last called.
    Static,
}

impl Strategy {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Batch => "batch",
            Self::Static => "static",
        }
    }
}

/// Whether items that the session has already seen may be returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// Never: a cross-sell shows something else. In-cart items are never returned either way.
    #[default]
    Suppress,
    /// They compete like all others; what next-item evaluation and "view again" placements want.
    Allow,
}

/// What is known of the shopper, for compliance rules. Unknown is not permission.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shopper {
    /// ISO 3166 region, such as `GB-ENG`.
    pub region: Option<String>,
    /// The verified minimum age in years.
    pub age_verified: Option<u8>,
    /// The segments that the shopper is of; `None`: not known, which is not the same as none.
    pub segments: Option<Vec<String>>,
    /// What else the shop knows, for its own rules.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A caller's own narrowing of the answer, on top of the shop's rules. Empty narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only items of one of these categories (any level of the path).
    pub categories: Vec<String>,
    /// Only items of one of these brands.
    pub brands: Vec<String>,
    /// Never these items.
    pub exclude_items: Vec<ItemId>,
    /// Price in minor units at least this; an item without a price does not pass.
    pub min_price_minor: Option<i64>,
    /// Price in minor units at most this; an item without a price does not pass.
    pub max_price_minor: Option<i64>,
}

impl Filter {
    /// Whether it narrows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { categories, brands, exclude_items, min_price_minor, max_price_minor } = self;
        let names_none = categories.is_empty() && brands.is_empty() && exclude_items.is_empty();
        names_none && min_price_minor.is_none() && max_price_minor.is_none()
    }
}

/// What else, given this cart, right now?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Where the answer will be shown.
    pub placement: PlacementId,
    /// In which visit.
    pub session: SessionId,
    /// By whom, if known.
    pub user: Option<UserId>,
    /// What is remembered of them elsewhere, on top of what the state holds. Nothing of it becomes state.
    #[serde(skip)]
    pub recalled: Recalled,
    /// Items the shopper is looking at or has looked at, oldest first; count at once, whether or not their events
    /// have arrived.
    pub context_items: Vec<ItemId>,
    /// The cart as the shop knows it; `None`: use the cart netted from events.
    pub cart: Option<Vec<ItemId>>,
    /// Units of each entry of `cart`, in its order, 0 where they are not told; entries beyond its end are not told.
    pub units: Vec<u32>,
    /// For compliance rules.
    pub shopper: Shopper,
    /// How many items at most.
    pub limit: usize,
    /// The caller's narrowing.
    pub filter: Filter,
    /// Whether seen items may return.
    pub repeats: Repeats,
    /// How the answer is put together.
    pub arrangement: Arrangement,
    /// Who answers.
    pub strategy: Strategy,
    /// The highest rung of the ladder that may serve it.
    pub ceiling: Tier,
    /// Record why each candidate was kept or dropped.
    pub explain: bool,
}

impl Request {
    /// A request with nothing but its required parts.
    #[must_use]
    pub fn new(placement: PlacementId, session: SessionId, limit: usize) -> Self {
        Self {
            placement,
            session,
            user: None,
            recalled: None,
            context_items: Vec::new(),
            cart: None,
            units: Vec::new(),
            shopper: Shopper::default(),
            limit,
            filter: Filter::default(),
            repeats: Repeats::default(),
            arrangement: Arrangement::default(),
            strategy: Strategy::default(),
            ceiling: Tier::Full,
            explain: false,
        }
    }
}
