//! What the engine answers, seen from outside.

mod common;

use common::{Shop, at, ids, item_id, request, shown};
use sidecart_engine::nouns::*;
use sidecart_engine::{Applied, Engine, Pace, Scratch, Settings, Stage, Watch};

/// Twenty visits that buy bread with butter, twenty that buy tea with milk, and one odd one.
fn grocer() -> Shop {
    let mut shop = Shop::selling("bread butter jam tea milk soap");
    for visit in 0..20 {
        shop.buy(visit, &format!("a{visit}"), "bread butter");
        shop.buy(visit, &format!("b{visit}"), "tea milk");
    }
    shop.buy(20, "c", "soap bread");
    shop
}

#[test]
fn what_is_bought_together_is_recommended_with_its_reason() {
    let shop = grocer();
    let answer = shop.ask(30, &Request { cart: Some(ids("bread")), limit: 1, ..request("new") });
    assert_eq!(shown(&answer), "butter");
    assert_eq!(answer.tier, Tier::Full);
    let pick = &answer.picks[0];
    assert_eq!(pick.reason, Reason { code: ReasonCode::BoughtTogether, because_of: ids("bread") });
    assert_eq!((pick.rank, pick.source), (1, "bought_together"));
}

#[test]
fn cart_and_context_in_the_request_count_at_once() {
    let shop = grocer();
    let by_cart = shop.ask(30, &Request { cart: Some(ids("tea")), limit: 1, ..request("never-seen") });
    let by_context = shop.ask(30, &Request { context_items: ids("tea"), limit: 1, ..request("never-seen") });
    assert_eq!((shown(&by_cart), shown(&by_context)), ("milk".into(), "milk".into()));
}

#[test]
fn events_change_the_very_next_answer() {
    let mut shop = grocer();
    shop.happen(30, "s", EventKind::AddToCart, "tea");
    let before = shop.ask(30, &Request { limit: 1, ..request("s") });
    shop.happen(31, "s", EventKind::AddToCart, "milk");
    shop.happen(31, "s", EventKind::AddToCart, "bread");
    let after = shop.ask(31, &Request { limit: 1, ..request("s") });
    assert_eq!((shown(&before), shown(&after)), ("milk".into(), "butter".into()));
    assert_eq!(after.cart, ids("tea milk bread"));
    assert_eq!(after.feature_age_ms, Some(0));
}

#[test]
fn in_cart_seen_out_of_stock_and_unknown_items_never_return() {
    let mut shop = grocer();
    shop.stock(30, "jam", 0);
    shop.view(30, "s", "soap");
    shop.happen(30, "s", EventKind::AddToCart, "bread");
    shop.view(30, "other", "ghost bread ghost");
    let answer = shop.ask(31, &Request { limit: 6, explain: true, ..request("s") });
    for forbidden in ["jam", "soap", "bread", "ghost"] {
        assert!(!shown(&answer).contains(forbidden), "{forbidden} in {}", shown(&answer));
    }
    assert_eq!(answer.picks.len(), 3, "butter, milk and tea fill the slots: {}", shown(&answer));
    assert_eq!(answer.suppressed["stock"], 1);
    let why = |id| answer.dropped.iter().find(|drop| drop.item_id == item_id(id)).and_then(|drop| drop.reason.clone());
    assert_eq!(why("jam").map(|reason| reason.why), Some("stock is 0".into()));
    assert_eq!(why("bread").map(|reason| reason.rule), Some("in_cart".into()));
}

#[test]
fn stock_that_falls_to_nothing_is_gone_from_the_next_answer() {
    let mut shop = grocer();
    let asked = Request { cart: Some(ids("bread")), limit: 1, ..request("s") };
    assert_eq!(shown(&shop.ask(30, &asked)), "butter");
    assert_eq!(shop.stock(31, "butter", 0), Applied::Fresh);
    assert_ne!(shown(&shop.ask(31, &asked)), "butter");
    shop.stock(32, "butter", 3);
    assert_eq!(shown(&shop.ask(32, &asked)), "butter");
}

