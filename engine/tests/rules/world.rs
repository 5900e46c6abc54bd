//! A random shop, its random rules and random wishes, all from one seed.

use std::collections::BTreeMap;

use sidecart_engine::nouns::*;
use sidecart_engine::policy::{Effect, Kind, Order, Rule, RuleSet, Schedule, Scope};

use crate::common::{at, item_id};
use crate::oracle::Spec;

/// SplitMix64 (Steele et al., OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True in `share` of 100 cases.
    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub fn maybe<T>(&mut self, share: usize, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(share).then(|| make(self))
    }
}

const CATEGORIES: [&str; 5] = ["a", "b", "c", "d", "e"];
const DEPARTMENTS: [&str; 2] = ["X", "Y"];
const BRANDS: [&str; 3] = ["p", "q", "r"];
const TAGS: [&str; 3] = ["t", "u", "v"];
const ATTRIBUTES: [&str; 3] = ["f", "g", "h"];
const SEGMENTS: [&str; 2] = ["vip", "new"];
const PLACEMENTS: [&str; 2] = ["cart", "pdp"];
const REGIONS: [&str; 2] = ["GB", "FR"];
const ORDERS: [Order; 6] = [Order::Equal, Order::Unequal, Order::Less, Order::AtMost, Order::Greater, Order::AtLeast];

/// What the test knows of the shop.
pub struct World {
    pub items: BTreeMap<ItemId, Item>,
    pub rules: Vec<Law>,
}

/// A rule as the test thinks of it.
#[derive(Debug, Clone)]
pub struct Law {
    pub spec: Spec,
    pub scope: Scope,
    pub pin: Option<(usize, ItemId)>,
    pub factor: Option<f64>,
}

/// Who asks for what, and when.
#[derive(Debug, Clone)]
pub struct Wish {
    pub placement: String,
    pub cart: Vec<ItemId>,
    pub context: Vec<ItemId>,
    pub region: Option<String>,
    pub age: Option<u8>,
    pub segments: Option<Vec<String>>,
    pub limit: usize,
    pub strategy: Strategy,
    pub repeats: Repeats,
    pub now: Timestamp,
}

fn text(dice: &mut Dice, of: &[&str]) -> String {
    (*dice.pick(of)).to_owned()
}

pub fn name(number: usize) -> ItemId {
    item_id(&format!("i{number}"))
}

/// An item of which every field may be missing.
pub fn item(dice: &mut Dice, number: usize) -> Item {
    let money = |minor: usize| Money { minor: minor as i64, currency: Currency::USD };
    let mut attributes = BTreeMap::new();
    for name in ATTRIBUTES {
        let value = match dice.below(6) {
            0 | 1 => Attribute::Flag(dice.percent(50)),
            2 | 3 => Attribute::Number(dice.below(5) as f64),
            4 => Attribute::Text("t".into()),
            _ => continue,
        };
        attributes.insert(name.to_owned(), value);
    }
    Item {
        group: dice.maybe(40, |dice| format!("g{}", dice.below(4))),
        brand: dice.maybe(80, |dice| text(dice, &BRANDS)),
        category_path: dice
            .maybe(85, |dice| vec![text(dice, &DEPARTMENTS), text(dice, &CATEGORIES)])
            .unwrap_or_default(),
        price: dice.maybe(85, |dice| money(dice.below(12) * 50)),
        cost: dice.maybe(60, |dice| money(dice.below(10) * 50)),
        stock: dice.maybe(75, |dice| dice.below(6) as u32),
        stock_updated_at: dice.maybe(80, |dice| at(dice.below(60) as i64 - 60)),
        tags: TAGS.iter().filter(|_| dice.percent(30)).map(|&tag| tag.to_owned()).collect(),
        attributes,
        ..Item::bare(name(number))
    }
}

/// A condition of bounded depth.
fn spec(dice: &mut Dice, depth: usize) -> Spec {
    if depth > 0 && dice.percent(45) {
        let parts = |dice: &mut Dice| (0..2 + dice.below(2)).map(|_| spec(dice, depth - 1)).collect();
        return match dice.below(3) {
            0 => Spec::Not(Box::new(spec(dice, depth - 1))),
            1 => Spec::And(parts(dice)),
            _ => Spec::Or(parts(dice)),
        };
    }
    let order = *dice.pick(&ORDERS);
    match dice.below(23) {
        0 => Spec::Price(order, dice.below(6) as f64),
        1 => Spec::MarginPct(order, dice.below(80) as f64),
        2 => Spec::Stock(order, dice.below(5) as f64),
        3 => Spec::StockAge(order, dice.below(3_600) as f64),
        4 => Spec::PricePerUnit(dice.below(4) as f64),
        5 => Spec::Brand(text(dice, &BRANDS)),
        6 => Spec::CategoryIs(text(dice, &CATEGORIES)),
        7 => Spec::CategoryIn((0..dice.below(3)).map(|_| text(dice, &CATEGORIES)).collect()),
        8 => Spec::UnderCategory(if dice.percent(50) { text(dice, &DEPARTMENTS) } else { text(dice, &CATEGORIES) }),
        9 => Spec::Tag(text(dice, &TAGS)),
        10 => Spec::Flag(text(dice, &ATTRIBUTES)),
        11 => Spec::Amount(text(dice, &ATTRIBUTES), order, dice.below(5) as f64),
        12 => Spec::HasAttribute(text(dice, &ATTRIBUTES)),
        13 => Spec::CartHas(text(dice, &CATEGORIES)),
        14 => Spec::CartTotal(order, dice.below(12) as f64),
        15 => Spec::CartSum(text(dice, &ATTRIBUTES), dice.below(6) as f64),
        16 => Spec::CartAny(text(dice, &BRANDS), dice.below(5) as f64),
        17 => Spec::SameGroupInCart,
        18 => Spec::Region(text(dice, &REGIONS)),
        19 => Spec::Age(order, 16.0 + dice.below(4) as f64),
        20 => Spec::Segment(text(dice, &SEGMENTS)),
        21 => Spec::Hour(order, 11.0 + dice.below(3) as f64),
        _ => Spec::Placement(text(dice, &PLACEMENTS)),
    }
}

