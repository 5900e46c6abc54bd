use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{Attribute, Currency, Item, ItemId, ItemPatch, Money, Timestamp};
use utoipa::ToSchema;

use super::field::{self, Scalar, present};
use super::json;
use super::reject::{Code, Rejection};
use super::scalar::rfc3339;

/// The longest title, brand, group, category, tag, region or attribute. Long enough for any shop window.
const MAX_TEXT_BYTES: usize = 1_024;
/// The most entries of one of an item's lists or of its attributes; keeps an item's memory bounded.
const MAX_ENTRIES: usize = 256;

/// A field of a patch: absent (`None`), `null` (`Some(None)`) or a value.
type Change<T> = Option<Option<T>>;

/// An item as the shop tells it: all of it for `PUT`, the changed fields for `PATCH`. Ids may be JSON numbers; amounts
/// are decimals in major units; fields not named here are ignored.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ItemInput)]
pub struct ItemInput<'a> {
    /// The item; required for `PUT`, taken from the path for `PATCH`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128, example = "SKU-1")]
    item_id: Option<Scalar<'a>>,
    /// Variants of one product (sizes, colours) share a group.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    group_id: Change<Scalar<'a>>,
    /// As shown to the shopper.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, example = "Espresso beans, 1 kg")]
    title: Change<Scalar<'a>>,
    /// Brand.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    brand: Change<Scalar<'a>>,
    /// From the widest to the narrowest category.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    category_path: Change<Vec<Scalar<'a>>>,
    /// Price of one unit in major units.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = 0, example = 17.9)]
    price: Change<Scalar<'a>>,
    /// ISO 4217, of `price` and `cost`; absent: `catalog.currency` of the config.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "EUR")]
    currency: Option<Scalar<'a>>,
    /// What one unit costs the shop, in major units.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<f64>, minimum = 0)]
    cost: Change<Scalar<'a>>,
    /// Units on hand; never told: not tracked.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    stock: Change<Scalar<'a>>,
    /// When the stock figure was taken; absent: now.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    stock_updated_at: Change<Scalar<'a>>,
    /// `false`, or schema.org's `OutOfStock`, `Discontinued`, `SoldOut`: may not be sold at the moment.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    availability: Change<Scalar<'a>>,
    /// Only shoppers known to be in one of these regions may be shown the item.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_regions: Change<Vec<Scalar<'a>>>,
    /// Only shoppers known to be in none of these regions may be shown the item.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    blocked_regions: Change<Vec<Scalar<'a>>>,
    /// Only shoppers verified to be at least this old (years) may be shown the item.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<u8>)]
    min_age: Change<Scalar<'a>>,
    /// Bought again and again (coffee), not once (a kettle).
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<bool>)]
    consumable: Change<Scalar<'a>>,
    /// Free labels.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Change<Vec<Scalar<'a>>>,
    /// Free attributes: texts, numbers, flags or lists of texts.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    attributes: Change<BTreeMap<String, serde_json::Value>>,
    /// Not shown before.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    publish_at: Change<Scalar<'a>>,
    /// Not shown from then on.
    #[serde(borrow, default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    expire_at: Change<Scalar<'a>>,
}

/// Reads a whole item.
///
/// # Errors
/// [`Rejection`] names the field, its value and the remedy.
pub fn read(element: &[u8], default: Currency, now: Timestamp) -> Result<Item, Rejection> {
    let raw: ItemInput<'_> = json::parse(element)?;
    let id = raw.item_id.as_ref().ok_or_else(|| Rejection::missing("itemId", "name the item"))?;
    let mut item = Item::bare(field::id("itemId", id, ItemId::new)?);
    raw.into_patch(default, now)?.apply(&mut item);
    Ok(item)
}

