//! What filling a cart is learned from in shops where one looks before one buys.

mod common;

use common::{Shop, at, request};
use sidecart_engine::nouns::*;
use sidecart_engine::{Lesson, Scratch, Wishes};

/// Twenty visits that bought a with b, and looked at c beside a.
fn shop() -> Shop {
    let mut shop = Shop::selling("a b c d");
    for visit in 0..20 {
        let name = format!("v{visit}");
        shop.view(visit, &name, "c a b");
        shop.buy(visit, &name, "a b");
    }
    shop
}

/// Looks at an item, as a wish if it is one.
fn look(shop: &mut Shop, wishes: &mut Wishes, minute: i64, session: &str, item: &str) -> bool {
    let event = shop.event(minute, session, EventKind::View, item);
    let wish = shop.engine.wish(&event, at(minute), &mut Scratch::default());
    shop.send(event);
    let is_wish = wish.is_some();
    wish.into_iter().for_each(|wish| wishes.keep(wish));
    is_wish
}

fn granted(
    shop: &mut Shop,
    wishes: &mut Wishes,
    minute: i64,
    session: &str,
    kind: EventKind,
    items: &str,
) -> Vec<Lesson> {
    let event = shop.event(minute, session, kind, items);
    wishes.granted(&event)
}

#[test]
fn a_look_beside_a_cart_is_a_lesson_in_filling_it_once_it_is_carted() {
    let (mut shop, mut wishes) = (shop(), Wishes::default());
    assert!(!look(&mut shop, &mut wishes, 30, "s", "c"), "nothing is in the cart");
    shop.happen(30, "s", EventKind::AddToCart, "a");
    assert!(look(&mut shop, &mut wishes, 31, "s", "b"));
    assert!(look(&mut shop, &mut wishes, 31, "s", "d"));
    assert!(!look(&mut shop, &mut wishes, 31, "s", "b"), "it was new only once");
    let cart = EventKind::AddToCart;
    assert!(granted(&mut shop, &mut wishes, 32, "t", cart, "b").is_empty(), "another visit");
    assert!(granted(&mut shop, &mut wishes, 32, "s", cart, "c").is_empty(), "another item");
    assert!(granted(&mut shop, &mut wishes, 32, "s", EventKind::View, "b").is_empty(), "looked at, not carted");
    let lessons = granted(&mut shop, &mut wishes, 32, "s", cart, "b");
    assert_eq!(lessons.iter().map(Lesson::intent).collect::<Vec<_>>(), [Intent::Basket]);
    assert!(shop.engine.trainer().take(&lessons[0], 0.05), "the list held it");
    assert!(granted(&mut shop, &mut wishes, 32, "s", cart, "b").is_empty(), "once");
}

#[test]
fn a_shop_that_tells_of_no_carts_teaches_by_what_is_bought_with_what_was_seen_before() {
    let (mut shop, mut wishes) = (shop(), Wishes::default());
    assert!(!look(&mut shop, &mut wishes, 30, "s", "a"), "nothing was seen before");
    assert!(look(&mut shop, &mut wishes, 30, "s", "b"));
    let buy = EventKind::Purchase;
    assert!(granted(&mut shop, &mut wishes, 31, "s", buy, "b d").is_empty(), "without what it was to go with");
    assert_eq!(granted(&mut shop, &mut wishes, 31, "s", buy, "a").len(), 1, "line by line");
    look(&mut shop, &mut wishes, 32, "t", "a");
    look(&mut shop, &mut wishes, 32, "t", "b");
    assert_eq!(granted(&mut shop, &mut wishes, 33, "t", buy, "b a").len(), 1, "in one order");
}

#[test]
fn a_shop_without_orders_and_carts_has_no_wishes() {
    let (mut shop, mut wishes) = (Shop::selling("a b"), Wishes::default());
    shop.view(0, "v", "a b");
    shop.view(30, "s", "a");
    assert!(!look(&mut shop, &mut wishes, 30, "s", "b"));
}

