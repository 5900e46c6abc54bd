//! Forgetting a shopper: nothing of theirs is left, nobody else's changes, and both ways of applying it are the same.

mod common;

use common::{Shop, at};
use sidecart_engine::Engine;
use sidecart_engine::nouns::{
    AnonymousId, Entry, Erasure, Event, EventKind, OrderId, Origin, Record, SessionId, UserId,
};

fn user(id: &str) -> UserId {
    UserId::new(id).expect("a valid id")
}

/// Ada on her phone, before and after her login; Bob beside her.
fn shop() -> Shop {
    let mut shop = Shop::selling("a b c");
    let device = AnonymousId::new("phone").expect("a valid id");
    let tell = |shop: &mut Shop, session: &str, kind, item: &str, who: Option<&str>, phone: bool| {
        let event = shop.event(1, session, kind, item);
        let (user, anonymous) = (who.map(user), phone.then(|| device.clone()));
        shop.send(Event { user, anonymous, ..event });
    };
    tell(&mut shop, "s1", EventKind::View, "a", None, true);
    tell(&mut shop, "s1", EventKind::AddToCart, "b", Some("ada"), true);
    tell(&mut shop, "s1", EventKind::Purchase, "b", Some("ada"), true);
    tell(&mut shop, "s2", EventKind::AddToCart, "c", Some("bob"), false);
    shop
}

fn ada() -> Erasure {
    Engine::erasure(&[user("ada")], &[] as &[AnonymousId], &[] as &[SessionId], &[] as &[OrderId])
}

fn bytes(engine: &Engine) -> Vec<u8> {
    postcard::to_stdvec(engine.state()).expect("plain data")
}

#[test]
fn profile_visits_and_devices_go_and_what_was_counted_stays() {
    let mut shop = shop();
    let (bob, item) = (shop.engine.user("bob", at(2)), shop.engine.item_features("b", at(2)));
    assert!(shop.engine.session("s1", at(2)).is_some());
    shop.apply(2, Record::Erase(Box::new(ada())));
    assert_eq!(shop.engine.user("ada", at(2)), None);
    assert_eq!(shop.engine.user("phone", at(2)), None);
    assert_eq!(shop.engine.session("s1", at(2)), None);
    assert_eq!(shop.engine.user("bob", at(2)), bob);
    assert!(shop.engine.session("s2", at(2)).is_some());
    assert_eq!(shop.engine.item_features("b", at(2)), item);
}

#[test]
fn found_first_or_applied_at_once_is_the_same_state() {
    let (mut at_once, mut found_first) = (shop().engine, shop().engine);
    let origin = Some(Origin { topic: "erasures".into(), partition: 0, offset: 7 });
    let entry = Entry { accepted_at: at(2), record: Record::Erase(Box::new(ada())), origin };
    at_once.apply(&entry);
    let found = found_first.find_erased(&ada());
    found_first.forget(&entry, &found);
    assert_eq!(bytes(&at_once), bytes(&found_first));
    // Read again from its place at a broker, it changes nothing.
    at_once.apply(&entry);
    found_first.forget(&entry, &found);
    assert_eq!(bytes(&at_once), bytes(&found_first));
    assert_eq!(at_once.positions().of("erasures", 0), Some(8));
}

#[test]
fn an_erasure_in_parts_names_all_and_none_twice() {
    let (profiles, sessions) = (vec![1, 2, 3], vec![4, 5, 6, 7, 8]);
    let whole = Erasure { profiles, sessions, events: (10..17).collect(), ..Erasure::default() };
    let parts = whole.parts(2);
    assert_eq!(parts.len(), 4);
    let events: Vec<u64> = parts.iter().flat_map(|part| part.events.clone()).collect();
    assert_eq!(events, whole.events);
    let sessions: Vec<u64> = parts.iter().flat_map(|part| part.sessions.clone()).collect();
    let profiles: Vec<u64> = parts.iter().flat_map(|part| part.profiles.clone()).collect();
    assert_eq!((profiles, sessions), (whole.profiles, whole.sessions));
}
