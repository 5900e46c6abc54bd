use flate2::read::GzDecoder;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sidecart_engine::nouns::{Currency, Item, ItemId, Line, SessionId, Timestamp, UserId};

use crate::wire::scalar;

const EVENTS: &[u8] = include_bytes!("../../data/complete-journey/events.csv.gz");
const CATALOG: &[u8] = include_bytes!("../../data/complete-journey/catalog.csv.gz");
const SPLIT: &str = include_str!("../../data/complete-journey/split.json");

/// Between the levels of a category, as in all bundled and shared data.
const LEVELS: &str = " > ";

/// Why the bundled data could not be read: the build is at fault, not its user.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not the CSV it should be.
    #[error("bundled {file} is damaged: make it again with scripts/make-demo-data")]
    Csv {
        /// Which file.
        file: &'static str,
        /// What the reader says, with the line.
        source: csv::Error,
    },
    /// A value that is not what its column holds.
    #[error("bundled {file}: line {line}: {problem}: make it again with scripts/make-demo-data")]
    Value {
        /// Which file.
        file: &'static str,
        /// Where.
        line: u64,
        /// What.
        problem: String,
    },
    /// No cut in `split.json`.
    #[error("bundled split.json: {0}: make it again with scripts/make-demo-data")]
    Split(String),
}

/// A basket as it went over the till.
#[derive(Debug, Clone, PartialEq)]
pub struct Basket {
    /// Its id, which serves as the visit's.
    pub session: SessionId,
    /// The household.
    pub user: UserId,
    /// When it was paid.
    pub at: Timestamp,
    /// What was bought, each item once, in the order of the source. That order means nothing.
    pub lines: Vec<Line>,
}

/// The real part of the demo's data: see `data/complete-journey/README.md`.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The catalogue, ordered by id. Cost and stock are unknown in the source.
    pub items: Vec<Item>,
    /// All baskets, ordered by time.
    pub baskets: Vec<Basket>,
    /// Baskets from here on are the live part.
    pub cut: Timestamp,
}

#[derive(Debug, Deserialize)]
struct ItemRow {
    item_id: String,
    title: String,
    category: String,
    brand: String,
    price: String,
}

#[derive(Debug, Deserialize)]
struct EventRow {
    timestamp: String,
    user_id: String,
    session_id: String,
    item_id: String,
    price: String,
    quantity: String,
}

impl Bundle {
    /// Reads the data that the binary carries; takes a fraction of a second.
    ///
    /// # Errors
    /// [`BundleError`]: this binary was built with damaged data.
    pub fn read() -> Result<Self, BundleError> {
        Ok(Self { items: items(CATALOG)?, baskets: baskets(EVENTS)?, cut: cut(SPLIT)? })
    }

    /// One of `n` households and what they bought, for a quick look. Which ones is decided by their number.
    #[must_use]
    pub fn thinned(mut self, n: u64) -> Self {
        self.baskets.retain(|basket| {
            let number: u64 = basket.user.as_str().parse().unwrap_or_default();
            number.is_multiple_of(n.max(1))
        });
        self
    }
}

fn items(packed: &[u8]) -> Result<Vec<Item>, BundleError> {
    let mut items = Vec::new();
    rows(packed, "catalog.csv.gz", |row: ItemRow| {
        let mut item = Item::bare(ItemId::new(&row.item_id).map_err(|error| format!("item_id {error}"))?);
        item.title = row.title;
        item.brand = Some(row.brand).filter(|brand| !brand.is_empty());
        item.category_path = row.category.split(LEVELS).map(str::to_owned).collect();
        item.price = Some(scalar::money(&row.price, Currency::USD).map_err(|error| format!("price {error}"))?);
        items.push(item);
        Ok(())
    })?;
    Ok(items)
}

