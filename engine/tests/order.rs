//! Order, duplicates and delays within the limits do not matter to what is counted: items' decayed counts, visits and
//! their carts, shoppers' tallies. What does depend on arrival, and is left out here on purpose: pairs of items (a late
//! touch is paired with what is there by then), a refund that comes before its purchase (it changes nothing), the pace by
//! which programs are told from people, and who is forgotten first where a store is full.

mod common;

use std::collections::BTreeMap;

use common::{Shop, at, item_id};
use proptest::prelude::{Just, Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};
use sidecart_engine::nouns::{Entry, Event, EventKind, Item, Record, Timestamp, UserId};
use sidecart_engine::views::Weighted;
use sidecart_engine::{Engine, Settings};

const ITEMS: u8 = 6;
const SESSIONS: u8 = 4;
/// All that happens fits into one visit: a visit that was idle for longer ends, by the events' own times.
const SPAN_MS: i64 = 25 * 60_000;
/// The share by which sums of the same numbers in another order may differ.
const ROUNDING: f32 = 1e-4;

/// One thing that happens: (kind, item, visit, milliseconds since the start).
type Step = (u8, u8, u8, i64);

/// Steps, each at an instant of its own, and an order in which they arrive, some of them twice.
fn streams() -> impl Strategy<Value = (Vec<Step>, Vec<usize>)> {
    let step = (0..4_u8, 0..ITEMS, 0..SESSIONS, 0..SPAN_MS);
    prop::collection::vec(step, 1..40).prop_flat_map(|mut steps| {
        steps.sort_by_key(|step| step.3);
        steps.dedup_by_key(|step| step.3);
        let places: Vec<usize> = (0..steps.len()).collect();
        let again = prop::collection::vec(any::<prop::sample::Index>(), 0..10);
        let count = steps.len();
        (Just(steps), Just(places).prop_shuffle(), again).prop_map(move |(steps, mut arrival, again)| {
            for index in again {
                let (from, to) = (index.index(count), index.index(arrival.len() + 1));
                arrival.insert(to, from);
            }
            (steps, arrival)
        })
    })
}

fn events(steps: &[Step]) -> Vec<Event> {
    let mut shop = Shop::selling("");
    let kinds = [EventKind::View, EventKind::AddToCart, EventKind::RemoveFromCart, EventKind::Purchase];
    let event = |&(kind, item, session, ms): &Step| {
        let mut event = shop.event(0, &format!("s{session}"), kinds[usize::from(kind)], &format!("i{item}"));
        event.at = Timestamp(at(0).0 + ms);
        event.user = Some(UserId::new(&format!("u{}", session % 2)).expect("a valid id"));
        event
    };
    steps.iter().map(event).collect()
}

fn engine<'a>(events: impl Iterator<Item = &'a Event>) -> Engine {
    let mut engine = Engine::new(Settings::default());
    for n in 0..ITEMS {
        engine.apply(&Entry {
            accepted_at: at(0),
            record: Record::Item(Box::new(Item::bare(item_id(&format!("i{n}"))))),
            origin: None,
        });
    }
    // Accepted up to an hour after it happened, as a sender that was cut off delivers it.
    for (n, event) in events.enumerate() {
        engine.apply(&Entry {
            accepted_at: at(30 + n as i64),
            record: Record::Event(Box::new(event.clone())),
            origin: None,
        });
    }
    engine
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs()).max(1.0)
}

fn by_item(weights: &[Weighted]) -> BTreeMap<&str, f32> {
    weights.iter().map(|weighted| (weighted.item_id.as_str(), weighted.weight)).collect()
}

fn alike(a: &[Weighted], b: &[Weighted]) -> bool {
    let (a, b) = (by_item(a), by_item(b));
    a.len() == b.len() && a.iter().all(|(item, weight)| b.get(item).is_some_and(|other| near(*weight, *other)))
}

proptest! {
    #[test]
    fn shuffled_and_repeated_events_give_the_same_counts_carts_and_tallies((steps, arrival) in streams()) {
        let events = events(&steps);
        let in_order = engine(events.iter());
        let shuffled = engine(arrival.iter().map(|place| &events[*place]));
        let now = at(90);
        for n in 0..ITEMS {
            let name = format!("i{n}");
            let (a, b) = (in_order.item_features(&name, now), shuffled.item_features(&name, now));
            let (a, b) = (a.expect("in the catalogue"), b.expect("in the catalogue"));
            prop_assert!(near(a.views, b.views) && near(a.adds, b.adds) && near(a.purchases, b.purchases), "{a:?} {b:?}");
            prop_assert_eq!(a.last_event_at, b.last_event_at);
        }
        for n in 0..SESSIONS {
            let name = format!("s{n}");
            let (a, b) = (in_order.session(&name, now), shuffled.session(&name, now));
            prop_assert_eq!(a.is_some(), b.is_some());
            let (Some(a), Some(b)) = (a, b) else { continue };
            prop_assert_eq!(&a.cart, &b.cart);
            prop_assert_eq!(&a.items, &b.items);
            prop_assert_eq!((a.views, a.adds, a.removes, a.purchases), (b.views, b.adds, b.removes, b.purchases));
            prop_assert_eq!(a.last_event_at, b.last_event_at);
        }
        for name in ["u0", "u1"] {
            let (a, b) = (in_order.user(name, now), shuffled.user(name, now));
            prop_assert_eq!(a.is_some(), b.is_some());
            let (Some(a), Some(b)) = (a, b) else { continue };
            prop_assert!(alike(&a.purchased, &b.purchased), "{:?} {:?}", a.purchased, b.purchased);
            prop_assert!(alike(&a.interested, &b.interested), "{:?} {:?}", a.interested, b.interested);
            prop_assert_eq!((a.orders, a.last_event_at), (b.orders, b.last_event_at));
        }
    }
}