#[test]
fn what_a_rule_needs_and_does_not_know_is_a_no() {
    let mut shop = grocer();
    shop.put(Item { min_age: Some(18), ..Item::bare(item_id("butter")) });
    shop.put(Item { allowed_regions: vec!["GB".into()], ..Item::bare(item_id("milk")) });
    let asked = Request { cart: Some(ids("bread tea")), limit: 6, ..request("s") };
    assert_eq!(shown(&shop.ask(30, &asked)).matches(['u', 'k']).count(), 0);
    let grown_up = Shopper { region: Some("GB-ENG".into()), age_verified: Some(18), ..Shopper::default() };
    let answer = shown(&shop.ask(30, &Request { shopper: grown_up, ..asked.clone() }));
    assert!(answer.contains("butter") && answer.contains("milk"), "{answer}");
    let young = Shopper { region: Some("FR".into()), age_verified: Some(17), ..Shopper::default() };
    let answer = shop.ask(30, &Request { shopper: young, ..asked });
    assert_eq!((answer.suppressed["min_age"], answer.suppressed["region"]), (1, 1));
}

#[test]
fn items_not_yet_published_or_expired_are_not_shown() {
    let mut shop = grocer();
    shop.put(Item { publish_at: Some(at(40)), expire_at: Some(at(50)), ..Item::bare(item_id("butter")) });
    let asked = Request { cart: Some(ids("bread")), limit: 1, ..request("s") };
    let answers = [39, 40, 49, 50].map(|minute| shown(&shop.ask(minute, &asked)) == "butter");
    assert_eq!(answers, [false, true, true, false]);
}

#[test]
fn slots_fill_when_nearly_everything_is_forbidden() {
    let names: Vec<String> = (0..1_000).map(|n| format!("i{n}")).collect();
    let mut shop = Shop::selling(&names.join(" "));
    for (n, name) in names.iter().enumerate() {
        shop.view(0, &format!("s{n}"), name);
        if n % 100 != 7 {
            shop.stock(1, name, 0);
        }
    }
    let answer = shop.ask(2, &Request { context_items: ids("i1 i2"), limit: 10, ..request("s") });
    assert_eq!(answer.picks.len(), 10);
}

#[test]
fn an_empty_shop_answers_with_curated_lists_and_says_so() {
    let mut settings = Settings::default();
    settings.curated.lists.insert("*".into(), ids("gift card"));
    let shop = Shop::with(settings, "card gift sock");
    let answer = shop.ask(0, &Request { limit: 2, ..request("s") });
    assert_eq!((shown(&answer), answer.tier), ("gift card".into(), Tier::Curated));
    assert_eq!(answer.picks[0].reason.code, ReasonCode::Curated);
    let nothing = Shop::selling("").ask(0, &request("s"));
    assert_eq!((nothing.picks.len(), nothing.tier), (0, Tier::Empty));
}

/// Stops at the n-th stage.
struct Stopwatch(usize);

impl Watch for Stopwatch {
    fn enter(&mut self, _: Stage) -> Pace {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 { Pace::Stop } else { Pace::Go }
    }
}

#[test]
fn a_deadline_at_any_stage_still_gives_an_allowed_answer() {
    let mut shop = grocer();
    shop.stock(30, "milk", 0);
    let asked = Request { cart: Some(ids("bread tea")), limit: 3, ..request("s") };
    for stages in 1..20 {
        let answer = shop.engine.recommend(&asked, at(31), &mut Stopwatch(stages), &mut Scratch::default());
        assert!(!answer.picks.is_empty() && !shown(&answer).contains("milk"), "{stages}: {}", shown(&answer));
        assert_eq!(answer.degraded.is_some(), answer.tier != Tier::Full, "{stages}");
    }
    let hurried = shop.engine.recommend(&asked, at(31), &mut Stopwatch(1), &mut Scratch::default());
    assert_eq!((hurried.tier, hurried.degraded), (Tier::Curated, Some(Cause::Deadline)));
}

#[test]
fn the_static_and_batch_strategies_are_blind_to_what_came_after() {
    let mut shop = grocer();
    shop.engine.fix_static();
    shop.engine.rebuild_batch();
    for visit in 0..60 {
        shop.buy(30 + visit, &format!("d{visit}"), "bread jam");
    }
    let ask = |strategy| {
        let asked = Request { cart: Some(ids("bread")), limit: 1, strategy, ..request("s") };
        shown(&shop.ask(120, &asked))
    };
    assert_eq!(ask(Strategy::Realtime), "jam");
    assert_eq!(ask(Strategy::Batch), "butter");
    assert_ne!(ask(Strategy::Static), "jam");
}

