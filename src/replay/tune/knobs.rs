//! The settings that are tried, and their ladders.

use serde_json::{Value, json};
use sidecart_engine::nouns::EventKind;

use super::super::run::Protocol;
use crate::config::Span;
use crate::data::{Dataset, NONE};

/// A setting, and the values it may take.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Path of its key in the config.
    pub key: &'static str,
    ladder: Ladder,
    needs: Needs,
}

/// Values, ascending.
#[derive(Debug, Clone, Copy)]
enum Ladder {
    Counts(&'static [u64]),
    Numbers(&'static [f64]),
    Spans(&'static [&'static str]),
}

/// What must be in the data for the setting to do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Anything,
    Views,
    Purchases,
    BuyersKnown,
}

/// Which way along a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To the next larger value.
    Up,
    /// To the next smaller value.
    Down,
}

const LIMITS: Ladder = Ladder::Counts(&[0, 20, 40, 80, 120, 200]);
const WEIGHTS: Ladder = Ladder::Numbers(&[0.0, 0.1, 0.25, 0.5, 1.0, 2.0]);
const DAYS: Ladder = Ladder::Spans(&["3d", "7d", "15d", "30d", "60d", "120d", "365d"]);

/// All of them, the most promising first. Bounds of memory are none of them: more is never worse there.
const KNOBS: [(&str, Ladder, Needs); 24] = [
    ("candidates.neighbours", Ladder::Counts(&[50, 100, 200, 500, 1_000, 2_000]), Needs::Anything),
    ("features.affinities.half_life", DAYS, Needs::Anything),
    ("candidates.sources.session_knn_whole.weight", WEIGHTS, Needs::Anything),
    ("candidates.context_items", Ladder::Counts(&[3, 6, 12, 20, 40]), Needs::Anything),
    ("features.index.postings_per_item", Ladder::Counts(&[100, 250, 500, 1_000, 2_000]), Needs::Anything),
    ("candidates.limit", Ladder::Counts(&[100, 200, 300, 450, 700]), Needs::Anything),
    ("features.affinities.reach", Ladder::Counts(&[2, 5, 10, 20]), Needs::Views),
    ("features.affinities.gamma", Ladder::Numbers(&[0.0, 0.5, 1.0, 1.5, 2.0]), Needs::Views),
    ("features.affinities.backward", Ladder::Numbers(&[0.0, 0.1, 0.25, 0.5, 1.0]), Needs::Views),
    ("features.affinities.basket_reach", Ladder::Counts(&[10, 30, 100, 300]), Needs::Purchases),
    ("features.affinities.row_len", Ladder::Counts(&[32, 64, 96, 192, 384]), Needs::Anything),
    ("features.users.half_life", Ladder::Spans(&["15d", "30d", "90d", "180d", "365d"]), Needs::BuyersKnown),
    ("features.users.items_per_user", Ladder::Counts(&[64, 128, 256, 512]), Needs::BuyersKnown),
    ("features.popularity.half_life", DAYS, Needs::Anything),
    ("features.popularity.short_half_life", Ladder::Spans(&["3h", "12h", "1d", "3d", "7d"]), Needs::Anything),
    ("candidates.sources.session_knn.weight", WEIGHTS, Needs::Anything),
    ("candidates.sources.bought_together.weight", WEIGHTS, Needs::Purchases),
    ("candidates.sources.user_history.weight", WEIGHTS, Needs::BuyersKnown),
    ("candidates.sources.two_hops.weight", WEIGHTS, Needs::Anything),
    ("candidates.sources.session_knn.limit", LIMITS, Needs::Anything),
    ("candidates.sources.two_hops.limit", LIMITS, Needs::Anything),
    ("candidates.sources.bought_together.limit", LIMITS, Needs::Purchases),
    ("candidates.sources.user_history.limit", LIMITS, Needs::BuyersKnown),
    ("candidates.sources.newcomers.limit", LIMITS, Needs::Views),
];

