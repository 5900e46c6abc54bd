use std::borrow::Cow;

use serde::Deserialize;
use sidecart_engine::nouns::{
    AnonymousId, Currency, Event, EventContext, EventId, EventKind, ItemId, Line, MAX_LINES, MAX_QUANTITY, Money,
    OrderId, PlacementId, SessionId, Timestamp, UserId,
};
use utoipa::ToSchema;

use super::field::{self, Scalar, Unknown};
use super::json;
use super::reject::{Code, Rejection};
use super::scalar::rfc3339;

/// The longest attribution token taken; ours have 120 bytes.
const MAX_TOKEN_BYTES: usize = 512;
/// The longest region or device name.
const MAX_CONTEXT_BYTES: usize = 64;

/// Something a shopper did, as the shop tells it. Ids may be JSON numbers; fields not named here are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrossSellEvent<'a> {
    /// Names the event: sent twice, it counts once. Without one Sidecart makes one up, and a repetition counts twice.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128, example = "e-1001")]
    event_id: Option<Scalar<'a>>,
    /// `view`, `add_to_cart`, `remove_from_cart`, `purchase`, `impression`, `click`, `refund` or `dismiss`.
    #[serde(borrow)]
    #[schema(value_type = String, required, example = "add_to_cart")]
    event_type: Option<Scalar<'a>>,
    /// The shopper, if logged in; a pseudonym.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128)]
    user_id: Option<Scalar<'a>>,
    /// The device or browser.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128)]
    anonymous_id: Option<Scalar<'a>>,
    /// The visit.
    #[serde(borrow)]
    #[schema(value_type = String, required, max_length = 128, example = "s-17")]
    session_id: Option<Scalar<'a>>,
    /// The item; required unless `items` is given.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128, example = "SKU-1")]
    item_id: Option<Scalar<'a>>,
    /// Price of one unit in major units.
    #[serde(borrow)]
    #[schema(value_type = Option<f64>, minimum = 0, example = 3.49)]
    price: Option<Scalar<'a>>,
    /// ISO 4217; absent: `catalog.currency` of the config.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "EUR")]
    currency: Option<Scalar<'a>>,
    /// Units; absent: 1.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000000)]
    quantity: Option<Scalar<'a>>,
    /// The order, for purchases and refunds; its lines may come in several events.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128)]
    order_id: Option<Scalar<'a>>,
    /// The lines of an order, or several items seen at once. Lines of one item are merged.
    #[serde(borrow)]
    #[schema(max_items = 1000)]
    items: Option<Vec<EventLine<'a>>>,
    /// RFC 3339, or milliseconds since 1970 as a number or text; absent: the instant of acceptance.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "2026-11-23T10:00:00Z")]
    timestamp: Option<Scalar<'a>>,
    /// Where the recommendation stood, for impressions and clicks.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128)]
    placement: Option<Scalar<'a>>,
    /// The token of the answer that this event follows from.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 512)]
    attribution_token: Option<Scalar<'a>>,
    /// `false`: the shopper declined personalisation; the event counts for items, not for the person.
    #[serde(borrow)]
    #[schema(value_type = Option<bool>)]
    consent: Option<Scalar<'a>>,
    /// The shopper's surroundings.
    #[serde(borrow)]
    context: Option<WireContext<'a>>,
    /// The item's category as the page had it. Taken for compatibility; the catalogue's own is what counts.
    #[serde(rename = "category")]
    #[schema(value_type = Option<String>)]
    _category: Option<serde::de::IgnoredAny>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// One line of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventLine<'a> {
    /// The item.
    #[serde(borrow)]
    #[schema(value_type = String, required, max_length = 128)]
    item_id: Option<Scalar<'a>>,
    /// Units; absent: 1.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000000)]
    quantity: Option<Scalar<'a>>,
    /// Price of one unit in major units.
    #[serde(borrow)]
    #[schema(value_type = Option<f64>, minimum = 0)]
    price: Option<Scalar<'a>>,
}

/// The shopper's surroundings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventContext)]
pub struct WireContext<'a> {
    /// ISO 3166 region.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "GB-ENG")]
    region: Option<Scalar<'a>>,
    /// The verified minimum age in years.
    #[serde(borrow)]
    #[schema(value_type = Option<u8>)]
    age_verified: Option<Scalar<'a>>,
    /// `mobile`, `desktop`, `app`, ...
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    device: Option<Scalar<'a>>,
}

/// What an event is judged by when it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Acceptance {
    /// The instant of acceptance.
    pub now: Timestamp,
    /// How old an event may be, in milliseconds; `None`: any age, as history is imported.
    pub allowed_lateness_ms: Option<i64>,
    /// How far ahead of our clock an event's may be, in milliseconds.
    pub max_future_skew_ms: i64,
    /// Currency of prices that do not say theirs.
    pub currency: Currency,
}

