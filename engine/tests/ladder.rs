//! Every rung of the ladder, forced: what it serves, and that it keeps the rules.

mod common;

use common::{Shop, ids, item_id, request, shown};
use sidecart_engine::nouns::*;

/// Twenty orders of bread with butter, views of bread then jam, and a category that all but soap are of.
fn shop() -> Shop {
    let mut shop = Shop::selling("soap");
    for id in ["bread", "butter", "jam", "rum"] {
        let category_path = vec!["food".to_owned()];
        let min_age = (id == "rum").then_some(18);
        shop.put(Item { category_path, min_age, ..Item::bare(item_id(id)) });
    }
    for visit in 0..20 {
        shop.buy(visit, &format!("a{visit}"), "bread butter rum");
        shop.view(visit, &format!("b{visit}"), "bread jam");
        shop.view(visit, &format!("c{visit}"), "soap");
    }
    shop
}

fn ask(shop: &Shop, strategy: Strategy, ceiling: Tier) -> Slate {
    shop.ask(30, &Request { context_items: ids("bread"), limit: 4, strategy, ceiling, ..request("new") })
}

#[test]
fn each_rung_serves_when_it_is_the_highest_and_says_so() {
    let shop = shop();
    for ceiling in Tier::ALL {
        let answer = ask(&shop, Strategy::Realtime, ceiling);
        assert_eq!(answer.tier, ceiling);
        assert_eq!(answer.degraded, None, "no time was short");
        if ceiling < Tier::Curated {
            assert!(shown(&answer).contains("butter"), "{ceiling:?}: {}", shown(&answer));
        }
        assert_eq!(answer.picks.is_empty(), ceiling == Tier::Empty);
    }
}

#[test]
fn the_rung_of_orders_asks_no_views() {
    let shop = shop();
    let sources = |ceiling| -> Vec<&'static str> {
        ask(&shop, Strategy::Realtime, ceiling).picks.iter().map(|pick| pick.source).collect()
    };
    assert!(sources(Tier::CoPurchase).contains(&"bought_together"));
    assert!(!sources(Tier::CoPurchase).iter().any(|source| ["viewed_together", "session_knn"].contains(source)));
}

#[test]
fn no_rung_and_no_strategy_shows_what_a_rule_forbids_or_goes_above_the_ceiling() {
    let shop = shop();
    for strategy in [Strategy::Realtime, Strategy::Batch, Strategy::Static] {
        for ceiling in Tier::ALL {
            let answer = ask(&shop, strategy, ceiling);
            assert!(!shown(&answer).contains("rum"), "{strategy:?} {ceiling:?}");
            assert!(!shown(&answer).contains("bread"), "{strategy:?} {ceiling:?}");
            assert!(answer.tier >= ceiling, "{strategy:?} {ceiling:?}: {:?}", answer.tier);
        }
    }
}
