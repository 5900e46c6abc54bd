use sidecart_engine::nouns::{Entry, EventKind, Line, SessionId};

use super::job::Target;
use super::replace::Replacement;
use super::who;
use super::*;
use crate::log::tests::sim::SimDisk;
use crate::log::{EventLog, LogError, LogOptions, Logged, SegmentLog};

const NOW: Timestamp = Timestamp(1_780_000_000_000);

/// One event: (visit, user, device, order).
type Step = (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>);

fn log_of(steps: &[Step]) -> SegmentLog {
    let options = LogOptions { segment_bytes: 600, retain_ms: None, retain_bytes: None };
    let (mut log, _) = SegmentLog::open_on(Arc::new(SimDisk::default()), options, NOW).unwrap();
    for (number, (session, user, device, order)) in steps.iter().enumerate() {
        let event = sidecart_engine::nouns::Event {
            id: format!("e{number}").try_into().unwrap(),
            kind: EventKind::View,
            session: SessionId::new(session).unwrap(),
            user: user.map(|id| id.to_owned().try_into().unwrap()),
            anonymous: device.map(|id| id.to_owned().try_into().unwrap()),
            at: NOW,
            lines: vec![Line { item: "i".to_owned().try_into().unwrap(), quantity: 1, price: None }],
            order: order.map(|id| id.to_owned().try_into().unwrap()),
            placement: None,
            attribution_token: Some("token".into()),
            consent: None,
            context: None,
        };
        let entry = Entry { accepted_at: NOW, record: Record::Event(Box::new(event)), origin: None };
        log.append(&[serde_json::to_vec(&entry).unwrap()], NOW).unwrap();
    }
    log
}

fn ada() -> Target {
    Target { user: Some("ada".to_owned().try_into().unwrap()), ..Target::default() }
}

fn texts<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

#[test]
fn visits_before_the_login_and_devices_of_nobody_else_are_theirs() {
    let mut log = log_of(&[
        ("s1", None, Some("phone"), None),
        ("s2", Some("ada"), Some("phone"), None),
        ("s3", None, Some("phone"), Some("o3")),
        ("s4", Some("bob"), Some("tablet"), None),
        ("s5", Some("ada"), Some("tablet"), None),
        ("s6", None, Some("tablet"), None),
        ("s7", None, None, Some("o7")),
        ("s7", Some("ada"), None, None),
    ]);
    let end = log.roll(NOW).unwrap();
    let found = who::find(log.reader().as_ref(), &ada(), end).unwrap();
    assert_eq!(texts(&found.devices), ["phone"]);
    assert_eq!(texts(&found.sessions), ["s1", "s2", "s3", "s5", "s7"]);
    assert_eq!(texts(&found.orders), ["o3", "o7"]);
}

