//! Small scenes, one per promise.

use std::sync::Arc;

use sidecart_engine::Settings;
use sidecart_engine::nouns::*;
use sidecart_engine::policy::*;

use crate::common::{Shop, at, ids, item_id, request, shown};

fn settings(rules: Vec<Rule>) -> Settings {
    let mut settings = Settings::default();
    settings.rules.shop = Arc::new(RuleSet::new(rules, 2.0));
    settings
}

fn brand(name: &str) -> Cond {
    Cond::same(Text::Item(Subject::Item, ItemText::Brand), Text::of(name))
}

fn branded(id: &str, brand: &str) -> Item {
    Item { brand: Some(brand.into()), ..Item::bare(item_id(id)) }
}

#[test]
fn a_rule_that_lacks_something_denies_and_names_it() {
    let rule = Rule::new("own_brand", Kind::Exclude, brand("Rival"), Effect::Deny);
    let mut shop = Shop::with(settings(vec![rule]), "plain");
    shop.put(branded("ours", "Ours"));
    shop.put(branded("theirs", "Rival"));
    let answer = shop.ask(1, &Request { explain: true, ..request("s") });
    assert_eq!(shown(&answer), "ours");
    assert_eq!(answer.suppressed["own_brand"], 2);
    let why = |id| answer.dropped.iter().find(|drop| drop.item_id == item_id(id)).and_then(|drop| drop.reason.clone());
    assert_eq!(why("theirs").map(|reason| reason.why), Some("item.brand is Rival".into()));
    assert_eq!(why("plain").map(|reason| reason.why), Some("item.brand is unknown".into()));
    let lacked = RuleFault { rule: "own_brand".into(), why: "item.brand is unknown".into(), count: 1, denied: true };
    assert_eq!(answer.faults, [lacked]);
}

#[test]
fn a_boost_moves_an_item_up_and_its_product_is_bounded() {
    let boost = |id: &str| Rule::new(id, Kind::Boost, brand("Ours"), Effect::Weigh(1.9));
    let mut shop = Shop::with(settings(vec![boost("one"), boost("two"), boost("three")]), "bread");
    shop.put(branded("a", "Theirs"));
    shop.put(branded("b", "Ours"));
    for visit in 0..30 {
        shop.buy(visit, &format!("v{visit}"), if visit % 5 < 3 { "bread a" } else { "bread b" });
    }
    let asked = Request { cart: Some(ids("bread")), limit: 2, explain: true, ..request("s") };
    let boosted = shop.ask(40, &asked);
    let plain = shop.engine.recommend_with(
        &Settings::default(),
        &asked,
        at(40),
        &mut sidecart_engine::Unhurried,
        &mut sidecart_engine::Scratch::default(),
    );
    let score =
        |slate: &Slate, id: &str| slate.picks.iter().find(|p| p.item_id == item_id(id)).map_or(f64::NAN, |p| p.score);
    assert!((score(&boosted, "b") - score(&plain, "b") - 2.0_f64.ln()).abs() < 1e-4, "1.9^3 is cut to 2");
    assert!((score(&boosted, "a") - score(&plain, "a")).abs() < 1e-6);
    let told = boosted.picks.iter().find(|pick| pick.item_id == item_id("b")).map(|pick| pick.boosts.len());
    assert_eq!(told, Some(3));
}

#[test]
fn a_boost_that_lacks_something_is_passed_over_and_counted() {
    let rule = Rule::new("ours", Kind::Boost, brand("Ours"), Effect::Weigh(1.5));
    let mut shop = Shop::with(settings(vec![rule]), "bread butter");
    shop.buy(0, "v", "bread butter");
    let answer = shop.ask(1, &Request { cart: Some(ids("bread")), ..request("s") });
    assert_eq!(shown(&answer), "butter");
    assert_eq!((answer.faults.len(), answer.faults[0].denied), (1, false));
}

#[test]
fn a_pin_takes_its_slot_and_obeys_the_hard_rules() {
    let pin = |slot, item: &str| {
        Rule::new(&format!("pin_{item}"), Kind::Pin, Cond::Const(true), Effect::Pin(slot, item_id(item)))
    };
    let mut shop =
        Shop::with(settings(vec![pin(2, "bag"), pin(4, "ghost"), pin(3, "gone")]), "bread butter jam bag gone");
    shop.stock(0, "gone", 0);
    let answer = shop.ask(1, &Request { limit: 3, ..request("s") });
    assert_eq!(answer.picks[1].item_id, item_id("bag"));
    assert_eq!(answer.picks[1].pinned_by.as_deref(), Some("pin_bag"));
    assert_eq!(answer.picks.len(), 3);
    assert!(!shown(&answer).contains("gone"));
    assert_eq!(answer.faults.iter().map(|fault| fault.rule.as_str()).collect::<Vec<_>>(), ["pin_ghost"]);
    let bag_in_cart = shop.ask(1, &Request { limit: 3, cart: Some(ids("bag")), ..request("s") });
    assert!(!shown(&bag_in_cart).contains("bag"));
}

