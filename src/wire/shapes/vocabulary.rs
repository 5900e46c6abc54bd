use std::fmt;

use rustc_hash::FxHashMap;
use serde_json::Value;
use sidecart_engine::nouns::EventKind;

use super::usual::Usual;

/// The longest place, in bytes.
const MAX_PLACE_BYTES: usize = 256;

/// A field of an event of our own shape that can be taken from somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// What was done; looked up among the vocabulary's events.
    EventType,
    /// The event's id.
    EventId,
    /// The visit.
    SessionId,
    /// The shopper.
    UserId,
    /// The device or browser.
    AnonymousId,
    /// When.
    Timestamp,
    /// The order.
    OrderId,
    /// The currency of all prices.
    Currency,
    /// Where the recommendation stood.
    Placement,
    /// The token of the answer that the event follows from.
    AttributionToken,
    /// Whether the shopper agreed to personalisation.
    Consent,
    /// The shopper's region.
    Region,
    /// The verified minimum age.
    AgeVerified,
    /// The kind of device.
    Device,
    /// The lines: a list, or one object.
    Items,
    /// Of a line: the item.
    ItemId,
    /// Of a line: units.
    Quantity,
    /// Of a line: price of one unit.
    Price,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 18] = [
        Self::EventType,
        Self::EventId,
        Self::SessionId,
        Self::UserId,
        Self::AnonymousId,
        Self::Timestamp,
        Self::OrderId,
        Self::Currency,
        Self::Placement,
        Self::AttributionToken,
        Self::Consent,
        Self::Region,
        Self::AgeVerified,
        Self::Device,
        Self::Items,
        Self::ItemId,
        Self::Quantity,
        Self::Price,
    ];
    /// Those of a line.
    pub const OF_LINES: [Self; 3] = [Self::ItemId, Self::Quantity, Self::Price];

    /// The name in the config: that of the field in our own JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EventType => "eventType",
            Self::EventId => "eventId",
            Self::SessionId => "sessionId",
            Self::UserId => "userId",
            Self::AnonymousId => "anonymousId",
            Self::Timestamp => "timestamp",
            Self::OrderId => "orderId",
            Self::Currency => "currency",
            Self::Placement => "placement",
            Self::AttributionToken => "attributionToken",
            Self::Consent => "consent",
            Self::Region => "region",
            Self::AgeVerified => "ageVerified",
            Self::Device => "device",
            Self::Items => "items",
            Self::ItemId => "itemId",
            Self::Quantity => "quantity",
            Self::Price => "price",
        }
    }

    /// The field of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Whether it is one of the shopper's surroundings, which our own JSON has under `context`.
    pub(super) fn is_context(self) -> bool {
        matches!(self, Self::Region | Self::AgeVerified | Self::Device)
    }
}

/// What a foreign event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// This.
    Kind(EventKind),
    /// Nothing that counts here.
    Nothing,
}

/// Why a text is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no place of a field: give keys joined by dots, such as `properties.session_id`, in at most 256 bytes")]
pub struct PlaceError;

/// Where a field stands: keys from the outside in, joined by dots. Several places joined by `+` are all needed, and
/// their texts are joined by a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    text: String,
    parts: Vec<Vec<String>>,
}

impl Place {
    /// Reads a place.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn new(text: &str) -> Result<Self, PlaceError> {
        let keys = |part: &str| part.trim().split('.').map(str::to_owned).collect::<Vec<_>>();
        let parts: Vec<_> = text.split('+').map(keys).collect();
        let is_whole = parts.iter().flatten().all(|key| !key.is_empty() && !key.contains(char::is_control));
        if !is_whole || text.len() > MAX_PLACE_BYTES {
            return Err(PlaceError);
        }
        Ok(Self { text: text.trim().to_owned(), parts })
    }

    /// What stands there; `null` and empty texts are nothing.
    pub(super) fn find<'v>(&self, root: &'v Value) -> Option<Value> {
        let found = |keys: &Vec<String>| -> Option<&'v Value> {
            let step = |value: &'v Value, key: &String| match value {
                Value::Array(list) => list.get(key.parse::<usize>().ok()?),
                value => value.get(key),
            };
            keys.iter().try_fold(root, step).filter(|value| !value.is_null() && value.as_str() != Some(""))
        };
        match &self.parts[..] {
            [one] => found(one).cloned(),
            several => {
                let texts: Option<Vec<_>> = several.iter().map(|keys| found(keys).map(text)).collect();
                texts.map(|texts| texts.join(".").into())
            }
        }
    }

    /// Whether what stands there is a time in microseconds, as Google's names of fields say.
    pub(super) fn is_micros(&self) -> bool {
        self.text.ends_with("_micros")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the names of a shape mean, and where our fields stand in it.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    usual: Usual,
    events: FxHashMap<String, Meaning>,
    places: Vec<(Field, Vec<Place>)>,
}

impl Vocabulary {
    /// The usual vocabulary of a shape with changes. Of the places of a field the first that holds something counts.
    #[must_use]
    pub fn new(
        usual: Usual,
        events: impl IntoIterator<Item = (String, Meaning)>,
        places: impl IntoIterator<Item = (Field, Vec<Place>)>,
    ) -> Self {
        let own = EventKind::ALL.map(|kind| (normal(kind.name()), Meaning::Kind(kind)));
        let theirs = usual.events().iter().map(|(name, kind)| (normal(name), Meaning::Kind(*kind)));
        let changed = events.into_iter().map(|(name, meaning)| (normal(&name), meaning));
        let places_of = |(field, texts): &(Field, &[&str])| {
            let place = |text: &&str| Place::new(text).expect("the usual places are well formed, as a test reads");
            (*field, texts.iter().map(place).collect())
        };
        // What comes first counts.
        let places = places.into_iter().chain(usual.places().iter().map(places_of)).collect();
        Self { usual, events: own.into_iter().chain(theirs).chain(changed).collect(), places }
    }

    /// The name in the config.
    pub(super) fn name(&self) -> &'static str {
        self.usual.name()
    }

    /// What an event of this name means: as a whole, or else by its last word, a version aside, as the types of
    /// CloudEvents have it: `com.example.shop.add_to_cart.v1`.
    pub(super) fn meaning(&self, name: &str) -> Option<Meaning> {
        let is_version =
            |word: &str| word.strip_prefix('v').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let last = || name.rsplit('.').find(|word| !is_version(word));
        let whole = self.events.get(&normal(name));
        whole.or_else(|| self.events.get(&normal(last()?))).copied()
    }

    /// Where a field stands, best first.
    pub(super) fn places(&self, field: Field) -> &[Place] {
        self.places.iter().find(|(known, _)| *known == field).map_or(&[], |(_, places)| places)
    }
}

/// A name as it is compared: `Product Added`, `product_added` and `ProductAdded` are one.
#[must_use]
pub fn normal(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}