#[test]
fn a_rewritten_log_names_them_no_more_and_keeps_offsets_and_others() {
    let mut log = log_of(&[
        ("s1", Some("ada"), Some("phone"), Some("o1")),
        ("s2", Some("bob"), None, None),
        ("s1", Some("bob"), None, None),
        ("s3", None, Some("phone"), None),
    ]);
    let end = log.roll(NOW).unwrap();
    let reader = log.reader();
    let found = who::find(reader.as_ref(), &ada(), end).unwrap();
    let replacement = Replacement::new(&found, b"salt");
    let done = reader.rewrite(end, &mut |logged| replacement.of_record(&logged, end)).unwrap();
    assert_eq!(done.records, 3);
    // What is done again finds nothing left.
    let again = reader.rewrite(end, &mut |logged| replacement.of_record(&logged, end)).unwrap();
    assert_eq!((again.records, again.segments), (0, 0));
    let mut seen = Vec::new();
    let replayed = reader
        .replay(Offset(0), end, &mut |logged| {
            seen.push(String::from_utf8(logged.payload.to_vec()).unwrap());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((replayed.records, replayed.lost), (4, 0));
    let all = seen.concat();
    for id in ["ada", "phone", "\"s1\"", "\"s3\"", "\"o1\""] {
        assert!(!all.contains(id), "{id} is left in {all}");
    }
    assert_eq!(all.matches("bob").count(), 2);
}

#[test]
fn another_replica_finds_by_pseudonym_whom_its_own_log_names_and_a_replay_forgets_the_stand_ins() {
    for pseudonyms_per_record in [1, 2, 1_000] {
        another_replica_forgets(pseudonyms_per_record);
    }
}

fn another_replica_forgets(pseudonyms_per_record: usize) {
    let mut log = log_of(&[
        ("s1", Some("ada"), Some("phone"), Some("o1")),
        ("s2", Some("bob"), None, None),
        // Not known where the erasure was asked for: that log began later.
        ("s3", Some("ada"), None, Some("o3")),
    ]);
    let known = Who { user: ada().user, sessions: [SessionId::new("s1").unwrap()].into(), ..Who::default() };
    let asked = Replacement::new(&known, b"salt of the one that was asked").erasure();
    let erasure = Erasure { order: Some("order".into()), ..asked };
    let parts = erasure.parts(pseudonyms_per_record);
    for part in &parts {
        let entry = Entry { accepted_at: NOW, record: Record::Erase(Box::new(part.clone())), origin: None };
        log.append(&[serde_json::to_vec(&entry).unwrap()], NOW).unwrap();
    }
    let end = log.roll(NOW).unwrap();
    let reader = log.reader();
    let found = who::find_behind(reader.as_ref(), &erasure, Who::default(), end).unwrap();
    assert_eq!((found.who.user.clone(), found.forgotten), (ada().user, Offset(3 + parts.len() as u64)));
    assert_eq!(
        (texts(&found.who.sessions), texts(&found.who.orders)),
        (vec!["s1".into(), "s3".into()], vec!["o1".into(), "o3".into()])
    );
    let replacement = Replacement::of_another(&found.who, b"its own salt", &erasure);
    let mut change = |logged: Logged<'_>| replacement.of_record(&logged, found.forgotten);
    assert_eq!(reader.rewrite(end, &mut change).unwrap().records, 2 + parts.len() as u64);
    assert_eq!(reader.rewrite(end, &mut change).unwrap().records, 0, "done again it finds nothing left");
    let mut engine = sidecart_engine::Engine::new(sidecart_engine::Settings::default());
    let mut seen = String::new();
    let mut replay = |logged: Logged<'_>| {
        let entry: Entry = serde_json::from_slice(logged.payload).unwrap();
        if let Record::Erase(part) = &entry.record {
            let beyond = if logged.offset.plus(1) == found.forgotten { 4 } else { 0 };
            assert!(part.len() <= parts[logged.offset.0 as usize - 3].len() + beyond, "no part grows beyond its bound");
        }
        seen += std::str::from_utf8(logged.payload).unwrap();
        engine.apply(&entry);
        std::ops::ControlFlow::Continue(())
    };
    reader.replay(Offset(0), end, &mut replay).unwrap();
    for pseudonym in erasure.profiles.iter().chain(&erasure.sessions) {
        assert!(!seen.contains(&pseudonym.to_string()), "{pseudonym} is left in {seen}");
    }
    assert!(!seen.contains("ada") && !seen.contains("\"s3\""), "{seen}");
    let sizes = engine.sizes();
    assert_eq!((sizes.users, sizes.sessions), (1, 1), "bob's alone");
}

fn append(log: &mut SegmentLog, record: Record) {
    let entry = Entry { accepted_at: NOW, record, origin: None };
    log.append(&[serde_json::to_vec(&entry).unwrap()], NOW).unwrap();
}

#[test]
fn an_erasure_before_still_forgets_visits_that_another_one_renames_again() {
    let mut log = log_of(&[("s1", Some("ada"), None, None), ("s1", Some("bob"), None, None)]);
    let reader = log.reader();
    let (mut forgotten, mut of_ada) = (Vec::new(), Offset(0));
    for user in ["ada", "bob"] {
        let target = Target { user: Some(user.to_owned().try_into().unwrap()), ..Target::default() };
        let end = log.roll(NOW).unwrap();
        let replacement = Replacement::new(&who::find(reader.as_ref(), &target, end).unwrap(), user.as_bytes());
        append(&mut log, Record::Erase(Box::new(replacement.erasure())));
        let end = log.roll(NOW).unwrap();
        of_ada = if user == "ada" { end } else { of_ada };
        reader.rewrite(end, &mut |logged| replacement.of_record(&logged, end)).unwrap();
        let mut engine = sidecart_engine::Engine::new(sidecart_engine::Settings::default());
        let mut replay = |logged: Logged<'_>| {
            engine.apply(&serde_json::from_slice(logged.payload).unwrap());
            std::ops::ControlFlow::Continue(())
        };
        reader.replay(Offset(0), of_ada, &mut replay).unwrap();
        forgotten.push(engine.sizes().sessions);
    }
    assert_eq!(forgotten, [0, 0], "right behind ada's erasure, the visit that she shared is gone");
}

#[test]
fn what_is_too_long_to_take_a_records_place_leaves_the_log_as_it_was() {
    let mut log = log_of(&[("s1", Some("ada"), None, None)]);
    let end = log.roll(NOW).unwrap();
    let reader = log.reader();
    let refused = reader.rewrite(end, &mut |_| Some(vec![b' '; crate::log::MAX_RECORD_BYTES + 1])).map(drop);
    assert!(matches!(refused, Err(LogError::ChangedSize { offset: Offset(0), .. })), "{refused:?}");
    let mut seen = 0;
    let mut count = |logged: Logged<'_>| {
        seen += usize::from(logged.payload.windows(3).any(|text| text == b"ada"));
        std::ops::ControlFlow::Continue(())
    };
    reader.replay(Offset(0), end, &mut count).unwrap();
    assert_eq!(seen, 1);
}