#[test]
fn wishes_are_bounded_and_given_up_after_a_while_whichever_way_the_clock_goes() {
    let (mut shop, mut wishes) = (shop(), Wishes::default());
    let mut kept = 0;
    while wishes.has_room(at(31)) {
        let name = format!("s{kept}");
        shop.happen(31, &name, EventKind::AddToCart, "a");
        assert!(look(&mut shop, &mut wishes, 31, &name, "b"));
        kept += 1;
        assert!(kept <= 1_000, "no bound");
    }
    assert!(!wishes.has_room(at(35)));
    assert!(wishes.clone().has_room(at(37)) && wishes.clone().has_room(at(-1_000_000)));
    assert_eq!(granted(&mut shop, &mut wishes, 35, "s7", EventKind::AddToCart, "b").len(), 1);
    assert!(wishes.has_room(at(35)), "a granted wish leaves its place");
}

#[test]
fn looking_on_with_a_cart_is_learned_apart_from_filling_it() {
    let mut shop = shop();
    shop.happen(30, "s", EventKind::AddToCart, "a");
    let look = shop.event(31, "s", EventKind::View, "b");
    let lesson = |shop: &Shop, event: &Event| shop.engine.lesson(event, at(31), &mut Scratch::default());
    assert!(lesson(&shop, &look).is_none(), "looked at beside a cart, perhaps not wanted with it");
    let add = shop.event(31, "s", EventKind::AddToCart, "b");
    assert_eq!(lesson(&shop, &add).map(|lesson| lesson.intent()), Some(Intent::Basket));
    shop.view(31, "s", "c");
    assert_eq!(lesson(&shop, &look).map(|lesson| lesson.intent()), Some(Intent::Mixed));
}

#[test]
fn what_carts_alone_have_taught_holds_for_others_until_they_are_learned_from() {
    let mut shop = shop();
    let weights = |figure: f32| [("log_count".to_owned(), figure), ("p_buy_given_best".to_owned(), -figure)].into();
    let asked = || Request { context_items: common::ids("c"), cart: Some(common::ids("a")), ..request("new") };
    let scores = |shop: &Shop| shop.ask(40, &asked()).picks.iter().map(|pick| pick.score).collect::<Vec<_>>();
    let untaught = scores(&shop);
    let of = |version, intents: &[Intent]| Model {
        version,
        weights: intents
            .iter()
            .map(|&intent| (intent, weights(if intent == Intent::Mixed { -3.0 } else { 3.0 })))
            .collect(),
        ..Model::default()
    };
    shop.apply(39, Record::Model(Box::new(of(1, &[Intent::Basket]))));
    let by_basket = scores(&shop);
    assert_ne!(by_basket, untaught);
    shop.apply(39, Record::Model(Box::new(of(2, &[Intent::Basket, Intent::Mixed]))));
    assert_ne!(scores(&shop), by_basket);
}

/// Whether a visit that is so many days older than the shop's newest event teaches.
fn history_teaches(days: i64) -> bool {
    let mut shop = Shop::selling("a b c d new");
    shop.view(0, "today", "new");
    let then = -days * 24 * 60;
    for visit in 0..20 {
        shop.view(then + visit, &format!("v{visit}"), "c a b");
    }
    shop.view(then + 30, "s", "a");
    let event = shop.event(then + 31, "s", EventKind::View, "b");
    let lesson = shop.engine.lesson(&event, event.at, &mut Scratch::default());
    lesson.is_some_and(|lesson| shop.engine.trainer().take(&lesson, 0.05))
}

#[test]
fn history_teaches_a_shop_that_has_been_open_since_but_not_of_years_ago() {
    assert!(history_teaches(1));
    assert!(history_teaches(250), "what is newer than an event must not blind the learner");
    assert!(!history_teaches(700), "faded figures teach what is wrong");
}
