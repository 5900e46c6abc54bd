//! Visits too busy for a person teach nothing, and are counted.

mod common;

use common::{Shop, ids, request, shown};
use sidecart_engine::Settings;
use sidecart_engine::nouns::*;

#[test]
fn a_bot_draws_nothing_together_and_is_counted() {
    let mut settings = Settings::default();
    settings.sessions.bot_events_per_minute = Some(4);
    let mut shop = Shop::with(settings, "a b c d e f");
    for n in 0..3 {
        shop.view(n, &format!("person{n}"), "a b");
    }
    // It goes from a to f over and over, faster than anybody could.
    for _ in 0..50 {
        shop.view(5, "bot", "a f");
    }
    let answer = shop.ask(6, &Request { context_items: ids("a"), limit: 1, ..request("s") });
    assert_eq!(shown(&answer), "b");
    let sizes = shop.engine.sizes();
    assert_eq!((sizes.bot_visits, sizes.bot_events), (1, 96));
    let views = |item| shop.engine.item_features(item, common::at(6)).expect("known").views;
    assert!(views("f") < 3.0, "the first few looks count, the rest do not: {}", views("f"));
    assert!(shop.engine.session("bot", common::at(6)).expect("a visit").bot);
    assert!(!shop.engine.session("person1", common::at(6)).expect("a visit").bot);
}

#[test]
fn a_bots_cart_still_holds_what_it_put_there() {
    let mut settings = Settings::default();
    settings.sessions.bot_events_per_minute = Some(1);
    let mut shop = Shop::with(settings, "a b c");
    shop.view(0, "bot", "a b");
    shop.happen(0, "bot", EventKind::AddToCart, "c");
    let answer = shop.ask(1, &Request { limit: 9, ..request("bot") });
    assert!(!shown(&answer).contains('c'), "in its cart: {}", shown(&answer));
    assert_eq!(shop.engine.session("bot", common::at(1)).expect("a visit").cart[0].item_id.as_str(), "c");
}