fn scope(dice: &mut Dice) -> Scope {
    let schedule = Schedule {
        from: dice.maybe(15, |dice| at(dice.below(120) as i64)),
        until: dice.maybe(15, |dice| at(dice.below(120) as i64)),
        ..Schedule::default()
    };
    Scope {
        placements: dice.maybe(25, |dice| text(dice, &PLACEMENTS)).into_iter().collect(),
        segments: dice.maybe(20, |dice| text(dice, &SEGMENTS)).into_iter().collect(),
        schedule,
    }
}

impl Law {
    /// Whether it concerns a wish; `None`: it is not known.
    pub fn concerns(&self, wish: &Wish) -> Option<bool> {
        let here = self.scope.placements.is_empty() || self.scope.placements.contains(&wish.placement);
        let begun = self.scope.schedule.from.is_none_or(|from| from.0 <= wish.now.0);
        let ended = self.scope.schedule.until.is_some_and(|until| until.0 <= wish.now.0);
        if !here || !begun || ended {
            return Some(false);
        }
        if self.scope.segments.is_empty() {
            return Some(true);
        }
        wish.segments.as_ref().map(|own| own.iter().any(|segment| self.scope.segments.contains(segment)))
    }
}

impl World {
    /// A world of `items` items.
    pub fn random(dice: &mut Dice, items: usize) -> Self {
        let count = 1 + dice.below(5);
        let hard = |dice: &mut Dice| Law { spec: spec(dice, 2), scope: scope(dice), pin: None, factor: None };
        let mut rules: Vec<Law> = (0..count).map(|_| hard(dice)).collect();
        for _ in 0..dice.below(3) {
            rules.push(Law { factor: Some(0.25 + dice.below(16) as f64), ..hard(dice) });
        }
        for slot in 1..=dice.below(3) {
            let pin = Some((slot, name(dice.below(items + 2))));
            rules.push(Law { pin, spec: Spec::And(Vec::new()), ..hard(dice) });
        }
        let items = (0..items).map(|number| (name(number), item(dice, number))).collect();
        Self { items, rules }
    }

    /// The rules as the engine is told them.
    pub fn rule_set(&self) -> RuleSet {
        let kinds = [Kind::Compliance, Kind::Eligibility, Kind::Suppress, Kind::Exclude];
        let rule = |(number, law): (usize, &Law)| {
            let (kind, effect) = match (&law.pin, law.factor) {
                (Some((slot, item)), _) => (Kind::Pin, Effect::Pin(*slot, item.clone())),
                (None, Some(factor)) => (Kind::Boost, Effect::Weigh(factor)),
                (None, None) => (kinds[number % kinds.len()], Effect::Deny),
            };
            Rule { scope: law.scope.clone(), ..Rule::new(&format!("r{number}"), kind, law.spec.cond(), effect) }
        };
        RuleSet::new(self.rules.iter().enumerate().map(rule).collect(), 4.0)
    }

    /// Whether a hard rule of the shop forbids an item.
    pub fn forbids(&self, item: &Item, wish: &Wish) -> bool {
        let hard = self.rules.iter().filter(|law| law.pin.is_none() && law.factor.is_none());
        hard.filter(|law| law.concerns(wish) != Some(false)).any(|law| law.spec.truth(item, wish, self) != Some(false))
    }
}

impl Wish {
    pub fn random(dice: &mut Dice, items: usize) -> Self {
        // Some carts hold what the catalogue does not have.
        let mut some = |most: usize, unknown: usize| {
            let mut found: Vec<ItemId> = Vec::new();
            for _ in 0..dice.below(most + 1) {
                let id = name(if dice.percent(unknown) { items + 7 } else { dice.below(items) });
                if !found.contains(&id) {
                    found.push(id);
                }
            }
            found
        };
        let (cart, context) = (some(3, 4), some(3, 4));
        Self {
            placement: text(dice, &PLACEMENTS),
            cart,
            context,
            region: dice.maybe(70, |dice| text(dice, &REGIONS)),
            age: dice.maybe(70, |dice| 15 + dice.below(6) as u8),
            segments: dice.maybe(70, |dice| SEGMENTS.iter().filter(|_| dice.percent(50)).map(|&s| s.into()).collect()),
            limit: 1 + dice.below(6),
            strategy: *dice.pick(&[Strategy::Realtime, Strategy::Realtime, Strategy::Batch, Strategy::Static]),
            repeats: if dice.percent(50) { Repeats::Allow } else { Repeats::Suppress },
            now: at(dice.below(120) as i64),
        }
    }

    pub fn request(&self) -> Request {
        let placement = PlacementId::new(&self.placement).expect("a valid id");
        Request {
            cart: Some(self.cart.clone()),
            context_items: self.context.clone(),
            shopper: Shopper {
                region: self.region.clone(),
                age_verified: self.age,
                segments: self.segments.clone(),
                ..Shopper::default()
            },
            strategy: self.strategy,
            repeats: self.repeats,
            ..Request::new(placement, SessionId::new("asks").expect("a valid id"), self.limit)
        }
    }
}
