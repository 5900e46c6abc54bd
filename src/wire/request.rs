use std::collections::BTreeMap;

use serde::Deserialize;
use sidecart_engine::nouns::{
    Arrangement, Currency, Filter, ItemId, Money, PlacementId, Repeats, Request, SessionId, Shopper, Strategy, Tier,
    UserId,
};
use utoipa::ToSchema;

use super::field::{self, Scalar};
use super::item::attributes;
use super::json;
use super::reject::{Code, Rejection};

/// The most items one answer may have; a page shows far fewer, and the cost of an answer grows with it.
pub const MAX_LIMIT: usize = 100;
/// The newest items of context that are looked at; the engine looks at fewer still.
const MAX_CONTEXT_ITEMS: usize = 100;
/// The most items of a cart that are looked at; the same as a netted cart keeps.
const MAX_CART_ITEMS: usize = 200;
/// The most entries of each list of a filter.
const MAX_FILTER_ENTRIES: usize = 1_000;
/// The longest region, category or brand.
const MAX_TEXT_BYTES: usize = 1_024;
/// The longest deadline a caller may ask for, in milliseconds: a shop page does not wait longer for anything.
const MAX_DEADLINE_MS: i64 = 10_000;

/// What else, given this cart, right now? Ids may be JSON numbers; fields not named here are ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecommendationRequest<'a> {
    /// Where the answer will be shown; one that the config does not name gets the defaults.
    #[serde(borrow)]
    #[schema(value_type = String, required, max_length = 128, example = "cart")]
    placement: Option<Scalar<'a>>,
    /// The visit; need not be known.
    #[serde(borrow)]
    #[schema(value_type = String, required, max_length = 128, example = "s-17")]
    session_id: Option<Scalar<'a>>,
    /// The shopper, if logged in.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, max_length = 128)]
    user_id: Option<Scalar<'a>>,
    /// Items the shopper looks at or has looked at, oldest first. They count at once, whether or not their events
    /// have arrived. Of more than 100 the last 100 count.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["SKU-1"]))]
    context_items: Option<Vec<Scalar<'a>>>,
    /// The cart as the shop knows it: ids, or lines `{itemId, quantity}` for rules that count units; absent: the cart
    /// netted from events. Of more than 200 items the last 200 count.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    cart: Option<Vec<CartEntry<'a>>>,
    /// What is known of the shopper, for compliance rules.
    #[serde(borrow)]
    user: Option<ShopperInput<'a>>,
    /// How many items at most; absent: the placement's own number.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<Scalar<'a>>,
    /// Narrows the answer, on top of the shop's rules.
    #[serde(borrow)]
    filter: Option<FilterInput<'a>>,
    /// How long the caller waits; the answer is what is ready by then. Absent or longer than the placement's budget:
    /// the placement's budget.
    #[serde(borrow)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10000)]
    deadline_ms: Option<Scalar<'a>>,
    /// Say why each candidate was kept or dropped.
    #[serde(borrow)]
    #[schema(value_type = Option<bool>)]
    explain: Option<Scalar<'a>>,
    /// Who answers: `realtime` (default), `batch` or `static`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    strategy: Option<Scalar<'a>>,
    /// Whether items that the visit has seen may return: `suppress` (default) or `allow`.
    #[serde(borrow)]
    #[schema(value_type = Option<String>)]
    repeats: Option<Scalar<'a>>,
}

