//! What is understood without any config; `docs/events.md` has the same as tables.

use sidecart_engine::nouns::EventKind::{self, AddToCart, Click, Impression, Purchase, Refund, RemoveFromCart, View};

use super::vocabulary::Field::{self, *};

/// A vocabulary as it is without any config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// Our own names.
    Plain,
    /// `data` in our own shape, and the attributes for what it leaves open.
    CloudEvents,
    /// Segment's spec for e-commerce, version 2.
    Segment,
    /// GA4's recommended events.
    Ga4,
}

impl Usual {
    /// The name in the config, below `events.mapping`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::CloudEvents => "cloudevents",
            Self::Segment => "segment",
            Self::Ga4 => "ga4",
        }
    }

    /// What its names of events mean, beside our own names.
    pub(super) fn events(self) -> &'static [(&'static str, EventKind)] {
        match self {
            Self::Plain | Self::CloudEvents => &[],
            Self::Segment => SEGMENT_EVENTS,
            Self::Ga4 => GA4_EVENTS,
        }
    }

    /// Where our fields stand, best first.
    pub(super) fn places(self) -> &'static [(Field, &'static [&'static str])] {
        match self {
            Self::Plain => PLAIN,
            Self::CloudEvents => CLOUDEVENTS,
            Self::Segment => SEGMENT,
            Self::Ga4 => GA4,
        }
    }
}

type Places = &'static [(Field, &'static [&'static str])];

const PLAIN: Places = &[
    (EventType, &["eventType"]),
    (EventId, &["eventId"]),
    (SessionId, &["sessionId"]),
    (UserId, &["userId"]),
    (AnonymousId, &["anonymousId"]),
    (Timestamp, &["timestamp"]),
    (OrderId, &["orderId"]),
    (Currency, &["currency"]),
    (Placement, &["placement"]),
    (AttributionToken, &["attributionToken"]),
    (Consent, &["consent"]),
    (Region, &["context.region"]),
    (AgeVerified, &["context.ageVerified"]),
    (Device, &["context.device"]),
    (Items, &["items"]),
    (ItemId, &["itemId"]),
    (Quantity, &["quantity"]),
    (Price, &["price"]),
];

const CLOUDEVENTS: Places = &[
    (EventType, &["data.eventType", "type"]),
    (EventId, &["data.eventId"]),
    (SessionId, &["data.sessionId", "sessionid"]),
    (UserId, &["data.userId", "userid"]),
    (AnonymousId, &["data.anonymousId", "anonymousid"]),
    (Timestamp, &["data.timestamp", "time"]),
    (OrderId, &["data.orderId"]),
    (Currency, &["data.currency"]),
    (Placement, &["data.placement"]),
    (AttributionToken, &["data.attributionToken"]),
    (Consent, &["data.consent"]),
    (Region, &["data.context.region"]),
    (AgeVerified, &["data.context.ageVerified"]),
    (Device, &["data.context.device"]),
    (Items, &["data.items", "data"]),
    (ItemId, &["itemId"]),
    (Quantity, &["quantity"]),
    (Price, &["price"]),
];

const SEGMENT_EVENTS: &[(&str, EventKind)] = &[
    ("Product Viewed", View),
    ("Product Added", AddToCart),
    ("Product Removed", RemoveFromCart),
    ("Order Completed", Purchase),
    ("Order Refunded", Refund),
    ("Order Cancelled", Refund),
    ("Product Clicked", Click),
    ("Product List Viewed", Impression),
];

/// Segment knows no visit, so a visit is told by the device: a visitor's sessions end when idle.
const SEGMENT: Places = &[
    (EventType, &["event"]),
    (EventId, &["messageId"]),
    (SessionId, &["properties.session_id", "context.sessionId", "context.session_id", "anonymousId", "userId"]),
    (UserId, &["userId"]),
    (AnonymousId, &["anonymousId"]),
    (Timestamp, &["timestamp", "originalTimestamp"]),
    (OrderId, &["properties.order_id"]),
    (Currency, &["properties.currency"]),
    (Placement, &["properties.placement", "properties.list_id"]),
    (AttributionToken, &["properties.attribution_token"]),
    (Consent, &["properties.consent"]),
    (Region, &["properties.region"]),
    (AgeVerified, &["properties.age_verified"]),
    (Device, &["context.device.type"]),
    (Items, &["properties.products", "properties"]),
    (ItemId, &["product_id", "sku"]),
    (Quantity, &["quantity"]),
    (Price, &["price"]),
];

const GA4_EVENTS: &[(&str, EventKind)] = &[
    ("view_item", View),
    ("add_to_cart", AddToCart),
    ("remove_from_cart", RemoveFromCart),
    ("purchase", Purchase),
    ("refund", Refund),
    ("select_item", Click),
    ("view_item_list", Impression),
];

/// GA4's session ids are the second at which a visit began: of one visitor's visits, not of all, so the visitor's id is put
/// before them.
const GA4: Places = &[
    (EventType, &["name", "event_name", "event"]),
    (EventId, &["params.event_id"]),
    (
        SessionId,
        &[
            "client_id+params.session_id",
            "client_id+params.ga_session_id",
            "app_instance_id+params.session_id",
            "client_id",
            "app_instance_id",
            "user_id",
        ],
    ),
    (UserId, &["user_id"]),
    (AnonymousId, &["client_id", "app_instance_id"]),
    (Timestamp, &["timestamp_micros"]),
    (OrderId, &["params.transaction_id"]),
    (Currency, &["params.currency"]),
    (Placement, &["params.placement", "params.item_list_id"]),
    (AttributionToken, &["params.attribution_token"]),
    (Consent, &["params.consent", "consent.ad_personalization"]),
    (Region, &["params.region"]),
    (AgeVerified, &["params.age_verified"]),
    (Device, &["device.category"]),
    (Items, &["params.items", "params"]),
    (ItemId, &["item_id"]),
    (Quantity, &["quantity"]),
    (Price, &["price"]),
];
