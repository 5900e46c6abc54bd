//! What single candidate sources bring in that the others cannot.

mod common;

use common::{Shop, ids, item_id, request};
use sidecart_engine::nouns::*;

fn item(name: &str, category: &str, brand: &str, cents: i64) -> Item {
    Item {
        category_path: vec![category.into()],
        brand: Some(brand.into()),
        price: Some(Money { minor: cents, currency: Currency::USD }),
        ..Item::bare(item_id(name))
    }
}

/// The source that a pick is credited to, if it is in the answer.
fn source_of(answer: &Slate, name: &str) -> Option<&'static str> {
    answer.picks.iter().find(|pick| pick.item_id == item_id(name)).map(|pick| pick.source)
}

#[test]
fn an_item_added_seconds_ago_is_found_by_what_it_is() {
    let mut shop = Shop::selling("");
    for n in 0..40 {
        shop.put(item(&format!("kettle{n}"), "kettles", "acme", 3_000));
        shop.put(item(&format!("lamp{n}"), "lamps", "lumen", 3_000));
        shop.view(n, &format!("k{n}"), &format!("kettle{n} kettle{}", (n + 1) % 40));
    }
    let far = 30 * 24 * 60;
    shop.apply(far, Record::Item(Box::new(item("newest", "kettles", "acme", 3_100))));
    let answer = shop.ask(far, &Request { context_items: ids("kettle3"), limit: 40, ..request("s") });
    assert_eq!(source_of(&answer, "newest"), Some("newcomers"));
    let pick = answer.picks.iter().find(|pick| pick.source == "newcomers").expect("the newcomer");
    assert_eq!(pick.reason, Reason { code: ReasonCode::NewArrival, because_of: ids("kettle3") });
    let later = shop.ask(far + 15 * 24 * 60, &Request { context_items: ids("kettle3"), limit: 40, ..request("s") });
    assert_ne!(source_of(&later, "newest"), Some("newcomers"), "after two weeks it is new no more");
}

#[test]
fn categories_that_go_together_bring_items_that_never_met() {
    let mut shop = Shop::selling("");
    for n in 0..12 {
        shop.put(item(&format!("grill{n}"), "grills", "blaze", 9_000));
        shop.put(item(&format!("coal{n}"), "charcoal", "blaze", 900));
    }
    for n in 0..11 {
        shop.buy(n, &format!("o{n}"), &format!("grill{n} coal{n}"));
    }
    // Nobody ever bought this grill, with anything.
    let answer = shop.ask(60, &Request { cart: Some(ids("grill11")), limit: 8, ..request("s") });
    let picked: Vec<_> = answer.picks.iter().filter(|pick| pick.source == "complements").collect();
    assert!(!picked.is_empty(), "{:?}", answer.picks.iter().map(|pick| pick.source).collect::<Vec<_>>());
    assert!(picked.iter().all(|pick| pick.item_id.as_str().starts_with("coal")));
    assert_eq!(picked[0].reason, Reason { code: ReasonCode::GoesWithCategory, because_of: ids("grill11") });
}

#[test]
fn what_a_shopper_bought_before_speaks_for_what_goes_with_it() {
    let mut shop = Shop::selling("coffee filters soap sponge");
    for n in 0..10 {
        shop.buy(n, &format!("a{n}"), "coffee filters");
        shop.buy(n, &format!("b{n}"), "soap sponge");
    }
    let mut order = shop.event(20, "hers", EventKind::Purchase, "coffee");
    order.user = Some(UserId::new("ann").expect("a valid id"));
    shop.send(order);
    let user = UserId::new("ann").ok();
    let far = 3 * 24 * 60;
    let answer = shop.ask(far, &Request { user, limit: 4, ..request("new visit") });
    assert_eq!(source_of(&answer, "filters"), Some("user_taste"));
    let filters = answer.picks.iter().find(|pick| pick.item_id == item_id("filters")).expect("in the answer");
    assert_eq!(filters.reason, Reason { code: ReasonCode::GoesWithPurchases, because_of: ids("coffee") });
    assert_eq!(source_of(&answer, "coffee"), Some("user_history"));
}