#[test]
fn units_told_by_the_request_are_summed_with_the_candidates() {
    let tablets = || Num::CartSum("tablets".into());
    let own = || Attr::new(Whose::Of(Subject::Item), "tablets");
    let sum = Num::Math(Math::Add, Box::new((tablets(), Num::Attr(own()))));
    let over = Cond::number(sum, Order::Greater, Num::Const(32.0));
    let rule = Rule::new("tablets", Kind::Compliance, Cond::And(vec![Cond::HasAttr(own()), over]), Effect::Deny);
    let mut shop = Shop::with(settings(vec![rule]), "milk");
    for id in ["small", "other"] {
        let attributes = [("tablets".to_owned(), Attribute::Number(16.0))].into();
        shop.put(Item { attributes, ..Item::bare(item_id(id)) });
    }
    let asked = |units: Vec<u32>| Request { cart: Some(ids("small")), units, ..request("s") };
    assert_eq!(shown(&shop.ask(1, &asked(vec![1]))), "milk other");
    assert_eq!(shown(&shop.ask(1, &asked(vec![2]))), "milk");
}

#[test]
fn slots_fill_when_99_of_100_items_are_denied_wherever_the_others_are() {
    let allowed = Cond::in_list(Text::of("yes"), List::Item(Subject::Item, ItemList::Tags));
    let rule = Rule::new("only_yes", Kind::Exclude, Cond::Not(Box::new(allowed)), Effect::Deny);
    for (first, items) in [(0, 5_000), (4_950, 5_000), (45_000, 50_000)] {
        let mut shop = Shop::with(settings(vec![rule.clone()]), "");
        for number in 0..items {
            let tags = if (first..first + items / 100).contains(&number) { vec!["yes".into()] } else { Vec::new() };
            shop.put(Item { tags, ..Item::bare(item_id(&format!("i{number}"))) });
        }
        for number in 0..300 {
            shop.buy(0, &format!("v{number}"), &format!("i{number} i{}", number + 1));
        }
        let answer = shop.ask(1, &Request { cart: Some(ids("i0")), limit: 8, ..request("s") });
        assert_eq!(answer.picks.len(), 8, "{items} items, those from {first} on may be shown");
    }
}

#[test]
fn the_sources_are_asked_for_more_before_the_ladder_is() {
    // 400 items are bought with bread; only the 120 least of them may be shown, beyond what a source usually gives.
    let denied = Cond::in_list(Text::of("no"), List::Item(Subject::Item, ItemList::Tags));
    let rule = Rule::new("no", Kind::Exclude, denied, Effect::Deny);
    let mut shop = Shop::with(settings(vec![rule]), "bread");
    for number in 0..400 {
        let tags = if number < 280 { vec!["no".into()] } else { Vec::new() };
        shop.put(Item { tags, ..Item::bare(item_id(&format!("i{number}"))) });
    }
    for number in 0..400 {
        let times = if number < 280 { 3 } else { 1 };
        for time in 0..times {
            shop.view(0, &format!("v{number}-{time}"), &format!("bread i{number}"));
        }
    }
    let answer = shop.ask(1, &Request { context_items: ids("bread"), limit: 4, ..request("s") });
    assert_eq!((answer.picks.len(), answer.tier), (4, Tier::Full), "{:?}", shown(&answer));
}

#[test]
fn what_was_shown_in_vain_counts_until_it_is_clicked_or_the_visit_ends() {
    let vain = Cond::number(Num::Shown, Order::AtLeast, Num::Const(2.0));
    let mut shop = Shop::with(settings(vec![Rule::new("vain", Kind::Suppress, vain, Effect::Deny)]), "a b");
    shop.view(0, "s", "ghost");
    let left = |shop: &Shop, minute| shown(&shop.ask(minute, &Request { repeats: Repeats::Allow, ..request("s") }));
    shop.happen(1, "s", EventKind::Impression, "a");
    assert_eq!(left(&shop, 1), "a b");
    shop.happen(2, "s", EventKind::Impression, "a");
    assert_eq!(left(&shop, 2), "b");
    shop.happen(3, "s", EventKind::Click, "a");
    assert_eq!(left(&shop, 3), "a b");
    shop.happen(4, "s", EventKind::Impression, "b");
    shop.happen(5, "s", EventKind::Impression, "b");
    assert_eq!(left(&shop, 5), "a");
    shop.view(90, "s", "ghost");
    assert_eq!(left(&shop, 90), "a b", "another visit");
}
