//! What a shop knows of its goods and the source does not: cost, stock, age limits. Generated, by the rules below.

use sidecart_engine::nouns::{Attribute, Item, Money};

use super::dice::{about, chance};

/// Gross margin by department, in per cent of the shelf price: the order of magnitude of a grocer's. Each item varies
/// by up to [`MARGIN_SPREAD`] points.
const MARGINS: [(&str, f64); 10] = [
    ("Grocery", 26.0),
    ("Household and health", 32.0),
    ("Fruit and vegetables", 38.0),
    ("Packaged meat", 28.0),
    ("Fresh meat", 24.0),
    ("Deli", 44.0),
    ("Bakery", 48.0),
    ("Natural foods", 34.0),
    ("Flowers", 46.0),
    ("Cosmetics", 42.0),
];
const OTHER_MARGIN: f64 = 30.0;
const MARGIN_SPREAD: f64 = 8.0;

/// Share of the items that are out of stock, whoever wants them. It costs every strategy the same hits, and it shows that
/// such items are never recommended.
const OUT_OF_STOCK: f64 = 0.01;
/// Units on hand of the others: up to this many more than 10.
const STOCK_SPREAD: usize = 190;

/// Categories that US shops sell from this age on. The shoppers' ages are unknown, so the demo never recommends these.
const MIN_AGE: u8 = 21;
const AGE_LIMITED: [&str; 8] =
    ["Beer", "Domestic wine", "Imported wine", "Miscellaneous wine", "Liquor", "Cigarettes", "Cigars", "Tobacco other"];

/// The attribute that marks items with generated figures, with the names of the generated fields.
pub const GENERATED: &str = "generatedBySidecartDemo";

/// Adds cost, stock and age limit to an item, and says in its attributes that they are generated.
pub fn complete(item: &mut Item, seed: u64) {
    let mut dice = about(seed, "item", item.id.as_str());
    let department = item.category_path.first().map_or("", String::as_str);
    let margin = MARGINS.iter().find(|(name, _)| *name == department).map_or(OTHER_MARGIN, |(_, margin)| *margin);
    let spread = (dice.below(2_001) as f64 / 1_000.0 - 1.0) * MARGIN_SPREAD;
    item.cost = item.price.map(|price| {
        let minor = (price.minor as f64 * (1.0 - (margin + spread) / 100.0)).round() as i64;
        Money { minor: minor.clamp(1, price.minor.max(1)), currency: price.currency }
    });
    item.stock = Some(if chance(&mut dice, OUT_OF_STOCK) { 0 } else { 10 + dice.below(STOCK_SPREAD) as u32 });
    let mut generated = vec!["cost".to_owned(), "stock".to_owned()];
    if item.category_path.get(1).is_some_and(|category| AGE_LIMITED.contains(&category.as_str())) {
        item.min_age = Some(MIN_AGE);
        generated.push("minAge".to_owned());
    }
    item.attributes.insert(GENERATED.to_owned(), Attribute::Texts(generated));
}

#[cfg(test)]
mod tests {
    use super::super::bundle::Bundle;
    use super::*;

    fn shop(seed: u64) -> Vec<Item> {
        let mut items = Bundle::read().unwrap().items;
        items.iter_mut().for_each(|item| complete(item, seed));
        items
    }

    #[test]
    fn the_same_seed_makes_the_same_shop() {
        assert_eq!(shop(1), shop(1));
        assert_ne!(shop(1), shop(2));
    }

    #[test]
    fn no_item_costs_more_than_its_price_and_few_are_out_of_stock() {
        let items = shop(1);
        assert!(items.iter().all(|item| item.cost.unwrap().minor <= item.price.unwrap().minor));
        let out = items.iter().filter(|item| item.stock == Some(0)).count() as f64 / items.len() as f64;
        assert!((0.005..0.015).contains(&out), "{out}");
    }

    #[test]
    fn drinks_and_tobacco_have_an_age_limit_and_bread_has_none() {
        let items = shop(1);
        let of = |category: &str| items.iter().find(|item| item.category_path[1] == category).unwrap().min_age;
        for category in ["Beer", "Liquor", "Domestic wine", "Imported wine", "Cigarettes", "Tobacco other", "Cigars"] {
            assert_eq!(of(category), Some(21), "{category}");
        }
        assert_eq!(of("Bread and rolls"), None);
    }
}
