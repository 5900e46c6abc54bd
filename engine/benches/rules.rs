//! What 200 rules of a shop's own add to an answer over 200 candidates: processor time, with them and without.
//!
//! `cargo bench -p sidecart-engine --bench rules`

#![allow(missing_docs, reason = "a program, not a library")]

use std::sync::Arc;

use rustix::time::{ClockId, clock_gettime};
use sidecart_engine::nouns::*;
use sidecart_engine::policy::*;
use sidecart_engine::{Engine, Scratch, Settings, Unhurried};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ITEMS: usize = 20_000;
const RULES: usize = 200;
const CANDIDATES: usize = 200;
const TWO_HOPS: usize = 54;
const ASKS: usize = 4_000;
/// Answers before those that count.
const WARM: usize = 200;

fn main() {
    let engine = engine();
    let all = [
        ("without rules", settings(Vec::new())),
        ("200 rules of all kinds", settings(mixed())),
        ("200 rules on prices and stock", settings((0..RULES).map(by_number).collect())),
    ];
    let mut scratch = Scratch::default();
    let (mut took, mut added) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    let mut considered = 0;
    for ask in 0..ASKS + WARM {
        let request = request(ask);
        // The same request under all settings, one right after the other: what is added is the difference of the two.
        let us = all.each_ref().map(|(_, settings)| {
            let before = cpu_us();
            let answer = engine.recommend_with(settings, &request, Timestamp(NOON), &mut Unhurried, &mut scratch);
            let took = cpu_us() - before;
            assert!(!answer.picks.is_empty(), "an answer");
            considered += u64::from(answer.considered);
            took
        });
        if ask >= WARM {
            for (place, us_of) in us.into_iter().enumerate() {
                took[place].push(us_of);
                added[place].push(us_of - us[0]);
            }
        }
    }
    let mean = considered / (all.len() * (ASKS + WARM)) as u64;
    println!("{ASKS} answers, {mean} candidates asked about in the mean, CPU microseconds");
    println!("{:<44} {:>8} {:>8} {:>8}", "", "p50", "p95", "p99");
    for (place, (name, _)) in all.iter().enumerate() {
        print(&format!("an answer, {name}"), &mut took[place]);
        if place > 0 {
            print(&format!("added by {name}"), &mut added[place]);
        }
    }
}

fn print(name: &str, sorted: &mut [f64]) {
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    println!("{name:<44} {:>8.1} {:>8.1} {:>8.1}", at(0.5), at(0.95), at(0.99));
}

/// Processor time of this thread.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

const NOON: i64 = 1_767_268_800_000;

fn name(item: usize) -> ItemId {
    ItemId::new(&format!("i{item}")).expect("a valid id")
}

/// A shop whose items have all fields; visits go through neighbouring items.
fn engine() -> Engine {
    let mut engine = Engine::new(Settings::default());
    for item in 0..ITEMS {
        let record = Record::Item(Box::new(the_item(item)));
        engine.apply(&Entry { accepted_at: Timestamp(NOON), record, origin: None });
    }
    for visit in 0..60_000_usize {
        for step in 0..5 {
            // Neighbours of many distances, so that an item goes with some hundred others.
            let item = (visit * 7 + step * (31 + visit % 60)) % ITEMS;
            let event = Event {
                id: EventId::new(&format!("e{visit}-{step}")).expect("a valid id"),
                kind: if step == 4 { EventKind::AddToCart } else { EventKind::View },
                session: SessionId::new(&format!("s{visit}")).expect("a valid id"),
                user: None,
                anonymous: None,
                at: Timestamp(NOON - 1_000_000 + visit as i64),
                lines: vec![Line { item: name(item), quantity: 1, price: None }],
                order: None,
                placement: None,
                attribution_token: None,
                consent: None,
                context: None,
            };
            engine.apply(&Entry { accepted_at: Timestamp(NOON), record: Record::Event(Box::new(event)), origin: None });
        }
    }
    engine
}