fn baskets(packed: &[u8]) -> Result<Vec<Basket>, BundleError> {
    let mut baskets: Vec<Basket> = Vec::new();
    let mut places: FxHashMap<SessionId, usize> = FxHashMap::default();
    rows(packed, "events.csv.gz", |row: EventRow| {
        let session = SessionId::new(&row.session_id).map_err(|error| format!("session_id {error}"))?;
        let line = Line {
            item: ItemId::new(&row.item_id).map_err(|error| format!("item_id {error}"))?,
            quantity: scalar::quantity(&row.quantity).map_err(|error| format!("quantity {error}"))?,
            price: Some(scalar::money(&row.price, Currency::USD).map_err(|error| format!("price {error}"))?),
        };
        if let Some(place) = places.get(&session) {
            baskets[*place].lines.push(line);
            return Ok(());
        }
        places.insert(session.clone(), baskets.len());
        baskets.push(Basket {
            session,
            user: UserId::new(&row.user_id).map_err(|error| format!("user_id {error}"))?,
            at: scalar::timestamp(&row.timestamp).map_err(|error| format!("timestamp {error}"))?,
            lines: vec![line],
        });
        Ok(())
    })?;
    baskets.sort_by(|a, b| (a.at, &a.session).cmp(&(b.at, &b.session)));
    Ok(baskets)
}

/// Hands every row of a packed CSV file to `take`.
fn rows<R, F>(packed: &[u8], file: &'static str, mut take: F) -> Result<(), BundleError>
where
    R: DeserializeOwned,
    F: FnMut(R) -> Result<(), String>,
{
    let mut reader = csv::Reader::from_reader(GzDecoder::new(packed));
    for (index, row) in reader.deserialize().enumerate() {
        let row = row.map_err(|source| BundleError::Csv { file, source })?;
        // The header is line 1.
        let line = index as u64 + 2;
        take(row).map_err(|problem| BundleError::Value { file, line, problem })?;
    }
    Ok(())
}

fn cut(split: &str) -> Result<Timestamp, BundleError> {
    let split: serde_json::Value =
        serde_json::from_str(split).map_err(|error| BundleError::Split(error.to_string()))?;
    let cut = split["cut"].as_str().ok_or_else(|| BundleError::Split("no `cut`".to_owned()))?;
    scalar::timestamp(cut).map_err(|error| BundleError::Split(format!("cut {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_is_what_its_description_says() {
        let bundle = Bundle::read().unwrap();
        let split: serde_json::Value = serde_json::from_str(SPLIT).unwrap();
        assert_eq!(bundle.items.len() as u64, split["catalog_items"]);
        assert_eq!(bundle.baskets.len() as u64, split["sessions"]);
        assert_eq!(bundle.baskets.iter().map(|basket| basket.lines.len() as u64).sum::<u64>(), split["events"]);
        let live = bundle.baskets.iter().filter(|basket| basket.at >= bundle.cut).count();
        assert_eq!(live as u64, split["test"]["sessions"]);
    }

    #[test]
    fn every_bought_item_is_in_the_catalogue_with_title_category_and_price() {
        let bundle = Bundle::read().unwrap();
        let known: std::collections::BTreeSet<_> = bundle.items.iter().map(|item| &item.id).collect();
        assert!(bundle.baskets.iter().flat_map(|basket| &basket.lines).all(|line| known.contains(&line.item)));
        for item in &bundle.items {
            let whole = item.title.len() > 2 && item.category_path.len() == 3 && item.brand.is_some();
            assert!(whole && item.price.is_some_and(|price| price.minor > 0), "{item:?}");
            assert!(!item.title.contains("FRZN") && item.title != item.title.to_uppercase(), "shouts: {}", item.title);
        }
    }

    #[test]
    fn baskets_are_ordered_and_hold_each_item_once() {
        let bundle = Bundle::read().unwrap();
        assert!(bundle.baskets.is_sorted_by_key(|basket| basket.at));
        for basket in &bundle.baskets {
            let distinct: std::collections::BTreeSet<_> = basket.lines.iter().map(|line| &line.item).collect();
            assert_eq!(distinct.len(), basket.lines.len(), "{:?}", basket.session);
        }
    }

    #[test]
    fn a_thinner_bundle_keeps_whole_households() {
        let whole = Bundle::read().unwrap();
        let thin = whole.clone().thinned(10);
        assert!(!thin.baskets.is_empty() && thin.baskets.len() < whole.baskets.len() / 5);
        let users: std::collections::BTreeSet<_> = thin.baskets.iter().map(|basket| &basket.user).collect();
        let theirs = whole.baskets.iter().filter(|basket| users.contains(&basket.user)).count();
        assert_eq!(theirs, thin.baskets.len());
    }
}
