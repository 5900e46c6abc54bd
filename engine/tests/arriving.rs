//! What somebody is shown of whose visit nothing is known yet.

mod common;

use common::{Shop, at, ids, item_id, request, shown};
use sidecart_engine::nouns::*;
use sidecart_engine::{Scratch, Settings};

/// A shop where `a` is wanted most, then `b`, then `c`, and the rest has never been looked at.
fn busy(settings: Settings) -> Shop {
    let mut shop = Shop::with(settings, "a b c d e f");
    for (visit, item) in (0..).zip("a b a c a b a b a".split(' ')) {
        shop.view(visit, &format!("v{visit}"), item);
    }
    shop
}

#[test]
fn strangers_are_shown_what_is_wanted_most_before_what_is_merely_new() {
    let mut shop = busy(Settings::default());
    shop.put(Item::bare(item_id("new")));
    let slate = shop.ask(10, &request("stranger"));
    // The newest counts as something come to more than once and less than twice.
    assert!(shown(&slate).starts_with("a b new c"), "{}", shown(&slate));
    assert_eq!(slate.tier, Tier::Curated, "nothing of it rests on the shopper");
}

#[test]
fn what_the_shop_chose_leads_and_what_a_shopper_bought_counts() {
    let mut settings = Settings::default();
    settings.curated.lists.insert("cart".to_owned(), ids("f e"));
    let mut shop = busy(settings);
    assert!(shown(&shop.ask(10, &request("stranger"))).starts_with("f e a b c"));
    let mut order = shop.event(11, "order", EventKind::Purchase, "d");
    order.user = UserId::new("ada").ok();
    shop.send(order);
    let of_ada = Request { user: UserId::new("ada").ok(), repeats: Repeats::Allow, ..request("another") };
    let (hers, theirs) = (shown(&shop.ask(20, &of_ada)), shown(&shop.ask(20, &request("stranger"))));
    assert!(hers.find('d') < hers.find('a') && theirs.find('d') > theirs.find('a'), "{hers}; {theirs}");
}

#[test]
fn the_first_event_of_a_visit_teaches_what_comes_first() {
    let mut shop = busy(Settings::default());
    let mut trainer = shop.engine.trainer();
    let before = shown(&shop.ask(10, &request("stranger")));
    for visit in 20..400 {
        // What has only just come is what everybody comes for in this shop.
        let newest = format!("new{visit}");
        shop.put(Item::bare(item_id(&newest)));
        let first = shop.event(visit, &format!("v{visit}"), EventKind::View, &newest);
        let lesson = shop.engine.lesson(&first, at(visit), &mut Scratch::default()).expect("a lesson");
        assert_eq!(lesson.intent(), Intent::Arrive);
        trainer.take(&lesson, 0.05);
        shop.send(first);
    }
    let model = trainer.publish(shop.engine.model());
    shop.apply(400, Record::Model(Box::new(model)));
    shop.put(Item::bare(item_id("newest")));
    let after = shown(&shop.ask(400, &request("stranger")));
    assert!(before.starts_with('a') && after.starts_with("newest"), "{before}; {after}");
}
