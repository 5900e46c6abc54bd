//! Carts and answers in words.

use indicatif::HumanCount;
use rustc_hash::FxHashMap;
use sidecart_engine::nouns::{Item, ItemId, Money, Timestamp};

use super::client::{Answer, AnswerReason};
use super::shopping::{Moment, Shopping};

/// Items of a cart that are named; the rest is counted.
const MAX_CART_WORDS: usize = 4;
/// Items of an answer that are shown.
const MAX_SHOWN: usize = 5;

/// The catalogue, for looking up titles.
pub struct Words<'a> {
    items: FxHashMap<&'a ItemId, &'a Item>,
    /// How many items share a title; their brands are told too.
    titles: FxHashMap<&'a str, usize>,
}

impl<'a> Words<'a> {
    /// The words for these items.
    #[must_use]
    pub fn new(items: &'a [Item]) -> Self {
        let mut titles = FxHashMap::default();
        for item in items {
            *titles.entry(item.title.as_str()).or_default() += 1;
        }
        Self { items: items.iter().map(|item| (&item.id, item)).collect(), titles }
    }

    /// A live cart, the answer to it, and which of the answer the shopper really went on to buy.
    #[must_use]
    pub fn cart(&self, moment: &Moment, answer: &Answer) -> String {
        let named: Vec<_> = moment.cart.iter().rev().take(MAX_CART_WORDS).map(|id| self.title(id)).collect();
        let more = moment.cart.len().saturating_sub(named.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let mut text = format!(
            "{}, household {}, has in the cart: {}{more}\n",
            instant(moment.at),
            moment.user,
            named.join(" · ")
        );
        if answer.items.is_empty() {
            text.push_str("    nothing to recommend yet\n");
        }
        for (rank, item) in (1..).zip(answer.items.iter().take(MAX_SHOWN)) {
            let bought = if moment.wanted.contains(&item.item_id) { "  ✓ bought minutes later" } else { "" };
            let line = format!(
                "  {rank}. {:<44} {:>6}  {}{bought}",
                self.full_title(&item.item_id),
                self.price(&item.item_id),
                self.reason(&item.reason)
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn title<'b>(&'b self, id: &'b ItemId) -> &'b str {
        self.items.get(id).map_or(id.as_str(), |item| item.title.as_str())
    }

    fn full_title(&self, id: &ItemId) -> String {
        let title = self.title(id);
        let brand = self.items.get(id).and_then(|item| item.brand.as_deref());
        match brand.filter(|_| self.titles.get(title).is_some_and(|count| *count > 1)) {
            Some(brand) => format!("{title} ({brand})"),
            None => title.to_owned(),
        }
    }

    fn price(&self, id: &ItemId) -> String {
        self.items.get(id).and_then(|item| item.price).map(dollars).unwrap_or_default()
    }

    fn reason(&self, reason: &AnswerReason) -> String {
        let other = reason.because_of.first().map_or("what is in the cart", |id| self.title(id));
        match reason.code.as_str() {
            "bought_together" => format!("often bought with {other}"),
            "carted_together" => format!("often carted with {other}"),
            "viewed_together" => format!("often viewed with {other}"),
            "similar_sessions" => "carts like this one went on to it".to_owned(),
            "bought_before" => "this household buys it again and again".to_owned(),
            "goes_with_purchases" => "goes with what this household buys".to_owned(),
            "goes_with_category" => format!("goes with {other}"),
            "new_arrival" => "new in the shop".to_owned(),
            "trending" => "much wanted right now".to_owned(),
            "curated" => "chosen by the shop".to_owned(),
            "seen_before" => "looked at earlier in this visit".to_owned(),
            code => code.replace('_', " "),
        }
    }
}

/// `$3.49`; other currencies with their code.
fn dollars(price: Money) -> String {
    if price.currency == sidecart_engine::nouns::Currency::USD {
        format!("${:.2}", price.major())
    } else {
        price.to_string()
    }
}

/// `Thu 16 Nov 2017, 14:05`.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    written(at, "%a %-d %b %Y, %H:%M")
}

/// `Thu 16 Nov 2017`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    written(at, "%a %-d %b %Y")
}

fn written(at: Timestamp, form: &str) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.strftime(form).to_string())
}