#[test]
fn placements_that_leave_seen_items_out_rank_the_others_alike() {
    let mut shop = Shop::selling("a b c d e f");
    for n in 0..30 {
        shop.view(n, &format!("s{n}"), if n % 3 == 0 { "a b c" } else { "a b d" });
    }
    let ask = |repeats| {
        let answer = shop.ask(60, &Request { context_items: ids("a b"), limit: 6, repeats, ..request("s") });
        let new = answer.picks.iter().map(|pick| pick.item_id.to_string());
        new.filter(|id| id != "a" && id != "b").collect::<Vec<_>>()
    };
    assert_eq!(ask(Repeats::Allow)[..2], ask(Repeats::Suppress)[..2]);
    assert_eq!(ask(Repeats::Suppress)[0], "d");
}

/// An answer's figures of an item, by name.
fn figures(answer: &Slate, item: &str, names: &[&str]) -> Vec<Option<f32>> {
    let pick = answer.picks.iter().find(|pick| pick.item_id == item_id(item)).expect("shown");
    let figure = |name: &&str| pick.features.iter().find(|(of, _)| of == name).map(|&(_, figure)| figure);
    names.iter().map(figure).collect()
}

#[test]
fn what_is_known_of_an_item_of_the_visit_is_the_same_before_and_after_its_events() {
    let mut shop = Shop::selling("bread butter jam");
    for visit in 0..9 {
        shop.view(visit, &format!("v{visit}"), "bread butter jam");
    }
    let user = UserId::new("ann").expect("an id");
    let asked = |session: &str| Request {
        user: Some(user.clone()),
        context_items: ids("bread jam bread"),
        repeats: Repeats::Allow,
        explain: true,
        ..request(session)
    };
    let told = shop.ask(60, &asked("unknown"));
    for item in ["bread", "jam", "bread"] {
        let mut event = shop.event(60, "s", EventKind::View, item);
        event.user = Some(user.clone());
        shop.send(event);
    }
    let known = shop.ask(60, &asked("s"));
    let names =
        ["log_count", "log_trend", "rising", "log_idle_hours", "user_looked", "user_looked_recency", "in_visit"];
    for item in ["bread", "jam"] {
        let (told, known) = (figures(&told, item, &names), figures(&known, item, &names));
        let differ = |(a, b): (&Option<f32>, &Option<f32>)| (a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() > 1e-4;
        assert!(!told.iter().zip(&known).any(differ), "{item}: {told:?} by request, {known:?} by events");
        assert!(told[0] > Some(0.1) && told[6] == Some(1.0), "{told:?}");
    }
    let bare = shop.ask(60, &Request { context_items: ids("butter"), ..asked("other") });
    assert!(figures(&bare, "bread", &["user_looked"])[0].is_some(), "another visit's looks are history");
}

#[test]
fn nothing_learned_ages_in_a_silent_shop() {
    let mut shop = Shop::selling("bread butter jam");
    for visit in 0..9 {
        shop.view(visit, &format!("v{visit}"), "bread butter jam");
    }
    let request = Request { context_items: ids("bread"), explain: true, ..request("new") };
    let scores = |minute| shop.ask(minute, &request).picks.iter().map(|pick| pick.score.to_bits()).collect::<Vec<_>>();
    let an_hour_on = scores(8 + 60);
    assert_eq!(scores(8 + 61), an_hour_on);
    assert_eq!(scores(3 * 365 * 24 * 60), an_hour_on);
    assert_ne!(scores(9), an_hour_on, "but it ages while the shop is open");
}

#[test]
fn a_shop_fed_its_past_knows_the_visits_of_then() {
    let mut shop = Shop::selling("bread butter jam tea milk");
    for visit in 0..9 {
        shop.view(visit, &format!("v{visit}"), if visit % 2 == 0 { "bread jam" } else { "tea milk" });
    }
    shop.view(60, "long", "bread");
    shop.view(100, "last", "tea");
    let first = |minute, session| {
        let request = Request { repeats: Repeats::Suppress, ..request(session) };
        shop.ask(minute, &request).picks.first().map(|pick| pick.item_id.to_string())
    };
    let years_later = 3 * 365 * 24 * 60;
    assert_eq!(first(years_later, "last").as_deref(), Some("milk"), "no event came since");
    assert_eq!(first(years_later, "long"), first(years_later, "nobody"), "40 minutes idle by the events' clock");
    assert_eq!(first(100 + 31, "last"), first(100 + 31, "nobody"), "a lull of a shop that is open ends visits");
}
