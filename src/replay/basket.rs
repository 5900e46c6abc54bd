//! The protocol `basket`: a part of each test basket is hidden and to be found from the rest.

use rustc_hash::FxHashMap;
use sidecart_engine::nouns::EventKind;

use super::plan::{Cut, MAX_CONTEXT, Plan, Query, Span, TestSessions};
use super::seeded::Seeded;
use crate::data::{Dataset, NONE};

/// How much of a basket is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Hide {
    /// Half of its items, rounded down.
    #[default]
    Half,
    /// One item.
    One,
}

#[derive(Default)]
struct Basket {
    items: Vec<u32>,
    session: u32,
    user: u32,
}

/// Every test basket of two items or more: the purchases of one order, or of one session where there is no order.
///
/// It is asked before the first event of the basket's session, be it a purchase or not, and in a session that nobody
/// knows: what the shopper viewed or carted on the way to the hidden items would give them away.
pub fn baskets(data: &Dataset, cut: Cut, hide: Hide, seed: u64) -> Plan {
    let sessions = TestSessions::of(data, cut.place);
    let mut plan = Plan::default();
    for (number, basket) in gather(data, &sessions, cut).into_iter().enumerate() {
        if basket.items.len() < 2 {
            continue;
        }
        let mut items = basket.items;
        let hidden = match hide {
            Hide::Half => items.len() / 2,
            Hide::One => 1,
        };
        Seeded::new(seed, number as u64).shuffle(&mut items);
        let known = plan.keep(&items[hidden..]);
        let targets = plan.keep(&items[..hidden]);
        plan.queries.push(Query {
            before: sessions.begin(basket.session),
            cluster: number as u32,
            session: NONE,
            user: basket.user,
            context: Span::default(),
            cart: known.newest(MAX_CONTEXT),
            targets,
            kind: EventKind::Purchase,
        });
    }
    plan.queries.sort_by_key(|query| query.before);
    super::next_item::number_clusters(&mut plan);
    plan
}

/// The baskets of test sessions, each item once, in the order of their first purchase.
fn gather(data: &Dataset, sessions: &TestSessions, cut: Cut) -> Vec<Basket> {
    let mut baskets: Vec<Basket> = Vec::new();
    let mut of_key = FxHashMap::default();
    for head in data.events().iter().skip(cut.place) {
        if head.kind != EventKind::Purchase || !sessions.holds(head.session) {
            continue;
        }
        let key = if head.order == NONE { (false, head.session) } else { (true, head.order) };
        let place = *of_key.entry(key).or_insert_with(|| {
            baskets.push(Basket { items: Vec::new(), session: head.session, user: head.user });
            baskets.len() - 1
        });
        for item in data.items_of(head) {
            if !baskets[place].items.contains(&item) {
                baskets[place].items.push(item);
            }
        }
    }
    baskets
}

#[cfg(test)]
mod tests {
    use super::super::testing::dataset;
    use super::*;

    const STREAM: &str = "\
        purchase 1 old a\n\
        cut\n\
        purchase 2 old b\n\
        view 3 s d\n\
        purchase 4 s a\n\
        purchase 5 t a\n\
        purchase 6 s b\n\
        purchase 7 s b\n\
        purchase 8 s c\n\
        purchase 9 s d\n\
        purchase 10 s e\n";

    #[test]
    fn half_of_each_test_basket_is_hidden_and_asked_before_its_session() {
        let (data, cut) = dataset(STREAM);
        let plan = baskets(&data, cut, Hide::Half, 1);
        assert_eq!(plan.queries.len(), 1, "`old` straddles the cut, `t` has one item");
        let query = plan.queries[0];
        assert_eq!(query.before, 2, "before the first view of `s`");
        assert_eq!(query.session, NONE);
        assert_eq!((query.cart.len(), query.targets.len()), (3, 2));
        let mut all = [plan.items_of(query.cart), plan.items_of(query.targets)].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5, "each item once, known or hidden");
    }

    #[test]
    fn one_item_can_be_hidden_and_the_seed_fixes_which() {
        let (data, cut) = dataset(STREAM);
        let hidden = |seed| {
            let plan = baskets(&data, cut, Hide::One, seed);
            plan.items_of(plan.queries[0].targets).to_vec()
        };
        assert_eq!(hidden(1).len(), 1);
        assert_eq!(hidden(1), hidden(1));
        assert!((2..20).any(|seed| hidden(seed) != hidden(1)));
    }
}