/// All settings that are tried.
pub fn all() -> impl Iterator<Item = Knob> {
    KNOBS.into_iter().map(|(key, ladder, needs)| Knob { key, ladder, needs })
}

impl Knob {
    /// Whether it can do anything with these data.
    pub fn has_effect(&self, data: &Dataset, protocol: Protocol) -> bool {
        let mut events = data.events().iter();
        match self.needs {
            Needs::Anything => true,
            Needs::Views => protocol != Protocol::Basket && events.any(|head| head.kind != EventKind::Purchase),
            Needs::Purchases => events.any(|head| head.kind == EventKind::Purchase),
            Needs::BuyersKnown => events.any(|head| head.kind == EventKind::Purchase && head.user != NONE),
        }
    }

    /// The next value of the ladder from `now` on; `now` itself need not be on it.
    pub fn next(&self, now: &Value, step: Step) -> Option<Value> {
        let place = measure(now)?;
        let values = self.values();
        let mut values = values.iter().filter_map(|value| Some((measure(value)?, value)));
        let found = match step {
            Step::Up => values.find(|(value, _)| *value > place),
            Step::Down => values.filter(|(value, _)| *value < place).last(),
        };
        found.map(|(_, value)| value.clone())
    }

    fn values(&self) -> Vec<Value> {
        match self.ladder {
            Ladder::Counts(counts) => counts.iter().map(|count| json!(count)).collect(),
            Ladder::Numbers(numbers) => numbers.iter().map(|number| json!(number)).collect(),
            Ladder::Spans(spans) => spans.iter().map(|span| json!(span)).collect(),
        }
    }
}

/// A value as a number that can be compared: spans in milliseconds.
fn measure(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse::<Span>().ok().map(|span| span.ms() as f64),
        other => other.as_f64(),
    }
}

/// The value at a path.
pub fn at<'v>(config: &'v Value, key: &str) -> Option<&'v Value> {
    key.split('.').try_fold(config, |value, part| value.get(part))
}

/// Puts a value at a path that is there.
pub fn put(config: &mut Value, key: &str, to: Value) {
    if let Some(place) = key.split('.').try_fold(config, |value, part| value.get_mut(part)) {
        *place = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn every_knob_is_a_key_and_every_value_makes_a_config_that_differs_there() {
        let config = serde_json::to_value(Config::default()).expect("plain data");
        for knob in all() {
            let now = at(&config, knob.key).unwrap_or_else(|| panic!("`{}` is no key", knob.key));
            let place = measure(now).expect("a number or span");
            let values = knob.values();
            assert!(values.windows(2).all(|pair| measure(&pair[0]) < measure(&pair[1])), "{}", knob.key);
            assert!(knob.next(now, Step::Up).or(knob.next(now, Step::Down)).is_some(), "{}", knob.key);
            for value in values.iter().filter(|value| measure(value) != Some(place)) {
                let mut changed = config.clone();
                put(&mut changed, knob.key, value.clone());
                let read: Config = serde_json::from_value(changed).unwrap_or_else(|e| panic!("{}: {e}", knob.key));
                assert_ne!(read.settings(), Config::default().settings(), "{} = {value}", knob.key);
            }
        }
    }

    #[test]
    fn steps_go_to_the_neighbours_of_any_value() {
        let knob = all().find(|knob| knob.key == "features.affinities.half_life").expect("a knob");
        assert_eq!(knob.next(&json!("60d"), Step::Up), Some(json!("120d")));
        assert_eq!(knob.next(&json!("60d"), Step::Down), Some(json!("30d")));
        assert_eq!(knob.next(&json!("50d"), Step::Up), Some(json!("60d")));
        assert_eq!(knob.next(&json!("365d"), Step::Up), None);
        assert_eq!(knob.next(&json!("72h"), Step::Down), None, "72h is 3d");
    }
}
