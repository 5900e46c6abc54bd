use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::EventKind;

use crate::config::kind;
use crate::wire::shapes::{self, Field, Meaning, Place, Usual, normal};

/// What a name of a foreign event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MappedEvent {
    /// A look at an item's page.
    View,
    /// Units put into the cart.
    AddToCart,
    /// Units taken out of the cart.
    RemoveFromCart,
    /// An order.
    Purchase,
    /// Items that were shown.
    Impression,
    /// A click on an item that was shown.
    Click,
    /// An order, or lines of it, sent back.
    Refund,
    /// A recommendation waved away.
    Dismiss,
    /// Nothing: it is counted and passed over.
    Ignore,
}

impl From<MappedEvent> for Meaning {
    fn from(mapped: MappedEvent) -> Self {
        Self::Kind(match mapped {
            MappedEvent::View => EventKind::View,
            MappedEvent::AddToCart => EventKind::AddToCart,
            MappedEvent::RemoveFromCart => EventKind::RemoveFromCart,
            MappedEvent::Purchase => EventKind::Purchase,
            MappedEvent::Impression => EventKind::Impression,
            MappedEvent::Click => EventKind::Click,
            MappedEvent::Refund => EventKind::Refund,
            MappedEvent::Dismiss => EventKind::Dismiss,
            MappedEvent::Ignore => return Self::Nothing,
        })
    }
}

/// How events of other shapes than our own are understood.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// JSON of the shop's own, told by none of the marks of the shapes below: looked at where an event is not of
    /// Sidecart's own shape.
    pub plain: Vocabulary,
    /// The attributes of CloudEvents, and their `data` where it is of neither shape below.
    pub cloudevents: Vocabulary,
    /// Segment's e-commerce events.
    pub segment: Vocabulary,
    /// GA4: the Measurement Protocol, and events as tag managers hand them on.
    pub ga4: Vocabulary,
}

/// What the names of a shape mean, and where our fields stand in it: changes to what is usual, see docs/events.md.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Vocabulary {
    /// What names of events mean, beside the usual ones or in their place. Case, spaces, `_` and `-` make no difference.
    #[schemars(extend("propertyNames" = {"x-kind": "name"}, "maxProperties" = 1_000, "x-each" = "EVENT"))]
    #[schemars(extend("x-example" = "events: {Product Shared: view, Product Clicked: ignore}"))]
    pub events: BTreeMap<String, MappedEvent>,
    /// For a field of ours, the places where it may stand, best first, in the place of the usual ones: keys joined by
    /// dots. Two places joined by `+` are both needed. An empty list: nowhere.
    #[schemars(with = "BTreeMap<String, Vec<kind::FieldPlace>>")]
    #[schemars(extend("propertyNames" = {"x-kind": "event field"}, "maxProperties" = 18, "x-each" = "FIELD"))]
    #[schemars(extend("x-example" = "fields: {sessionId: [context.traits.visit, anonymousId]}"))]
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Mapping {
    /// The mapping, ready to be used.
    #[must_use]
    pub fn compiled(&self) -> shapes::Mapping {
        let is_changed = self.plain != Vocabulary::default();
        shapes::Mapping {
            plain: is_changed.then(|| self.plain.compiled(Usual::Plain)),
            cloudevents: self.cloudevents.compiled(Usual::CloudEvents),
            segment: self.segment.compiled(Usual::Segment),
            ga4: self.ga4.compiled(Usual::Ga4),
        }
    }

    /// Two names of one vocabulary that are the same but for case and spaces, and mean different things: the
    /// vocabulary's key, and the two.
    #[must_use]
    pub fn ambiguous(&self) -> Vec<(&'static str, String, String)> {
        let each = [
            ("events.mapping.plain.events", &self.plain),
            ("events.mapping.cloudevents.events", &self.cloudevents),
            ("events.mapping.segment.events", &self.segment),
            ("events.mapping.ga4.events", &self.ga4),
        ];
        let mut found = Vec::new();
        for (key, vocabulary) in each {
            let mut seen: BTreeMap<String, (&String, MappedEvent)> = BTreeMap::new();
            for (name, meaning) in &vocabulary.events {
                match seen.insert(normal(name), (name, *meaning)) {
                    Some((before, other)) if other != *meaning => found.push((key, before.clone(), name.clone())),
                    _ => {}
                }
            }
        }
        found
    }
}

impl Vocabulary {
    fn compiled(&self, usual: Usual) -> shapes::Vocabulary {
        let events = self.events.iter().map(|(name, mapped)| (name.clone(), Meaning::from(*mapped)));
        let places = self.fields.iter().filter_map(|(field, places)| {
            let places = places.iter().filter_map(|place| Place::new(place).ok()).collect();
            Some((Field::from_name(field)?, places))
        });
        shapes::Vocabulary::new(usual, events, places)
    }
}