/// An event that was read, and how many of its fields nobody reads.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadEvent {
    /// The event.
    pub event: Event,
    /// Ignored fields.
    pub unknown_fields: u32,
}

/// Reads one event.
///
/// # Errors
/// [`Rejection`] names the field, its value and the remedy. [`Code::TooLate`] and [`Code::InFuture`] mean that the
/// event is well formed but does not belong into the live stream.
pub fn read(element: &[u8], acceptance: &Acceptance) -> Result<ReadEvent, Rejection> {
    parse(element)?.judged(None, acceptance)
}

/// Parses one event without judging it.
pub(super) fn parse(element: &[u8]) -> Result<CrossSellEvent<'_>, Rejection> {
    json::parse(element)
}

/// Reads one event that is parsed already; `id` is that of one that brings none.
pub(super) fn read_value(
    value: &serde_json::Value,
    id: Option<&str>,
    acceptance: &Acceptance,
) -> Result<ReadEvent, Rejection> {
    let raw = CrossSellEvent::deserialize(value).map_err(|error| {
        Rejection::whole(Code::BadShape, format!("not of the right shape ({error}): see /openapi.json"))
    })?;
    raw.judged(id, acceptance)
}

impl CrossSellEvent<'_> {
    /// Whether it says what was done, as only our own shape does in this field.
    pub(super) fn names_its_kind(&self) -> bool {
        self.event_type.is_some()
    }

    /// The event, if it is well formed and of its time; `id` is that of one that brings none.
    pub(super) fn judged(self, id: Option<&str>, acceptance: &Acceptance) -> Result<ReadEvent, Rejection> {
        let unknown_fields = self.unknown.0;
        Ok(ReadEvent { event: self.into_event(id, acceptance)?, unknown_fields })
    }

    fn into_event(self, id: Option<&str>, acceptance: &Acceptance) -> Result<Event, Rejection> {
        let kind = kind(self.event_type.as_ref())?;
        let Some(session) = &self.session_id else {
            return Err(Rejection::missing("sessionId", "name the visit, such as the shop's session cookie"));
        };
        Ok(Event {
            id: self.id(id)?,
            kind,
            session: field::id("sessionId", session, SessionId::new)?,
            user: optional_id("userId", &self.user_id, UserId::new)?,
            anonymous: optional_id("anonymousId", &self.anonymous_id, AnonymousId::new)?,
            at: self.at(acceptance)?,
            lines: self.lines(acceptance.currency)?,
            order: optional_id("orderId", &self.order_id, OrderId::new)?,
            placement: optional_id("placement", &self.placement, PlacementId::new)?,
            attribution_token: self
                .attribution_token
                .map(|token| field::text("attributionToken", token, MAX_TOKEN_BYTES))
                .transpose()?,
            consent: self.consent.map(|consent| field::flag("consent", &consent)).transpose()?,
            context: self.context.map(WireContext::into_context).transpose()?,
        })
    }

    fn id(&self, otherwise: Option<&str>) -> Result<EventId, Rejection> {
        match (&self.event_id, otherwise) {
            (Some(id), _) => field::id("eventId", id, EventId::new),
            (None, Some(id)) => field::id("eventId", &Scalar::Text(id.into()), EventId::new),
            (None, None) => Ok(EventId::new(&uuid::Uuid::now_v7().to_string()).expect("a UUID is a valid id")),
        }
    }

    fn at(&self, acceptance: &Acceptance) -> Result<Timestamp, Rejection> {
        let Some(value) = &self.timestamp else { return Ok(acceptance.now) };
        let at = field::time("timestamp", value)?;
        if at.since_ms(acceptance.now) > acceptance.max_future_skew_ms {
            let problem = format!(
                "`{}` is {} ahead of this server's clock: at most {} is allowed (`events.max_future_skew`)",
                rfc3339(at),
                span(at.since_ms(acceptance.now)),
                span(acceptance.max_future_skew_ms)
            );
            return Err(Rejection::field(Code::InFuture, "timestamp", problem));
        }
        match acceptance.allowed_lateness_ms {
            Some(allowed_ms) if acceptance.now.since_ms(at) > allowed_ms => {
                let problem = format!(
                    "`{}` is {} late: at most {} is allowed (`events.allowed_lateness`); load history with \
                     `sidecart import`",
                    rfc3339(at),
                    span(acceptance.now.since_ms(at)),
                    span(allowed_ms)
                );
                Err(Rejection::field(Code::TooLate, "timestamp", problem))
            }
            _ => Ok(at),
        }
    }

    fn lines(&self, default: Currency) -> Result<Vec<Line>, Rejection> {
        let currency = match &self.currency {
            Some(value) => field::currency("currency", value)?,
            None => default,
        };
        let items = self.items.as_deref().unwrap_or_default();
        if items.len() > MAX_LINES {
            let problem = format!("has {} lines: at most {MAX_LINES} are allowed, split the order", items.len());
            return Err(Rejection::field(Code::TooMany, "items", problem));
        }
        if items.is_empty() {
            let remedy = "name the item, or the order's lines in `items`";
            let id = self.item_id.as_ref().ok_or_else(|| Rejection::missing("itemId", remedy))?;
            return line(id, self.quantity.as_ref(), self.price.as_ref(), currency).map(|line| vec![line]);
        }
        let mut lines = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            merge(&mut lines, item.read(currency).map_err(|rejection| rejection.within("items", index))?);
        }
        Ok(lines)
    }
}

