//! Conditions in CEL: whatever is written, it is refused in words or becomes a rule that can be asked.

use std::sync::Arc;

use sidecart_engine::nouns::{Currency, Entry, Record, Request, Slate, Timestamp};
use sidecart_engine::policy::{Effect, Kind, Rule, RuleSet};
use sidecart_engine::{Engine, Scratch, Settings, Unhurried};

use crate::config::Config;
use crate::rules::condition;
use crate::wire::event::{self, Acceptance};
use crate::wire::{item, request};

const NOW: Timestamp = Timestamp(1_780_000_000_000);
/// Items with and without each of the fields that conditions read.
const ITEMS: [&str; 4] = [
    r#"{"itemId": "wine", "title": "Wine", "brand": "Ours", "categoryPath": ["Drinks", "Alcohol"], "price": 9.5, "cost": 4,
        "stock": 3, "minAge": 18, "tags": ["sale"], "groupId": "g", "attributes": {"hfss": true, "plans": ["a"], "n": 7}}"#,
    r#"{"itemId": "tea", "title": "Tea", "categoryPath": ["Drinks"], "price": 0, "consumable": true}"#,
    r#"{"itemId": "card", "price": 12, "categoryPath": ["SD cards"], "attributes": {"hfss": "no", "n": -0.5}}"#,
    r#"{"itemId": "bare"}"#,
];
const REQUEST: &str = r#"{"placement": "cart", "sessionId": "s", "cart": ["tea", "unknown"], "limit": 4, "explain": true,
    "user": {"region": "GB-ENG", "ageVerified": 18, "segments": ["vip"],
             "attributes": {"addOns": ["card"], "storageUsedPct": 81}}}"#;

/// A small shop, a visit, and a request.
pub struct Shop {
    engine: Engine,
    request: Request,
}

impl Shop {
    pub fn new() -> Self {
        let (currency, mut engine) = (Currency::USD, Engine::new(Settings::default()));
        let mut apply = |record| engine.apply(&Entry { accepted_at: NOW, record, origin: None });
        for text in ITEMS {
            apply(Record::Item(Box::new(item::read(text.as_bytes(), currency, NOW).unwrap())));
        }
        let acceptance = Acceptance { now: NOW, allowed_lateness_ms: None, max_future_skew_ms: 0, currency };
        for (n, id) in ["wine", "tea", "card", "bare"].into_iter().enumerate() {
            let text =
                format!(r#"{{"eventId": "e{n}", "eventType": "add_to_cart", "sessionId": "s{n}", "itemId": "{id}"}}"#);
            let read = event::read(text.as_bytes(), &acceptance).unwrap();
            apply(Record::Event(Box::new(read.event)));
        }
        let asked = request::read(REQUEST.as_bytes(), currency).unwrap();
        Self { engine, request: Config::default().complete(asked).0 }
    }

    /// What is shown under a rule.
    fn ask(&self, rule: Rule) -> Slate {
        let mut settings = Settings::default();
        settings.rules.shop = Arc::new(RuleSet::new(vec![rule], 10.0));
        self.engine.recommend_with(&settings, &self.request, NOW, &mut Unhurried, &mut Scratch::default())
    }
}

/// A refusal names a place within the text; a rule is asked for each item, as what forbids and as what weighs, and gives
/// the same answer each time.
pub fn run(shop: &Shop, input: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(input);
    match condition(&text) {
        Err(wrong) => {
            let within = text.chars().count();
            assert!(!wrong.is_empty() && wrong.iter().all(|wrong| wrong.place <= within));
            let words = |says: &str| says.split('`').step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
            super::targets::outcome(wrong.iter().take(2).map(|wrong| words(&wrong.says)).collect::<Vec<_>>())
        }
        Ok(cond) => {
            let deny = || shop.ask(Rule::new("r", Kind::Compliance, cond.clone(), Effect::Deny));
            let (first, again) = (deny(), deny());
            let shown =
                |slate: &Slate| -> Vec<String> { slate.picks.iter().map(|pick| pick.item_id.to_string()).collect() };
            assert_eq!(shown(&first), shown(&again));
            let weighed = shop.ask(Rule::new("r", Kind::Boost, cond.clone(), Effect::Weigh(2.0)));
            super::targets::outcome((shown(&first), shown(&weighed), cond.size().ilog2(), first.faults.len()))
        }
    }
}
