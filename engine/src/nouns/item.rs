use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ItemId, Money, Timestamp};

/// A value of an item's free attributes. In JSON it is the bare value; binary formats, which do not describe
/// themselves, name its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// `true` or `false`.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// The forms of an [`Attribute`], generated from one list so that they cannot drift apart.
macro_rules! attribute_form {
    ($(#[$attr:meta])* $name:ident) => {
        #[derive(Serialize, Deserialize)]
        $(#[$attr])*
        enum $name<'a> {
            Flag(bool),
            Number(f64),
            Text(Cow<'a, str>),
            Texts(Cow<'a, [String]>),
        }

        impl<'a> From<&'a Attribute> for $name<'a> {
            fn from(attribute: &'a Attribute) -> Self {
                match attribute {
                    Attribute::Flag(flag) => Self::Flag(*flag),
                    Attribute::Number(number) => Self::Number(*number),
                    Attribute::Text(text) => Self::Text(text.into()),
                    Attribute::Texts(texts) => Self::Texts(texts.into()),
                }
            }
        }

        impl From<$name<'_>> for Attribute {
            fn from(form: $name<'_>) -> Self {
                match form {
                    $name::Flag(flag) => Self::Flag(flag),
                    $name::Number(number) => Self::Number(number),
                    $name::Text(text) => Self::Text(text.into_owned()),
                    $name::Texts(texts) => Self::Texts(texts.into_owned()),
                }
            }
        }
    };
}

attribute_form!(
    #[serde(untagged)]
    BareAttribute
);
attribute_form!(NamedAttribute);

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            BareAttribute::from(self).serialize(serializer)
        } else {
            NamedAttribute::from(self).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            BareAttribute::deserialize(deserializer).map(Self::from)
        } else {
            NamedAttribute::deserialize(deserializer).map(Self::from)
        }
    }
}

/// An item of the catalogue, as the shop knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// Variants of one product (sizes, colours) share a group.
    pub group: Option<String>,
    /// As shown to the shopper.
    pub title: String,
    /// Brand.
    pub brand: Option<String>,
    /// From the widest to the narrowest category; may be empty.
    pub category_path: Vec<String>,
    /// Price of one unit.
    pub price: Option<Money>,
    /// What one unit costs the shop.
    pub cost: Option<Money>,
    /// Units on hand; `None`: never told, so not tracked.
    pub stock: Option<u32>,
    /// When the stock figure was taken.
    pub stock_updated_at: Option<Timestamp>,
    /// `Some(false)`: may not be sold at the moment, whatever the stock.
    pub available: Option<bool>,
    /// If set, only shoppers known to be in one of these regions may be shown the item.
    pub allowed_regions: Vec<String>,
    /// If set, only shoppers known to be in none of these regions may be shown the item.
    pub blocked_regions: Vec<String>,
    /// If set, only shoppers verified to be at least this old (years) may be shown the item.
    pub min_age: Option<u8>,
    /// Bought again and again (coffee), not once (a kettle).
    pub consumable: Option<bool>,
    /// Free labels.
    pub tags: Vec<String>,
    /// Free attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// Not shown before.
    pub publish_at: Option<Timestamp>,
    /// Not shown from then on.
    pub expire_at: Option<Timestamp>,
}

impl Item {
    /// An item of which only the id is known.
    #[must_use]
    pub fn bare(id: ItemId) -> Self {
        Self {
            id,
            group: None,
            title: String::new(),
            brand: None,
            category_path: Vec::new(),
            price: None,
            cost: None,
            stock: None,
            stock_updated_at: None,
            available: None,
            allowed_regions: Vec::new(),
            blocked_regions: Vec::new(),
            min_age: None,
            consumable: None,
            tags: Vec::new(),
            attributes: BTreeMap::new(),
            publish_at: None,
            expire_at: None,
        }
    }
}

/// A change to some fields of an item: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemPatch {
    /// See [`Item::group`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub group: Option<Option<String>>,
    /// See [`Item::title`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// See [`Item::brand`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub brand: Option<Option<String>>,
    /// See [`Item::category_path`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category_path: Option<Vec<String>>,
    /// See [`Item::price`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub price: Option<Option<Money>>,
    /// See [`Item::cost`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub cost: Option<Option<Money>>,
    /// See [`Item::stock`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub stock: Option<Option<u32>>,
    /// See [`Item::stock_updated_at`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub stock_updated_at: Option<Option<Timestamp>>,
    /// See [`Item::available`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub available: Option<Option<bool>>,
    /// See [`Item::allowed_regions`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_regions: Option<Vec<String>>,
    /// See [`Item::blocked_regions`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_regions: Option<Vec<String>>,
    /// See [`Item::min_age`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub min_age: Option<Option<u8>>,
    /// See [`Item::consumable`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub consumable: Option<Option<bool>>,
    /// See [`Item::tags`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// See [`Item::attributes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, Attribute>>,
    /// See [`Item::publish_at`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub publish_at: Option<Option<Timestamp>>,
    /// See [`Item::expire_at`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub expire_at: Option<Option<Timestamp>>,
}

/// Reads `null` as `Some(None)`, so that a change that clears a field is read back as one.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl ItemPatch {
    /// Writes the changed fields into `item`.
    pub fn apply(self, item: &mut Item) {
        macro_rules! set {
            ($($field:ident),+ $(,)?) => { $(if let Some(value) = self.$field { item.$field = value; })+ };
        }
        set!(
            group,
            title,
            brand,
            category_path,
            price,
            cost,
            stock,
            stock_updated_at,
            available,
            allowed_regions,
            blocked_regions,
            min_age,
            consumable,
            tags,
            attributes,
            publish_at,
            expire_at,
        );
    }
}

/// A new stock figure for one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockUpdate {
    /// Which item.
    pub item: ItemId,
    /// Units on hand.
    pub stock: u32,
    /// When the figure was taken; an older figure never overwrites a newer one.
    pub at: Timestamp,
}
