//! What the engine tells of how an answer came about: proposals, features, probabilities, other settings.

mod common;

use common::{Shop, at, ids, request, shown};
use sidecart_engine::nouns::*;
use sidecart_engine::{Engine, Scratch, Settings, Unhurried};

/// Ten visits that view a, b and d, and ten that buy a with c. Nobody looks at e.
fn shop() -> Shop {
    let mut shop = Shop::selling("a b c d e");
    for visit in 0..10 {
        shop.view(visit, &format!("v{visit}"), "a b d");
        shop.buy(visit, &format!("w{visit}"), "a c");
    }
    shop
}

fn asked() -> Request {
    Request { context_items: ids("a"), ..request("new") }
}

#[test]
fn a_trace_tells_what_each_source_proposed_and_what_was_scored() {
    let mut shop = shop();
    shop.stock(20, "b", 0);
    let trace = shop.engine.trace(&asked(), at(30), &mut Scratch::default());
    let of = |name| trace.proposals.iter().find(|proposal| proposal.source == name).map(|proposal| &proposal.items);
    assert_eq!(of("bought_together"), Some(&ids("c")));
    assert!(of("session_knn").is_some_and(|items| items.contains(&ids("b")[0])), "{trace:?}");
    assert!(trace.scored.contains(&ids("c")[0]));
    assert!(!trace.scored.contains(&ids("b")[0]), "no stock: proposed, not scored");
    let influence = |name| trace.influences.iter().find(|of| of.feature == name).expect("a feature");
    let bought = influence("bought_relative");
    assert!(bought.weight > 0.0 && bought.spread > 0.0, "{bought:?}");
    assert_eq!(influence("user_bought").spread, 0.0, "all alike to it");
}

#[test]
fn the_same_state_answers_under_other_settings() {
    let shop = shop();
    let mut settings = Settings::default();
    for source in Engine::sources().filter(|&name| name != "bought_together") {
        settings.candidates.source_mut(source).expect("a source").weight = 0.0;
    }
    let one = Request { limit: 1, ..asked() };
    let answer = |settings: &Settings| {
        shop.engine.recommend_with(settings, &one, at(30), &mut Unhurried, &mut Scratch::default())
    };
    assert_eq!(shown(&answer(&settings)), "c");
    settings.candidates.bought_together.weight = 0.0;
    assert_ne!(answer(&settings).picks[0].source, "bought_together");
    assert_eq!(answer(shop.engine.settings()), shop.ask(30, &one));
}

#[test]
fn picks_have_probabilities_once_it_is_known_how_often_lists_hold_the_next() {
    let mut shop = shop();
    let sum = |shop: &Shop| -> Option<f64> { shop.ask(30, &asked()).picks.iter().map(|pick| pick.probability).sum() };
    assert_eq!(sum(&shop), None, "nothing was learned");
    let found = [(Intent::Discover, 0.8)].into();
    shop.apply(20, Record::Model(Box::new(Model { version: 1, found, ..Model::default() })));
    let slate = shop.ask(30, &asked());
    let scored: Vec<f64> = slate.picks.iter().filter_map(|pick| pick.probability).collect();
    assert!(scored.len() >= 2 && scored.is_sorted_by(|a, b| a >= b), "{scored:?}");
    assert!((scored.iter().sum::<f64>() - 0.8).abs() < 1e-6, "all candidates are shown: {scored:?}");
    let rest: Vec<&str> = slate.picks[scored.len()..].iter().map(|pick| pick.source).collect();
    assert!(!rest.contains(&"session_knn"), "only what was not scored has none: {rest:?}");
}

#[test]
fn an_event_whose_item_no_source_finds_is_a_lesson_without_a_list() {
    let mut shop = shop();
    shop.view(30, "s", "a");
    let mut trainer = shop.engine.trainer();
    for (item, taught) in [("b", true), ("e", false)] {
        let event = shop.event(31, "s", EventKind::View, item);
        let lesson = shop.engine.lesson(&event, at(31), &mut Scratch::default()).expect("a lesson");
        assert_eq!(trainer.take(&lesson, 0.05), taught, "{item}");
    }
    let found = trainer.publish(shop.engine.model()).found[&Intent::Browse];
    assert!((found - 0.5).abs() < 1e-6, "{found}");
}
