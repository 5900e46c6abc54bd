//! How an answer is put together: what it is to bring, who stands beside whom, what is left to chance.

mod common;

use common::{Shop, ids, item_id, request, shown};
use sidecart_engine::nouns::*;

/// A shop in which visits to `tea` went on to `cup` (most), `pot`, `tin` and `mat` (least).
fn tea_shop(change: impl Fn(Item) -> Item) -> Shop {
    let mut shop = Shop::selling("tea");
    for id in ids("cup pot tin mat") {
        shop.put(change(Item::bare(id)));
    }
    for (times, item) in [(12, "cup"), (9, "pot"), (6, "tin"), (3, "mat")] {
        for n in 0..times {
            let visit = format!("{item}{n}");
            shop.view(0, &visit, "tea");
            shop.view(0, &visit, item);
        }
    }
    shop
}

fn money(minor: i64) -> Option<Money> {
    Some(Money { minor, currency: Currency::USD })
}

fn asked(arrangement: Arrangement, limit: usize) -> Request {
    Request { context_items: ids("tea"), arrangement, limit, ..request("now") }
}

fn order(shop: &Shop, arrangement: Arrangement) -> String {
    shown(&shop.ask(1, &asked(arrangement, 4)))
}

#[test]
fn the_objective_lifts_what_brings_more() {
    let shop = tea_shop(|item| match item.id.as_str() {
        "cup" => Item { price: money(100), cost: money(90), ..item },
        "tin" => Item { price: money(100), cost: money(1), ..item },
        "mat" => Item { price: money(10_000_000), cost: money(9_999_999), ..item },
        _ => item,
    });
    let by = |objective, exponent| order(&shop, Arrangement { objective, exponent, ..Arrangement::default() });
    assert_eq!(by(Objective::Conversion, 1.0), "cup pot tin mat");
    assert_eq!(by(Objective::Revenue, 0.0), "cup pot tin mat", "an exponent of 0 counts nothing");
    assert!(by(Objective::Revenue, 3.0).starts_with("mat "));
    let margin = by(Objective::Margin, 3.0);
    assert!(margin.starts_with("tin ") && margin.ends_with(" mat"), "mat leaves a margin of one cent: {margin}");
}

#[test]
fn diversity_parts_what_is_alike_and_leaves_nothing_out() {
    let shop = tea_shop(|item| match item.id.as_str() {
        "cup" | "pot" => Item { group: Some("set".into()), category_path: vec!["China".into()], ..item },
        _ => item,
    });
    let with = |diversity| order(&shop, Arrangement { diversity, ..Arrangement::default() });
    assert_eq!(with(0.0), "cup pot tin mat");
    assert_eq!(with(1.0), "cup tin mat pot");
}

#[test]
fn caps_hold_on_every_rung_and_are_named() {
    let shop = tea_shop(|item| Item { brand: Some("Ours".into()), ..item });
    let capped = Arrangement { per_brand: Some(2), ..Arrangement::default() };
    let slate = shop.ask(1, &Request { explain: true, ..asked(capped, 4) });
    assert_eq!(shown(&slate), "cup pot");
    assert!(slate.suppressed["brand_cap"] >= 2, "{:?}", slate.suppressed);
    let why =
        |item: &str| slate.dropped.iter().find(|drop| drop.item_id.as_str() == item).and_then(|d| d.reason.clone());
    assert_eq!(why("tin").map(|reason| reason.rule), Some("brand_cap".into()));
    let nothing_known = Request { arrangement: capped, limit: 4, ..request("new") };
    assert_eq!(shop.ask(1, &nothing_known).picks.len(), 3, "two of the brand, and tea, which has none");
}

#[test]
fn exploring_touches_the_last_slot_only_at_the_set_rate_and_repeatably() {
    let shop = tea_shop(|item| item);
    let explore = Arrangement { explore: 0.1, ..Arrangement::default() };
    let mut explored = 0;
    for visit in 0..2_000 {
        let asked = Request { session: SessionId::new(&format!("v{visit}")).expect("an id"), ..asked(explore, 2) };
        let slate = shop.ask(1, &asked);
        assert_eq!(slate, shop.ask(1, &asked));
        assert_eq!((slate.picks[0].item_id.as_str(), slate.picks[0].propensity), ("cup", 1.0));
        let last = &slate.picks[1];
        if last.item_id.as_str() == "pot" {
            assert!((last.propensity - 0.9).abs() < 1e-6);
        } else {
            explored += 1;
            assert!((last.propensity - 0.1 / 2.0).abs() < 1e-6, "two others were waiting: {}", last.propensity);
        }
    }
    assert!((150..250).contains(&explored), "{explored} of 2,000 at a rate of 0.1");
}

#[test]
fn a_substitute_of_the_cart_is_dropped_and_a_complement_is_not() {
    let mut shop = Shop::selling("");
    for id in ids("red green sugar") {
        shop.put(Item { category_path: vec!["Tea".into()], ..Item::bare(id) });
    }
    shop.put(Item::bare(item_id("other")));
    // Red and green are compared; red and sugar, by a whim of the shop in one category, are bought together.
    for n in 0..20 {
        let visit = format!("v{n}");
        shop.view(0, &visit, "red");
        shop.view(0, &visit, "green");
        shop.view(0, &format!("w{n}"), "sugar");
        shop.view(0, &format!("w{n}"), "other");
        shop.buy(0, &format!("b{n}"), "red sugar");
        shop.buy(0, &format!("c{n}"), "green other");
    }
    let asked = |substitutes| Request {
        cart: Some(ids("red")),
        arrangement: Arrangement { substitutes, ..Arrangement::default() },
        explain: true,
        limit: 5,
        ..request("now")
    };
    let allowed = shown(&shop.ask(1, &asked(Substitutes::Allow)));
    assert!(allowed.contains("green") && allowed.contains("sugar"), "{allowed}");
    let slate = shop.ask(1, &asked(Substitutes::Drop));
    let kept = shown(&slate);
    assert!(!kept.contains("green") && kept.contains("sugar"), "{kept}");
    let dropped = slate.dropped.iter().find(|drop| drop.item_id.as_str() == "green").expect("green is dropped");
    let reason = dropped.reason.as_ref().expect("by a rule");
    assert!(reason.rule == "substitute" && reason.why.contains("red"), "{reason:?}");
}

#[test]
fn durables_do_not_return_and_consumables_do_in_their_time() {
    let mut shop = Shop::selling("mug");
    let day = 24 * 60;
    for (id, consumable) in [("kettle", Some(false)), ("coffee", Some(true)), ("poster", None)] {
        shop.put(Item { consumable, ..Item::bare(item_id(id)) });
    }
    let mut buy = |minute, shopper: &str, items: &str| {
        let mut event = shop.event(minute, &format!("{shopper}-{minute}"), EventKind::Purchase, items);
        event.user = UserId::new(shopper).ok();
        shop.send(event);
    };
    // Six shoppers buy coffee every ten days.
    for shopper in 0..6 {
        for round in 0..2 {
            buy(round * 10 * day, &format!("u{shopper}"), "coffee");
        }
    }
    buy(10 * day, "me", "kettle coffee poster");
    for days in [2, 8] {
        let request = Request { user: UserId::new("me").ok(), limit: 9, ..request("now") };
        let shown = shown(&shop.ask((10 + days) * day, &request));
        assert!(!shown.contains("kettle") && shown.contains("poster"), "{shown}");
        assert_eq!(shown.contains("coffee"), days == 8, "after {days} days: {shown}");
    }
}
