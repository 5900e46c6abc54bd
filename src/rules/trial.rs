//! Runs the `tests:` of a config: a small shop, a request, and whether what came of it is what was expected. The same
//! engine, the same readers of items, events and requests as a server's.

use serde::Serialize;
use serde_json::Value;
use sidecart_engine::nouns::{Entry, Record, Request, Slate, Timestamp};
use sidecart_engine::{Applied, Engine, Scratch, Settings, Unhurried};

use super::schedules;
use crate::config::{Config, TestCase};
use crate::wire::event::{self, Acceptance};
use crate::wire::{item, request};

/// The instant of tests that name none: an ordinary Thursday noon.
const NOW: &str = "2026-01-15T12:00:00Z";

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Whether all was as expected.
    pub passed: bool,
    /// What was not, in words.
    pub failures: Vec<String>,
    /// The items shown, in order.
    pub shown: Vec<String>,
}

/// Runs all tests of a config, in order.
#[must_use]
pub fn run(config: &Config) -> Vec<Outcome> {
    let settings = config.settings();
    let named = |(index, case): (usize, &TestCase)| {
        let name = if case.name.is_empty() { format!("tests.{index}") } else { case.name.clone() };
        let (failures, shown) = match answer(config, &settings, case) {
            Ok(slate) => {
                let shown = slate.picks.iter().map(|pick| pick.item_id.to_string()).collect();
                (judge(case, &slate), shown)
            }
            Err(unreadable) => (unreadable, Vec::new()),
        };
        Outcome { name, passed: failures.is_empty(), failures, shown }
    };
    config.tests.iter().enumerate().map(named).collect()
}

fn answer(config: &Config, settings: &Settings, case: &TestCase) -> Result<Slate, Vec<String>> {
    let zone = schedules::zone(&config.rules.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let now = schedules::moment(case.now.as_deref().unwrap_or(NOW), &zone);
    let now = now.map_err(|error| vec![format!("`now` {error}")])?;
    let mut engine = Engine::new(settings.clone());
    let mut wrong = Vec::new();
    let mut apply = |what: String, record: Result<Record, String>| match record {
        Ok(record) => {
            if engine.apply(&Entry { accepted_at: now, record, origin: None }) != Applied::Fresh {
                wrong.push(format!("{what} was not taken: is its id there twice?"));
            }
        }
        Err(problem) => wrong.push(format!("{what} cannot be read: {problem}")),
    };
    for (index, value) in case.items.iter().enumerate() {
        let read = item::read(&bytes(value), config.catalog.currency, now);
        apply(format!("`items.{index}`"), read.map(|item| Record::Item(Box::new(item))).map_err(|e| e.to_string()));
    }
    let acceptance =
        Acceptance { now, allowed_lateness_ms: None, max_future_skew_ms: 0, currency: config.catalog.currency };
    for (index, value) in case.events.iter().enumerate() {
        let mut value = value.clone();
        default(&mut value, "sessionId", SESSION);
        default(&mut value, "eventId", &format!("event-{index}"));
        let read = event::read(&bytes(&value), &acceptance);
        let record = read.map(|read| Record::Event(Box::new(read.event)));
        apply(format!("`events.{index}`"), record.map_err(|e| e.to_string()));
    }
    let asked = request_of(config, case).map_err(|problem| wrong.push(problem));
    match asked {
        Ok(asked) if wrong.is_empty() => Ok(ask(&mut engine, &asked, now)),
        _ => Err(wrong),
    }
}

/// The visit that events and the request of a test are of, where they name none.
const SESSION: &str = "the-test";

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value can be written")
}

fn default(value: &mut Value, key: &str, text: &str) {
    if let Some(map) = value.as_object_mut() {
        map.entry(key).or_insert_with(|| text.into());
    }
}

fn request_of(config: &Config, case: &TestCase) -> Result<Request, String> {
    let mut value = if case.request.is_null() { Value::Object(serde_json::Map::new()) } else { case.request.clone() };
    default(&mut value, "sessionId", SESSION);
    default(&mut value, "placement", "cart");
    let asked = request::read(&bytes(&value), config.catalog.currency);
    let asked = asked.map_err(|problem| format!("`request` cannot be read: {problem}"))?;
    let (request, _) = config.complete(asked);
    Ok(Request { explain: true, ..request })
}

fn ask(engine: &mut Engine, request: &Request, now: Timestamp) -> Slate {
    engine.fix_static();
    engine.rebuild_batch();
    engine.recommend(request, now, &mut Unhurried, &mut Scratch::default())
}

