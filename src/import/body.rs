//! Events in the form in which the API takes them.

use serde::Serialize;
use sidecart_engine::nouns::{Event, EventContext, Line, Money};

/// A `CrossSellEvent`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventBody<'a> {
    event_id: &'a str,
    event_type: &'static str,
    session_id: &'a str,
    /// Milliseconds since 1970.
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    items: Vec<LineBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<ContextBody<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LineBody<'a> {
    item_id: &'a str,
    quantity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<f64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_verified: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
}

impl<'a> EventBody<'a> {
    /// The body of an event. An event has one currency: prices in another than its first are left out.
    pub fn of(event: &'a Event) -> Self {
        let first = event.lines.iter().find_map(|line| line.price);
        Self {
            event_id: event.id.as_str(),
            event_type: event.kind.name(),
            session_id: event.session.as_str(),
            timestamp: event.at.0,
            user_id: event.user.as_ref().map(|id| id.as_str()),
            anonymous_id: event.anonymous.as_ref().map(|id| id.as_str()),
            order_id: event.order.as_ref().map(|id| id.as_str()),
            currency: event.lines.iter().find_map(|line| line.price.as_ref()).map(|price| price.currency.as_str()),
            items: event.lines.iter().map(|line| LineBody::of(line, first)).collect(),
            placement: event.placement.as_ref().map(|id| id.as_str()),
            attribution_token: event.attribution_token.as_deref(),
            consent: event.consent,
            context: event.context.as_ref().map(ContextBody::of),
        }
    }
}

impl<'a> LineBody<'a> {
    fn of(line: &'a Line, first: Option<Money>) -> Self {
        let same = line.price.filter(|price| first.is_some_and(|first| first.currency == price.currency));
        Self { item_id: line.item.as_str(), quantity: line.quantity, price: same.map(Money::major) }
    }
}

impl<'a> ContextBody<'a> {
    fn of(context: &'a EventContext) -> Self {
        Self {
            region: context.region.as_deref(),
            age_verified: context.age_verified,
            device: context.device.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{Currency, EventId, EventKind, ItemId, SessionId, Timestamp, UserId};

    use super::*;
    use crate::wire::event::{Acceptance, read};

    #[test]
    fn the_api_reads_back_what_was_written() {
        let price = |amount| Money::from_major(amount, Currency::USD).ok();
        let line = |item, quantity, price| Line { item: ItemId::new(item).expect("an id"), quantity, price };
        let event = Event {
            id: EventId::new("e").expect("an id"),
            kind: EventKind::Purchase,
            session: SessionId::new("s").expect("an id"),
            user: UserId::new("u").ok(),
            anonymous: None,
            at: Timestamp(1_590_969_600_000),
            lines: vec![line("a", 2, price(3.49)), line("b", 1, None)],
            order: None,
            placement: None,
            attribution_token: None,
            consent: Some(false),
            context: Some(EventContext { age_verified: Some(18), ..EventContext::default() }),
        };
        let json = serde_json::to_vec(&EventBody::of(&event)).expect("serialises");
        let acceptance = Acceptance {
            now: Timestamp(1_790_969_600_000),
            allowed_lateness_ms: None,
            max_future_skew_ms: 0,
            currency: Currency::USD,
        };
        let read = read(&json, &acceptance).expect("the API takes it");
        assert_eq!(read.event, event);
        assert_eq!(read.unknown_fields, 0);
    }
}