/// Reads a change to the item `id`. `null` clears a field.
///
/// # Errors
/// [`Rejection`] names the field, its value and the remedy.
pub fn read_patch(body: &[u8], id: &ItemId, default: Currency, now: Timestamp) -> Result<ItemPatch, Rejection> {
    let raw: ItemInput<'_> = json::parse(body)?;
    if let Some(named) = &raw.item_id
        && field::id("itemId", named, ItemId::new)? != *id
    {
        let problem = format!("is `{named}`, but the path names `{id}`: leave it out or name the same item");
        return Err(Rejection::field(Code::BadValue, "itemId", problem));
    }
    raw.into_patch(default, now)
}

impl ItemInput<'_> {
    fn into_patch(self, default: Currency, now: Timestamp) -> Result<ItemPatch, Rejection> {
        let currency = match &self.currency {
            Some(value) => field::currency("currency", value)?,
            None => default,
        };
        let money = |name, change| single(change, |value| field::money(name, &value, currency));
        let text = |name, change| single(change, |value| field::text(name, value, MAX_TEXT_BYTES));
        let time = |name, change| single(change, |value| field::time(name, &value));
        let stock = single(self.stock, |value| field::stock("stock", &value))?;
        let stock_updated_at = match time("stockUpdatedAt", self.stock_updated_at)? {
            // A figure without an instant is of now, so that a later `PUT /v1/inventory` can be told from an older.
            None => stock.map(|units| units.map(|_| now)),
            told => told,
        };
        Ok(ItemPatch {
            group: text("groupId", self.group_id)?,
            title: text("title", self.title)?.map(Option::unwrap_or_default),
            brand: text("brand", self.brand)?,
            category_path: texts("categoryPath", self.category_path)?,
            price: money("price", self.price)?,
            cost: money("cost", self.cost)?,
            stock,
            stock_updated_at,
            available: single(self.availability, |value| available(&value))?,
            allowed_regions: texts("allowedRegions", self.allowed_regions)?,
            blocked_regions: texts("blockedRegions", self.blocked_regions)?,
            min_age: single(self.min_age, |value| field::age("minAge", &value))?,
            consumable: single(self.consumable, |value| field::flag("consumable", &value))?,
            tags: texts("tags", self.tags)?,
            attributes: self.attributes.map(|map| attributes("attributes", map.unwrap_or_default())).transpose()?,
            publish_at: time("publishAt", self.publish_at)?,
            expire_at: time("expireAt", self.expire_at)?,
        })
    }
}

fn single<T, U>(change: Change<T>, read: impl FnOnce(T) -> Result<U, Rejection>) -> Result<Change<U>, Rejection> {
    match change {
        None => Ok(None),
        Some(None) => Ok(Some(None)),
        Some(Some(value)) => read(value).map(|value| Some(Some(value))),
    }
}

fn texts(name: &str, change: Change<Vec<Scalar<'_>>>) -> Result<Option<Vec<String>>, Rejection> {
    let Some(values) = change else { return Ok(None) };
    let values = values.unwrap_or_default();
    bounded(name, values.len())?;
    let texts = values.into_iter().enumerate().map(|(index, value)| {
        field::text(name, value, MAX_TEXT_BYTES)
            .map_err(|rejection| Rejection::field(rejection.code, format!("{name}[{index}]"), rejection.problem))
    });
    texts.collect::<Result<_, _>>().map(Some)
}

fn bounded(name: &str, len: usize) -> Result<(), Rejection> {
    if len <= MAX_ENTRIES {
        return Ok(());
    }
    Err(Rejection::field(Code::TooMany, name, format!("has {len} entries: at most {MAX_ENTRIES} are allowed")))
}

fn available(value: &Scalar<'_>) -> Result<bool, Rejection> {
    let Scalar::Text(text) = value else { return field::flag("availability", value) };
    // schema.org and merchant feeds: a URL or the bare word, with or without underscores and spaces.
    let word = text.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace(['_', ' '], "");
    match word.as_str() {
        "true" | "instock" | "preorder" | "backorder" | "limitedavailability" | "onlineonly" | "available" => Ok(true),
        "false" | "outofstock" | "discontinued" | "soldout" | "unavailable" | "instoreonly" => Ok(false),
        _ => {
            let problem = format!("is `{value}`: give true, false, InStock or OutOfStock");
            Err(Rejection::field(Code::BadValue, "availability", problem))
        }
    }
}

