use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};
use sidecart_engine::nouns::{ItemId, Money, Request, Slate, Timestamp};
use sidecart_engine::{Engine, Scratch, Settings, Unhurried};

use super::report::{Example, Figures, Margin, Moved, Report};
use crate::config::Config;
use crate::replay::Percentiles;
use crate::wire::request::Asked;
use crate::wire::scalar::rfc3339;

/// Items told at most in each list of the report.
const MAX_MOVED: usize = 20;
/// Answers shown side by side at most.
const MAX_EXAMPLES: usize = 10;

/// A config that answers.
#[derive(Debug)]
pub struct Side<'a> {
    /// Names it.
    pub version: &'a str,
    /// The config.
    pub config: &'a Config,
    /// The engine's settings, made of it.
    pub settings: &'a Settings,
}

/// A request that was asked, or would have been.
#[derive(Debug, Clone)]
pub struct Question {
    /// The request; what its caller left open is still open.
    pub asked: Asked,
    /// As of when.
    pub now: Timestamp,
}

/// What is counted of one side.
#[derive(Debug, Default)]
struct Tally {
    shown: FxHashSet<ItemId>,
    empty: u64,
    slots: u64,
    filled: u64,
    suppressed: BTreeMap<String, u64>,
    tiers: BTreeMap<&'static str, u64>,
    took_ns: Vec<u32>,
    /// Probability times margin, minor units.
    margin_minor: f64,
    /// Items of which both were known.
    priced: u64,
}

/// Two configs, answering the same requests.
pub struct Comparison<'a> {
    sides: [Side<'a>; 2],
    tallies: [Tally; 2],
    scratch: Scratch,
    asked: u64,
    changed: u64,
    overlap: f64,
    /// Answers that the second side has an item in and the first has not, and the other way round.
    moved: FxHashMap<ItemId, [u64; 2]>,
    examples: Vec<Example>,
}

