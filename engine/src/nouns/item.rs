use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ItemId, Money, Timestamp};

/// A value of an item's free attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
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
    pub group: Option<Option<String>>,
    /// See [`Item::title`].
    pub title: Option<String>,
    /// See [`Item::brand`].
    pub brand: Option<Option<String>>,
    /// See [`Item::category_path`].
    pub category_path: Option<Vec<String>>,
    /// See [`Item::price`].
    pub price: Option<Option<Money>>,
    /// See [`Item::cost`].
    pub cost: Option<Option<Money>>,
    /// See [`Item::stock`].
    pub stock: Option<Option<u32>>,
    /// See [`Item::stock_updated_at`].
    pub stock_updated_at: Option<Option<Timestamp>>,
    /// See [`Item::available`].
    pub available: Option<Option<bool>>,
    /// See [`Item::allowed_regions`].
    pub allowed_regions: Option<Vec<String>>,
    /// See [`Item::blocked_regions`].
    pub blocked_regions: Option<Vec<String>>,
    /// See [`Item::min_age`].
    pub min_age: Option<Option<u8>>,
    /// See [`Item::consumable`].
    pub consumable: Option<Option<bool>>,
    /// See [`Item::tags`].
    pub tags: Option<Vec<String>>,
    /// See [`Item::attributes`].
    pub attributes: Option<BTreeMap<String, Attribute>>,
    /// See [`Item::publish_at`].
    pub publish_at: Option<Option<Timestamp>>,
    /// See [`Item::expire_at`].
    pub expire_at: Option<Option<Timestamp>>,
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
