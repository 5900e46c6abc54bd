//! A shopper whom the state has forgotten for want of room comes back with what another memory has kept.

mod common;

use std::sync::Arc;

use common::{Shop, at, request, shown};
use sidecart_engine::Settings;
use sidecart_engine::nouns::*;

const ITEMS: &str = "tea milk bread jam salt rice oats";

/// A shop that remembers as many shoppers.
fn shop(max_users: usize) -> Shop {
    let mut settings = Settings::default();
    settings.users.max_users = max_users;
    Shop::with(settings, ITEMS)
}

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid id")
}

fn buys(shop: &mut Shop, minute: i64, name: &str, items: &str) {
    let event = shop.event(minute, &format!("visit-{name}-{minute}"), EventKind::Purchase, items);
    shop.send(Event { user: Some(user(name)), ..event });
}

fn asks(name: &str, recalled: Recalled) -> Request {
    Request { user: Some(user(name)), recalled, repeats: Repeats::Allow, ..request("fresh") }
}

#[test]
fn a_forgotten_shopper_with_a_recalled_history_is_answered_like_one_who_was_not_forgotten() {
    let (mut small, mut large) = (shop(1), shop(10));
    for shop in [&mut small, &mut large] {
        buys(shop, 0, "ada", "oats");
        buys(shop, 1, "ada", "oats rice");
        for minute in 2..6 {
            buys(shop, minute, "bob", "tea milk bread jam salt");
        }
    }
    let ada = large.engine.asker_of(&user("ada")).key;
    assert_eq!(small.engine.kept(ada), None, "there is room for one");
    let kept = large.engine.kept(ada).expect("remembered");
    let (whole, without) = (large.ask(9, &asks("ada", None)), small.ask(9, &asks("ada", None)));
    let with = small.ask(9, &asks("ada", Some(Arc::new(kept.history))));
    assert_eq!(shown(&with), shown(&whole));
    let gap = |a: &Slate, b: &Slate| {
        let pairs = a.picks.iter().zip(&b.picks);
        pairs.map(|(a, b)| (a.score - b.score).abs()).fold(0.0, f64::max)
    };
    assert!(gap(&with, &whole) < 1e-3, "{with:?} {whole:?}");
    assert!(gap(&without, &whole) > 0.1, "without it nothing is known of her: {without:?} {whole:?}");
}

#[test]
fn what_is_held_and_what_is_recalled_count_together_and_the_state_stays_as_it_was() {
    let (mut small, mut large) = (shop(1), shop(10));
    for shop in [&mut small, &mut large] {
        buys(shop, 0, "ada", "oats");
        buys(shop, 1, "bob", "tea");
    }
    let asker = |shop: &Shop| shop.engine.asker(&asks("ada", None)).expect("a known user");
    assert_eq!(asker(&small).since, None);
    let before = large.engine.kept(asker(&large).key).expect("remembered").history;
    for shop in [&mut small, &mut large] {
        buys(shop, 2, "ada", "rice");
    }
    assert!(asker(&small).may_be_known_elsewhere(), "a new generation");
    assert!(!asker(&large).may_be_known_elsewhere(), "nobody was forgotten there");
    let held = small.engine.kept(asker(&small).key).expect("remembered");
    assert_eq!(held.history.bought.len(), 1, "the new generation alone");
    let view = small.engine.user_with("ada", &before, at(9)).expect("known");
    assert_eq!(Some(&view.purchased), large.engine.user("ada", at(9)).map(|view| view.purchased).as_ref());
    assert_eq!(view.orders, 2);
    assert_eq!(small.engine.kept(asker(&small).key), Some(held), "nothing of it has become state");
}

#[test]
fn every_change_of_a_profile_is_told_and_numbered() {
    let mut shop = shop(10);
    let (nobody, mut last) = (shop.engine.profile_changes(), 0);
    shop.view(0, "anonymous", "tea milk");
    assert_eq!(shop.engine.profile_changes(), nobody);
    let mut happens = |minute, kind, order: Option<&str>, device: Option<&str>, name: Option<&str>| {
        let event = shop.event(minute, "visit", kind, "oats");
        let event = Event {
            user: name.map(user),
            anonymous: device.map(|id| AnonymousId::new(id).expect("a valid id")),
            order: order.map(|id| OrderId::new(id).expect("a valid id")),
            ..event
        };
        let entry = Entry { accepted_at: at(minute), record: Record::Event(Box::new(event)), origin: None };
        let before = shop.engine.profile_changes();
        shop.engine.apply(&entry);
        let mut told: Vec<u64> = shop.engine.shoppers_of(&entry).into_iter().filter(|key| *key != 0).collect();
        told.sort_unstable();
        told.dedup();
        for key in shop.engine.changed_after(before) {
            assert!(told.contains(&key), "{kind:?} changed {key}, told were {told:?}");
            let changed = shop.engine.kept(key).expect("changed").changed;
            assert!(changed > last);
            last = changed;
        }
        assert!(shop.engine.profile_changes() > before, "{kind:?}");
        told
    };
    let device = happens(1, EventKind::View, None, Some("phone"), None);
    assert_eq!(device.len(), 1);
    let both = happens(2, EventKind::View, None, Some("phone"), Some("ada"));
    assert!(both.contains(&device[0]) && both.len() == 2, "the device has become hers: {both:?}");
    happens(3, EventKind::AddToCart, None, None, None);
    happens(4, EventKind::Purchase, Some("o1"), None, Some("ada"));
    happens(5, EventKind::Dismiss, None, None, None);
    happens(6, EventKind::Refund, Some("o1"), None, None);
    assert!(shop.engine.is_merged(device[0]) && shop.engine.kept(device[0]).is_none());
}

#[test]
fn items_that_the_catalogue_does_not_know_and_figures_that_are_none_are_left_out() {
    let shop = shop(10);
    let past = |item: &str, count| Past { item: common::item_id(item), count, at: at(0) };
    let bought = vec![past("nowhere", 5.0), past("oats", 1.0), past("tea", f32::NAN), past("milk", -1.0)];
    let recalled = History { bought, ..History::default() };
    let view = shop.engine.user_with("ada", &recalled, at(1)).expect("recalled");
    let items: Vec<&str> = view.purchased.iter().map(|weighted| weighted.item_id.as_str()).collect();
    assert_eq!(items, ["oats"]);
    let slate = shop.ask(1, &asks("ada", Some(Arc::new(recalled))));
    assert!(slate.picks.iter().all(|pick| pick.score.is_finite()));
}