impl<'a> Comparison<'a> {
    /// Nothing asked yet. The first side is what is compared with.
    #[must_use]
    pub fn new(sides: [Side<'a>; 2]) -> Self {
        Self {
            sides,
            tallies: Default::default(),
            scratch: Scratch::default(),
            asked: 0,
            changed: 0,
            overlap: 0.0,
            moved: FxHashMap::default(),
            examples: Vec::new(),
        }
    }

    /// Asks both sides, each its engine; the two are one where the configs shape the same state. They take turns in
    /// going first, so that neither has the warmer caches.
    pub fn ask(&mut self, engines: [&Engine; 2], question: &Question) {
        let requests = [0, 1].map(|side: usize| self.sides[side].config.complete(question.asked.clone()).0);
        let first = usize::from(self.asked % 2 == 1);
        let mut slates: [Option<Slate>; 2] = [None, None];
        for side in [first, 1 - first] {
            let began = Instant::now();
            let settings = self.sides[side].settings;
            let request = &requests[side];
            let slate =
                engines[side].recommend_with(settings, request, question.now, &mut Unhurried, &mut self.scratch);
            let took_ns = u32::try_from(began.elapsed().as_nanos()).unwrap_or(u32::MAX);
            self.tallies[side].add(engines[side], request, &slate, took_ns);
            slates[side] = Some(slate);
        }
        if let [Some(base), Some(new)] = slates {
            self.differ(&requests[0], question.now, &base, &new);
        }
        self.asked += 1;
    }

    fn differ(&mut self, request: &Request, now: Timestamp, base: &Slate, new: &Slate) {
        let items = |slate: &Slate| -> Vec<ItemId> { slate.picks.iter().map(|pick| pick.item_id.clone()).collect() };
        let (base_items, new_items) = (items(base), items(new));
        let sets = [&base_items, &new_items].map(|items| items.iter().collect::<BTreeSet<_>>());
        let both = sets[0].intersection(&sets[1]).count();
        let either = sets[0].union(&sets[1]).count();
        self.overlap += if either == 0 { 1.0 } else { both as f64 / either as f64 };
        if base_items == new_items {
            return;
        }
        self.changed += 1;
        for item in sets[1].difference(&sets[0]) {
            self.moved.entry((*item).clone()).or_default()[0] += 1;
        }
        for item in sets[0].difference(&sets[1]) {
            self.moved.entry((*item).clone()).or_default()[1] += 1;
        }
        if self.examples.len() < MAX_EXAMPLES {
            let texts = |items: &[ItemId]| items.iter().map(ToString::to_string).collect();
            self.examples.push(Example {
                at: rfc3339(now),
                placement: request.placement.to_string(),
                session_id: request.session.to_string(),
                context: texts(&base.context),
                cart: texts(&base.cart),
                base: texts(&base_items),
                new: texts(&new_items),
            });
        }
    }

    /// What was found. `engine` knows the items' names; `of` is how many requests there would have been.
    #[must_use]
    pub fn report(self, engine: &Engine, of: u64) -> Report {
        let catalogue = engine.items().count();
        let currency = engine.settings().catalog.currency;
        let [base, new] = self.tallies;
        let figures = |tally: Tally, side: &Side<'_>| tally.figures(side.version, self.asked, catalogue, currency);
        let share = |part: u64| if self.asked == 0 { 0.0 } else { part as f64 / self.asked as f64 };
        Report {
            from: String::new(),
            requests: self.asked,
            of,
            changed: self.changed,
            changed_share: share(self.changed),
            mean_overlap: if self.asked == 0 { 1.0 } else { self.overlap / self.asked as f64 },
            gained: top(&self.moved, 0, engine),
            lost: top(&self.moved, 1, engine),
            base: figures(base, &self.sides[0]),
            new: figures(new, &self.sides[1]),
            restart_required: Vec::new(),
            examples: self.examples,
        }
    }
}

impl Tally {
    fn add(&mut self, engine: &Engine, request: &Request, slate: &Slate, took_ns: u32) {
        self.took_ns.push(took_ns);
        self.slots += request.limit as u64;
        self.filled += slate.picks.len() as u64;
        self.empty += u64::from(slate.picks.is_empty());
        *self.tiers.entry(slate.tier.name()).or_default() += 1;
        for (rule, dropped) in &slate.suppressed {
            match self.suppressed.get_mut(&rule[..]) {
                Some(count) => *count += u64::from(*dropped),
                None => drop(self.suppressed.insert(rule.to_string(), u64::from(*dropped))),
            }
        }
        for pick in &slate.picks {
            if !self.shown.contains(&pick.item_id) {
                self.shown.insert(pick.item_id.clone());
            }
            let margin = engine.item(pick.item_id.as_str()).and_then(|item| margin_minor(item.price, item.cost));
            if let (Some(margin), Some(probability)) = (margin, pick.probability) {
                self.margin_minor += probability * margin as f64;
                self.priced += 1;
            }
        }
    }

