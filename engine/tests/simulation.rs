//! Seeded shops: the same entries give the same state and answers, bit for bit, whether applied live, replayed, or
//! resumed from a saved state in the middle; duplicates change nothing; no answer ever holds a forbidden item.

mod common;

use common::{Shop, at, item_id, request};
use proptest::prelude::{Strategy, any, prop};
use proptest::{prop_assert, prop_assert_eq, prop_assert_ne, proptest};
use sidecart_engine::nouns::{
    self, AnonymousId, Entry, EventKind, Item, Record, Request, Shopper, StockUpdate, UserId,
};
use sidecart_engine::{Engine, Scratch, Settings, State, Unhurried};

/// A shop small enough that every bound is hit: rows overflow, sessions, users and ids are evicted.
fn tight() -> Settings {
    let mut settings = Settings::default();
    settings.sessions.max_live = 8;
    settings.sessions.max_touches = 6;
    settings.affinities.row_len = 4;
    settings.index.max_sessions = 16;
    settings.index.max_items = 4;
    settings.index.postings_per_item = 5;
    settings.users.max_users = 5;
    settings.users.items_per_user = 3;
    settings.dedupe.max_ids = 30;
    settings.batch_rows_per_event = 2;
    settings
}

/// One thing that happens: (kind of record, item, session, user, minutes since the last).
type Step = (u8, u8, u8, u8, u16);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..24_u8, 0..12_u8, 0..12_u8, 0..8_u8, 0..600_u16), 1..250)
}

fn entries(steps: &[Step]) -> Vec<Entry> {
    let mut shop = Shop::with(tight(), "");
    let mut minute = 0;
    let mut made: Vec<Entry> =
        (0..10).map(|n| entry(0, Record::Item(Box::new(Item::bare(item_id(&format!("i{n}"))))))).collect();
    for &(what, item, session, user, pause) in steps {
        minute += i64::from(pause);
        let name = format!("i{item}");
        let record = match what {
            0 => Record::Item(Box::new(Item { min_age: (user > 4).then_some(18), ..Item::bare(item_id(&name)) })),
            1 => Record::Delete { item: item_id(&name) },
            2 | 3 => Record::Stock(StockUpdate { item: item_id(&name), stock: u32::from(user % 2), at: at(minute) }),
            _ => {
                let kind = EventKind::ALL[usize::from(what) % EventKind::ALL.len()];
                let second = format!("{name} i{}", (item + 1) % 12);
                let mut event = shop.event(minute, &format!("s{session}"), kind, &second);
                event.user = (user > 2).then(|| UserId::new(&format!("u{user}")).expect("a valid id"));
                event.anonymous =
                    (user % 2 == 0).then(|| AnonymousId::new(&format!("d{session}")).expect("a valid id"));
                Record::Event(Box::new(event))
            }
        };
        made.push(entry(minute, record));
    }
    made
}

fn entry(minute: i64, record: Record) -> Entry {
    Entry { accepted_at: at(minute), record, origin: None }
}

fn bytes(engine: &Engine) -> Vec<u8> {
    postcard::to_stdvec(engine.state()).expect("plain data")
}

fn run<'a>(engine: &mut Engine, entries: impl IntoIterator<Item = &'a Entry>) {
    for entry in entries {
        engine.apply(entry);
    }
}

proptest! {
    #[test]
    fn a_resumed_state_equals_a_clean_replay(steps in steps(), cut in any::<prop::sample::Index>()) {
        let entries = entries(&steps);
        let cut = cut.index(entries.len());
        let mut clean = Engine::new(tight());
        run(&mut clean, &entries);

        let mut before = Engine::new(tight());
        run(&mut before, &entries[..cut]);
        let saved: State = postcard::from_bytes(&bytes(&before)).expect("what was saved");
        let mut resumed = Engine::from_state(tight(), saved);
        run(&mut resumed, &entries[cut..]);
        prop_assert!(bytes(&clean) == bytes(&resumed), "states differ after resuming at {cut}");
    }

    #[test]
    fn repeating_the_newest_events_changes_nothing(steps in steps(), again in 1..20_usize) {
        let entries = entries(&steps);
        let mut once = Engine::new(tight());
        run(&mut once, &entries);
        let mut twice = once.clone();
        let last = entries.last().map_or(at(0), |entry| entry.accepted_at);
        let in_window = |entry: &&Entry| last.since_ms(entry.accepted_at) < tight().dedupe.window_ms;
        let events: Vec<_> =
            entries.iter().filter(|entry| matches!(entry.record, Record::Event(_))).filter(in_window).collect();
        run(&mut twice, events.into_iter().rev().take(again));
        let (a, b) = (once.sizes(), twice.sizes());
        prop_assert_eq!(a.pairs, b.pairs);
        for n in 0..12 {
            let minute = 1_000_000;
            prop_assert_eq!(once.item_features(&format!("i{n}"), at(minute)), twice.item_features(&format!("i{n}"), at(minute)));
            prop_assert_eq!(once.session(&format!("s{n}"), at(minute)), twice.session(&format!("s{n}"), at(minute)));
        }
    }

    #[test]
    fn no_answer_holds_what_is_forbidden(steps in steps(), session in 0..12_u8, strategy in 0..3_u8, age in 15..20_u8) {
        let mut engine = Engine::new(tight());
        let entries = entries(&steps);
        run(&mut engine, &entries);
        let now = entries.last().map_or(at(0), |entry| entry.accepted_at);
        let asked = Request {
            limit: 8,
            strategy: [nouns::Strategy::Realtime, nouns::Strategy::Batch, nouns::Strategy::Static][usize::from(strategy)],
            shopper: Shopper { age_verified: (age > 16).then_some(age), ..Shopper::default() },
            ..request(&format!("s{session}"))
        };
        let answer = engine.recommend(&asked, now, &mut Unhurried, &mut Scratch::default());
        let mut shown = std::collections::BTreeSet::new();
        for pick in &answer.picks {
            prop_assert!(shown.insert(pick.item_id.clone()), "{} twice", pick.item_id);
            let item = engine.item(pick.item_id.as_str());
            prop_assert!(item.is_some(), "{} is unknown", pick.item_id);
            let item = item.expect("just checked");
            prop_assert_ne!(item.stock, Some(0));
            prop_assert!(item.min_age.is_none_or(|needed| asked.shopper.age_verified.is_some_and(|age| age >= needed)));
            prop_assert!(!answer.cart.contains(&pick.item_id));
            prop_assert!(pick.score.is_finite());
        }
        let again = engine.recommend(&asked, now, &mut Unhurried, &mut Scratch::default());
        prop_assert_eq!(answer, again);
    }
}