#[test]
fn a_refund_reverses_what_its_purchase_added() {
    let mut shop = grocer();
    let before = shop.engine.item_features("bread", at(60));
    let mut order = shop.event(40, "r", EventKind::Purchase, "bread jam");
    order.order = Some(OrderId::new("o1").expect("a valid id"));
    shop.send(order);
    assert_ne!(shop.engine.item_features("bread", at(60)), before);
    let mut refund = shop.event(50, "r", EventKind::Refund, "bread");
    refund.order = Some(OrderId::new("o1").expect("a valid id"));
    shop.send(refund);
    let after = shop.engine.item_features("bread", at(60)).expect("known");
    let before = before.expect("known");
    assert!((after.purchases - before.purchases).abs() < 1e-4);
    let partners = |list: &[sidecart_engine::views::Weighted]| {
        list.iter().map(|w| format!("{}:{:.3}", w.item_id, w.weight)).collect::<Vec<_>>()
    };
    assert_eq!(partners(&after.bought_together), partners(&before.bought_together));
}

#[test]
fn a_visit_ends_when_idle_but_its_cart_is_not_recommended() {
    let mut shop = grocer();
    shop.happen(0, "s", EventKind::AddToCart, "bread");
    shop.view(1, "s", "tea");
    let view = |shop: &Shop, minute| shop.engine.session("s", at(minute)).expect("known");
    assert!(!view(&shop, 31).ended && view(&shop, 32).ended);
    shop.view(60, "s", "milk");
    let session = view(&shop, 60);
    assert_eq!((session.items, session.views), (ids("milk"), 1));
    assert_eq!(session.cart.len(), 1);
    assert!(!shown(&shop.ask(60, &request("s"))).contains("bread"));
}

#[test]
fn an_event_applied_twice_counts_once() {
    let mut shop = grocer();
    let event = shop.event(40, "s", EventKind::AddToCart, "bread");
    assert_eq!(shop.send(event.clone()), Applied::Fresh);
    assert!(shop.engine.has_seen(&event.id));
    let before = shop.engine.item_features("bread", at(60));
    assert_eq!(shop.send(event), Applied::Duplicate);
    assert_eq!(shop.engine.item_features("bread", at(60)), before);
    assert_eq!(shop.engine.session("s", at(40)).expect("known").cart[0].quantity, 1);
}

#[test]
fn anonymous_history_follows_the_shopper_through_login() {
    let mut shop = grocer();
    let mut first = shop.event(0, "s", EventKind::Purchase, "jam");
    first.anonymous = Some(AnonymousId::new("device").expect("a valid id"));
    shop.send(first);
    let mut login = shop.event(5, "s2", EventKind::View, "tea");
    login.anonymous = Some(AnonymousId::new("device").expect("a valid id"));
    login.user = Some(UserId::new("ann").expect("a valid id"));
    shop.send(login);
    let user = shop.engine.user("ann", at(6)).expect("known");
    assert_eq!(user.purchased[0].item_id, item_id("jam"));
    assert_eq!(user.merged_devices, 1);
}

#[test]
fn who_declined_personalisation_has_no_profile() {
    let mut shop = grocer();
    let mut event = shop.event(0, "s", EventKind::View, "jam");
    event.user = Some(UserId::new("ann").expect("a valid id"));
    event.consent = Some(false);
    shop.send(event);
    assert_eq!(shop.engine.user("ann", at(1)), None);
}

#[test]
fn explaining_does_not_change_the_answer() {
    let shop = grocer();
    let asked = Request { cart: Some(ids("bread tea")), limit: 2, ..request("s") };
    let plain = shop.ask(30, &asked);
    let explained = shop.ask(30, &Request { explain: true, ..asked });
    assert_eq!(shown(&plain), shown(&explained));
    assert!(plain.dropped.is_empty() && !explained.dropped.is_empty());
    assert!(explained.picks.iter().all(|pick| !pick.features.is_empty()));
    let engine: &Engine = &shop.engine;
    assert_eq!(engine.sizes().items, 6);
}