/// Reads free attributes, which stand under `name`.
///
/// # Errors
/// [`Rejection`] names the attribute, its value and the remedy.
pub fn attributes(
    name: &str,
    map: BTreeMap<String, serde_json::Value>,
) -> Result<BTreeMap<String, Attribute>, Rejection> {
    bounded(name, map.len())?;
    map.into_iter().map(|(key, value)| attribute(name, &key, value).map(|value| (key, value))).collect()
}

fn attribute(name: &str, key: &str, value: serde_json::Value) -> Result<Attribute, Rejection> {
    use serde_json::Value;
    let refuse = |problem: &str| Rejection::field(Code::BadValue, format!("{name}.{key}"), problem);
    if key.len() > MAX_TEXT_BYTES {
        return Err(Rejection::field(Code::BadValue, name, "has a key that is too long: shorten it"));
    }
    let text = |text: String| {
        if text.len() > MAX_TEXT_BYTES { Err(refuse("is too long: shorten it")) } else { Ok(text) }
    };
    match value {
        Value::Bool(flag) => Ok(Attribute::Flag(flag)),
        Value::Number(n) => n.as_f64().map(Attribute::Number).ok_or_else(|| refuse("is out of range: send it as text")),
        Value::String(value) => text(value).map(Attribute::Text),
        Value::Array(values) => {
            bounded(&format!("{name}.{key}"), values.len())?;
            let texts = values.into_iter().map(|value| match value {
                Value::String(value) => text(value),
                Value::Number(n) => Ok(n.to_string()),
                _ => Err(refuse("is a list with something that is no text: give texts")),
            });
            texts.collect::<Result<_, _>>().map(Attribute::Texts)
        }
        Value::Null | Value::Object(_) => Err(refuse("is no text, number, flag or list of texts: flatten it")),
    }
}

/// An item as it is answered: as it was told, with the live stock figure.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Item)]
pub struct ItemOutput {
    /// The item.
    pub item_id: String,
    /// Variants of one product share a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// As shown to the shopper.
    pub title: String,
    /// Brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// From the widest to the narrowest category.
    pub category_path: Vec<String>,
    /// Price of one unit in major units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// ISO 4217, of `price` and `cost`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What one unit costs the shop, in major units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Units on hand, if tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// When the stock figure was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock_updated_at: Option<String>,
    /// `false`: may not be sold at the moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<bool>,
    /// Regions in which it may be shown, if set.
    pub allowed_regions: Vec<String>,
    /// Regions in which it may not be shown.
    pub blocked_regions: Vec<String>,
    /// Minimum verified age in years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_age: Option<u8>,
    /// Bought again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumable: Option<bool>,
    /// Free labels.
    pub tags: Vec<String>,
    /// Free attributes.
    #[schema(value_type = Object)]
    pub attributes: BTreeMap<String, Attribute>,
    /// Not shown before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<String>,
    /// Not shown from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_at: Option<String>,
}

impl From<&Item> for ItemOutput {
    fn from(item: &Item) -> Self {
        Self {
            item_id: item.id.to_string(),
            group_id: item.group.clone(),
            title: item.title.clone(),
            brand: item.brand.clone(),
            category_path: item.category_path.clone(),
            price: item.price.map(Money::major),
            currency: item.price.or(item.cost).map(|money| money.currency.as_str().to_owned()),
            cost: item.cost.map(Money::major),
            stock: item.stock,
            stock_updated_at: item.stock_updated_at.map(rfc3339),
            availability: item.available,
            allowed_regions: item.allowed_regions.clone(),
            blocked_regions: item.blocked_regions.clone(),
            min_age: item.min_age,
            consumable: item.consumable,
            tags: item.tags.clone(),
            attributes: item.attributes.clone(),
            publish_at: item.publish_at.map(rfc3339),
            expire_at: item.expire_at.map(rfc3339),
        }
    }
}
