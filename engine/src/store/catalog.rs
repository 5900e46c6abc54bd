use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::intern::Interner;
use crate::nouns::{Item, ItemId, ItemPatch, StockUpdate};
use crate::settings::CatalogSettings;

/// No number: the item has no such thing.
pub(crate) const NO_IX: u32 = u32::MAX;

/// Of the catalogue's room, the share that items known from events alone may take: 1/8. So a flood of made-up ids can
/// never keep the shop's own items out.
const UNKNOWN_SHARE: usize = 8;

/// What the hot path needs of an item, in one cache line. The full entry is only read where a rule needs a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Whether the catalogue has it; items known from events alone are never shown.
    pub(crate) known: bool,
    /// `Some(0)`: out of stock; `None`: not tracked.
    pub(crate) stock: Option<u32>,
    /// Whether any rule about region, age, dates or availability may apply, so that its entry must be looked at.
    pub(crate) conditional: bool,
    /// Price in minor units, 0 if unknown.
    pub(crate) price_minor: i64,
    /// Price less cost in minor units, where both are known.
    pub(crate) margin_minor: Option<i64>,
    /// The narrowest category.
    pub(crate) category: u32,
    /// The widest category.
    pub(crate) department: u32,
    pub(crate) brand: u32,
    pub(crate) group: u32,
    pub(crate) consumable: Option<bool>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            known: false,
            stock: None,
            conditional: false,
            price_minor: 0,
            margin_minor: None,
            category: NO_IX,
            department: NO_IX,
            brand: NO_IX,
            group: NO_IX,
            consumable: None,
        }
    }
}

/// The shop's items, and the numbers of all ids ever mentioned.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    ids: Interner,
    entries: Vec<Option<Box<Item>>>,
    facts: Vec<Facts>,
    /// Categories by their whole path, so that "Sale > Shoes" and "Men > Shoes" differ.
    categories: Interner,
    brands: Interner,
    groups: Interner,
    known: usize,
}

impl Catalog {
    /// Items in the catalogue.
    pub(crate) fn known(&self) -> usize {
        self.known
    }

    /// Numbers given out, to known and unknown items.
    pub(crate) fn numbers(&self) -> usize {
        self.facts.len()
    }

    pub(crate) fn number(&self, id: &str) -> Option<ItemIx> {
        self.ids.get(id)
    }

    /// The id of a number that was given out.
    pub(crate) fn id(&self, ix: ItemIx) -> ItemId {
        ItemId::new(self.ids.text(ix)).expect("only valid ids are numbered")
    }

    pub(crate) fn id_text(&self, ix: ItemIx) -> &str {
        self.ids.text(ix)
    }

    /// Has the ids of these numbers fetched, see [`fetch()`](super::fetch()).
    pub(crate) fn fetch_ids(&self, numbers: impl Iterator<Item = ItemIx> + Clone) {
        self.ids.fetch(numbers);
    }

    pub(crate) fn facts(&self, ix: ItemIx) -> &Facts {
        &self.facts[ix as usize]
    }