    fn figures(
        self,
        version: &str,
        asked: u64,
        catalogue: usize,
        currency: sidecart_engine::nouns::Currency,
    ) -> Figures {
        let margin = (self.priced > 0).then(|| Margin {
            per_answer: Money { minor: 1, currency }.major() * self.margin_minor / asked.max(1) as f64,
            currency: currency.as_str().to_owned(),
            known_share: self.priced as f64 / self.filled.max(1) as f64,
        });
        Figures {
            version: version.to_owned(),
            items: self.shown.len(),
            coverage: self.shown.len() as f64 / catalogue.max(1) as f64,
            empty_answers: self.empty,
            slots: self.slots,
            empty_slots: self.slots.saturating_sub(self.filled),
            expected_margin: margin,
            suppressed: self.suppressed,
            tiers: self.tiers,
            latency_us: Percentiles::of(self.took_ns, 1e-3),
        }
    }
}

/// Price less cost, where both are known and of one currency.
fn margin_minor(price: Option<Money>, cost: Option<Money>) -> Option<i64> {
    let (price, cost) = (price?, cost?);
    (price.currency == cost.currency).then(|| price.minor - cost.minor)
}

/// The items that moved most in one direction; equal ones by id.
fn top(moved: &FxHashMap<ItemId, [u64; 2]>, direction: usize, engine: &Engine) -> Vec<Moved> {
    let mut found: Vec<(&ItemId, u64)> =
        moved.iter().map(|(item, counts)| (item, counts[direction])).filter(|(_, count)| *count > 0).collect();
    found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.as_str().cmp(b.0.as_str())));
    let told = |(item, answers): (&ItemId, u64)| Moved {
        item_id: item.to_string(),
        title: engine.item(item.as_str()).map(|item| item.title.clone()).filter(|title| !title.is_empty()),
        answers,
    };
    found.into_iter().take(MAX_MOVED).map(told).collect()
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::{Entry, Item, PlacementId, Record, SessionId};

    use super::*;

    fn engine(items: u32) -> Engine {
        let mut engine = Engine::new(Settings::default());
        for number in 0..items {
            let item = Item::bare(ItemId::new(&format!("i{number}")).expect("an id"));
            engine.apply(&Entry { accepted_at: Timestamp(1), record: Record::Item(Box::new(item)), origin: None });
        }
        engine
    }

    fn question(limit: usize) -> Question {
        let request =
            Request::new(PlacementId::new("cart").expect("an id"), SessionId::new("s").expect("an id"), limit);
        Question { asked: Asked { request, repeats: None, deadline_ms: None }, now: Timestamp(2) }
    }

    fn with_cart_limit(limit: usize) -> Config {
        let mut config = Config::default();
        config.placements.entry("cart".into()).or_default().limit = limit;
        config
    }

    #[test]
    fn what_one_side_shows_and_the_other_does_not_is_gained_and_lost() {
        let engine = engine(5);
        let (base, new) = (with_cart_limit(3), with_cart_limit(1));
        let settings = Settings::default();
        let side = |version, config| Side { version, config, settings: &settings };
        let mut comparison = Comparison::new([side("a", &base), side("b", &new)]);
        comparison.ask([&engine, &engine], &question(0));
        comparison.ask([&engine, &engine], &question(2));
        let report = comparison.report(&engine, 9);
        assert_eq!((report.requests, report.of, report.changed), (2, 9, 1), "a caller's own limit is no one's choice");
        assert!((report.mean_overlap - (1.0 / 3.0 + 1.0) / 2.0).abs() < 1e-12);
        assert_eq!(report.lost.iter().map(|moved| moved.answers).collect::<Vec<_>>(), [1, 1]);
        assert!(report.gained.is_empty());
        assert_eq!((report.base.slots, report.base.empty_slots, report.new.slots), (5, 0, 3));
        assert_eq!((report.base.items, report.examples.len()), (3, 1));
        assert_eq!((report.examples[0].base.len(), report.examples[0].new.len()), (3, 1));
    }

    #[test]
    fn a_rule_that_empties_a_placement_shows() {
        let engine = engine(2);
        let base = Config::default();
        let mut new = Config::default();
        new.rules.eligibility.stock.require = true;
        let settings = [base.settings(), new.settings()];
        let mut comparison = Comparison::new([
            Side { version: "a", config: &base, settings: &settings[0] },
            Side { version: "b", config: &new, settings: &settings[1] },
        ]);
        comparison.ask([&engine, &engine], &question(2));
        let report = comparison.report(&engine, 1);
        assert_eq!((report.base.empty_answers, report.new.empty_answers), (0, 1));
        assert_eq!(report.new.empty_slots, 2);
        assert_eq!(report.new.suppressed.get("stock"), Some(&2));
    }
}