/// Everything that is not as expected.
fn judge(case: &TestCase, slate: &Slate) -> Vec<String> {
    let shown: Vec<&str> = slate.picks.iter().map(|pick| pick.item_id.as_str()).collect();
    let place = |id: &str| shown.iter().position(|other| *other == id);
    let listed = if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") };
    let mut failures = Vec::new();
    for id in &case.expect {
        if place(id.as_str()).is_none() {
            failures.push(format!("`{id}` is not shown, {}; shown: {listed}", why_not(slate, id.as_str())));
        }
    }
    let first: Vec<&str> = case.expect_first.iter().map(|id| id.as_str()).collect();
    if !shown.starts_with(&first) {
        let missing = first.iter().find(|id| place(id).is_none());
        let why = missing.map(|id| format!(" (`{id}` is not shown, {})", why_not(slate, id))).unwrap_or_default();
        failures.push(format!("the answer does not begin with {}{why}; shown: {listed}", first.join(", ")));
    }
    for id in case.forbid.iter().filter_map(|id| place(id.as_str()).map(|place| (id, place + 1))) {
        failures.push(format!("`{}` is shown, in place {}", id.0, id.1));
    }
    for (id, rule) in &case.dropped_by {
        let by = slate.dropped.iter().find(|drop| drop.item_id == *id).and_then(|drop| drop.reason.as_ref());
        if place(id.as_str()).is_some() || by.is_none_or(|reason| reason.rule != *rule) {
            let instead = match place(id.as_str()) {
                Some(place) => format!("it is shown, in place {}", place + 1),
                None => why_not(slate, id.as_str()),
            };
            failures.push(format!("`{id}` is not dropped by rule `{rule}`: {instead}"));
        }
    }
    failures
}

fn why_not(slate: &Slate, id: &str) -> String {
    match slate.dropped.iter().find(|drop| drop.item_id.as_str() == id) {
        None => "it was not among the candidates: is it among the test's `items`?".into(),
        Some(drop) => match &drop.reason {
            Some(reason) => format!("dropped by rule `{}` ({})", reason.rule, reason.why),
            None => "it was outscored: raise the request's `limit`".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn outcomes(text: &str) -> Vec<Outcome> {
        run(&load_text(text).expect("a valid config").config)
    }

    const SHOP: &str = "
rules: {exclude: [{id: no_wine, categories: [Wine]}]}
tests:
  - name: wine is left out
    items: [{itemId: wine, categoryPath: [Drinks, Wine]}, {itemId: tea, categoryPath: [Drinks, Tea]}]
    expect: [tea]
    forbid: [wine]
    dropped_by: {wine: no_wine}
";

    #[test]
    fn what_comes_as_expected_passes() {
        let outcomes = outcomes(SHOP);
        assert_eq!(outcomes.len(), 1);
        assert!(outcomes[0].passed, "{outcomes:?}");
        assert_eq!(outcomes[0].shown, ["tea"]);
    }

    #[test]
    fn what_does_not_come_as_expected_says_why() {
        let text = SHOP.replace("expect: [tea]", "expect: [wine]").replace("forbid: [wine]", "forbid: [tea]");
        let failures = &outcomes(&text.replace("wine: no_wine", "tea: no_tea"))[0].failures;
        assert_eq!(
            failures,
            &[
                "`wine` is not shown, dropped by rule `no_wine` (item.categories are Drinks, Wine); shown: tea",
                "`tea` is shown, in place 1",
                "`tea` is not dropped by rule `no_tea`: it is shown, in place 1",
            ]
        );
    }

    #[test]
    fn every_example_passes_its_own_tests() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).expect("the examples") {
            let path = entry.expect("a directory entry").path();
            // Without a look at the clock, which warns of schedules that are over.
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let loaded = load_text(&text).unwrap_or_else(|errors| panic!("{}: {errors}", path.display()));
            assert_eq!(loaded.warnings, [], "{}", path.display());
            let outcomes = run(&loaded.config);
            count += outcomes.len();
            assert!(outcomes.len() >= 4, "{}", path.display());
            let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed).collect();
            assert!(failed.is_empty(), "{}: {failed:#?}", path.display());
        }
        assert!(count >= 25, "{count} tests");
    }

    #[test]
    fn what_cannot_be_read_fails_with_its_place() {
        let outcomes = outcomes("tests: [{items: [{title: nameless}], request: {limit: none}}]");
        assert!(!outcomes[0].passed);
        let words = outcomes[0].failures.join("\n");
        assert!(words.contains("`items.0` cannot be read") && words.contains("`request` cannot be read"), "{words}");
    }
}