    pub(crate) fn entry(&self, ix: ItemIx) -> Option<&Item> {
        self.entries[ix as usize].as_deref()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Item> {
        self.entries.iter().filter_map(Option::as_deref)
    }

    /// The number of an item that an event mentions; `None` if there is no room for one more unknown item.
    pub(crate) fn mention(&mut self, id: &ItemId, settings: &CatalogSettings) -> Option<ItemIx> {
        if let Some(ix) = self.number(id.as_str()) {
            return Some(ix);
        }
        let unknown = self.numbers() - self.known;
        (unknown < settings.max_items / UNKNOWN_SHARE).then(|| self.number_new(id))
    }

    fn number_new(&mut self, id: &ItemId) -> ItemIx {
        let ix = self.ids.intern(id.as_str());
        if ix as usize == self.facts.len() {
            self.entries.push(None);
            self.facts.push(Facts::default());
        }
        ix
    }

    /// Creates or replaces an item; `None` if the catalogue is full. A stock figure that is older than the one at hand
    /// does not replace it.
    pub(crate) fn put(&mut self, mut item: Item, settings: &CatalogSettings) -> Option<ItemIx> {
        let existing = self.number(item.id.as_str());
        let is_new = existing.is_none_or(|ix| self.entries[ix as usize].is_none());
        if is_new && self.known >= settings.max_items {
            return None;
        }
        let ix = existing.unwrap_or_else(|| self.number_new(&item.id));
        if let Some(old) = self.entry(ix)
            && item.stock_updated_at < old.stock_updated_at
        {
            item.stock = old.stock;
            item.stock_updated_at = old.stock_updated_at;
        }
        self.known += usize::from(is_new);
        self.store(ix, item);
        Some(ix)
    }

    fn store(&mut self, ix: ItemIx, item: Item) {
        self.facts[ix as usize] = self.facts_of(&item);
        self.entries[ix as usize] = Some(Box::new(item));
    }

    /// Changes some fields; `None` if the catalogue does not have the item.
    pub(crate) fn patch(&mut self, id: &ItemId, patch: ItemPatch) -> Option<ItemIx> {
        let ix = self.number(id.as_str())?;
        let mut item = self.entries[ix as usize].take()?;
        patch.apply(&mut item);
        self.store(ix, *item);
        Some(ix)
    }

    /// Removes an item; its number and what was learnt of it stay, in case it returns.
    pub(crate) fn delete(&mut self, id: &ItemId) -> Option<ItemIx> {
        let ix = self.number(id.as_str())?;
        self.entries[ix as usize].take()?;
        self.facts[ix as usize].known = false;
        self.known -= 1;
        Some(ix)
    }

    /// Takes a stock figure unless a newer one is at hand; `None` if the catalogue does not have the item.
    pub(crate) fn set_stock(&mut self, update: &StockUpdate) -> Option<ItemIx> {
        let ix = self.number(update.item.as_str())?;
        let item = self.entries[ix as usize].as_deref_mut()?;
        if item.stock_updated_at.is_none_or(|at| at <= update.at) {
            item.stock = Some(update.stock);
            item.stock_updated_at = Some(update.at);
            self.facts[ix as usize].stock = item.stock;
        }
        Some(ix)
    }

    fn facts_of(&mut self, item: &Item) -> Facts {
        let number = |interner: &mut Interner, text: &Option<String>| match text {
            Some(text) => interner.intern(text),
            None => NO_IX,
        };
        let (department, category) = match item.category_path.as_slice() {
            [] => (NO_IX, NO_IX),
            [first, ..] => (self.categories.intern(first), self.categories.intern(&item.category_path.join(" > "))),
        };
        Facts {
            known: true,
            stock: item.stock,
            conditional: item.min_age.is_some()
                || item.available == Some(false)
                || item.publish_at.is_some()
                || item.expire_at.is_some()
                || !item.allowed_regions.is_empty()
                || !item.blocked_regions.is_empty(),
            price_minor: item.price.map_or(0, |price| price.minor),
            margin_minor: margin(item),
            category,
            department,
            brand: number(&mut self.brands, &item.brand),
            group: number(&mut self.groups, &item.group),
            consumable: item.consumable,
        }
    }
}

/// Price less cost, where both are known and in one currency.
fn margin(item: &Item) -> Option<i64> {
    let (price, cost) = (item.price?, item.cost?);
    (price.currency == cost.currency).then(|| price.minor.saturating_sub(cost.minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::Timestamp;
    use crate::settings::Settings;

    fn id(text: &str) -> ItemId {
        ItemId::new(text).expect("a valid id")
    }

    #[test]
    fn an_older_stock_figure_never_overwrites_a_newer_one() {
        let settings = Settings::default().catalog;
        let mut catalog = Catalog::default();
        let ix = catalog.put(Item::bare(id("a")), &settings).expect("room");
        let told = |stock, at| StockUpdate { item: id("a"), stock, at: Timestamp(at) };
        catalog.set_stock(&told(0, 20));
        catalog.set_stock(&told(9, 10));
        assert_eq!(catalog.facts(ix).stock, Some(0));
        catalog.put(Item { stock: Some(5), stock_updated_at: Some(Timestamp(15)), ..Item::bare(id("a")) }, &settings);
        assert_eq!(catalog.facts(ix).stock, Some(0));
        catalog.set_stock(&told(3, 30));
        assert_eq!(catalog.entry(ix).and_then(|item| item.stock), Some(3));
    }

    #[test]
    fn made_up_ids_cannot_keep_the_shops_items_out() {
        let settings = CatalogSettings { max_items: 16, ..Settings::default().catalog };
        let mut catalog = Catalog::default();
        let numbered = (0..100).filter(|n| catalog.mention(&id(&format!("x{n}")), &settings).is_some()).count();
        assert_eq!(numbered, 2);
        let known = (0..100).filter(|n| catalog.put(Item::bare(id(&format!("i{n}"))), &settings).is_some()).count();
        assert_eq!(known, 16);
    }

    #[test]
    fn a_deleted_item_is_unknown_until_it_returns() {
        let settings = Settings::default().catalog;
        let mut catalog = Catalog::default();
        let ix = catalog.put(Item::bare(id("a")), &settings).expect("room");
        assert!(catalog.delete(&id("a")).is_some() && catalog.delete(&id("a")).is_none());
        assert!(!catalog.facts(ix).known && catalog.entry(ix).is_none());
        assert_eq!(catalog.put(Item::bare(id("a")), &settings), Some(ix));
        assert_eq!(catalog.known(), 1);
    }
}
