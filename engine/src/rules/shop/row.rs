//! What conditions read of a candidate, looked up once for all rules.

use super::lack::Lack;
use crate::nouns::{Attribute, Currency, Item, Timestamp};
use crate::policy::{ItemFlag, ItemNumber, ItemText, QuickNumber, Slots};
use crate::store::ItemIx;

/// A candidate, as conditions see it. Reused from candidate to candidate.
#[derive(Debug, Default)]
pub(crate) struct Row<'a> {
    pub(crate) item: Option<&'a Item>,
    /// Its number.
    pub(crate) ix: ItemIx,
    /// By [`ItemNumber`]; NaN: not known.
    pub(crate) numbers: [f64; ItemNumber::COUNT],
    /// By slot.
    pub(crate) attributes: Vec<Option<&'a Attribute>>,
}

impl<'a> Row<'a> {
    /// Looks a candidate up.
    pub(crate) fn fill(&mut self, ix: ItemIx, item: &'a Item, slots: &Slots, now: Timestamp) {
        self.ix = ix;
        self.item = Some(item);
        self.numbers = numbers(item, now);
        self.attributes.clear();
        self.attributes.resize(slots.len(), None);
        if !self.attributes.is_empty() {
            for (name, value) in &item.attributes {
                if let Some(&slot) = slots.get(name.as_str()) {
                    self.attributes[slot as usize] = Some(value);
                }
            }
        }
    }
}

impl Row<'_> {
    /// A number that rules are indexed by; NaN: not known, or no number.
    pub(super) fn number(&self, number: QuickNumber) -> f64 {
        match number {
            QuickNumber::Field(number) => self.numbers[number as usize],
            QuickNumber::Attribute(slot) => match self.attributes.get(slot as usize) {
                Some(Some(Attribute::Number(number))) if number.is_finite() => *number,
                _ => f64::NAN,
            },
        }
    }
}

/// By [`ItemNumber`]; NaN: not known.
pub(super) fn numbers(item: &Item, now: Timestamp) -> [f64; ItemNumber::COUNT] {
    let mut numbers = [f64::NAN; ItemNumber::COUNT];
    let mut set = |number: ItemNumber, value: Option<f64>| numbers[number as usize] = value.unwrap_or(f64::NAN);
    // Looking a currency's digits up costs more than all else here, so it is done once.
    let scale = |currency: Currency| f64::from(10_u32.pow(currency.digits()));
    let price_scale = item.price.map_or(1.0, |price| scale(price.currency));
    let same = matches!((item.price, item.cost), (Some(price), Some(cost)) if price.currency == cost.currency);
    let price = item.price.map(|price| price.minor as f64 / price_scale);
    let cost = item.cost.map(|cost| cost.minor as f64 / if same { price_scale } else { scale(cost.currency) });
    // Of minor units, so that 3.00 less 2.70 is .30 and nothing else.
    let margin = match (item.price, item.cost) {
        (Some(price), Some(cost)) if same => Some(price.minor.saturating_sub(cost.minor) as f64 / price_scale),
        _ => None,
    };
    set(ItemNumber::Price, price);
    set(ItemNumber::Cost, cost);
    set(ItemNumber::Margin, margin);
    let pct = |margin: f64| Some(100.0 * margin / price?).filter(|pct| pct.is_finite());
    set(ItemNumber::MarginPct, margin.and_then(pct));
    set(ItemNumber::Stock, item.stock.map(f64::from));
    let age = |at: Timestamp| now.since_ms(at).max(0) as f64 / 1e3;
    set(ItemNumber::StockAge, item.stock.and(item.stock_updated_at).map(age));
    set(ItemNumber::MinAge, item.min_age.map(f64::from));
    numbers
}

/// Why a number is not known.
pub(super) fn number_lack(number: ItemNumber, item: &Item) -> Lack<'static> {
    let free = item.price.is_some_and(|price| price.minor == 0) && item.cost.is_some();
    match number {
        ItemNumber::MarginPct if free => Lack::Fault("item.marginPct is a division by a price of zero"),
        number => Lack::Missing(number.name()),
    }
}

pub(super) fn text(field: ItemText, item: &Item) -> Result<&str, Lack<'static>> {
    let found = match field {
        ItemText::Id => Some(item.id.as_str()),
        ItemText::Title => Some(item.title.as_str()),
        ItemText::Brand => item.brand.as_deref(),
        ItemText::Category => item.category_path.last().map(String::as_str),
        ItemText::Group => item.group.as_deref(),
        ItemText::Currency => item.price.as_ref().map(|price| price.currency.as_str()),
    };
    found.ok_or(Lack::Missing(field.name()))
}

pub(super) fn flag(flag: &ItemFlag, item: &Item) -> Result<bool, Lack<'static>> {
    match flag {
        ItemFlag::Available(_) => Ok(item.available != Some(false)),
        _ => item.consumable.ok_or(Lack::Missing("item.consumable")),
    }
}
