use serde::{Deserialize, Serialize};

use super::{AnonymousId, EventId, ItemId, Money, OrderId, PlacementId, SessionId, Timestamp, UserId};

/// The most lines one event may carry; a wholesale order has hundreds.
pub const MAX_LINES: usize = 1_000;
/// The largest quantity of one line.
pub const MAX_QUANTITY: u32 = 1_000_000;

/// What a shopper did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Looked at an item's page.
    View,
    /// Put units into the cart.
    AddToCart,
    /// Took units out of the cart.
    RemoveFromCart,
    /// Bought.
    Purchase,
    /// Was shown a recommendation.
    Impression,
    /// Clicked a recommendation.
    Click,
    /// Sent bought units back; reverses what the purchase added.
    Refund,
    /// Waved a recommendation away. Kept last: the log knows kinds by their place.
    Dismiss,
}

impl EventKind {
    /// All kinds, in the order of the funnel.
    pub const ALL: [Self; 8] = [
        Self::View,
        Self::AddToCart,
        Self::RemoveFromCart,
        Self::Purchase,
        Self::Impression,
        Self::Click,
        Self::Refund,
        Self::Dismiss,
    ];

    /// The name in JSON and in CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::AddToCart => "add_to_cart",
            Self::RemoveFromCart => "remove_from_cart",
            Self::Purchase => "purchase",
            Self::Impression => "impression",
            Self::Click => "click",
            Self::Refund => "refund",
            Self::Dismiss => "dismiss",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it tells what the shopper wants (and so trains affinities), rather than what was shown or undone.
    #[must_use]
    pub fn is_interest(self) -> bool {
        matches!(self, Self::View | Self::AddToCart | Self::Purchase)
    }
}

/// One item of an event: a viewed item, or a line of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Which item.
    pub item: ItemId,
    /// Units, 1 to [`MAX_QUANTITY`].
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub quantity: u32,
    /// Price of one unit as paid, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
}

fn one() -> u32 {
    1
}

fn is_one(quantity: &u32) -> bool {
    *quantity == 1
}

/// What is known of the shopper's surroundings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EventContext {
    /// ISO 3166 region, such as `GB-ENG`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The verified minimum age in years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_verified: Option<u8>,
    /// `mobile`, `desktop`, `app`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// Something a shopper did, well formed: at least one line, every id valid, every amount finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its name; the same id twice is the same event.
    pub id: EventId,
    /// What was done.
    pub kind: EventKind,
    /// In which visit.
    pub session: SessionId,
    /// By whom, if logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// On which device or browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<AnonymousId>,
    /// When, by the sender's clock, checked against ours.
    pub at: Timestamp,
    /// To which items; 1 to [`MAX_LINES`], each item once.
    pub lines: Vec<Line>,
    /// In which order, for purchases and refunds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// Where the recommendation stood, for impressions and clicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementId>,
    /// The token of the answer that this event follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution_token: Option<String>,
    /// `Some(false)`: the shopper declined personalisation; the event counts for items, not for the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<bool>,
    /// Surroundings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<EventContext>,
}