fn the_item(item: usize) -> Item {
    let money = |minor: usize| Some(Money { minor: minor as i64, currency: Currency::USD });
    let attributes = [
        ("hfss".to_owned(), Attribute::Flag(item.is_multiple_of(9))),
        ("voltage".to_owned(), Attribute::Number((item % 4) as f64 * 12.0)),
        ("system".to_owned(), Attribute::Text(format!("s{}", item % 6))),
    ];
    Item {
        brand: Some(format!("brand {}", item % 97)),
        category_path: vec![format!("department {}", item % 12), format!("category {}", item % 240)],
        price: money(100 + item % 5_000),
        cost: money(60 + item % 3_000),
        stock: Some(1 + (item % 50) as u32),
        stock_updated_at: Some(Timestamp(NOON - 60_000)),
        tags: vec![format!("tag {}", item % 31)],
        attributes: attributes.into(),
        ..Item::bare(name(item))
    }
}

fn request(ask: usize) -> Request {
    let placement = PlacementId::new("cart").expect("a valid id");
    let session = SessionId::new("a-new-visitor").expect("a valid id");
    let of = |n: usize| name((ask * 37 + n * 31) % ITEMS);
    Request {
        context_items: (0..3).map(of).collect(),
        cart: Some((3..6).map(of).collect()),
        shopper: Shopper { region: Some("GB-ENG".into()), age_verified: Some(30), ..Shopper::default() },
        ..Request::new(placement, session, 20)
    }
}

fn settings(rules: Vec<Rule>) -> Settings {
    let mut settings = Settings::default();
    settings.candidates.limit = CANDIDATES;
    // So that the rules, which come before that limit, are asked about as many.
    settings.candidates.two_hops.limit = TWO_HOPS;
    settings.rules.shop = Arc::new(RuleSet::new(rules, 10.0));
    settings
}

fn number(number: ItemNumber, order: Order, than: f64) -> Cond {
    Cond::number(Num::Item(Subject::Item, number), order, Num::Const(than))
}

fn attr(name: &str) -> Attr {
    Attr::new(Whose::Of(Subject::Item), name)
}

/// As a shop has them: most on categories, brands and labels, some on attributes, numbers, the cart and the shopper.
fn mixed() -> Vec<Rule> {
    let rule = |n: usize| {
        let cond = match n % 10 {
            0 | 1 => Cond::in_list(Text::of(&format!("category {n}")), List::Item(Subject::Item, ItemList::Categories)),
            2 => Cond::And(vec![
                Cond::item_in(ItemText::Category, &[format!("category {n}")]),
                Cond::Not(Box::new(Cond::number(Num::Ask(AskNumber::UserAge), Order::AtLeast, Num::Const(18.0)))),
            ]),
            3 => Cond::And(vec![
                Cond::item_in(ItemText::Brand, &[format!("brand {n}")]),
                number(ItemNumber::MarginPct, Order::Less, 10.0),
            ]),
            4 => Cond::in_list(Text::of(&format!("tag {n}")), List::Item(Subject::Item, ItemList::Tags)),
            5 => Cond::And(vec![
                Cond::HasAttr(attr("hfss")),
                Cond::Flag(ItemFlag::Attr(attr("hfss"))),
                Cond::same(Text::Ask(AskText::Region), Text::of("GB-WLS")),
            ]),
            6 => Cond::number(Num::Attr(attr("voltage")), Order::Greater, Num::Const(40.0 + n as f64)),
            7 => Cond::And(vec![
                Cond::in_list(Text::of(&format!("category {n}")), List::Item(Subject::Item, ItemList::Categories)),
                Cond::in_list(Text::of(&format!("category {}", n + 1)), List::Ask(AskList::CartCategories)),
            ]),
            8 => number(ItemNumber::Price, Order::Greater, 1_000.0 + n as f64),
            _ => number(ItemNumber::StockAge, Order::Greater, 600.0 + n as f64),
        };
        let (kind, effect) =
            if n % 20 == 4 { (Kind::Boost, Effect::Weigh(1.2)) } else { (Kind::Compliance, Effect::Deny) };
        Rule::new(&format!("r{n}"), kind, cond, effect)
    };
    (0..RULES).map(rule).collect()
}

/// The worst for an index: nothing to go by but numbers.
fn by_number(n: usize) -> Rule {
    let cond = match n % 3 {
        0 => number(ItemNumber::Price, Order::Greater, 1_000.0 + n as f64),
        1 => number(ItemNumber::Stock, Order::Less, -(n as f64)),
        _ => number(ItemNumber::MarginPct, Order::Less, -10_000.0 - n as f64),
    };
    Rule::new(&format!("n{n}"), Kind::Eligibility, cond, Effect::Deny)
}