impl EventLine<'_> {
    fn read(&self, currency: Currency) -> Result<Line, Rejection> {
        let id = self.item_id.as_ref().ok_or_else(|| Rejection::missing("itemId", "name the line's item"))?;
        line(id, self.quantity.as_ref(), self.price.as_ref(), currency)
    }
}

impl WireContext<'_> {
    fn into_context(self) -> Result<EventContext, Rejection> {
        let text = |name, value: Option<Scalar<'_>>| {
            value.map(|value| field::text(name, value, MAX_CONTEXT_BYTES)).transpose()
        };
        Ok(EventContext {
            region: text("context.region", self.region)?,
            age_verified: self.age_verified.map(|age| field::age("context.ageVerified", &age)).transpose()?,
            device: text("context.device", self.device)?,
        })
    }
}

fn kind(value: Option<&Scalar<'_>>) -> Result<EventKind, Rejection> {
    let names = || EventKind::ALL.map(EventKind::name).join(", ");
    let Some(value) = value else { return Err(Rejection::missing("eventType", &format!("give one of {}", names()))) };
    let known = match value {
        Scalar::Text(name) => EventKind::from_name(name),
        _ => None,
    };
    known.ok_or_else(|| {
        let problem = format!("`{value}` is not known: give one of {}", names());
        Rejection::field(Code::UnknownType, "eventType", problem)
    })
}

fn optional_id<T>(
    name: &str,
    value: &Option<Scalar<'_>>,
    parse: impl Fn(&str) -> Result<T, sidecart_engine::nouns::IdError>,
) -> Result<Option<T>, Rejection> {
    match value {
        // Shops send `""` for a shopper who is not logged in.
        None => Ok(None),
        Some(Scalar::Text(Cow::Borrowed(""))) => Ok(None),
        Some(value) => field::id(name, value, parse).map(Some),
    }
}

fn line(
    id: &Scalar<'_>,
    quantity: Option<&Scalar<'_>>,
    price: Option<&Scalar<'_>>,
    currency: Currency,
) -> Result<Line, Rejection> {
    Ok(Line {
        item: field::id("itemId", id, ItemId::new)?,
        quantity: quantity.map_or(Ok(1), |value| field::quantity("quantity", value))?,
        price: price.map(|value| field::money("price", value, currency)).transpose()?,
    })
}

/// Adds `line` to the order; an item that is there already gets more units, at the average price.
fn merge(lines: &mut Vec<Line>, line: Line) {
    let Some(earlier) = lines.iter_mut().find(|earlier| earlier.item == line.item) else {
        return lines.push(line);
    };
    let units = i64::from(earlier.quantity) + i64::from(line.quantity);
    earlier.price = match (earlier.price, line.price) {
        (Some(a), Some(b)) => {
            let total =
                i128::from(a.minor) * i128::from(earlier.quantity) + i128::from(b.minor) * i128::from(line.quantity);
            let average = (total + i128::from(units) / 2) / i128::from(units);
            Some(Money { minor: i64::try_from(average).unwrap_or(a.minor), currency: a.currency })
        }
        (a, b) => a.or(b),
    };
    earlier.quantity = u32::try_from(units).map_or(MAX_QUANTITY, |units| units.min(MAX_QUANTITY));
}

/// A span in the largest unit that it fills twice, such as `3 h`.
fn span(ms: i64) -> String {
    const UNITS: [(&str, i64); 4] = [("days", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)];
    UNITS
        .iter()
        .find(|(_, unit)| ms >= 2 * unit)
        .map_or_else(|| format!("{ms} ms"), |(name, unit)| format!("{} {name}", ms / unit))
}