/// An entry of a cart: an item's id, or a line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum CartEntry<'a> {
    #[serde(borrow)]
    Line(CartLine<'a>),
    #[serde(borrow)]
    Id(Scalar<'a>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CartLine<'a> {
    #[serde(borrow)]
    item_id: Scalar<'a>,
    #[serde(borrow)]
    quantity: Option<Scalar<'a>>,
}

/// What is known of the shopper. Unknown is not permission.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Shopper)]
pub struct ShopperInput<'a> {
    /// ISO 3166 region.
    #[serde(borrow)]
    #[schema(value_type = Option<String>, example = "GB-ENG")]
    region: Option<Scalar<'a>>,
    /// The verified minimum age in years.
    #[serde(borrow)]
    #[schema(value_type = Option<u8>)]
    age_verified: Option<Scalar<'a>>,
    /// The segments that the shopper is of, as `rules.segments` names them; absent: not known.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    segments: Option<Vec<Scalar<'a>>>,
    /// What else the shop's rules need: texts, numbers, flags or lists of texts.
    #[schema(value_type = Option<Object>)]
    attributes: Option<BTreeMap<String, serde_json::Value>>,
}

/// A caller's own narrowing of the answer. What is absent narrows nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Filter)]
pub struct FilterInput<'a> {
    /// Only items of one of these categories (any level of the path).
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    categories: Option<Vec<Scalar<'a>>>,
    /// Only items of one of these brands.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    brands: Option<Vec<Scalar<'a>>>,
    /// Price at least this, in major units of the shop's currency.
    #[serde(borrow)]
    #[schema(value_type = Option<f64>)]
    min_price: Option<Scalar<'a>>,
    /// Price at most this, in major units of the shop's currency.
    #[serde(borrow)]
    #[schema(value_type = Option<f64>)]
    max_price: Option<Scalar<'a>>,
    /// Never these items.
    #[serde(borrow)]
    #[schema(value_type = Option<Vec<String>>)]
    exclude_items: Option<Vec<Scalar<'a>>>,
}

/// A request that was read: what the caller left open is still open.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The request; its limit is 0 where the caller named none, and its repeats are to be taken from the placement
    /// where `repeats` is `None`.
    pub request: Request,
    /// Whether seen items may return, if the caller said so.
    pub repeats: Option<Repeats>,
    /// How long the caller waits, in milliseconds.
    pub deadline_ms: Option<u64>,
}

/// Reads a request for recommendations.
///
/// # Errors
/// [`Rejection`] names the field, its value and the remedy. Unknown sessions, placements and items are no errors.
pub fn read(body: &[u8], currency: Currency) -> Result<Asked, Rejection> {
    let raw: RecommendationRequest<'_> = json::parse(body)?;
    let placement = raw
        .placement
        .as_ref()
        .ok_or_else(|| Rejection::missing("placement", "name where the answer will be shown, such as cart"))?;
    let session = raw
        .session_id
        .as_ref()
        .ok_or_else(|| Rejection::missing("sessionId", "name the visit, such as the shop's session cookie"))?;
    let deadline = raw.deadline_ms.as_ref().map(|value| whole("deadlineMs", value, 1, MAX_DEADLINE_MS)).transpose()?;
    let limit = raw.limit.as_ref().map(|value| whole("limit", value, 1, MAX_LIMIT as i64)).transpose()?;
    let repeats = raw.repeats.as_ref().map(|value| choice("repeats", value, &REPEATS)).transpose()?;
    let cart = raw.cart.as_deref().map(cart).transpose()?;
    let request = Request {
        placement: field::id("placement", placement, PlacementId::new)?,
        session: field::id("sessionId", session, SessionId::new)?,
        user: optional_user(raw.user_id.as_ref())?,
        recalled: None,
        context_items: items("contextItems", raw.context_items.as_deref().unwrap_or_default(), MAX_CONTEXT_ITEMS)?,
        cart: cart.as_ref().map(|cart| cart.iter().map(|line| line.0.clone()).collect()),
        units: units(cart.as_deref().unwrap_or_default()),
        shopper: raw.user.map_or(Ok(Shopper::default()), ShopperInput::into_shopper)?,
        limit: limit.map_or(0, |limit| limit as usize),
        filter: raw.filter.map_or(Ok(Filter::default()), |filter| filter.into_filter(currency))?,
        repeats: repeats.unwrap_or_default(),
        arrangement: Arrangement::default(),
        strategy: raw
            .strategy
            .as_ref()
            .map_or(Ok(Strategy::default()), |value| choice("strategy", value, &STRATEGIES))?,
        ceiling: Tier::Full,
        explain: raw.explain.map_or(Ok(false), |value| field::flag("explain", &value))?,
    };
    Ok(Asked { request, repeats, deadline_ms: deadline.map(i64::unsigned_abs) })
}

const REPEATS: [(&str, Repeats); 2] = [("suppress", Repeats::Suppress), ("allow", Repeats::Allow)];
const STRATEGIES: [(&str, Strategy); 3] =
    [("realtime", Strategy::Realtime), ("batch", Strategy::Batch), ("static", Strategy::Static)];

