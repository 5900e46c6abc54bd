//! Shops made for tests, of kinds that the public sets do not have.

use std::fmt::Write;

use indicatif::ProgressBar;
use sidecart_engine::Settings;
use sidecart_engine::nouns::Arrangement;

use super::asked::Probes;
use super::basket::Hide;
use super::feed::Learning;
use super::lane::Contender;
use super::next_item::Seen;
use super::report::Report;
use super::run::{Options, Protocol, run};
use super::seeded::Seeded;
use super::testing::dataset;

/// Items that stand in for each other.
const ALIKE: usize = 12;
/// Kinds of items.
const KINDS: usize = 8;

/// Visits that each buy two things that go together, and look at things that stand in for each before: what is bought
/// together is not what is looked at together.
fn looks_before_it_buys(visits: u64, tells_of_carts: bool) -> String {
    let mut stream = String::new();
    for visit in 0..visits {
        let mut dice = Seeded::new(7, visit);
        let (kind, number) = (dice.below(KINDS), dice.below(ALIKE));
        let mut pair = [(kind, number), ((kind + 1) % KINDS, number * 5 % ALIKE)];
        dice.shuffle(&mut pair);
        let mut second = visit * 1_000;
        for (kind, number) in pair {
            for looked_at in [dice.below(ALIKE), dice.below(ALIKE), number] {
                second += 10;
                let _ = writeln!(stream, "view {second} s{visit} i{kind}-{looked_at}");
            }
            if tells_of_carts {
                second += 10;
                let _ = writeln!(stream, "add_to_cart {second} s{visit} i{kind}-{number}");
            }
        }
        for (kind, number) in pair {
            let _ = writeln!(stream, "purchase {} s{visit} i{kind}-{number}", second + 10);
        }
        if visit == visits * 4 / 5 {
            stream.push_str("cut\n");
        }
    }
    stream
}

fn replayed(stream: &str, protocol: Protocol) -> Report {
    let (mut data, cut) = dataset(stream);
    let options = Options {
        protocol,
        cut: Some(cut.at),
        pairs: None,
        hide: Hide::Half,
        cut_offs: vec![1, 5],
        contenders: vec![Contender::Realtime, Contender::Conditional],
        seen: Seen::Count,
        seed: 1,
        limit_queries: None,
        learning: Learning::OneIn(1),
        probes: Probes::default(),
        settings: Settings::default(),
        arrangement: Arrangement::default(),
    };
    run(&mut data, &options, &ProgressBar::hidden()).expect("runs")
}

fn figure(report: &Report, strategy: &str, name: &str) -> f64 {
    let of = report.strategies.iter().find(|of| of.name == strategy);
    of.and_then(|of| of.metrics.get(name)).expect("a figure").value
}

#[test]
fn where_one_looks_before_one_buys_carts_are_filled_at_least_as_well_as_by_counting_orders() {
    for tells_of_carts in [true, false] {
        let report = replayed(&looks_before_it_buys(2_000, tells_of_carts), Protocol::Basket);
        for name in ["recall@1", "recall@5"] {
            let [ours, counted] = ["realtime", "conditional"].map(|of| figure(&report, of, name));
            assert!(ours >= counted, "carts: {tells_of_carts}, {name}: {ours:.3} against {counted:.3}");
        }
    }
}

#[test]
fn visits_too_busy_for_a_person_are_counted_and_the_questions_that_are_theirs() {
    let calm = looks_before_it_buys(100, false);
    assert_eq!(super::table::bots(&replayed(&calm, Protocol::NextItem)), None);
    let busy: String = (0..200).map(|n| format!("view {} program i{}-{}\n", 200_000 + n / 10, n % 8, n % 12)).collect();
    let events = replayed(&(calm + &busy), Protocol::NextItem).events;
    assert_eq!((events.bot_visits, events.bots), (1, 80), "beyond 120 a minute");
    assert_eq!(events.bot_queries, 79, "the first beyond was asked when nobody knew");
}