/// What is about to be shown.
#[must_use]
pub fn opening(shopping: &Shopping, url: &str) -> String {
    format!(
        "Sidecart demo at {url}\n\
         {} real baskets of a grocer (Complete Journey, CC0), {} items.\n\
         Generated around them: browsing, cost, stock and age limits. See docs/demo-data.md.\n",
        HumanCount(shopping.visits() as u64),
        HumanCount(shopping.items.len() as u64)
    )
}

/// What can be done now.
#[must_use]
pub fn closing(shopping: &Shopping, url: &str) -> String {
    let cart: Vec<_> = shopping.last_cart().iter().take(2).map(|id| format!("\"{id}\"")).collect();
    format!(
        "\nStill serving at {url}, and recorded time goes on. Try:\n\
         \n  curl -s {url}/v1/recommendations -H 'content-type: application/json' \\\n       \
         -d '{{\"placement\": \"cart\", \"sessionId\": \"me\", \"cart\": [{}], \"limit\": 5}}'\n\
         \nCtrl-C ends the demo.",
        cart.join(", ")
    )
}

/// A span of time in one unit that fits: `740 µs`, `3.2 ms`, `18 h`, `4.1 days`.
#[must_use]
pub fn span(us: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(1e3, "µs"), (1e6, "ms"), (60e6, "s"), (3_600e6, "min"), (48.0 * 3_600e6, "h")];
    const SIZES: [f64; 5] = [1.0, 1e3, 1e6, 60e6, 3_600e6];
    let found = UNITS.iter().zip(SIZES).find(|((end, _), _)| us < *end);
    let (value, unit) = found.map_or((us / (24.0 * 3_600e6), "days"), |((_, unit), size)| (us / size, *unit));
    if value < 10.0 && unit != "µs" { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{Currency, SessionId, UserId};

    use super::super::client::AnswerItem;
    use super::*;

    fn item(id: &str, title: &str, price_minor: i64) -> Item {
        Item {
            title: title.to_owned(),
            price: Some(Money { minor: price_minor, currency: Currency::USD }),
            ..Item::bare(ItemId::new(id).unwrap())
        }
    }

    #[test]
    fn a_cart_is_told_in_titles_prices_and_reasons() {
        let items = [item("1", "Bananas", 99), item("2", "White milk, 1 gal", 249)];
        let moment = Moment {
            session: SessionId::new("s").unwrap(),
            user: UserId::new("17").unwrap(),
            at: Timestamp(1_510_841_100_000),
            cart: vec![items[0].id.clone()],
            wanted: [items[1].id.clone()].into_iter().collect(),
        };
        let because_of = vec![items[0].id.clone()];
        let reason = AnswerReason { code: "bought_together".to_owned(), because_of };
        let items_shown = vec![AnswerItem { item_id: items[1].id.clone(), reason }];
        let answer = Answer { items: items_shown, degraded: None };
        expect_test::expect![[r#"
            Thu 16 Nov 2017, 14:05, household 17, has in the cart: Bananas
              1. White milk, 1 gal                             $2.49  often bought with Bananas  ✓ bought minutes later
        "#]]
        .assert_eq(&Words::new(&items).cart(&moment, &answer));
    }

    #[test]
    fn spans_read_in_a_unit_that_fits() {
        let spans = [740.0, 3_200.0, 68_000.0, 4.2e6, 18.0 * 3_600e6, 4.1 * 24.0 * 3_600e6].map(span);
        assert_eq!(spans, ["740 µs", "3.2 ms", "68 ms", "4.2 s", "18 h", "4.1 days"]);
    }
}