impl ShopperInput<'_> {
    fn into_shopper(self) -> Result<Shopper, Rejection> {
        Ok(Shopper {
            region: self.region.map(|value| field::text("user.region", value, MAX_TEXT_BYTES)).transpose()?,
            age_verified: self.age_verified.map(|value| field::age("user.ageVerified", &value)).transpose()?,
            segments: self.segments.map(|values| texts("user.segments", Some(values))).transpose()?,
            attributes: attributes("user.attributes", self.attributes.unwrap_or_default())?,
        })
    }
}

impl FilterInput<'_> {
    fn into_filter(self, currency: Currency) -> Result<Filter, Rejection> {
        let price = |name, value: Option<Scalar<'_>>| {
            value.map(|value| field::money(name, &value, currency).map(|money: Money| money.minor)).transpose()
        };
        let excluded = self.exclude_items.unwrap_or_default();
        bounded("filter.excludeItems", excluded.len())?;
        Ok(Filter {
            categories: texts("filter.categories", self.categories)?,
            brands: texts("filter.brands", self.brands)?,
            exclude_items: items("filter.excludeItems", &excluded, MAX_FILTER_ENTRIES)?,
            min_price_minor: price("filter.minPrice", self.min_price)?,
            max_price_minor: price("filter.maxPrice", self.max_price)?,
        })
    }
}

fn optional_user(value: Option<&Scalar<'_>>) -> Result<Option<UserId>, Rejection> {
    match value {
        None => Ok(None),
        Some(Scalar::Text(text)) if text.is_empty() => Ok(None),
        Some(value) => field::id("userId", value, UserId::new).map(Some),
    }
}

/// The last `max` items of a list, in its order.
fn items(name: &str, values: &[Scalar<'_>], max: usize) -> Result<Vec<ItemId>, Rejection> {
    let skipped = values.len().saturating_sub(max);
    let read = |(index, value)| field::id(&format!("{name}[{index}]"), value, ItemId::new);
    values.iter().enumerate().skip(skipped).map(read).collect()
}

/// The last entries of a cart with their units, 0 where they are not told.
fn cart(entries: &[CartEntry<'_>]) -> Result<Vec<(ItemId, u32)>, Rejection> {
    let read = |(index, entry): (usize, &CartEntry<'_>)| match entry {
        CartEntry::Id(id) => Ok((field::id(&format!("cart[{index}]"), id, ItemId::new)?, 0)),
        CartEntry::Line(line) => {
            let quantity = |value: &Scalar<'_>| field::quantity(&format!("cart[{index}].quantity"), value);
            let units = line.quantity.as_ref().map(quantity).transpose()?.unwrap_or_default();
            Ok((field::id(&format!("cart[{index}].itemId"), &line.item_id, ItemId::new)?, units))
        }
    };
    entries.iter().enumerate().skip(entries.len().saturating_sub(MAX_CART_ITEMS)).map(read).collect()
}

/// The units of a cart's entries, if any are told.
fn units(cart: &[(ItemId, u32)]) -> Vec<u32> {
    if cart.iter().all(|line| line.1 == 0) { Vec::new() } else { cart.iter().map(|line| line.1).collect() }
}

fn bounded(name: &str, len: usize) -> Result<(), Rejection> {
    if len <= MAX_FILTER_ENTRIES {
        return Ok(());
    }
    let problem = format!("has {len} entries: at most {MAX_FILTER_ENTRIES} are allowed");
    Err(Rejection::field(Code::TooMany, name, problem))
}

fn texts(name: &str, values: Option<Vec<Scalar<'_>>>) -> Result<Vec<String>, Rejection> {
    let values = values.unwrap_or_default();
    bounded(name, values.len())?;
    values.into_iter().map(|value| field::text(name, value, MAX_TEXT_BYTES)).collect()
}

fn whole(name: &str, value: &Scalar<'_>, least: i64, most: i64) -> Result<i64, Rejection> {
    let number = match value {
        Scalar::Whole(n) => Some(*n),
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|n| (least..=most).contains(n)).ok_or_else(|| {
        let problem = format!("is `{value}`: give a whole number from {least} to {most}");
        Rejection::field(Code::BadValue, name, problem)
    })
}

fn choice<T: Copy>(name: &str, value: &Scalar<'_>, known: &[(&str, T)]) -> Result<T, Rejection> {
    let found = match value {
        Scalar::Text(text) => known.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice),
        _ => None,
    };
    found.ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        Rejection::field(Code::BadValue, name, format!("is `{value}`: give one of {}", names.join(", ")))
    })
}
