//! From options to a report: where to cut, whom to ask what, and the contest itself.

use std::path::PathBuf;

use indicatif::ProgressBar;
use sidecart_engine::Settings;
use sidecart_engine::nouns::{Arrangement, EventKind, Timestamp};

use super::ReplayError;
use super::asked::{Asked, Probes};
use super::basket::{Hide, baskets};
use super::contest::Contest;
use super::feed::Learning;
use super::lane::Contender;
use super::next_item::{Seen, next_item, number_clusters, prequential};
use super::pairs::{Met, pairs};
use super::plan::{Cut, Plan};
use super::report::Report;
use crate::data::{Dataset, Head};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Every second and later event of each test session, foretold from those before it.
    NextItem,
    /// The hidden part of each test basket, found from the rest.
    Basket,
    /// Every event, foretold as it comes.
    Prequential,
}

impl Protocol {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NextItem => "next-item",
            Self::Basket => "basket",
            Self::Prequential => "prequential",
        }
    }

    /// The placement that is asked for.
    pub fn placement(self) -> &'static str {
        match self {
            Self::NextItem | Self::Prequential => "pdp",
            Self::Basket => "cart",
        }
    }

    /// What there must be to ask, where there is nothing.
    pub(super) fn needs(self) -> &'static str {
        match self {
            Self::NextItem => "no session that begins after it has two events: set an earlier --cut, or give more data",
            Self::Basket => {
                "no session that begins after it has bought two items: set an earlier --cut, or use --protocol next-item"
            }
            Self::Prequential => "no view, add_to_cart or purchase comes after it: set an earlier --cut",
        }
    }
}

/// How to replay.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is asked.
    pub protocol: Protocol,
    /// Where to cut, if not where the data say.
    pub cut: Option<Timestamp>,
    /// A file that fixes what is asked.
    pub pairs: Option<PathBuf>,
    /// How much of a basket is hidden.
    pub hide: Hide,
    /// Cut-offs k, ascending and distinct.
    pub cut_offs: Vec<usize>,
    /// Who is asked; empty: all that make sense.
    pub contenders: Vec<Contender>,
    /// Whether seen items count.
    pub seen: Seen,
    /// Seed of samples, hidden halves and intervals.
    pub seed: u64,
    /// Ask only so many questions, drawn at random.
    pub limit_queries: Option<usize>,
    /// How many events the scorer learns from.
    pub learning: Learning,
    /// What else is asked of the live strategy.
    pub probes: Probes,
    /// The engine's settings.
    pub settings: Settings,
    /// How answers are put together: as the placement that is asked for does.
    pub arrangement: Arrangement,
}

/// Replays a data set.
///
/// # Errors
/// [`ReplayError`] where nothing can be asked.
pub fn run(data: &mut Dataset, options: &Options, progress: &ProgressBar) -> Result<Report, ReplayError> {
    let cut = find_cut(data, options)?;
    let contenders = contenders(options)?;
    let probes = probes(options, &contenders)?;
    let (mut plan, met) = make_plan(data, cut, options)?;
    let bought = |head: &Head| head.kind == EventKind::Purchase;
    if contenders.iter().any(|contender| contender.is_baseline()) && !data.events().iter().any(bought) {
        return Err(ReplayError::NoPurchases);
    }
    if let Some(most) = options.limit_queries {
        plan.sample(most, options.seed);
        number_clusters(&mut plan);
    }
    if plan.queries.is_empty() {
        return Err(ReplayError::NoQueries { cut: cut.at, hint: options.protocol.needs() });
    }
    progress.set_length(data.events().len() as u64);
    let mut contest = Contest::new(data, &plan, options, cut, &contenders, probes);
    contest.run(progress);
    progress.finish_and_clear();
    Ok(contest.report(met))
}

/// The cut between what is known and what is foretold.
///
/// # Errors
/// [`ReplayError`] where there is no event, or none before it.
pub(super) fn find_cut(data: &Dataset, options: &Options) -> Result<Cut, ReplayError> {
    let events = data.events();
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Err(ReplayError::NoEvents(data.label.clone()));
    };
    let whole_stream = options.protocol == Protocol::Prequential;
    let cut = match (data.test_from, options.cut, data.cut) {
        (Some(place), ..) => Cut { at: events[place].at, place },
        (None, Some(at), _) => Cut::at(events, at),
        (None, None, _) if whole_stream => Cut { at: first.at, place: 0 },
        (None, None, Some(at)) => Cut::at(events, at),
        (None, None, None) => Cut::last_tenth(events).unwrap_or(Cut { at: first.at, place: 0 }),
    };
    if cut.place == 0 && !whole_stream {
        return Err(ReplayError::NothingBefore { cut: cut.at, first: first.at, last: last.at });
    }
    Ok(cut)
}

fn contenders(options: &Options) -> Result<Vec<Contender>, ReplayError> {
    let whole_stream = options.protocol == Protocol::Prequential && options.cut.is_none();
    let mut chosen = options.contenders.clone();
    if chosen.is_empty() {
        chosen = Contender::SERVED.into_iter().filter(|contender| !(whole_stream && contender.is_fixed())).collect();
    } else if whole_stream && chosen.iter().any(|contender| contender.is_fixed()) {
        return Err(ReplayError::Usage(
            "`static` and `frozen` are fixed at the cut, and prequential over the whole stream has none: give --cut, or --strategies batch,realtime",
        ));
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn probes(options: &Options, contenders: &[Contender]) -> Result<Vec<Asked>, ReplayError> {
    let probes = &options.probes;
    if !probes.is_empty() && !contenders.contains(&Contender::Realtime) {
        return Err(ReplayError::Usage(
            "--without, --model-lag and --context-lag compare with `realtime`: add it to --strategies",
        ));
    }
    if !probes.context_lags.is_empty() && options.protocol == Protocol::Basket {
        return Err(ReplayError::Usage(
            "--context-lag asks in live sessions, and --protocol basket has none: use it with next-item or prequential",
        ));
    }
    probes.lanes(&options.settings)
}

/// What is to be asked.
///
/// # Errors
/// [`ReplayError`] where pairs cannot be read or used.
pub(super) fn make_plan(data: &mut Dataset, cut: Cut, options: &Options) -> Result<(Plan, Option<Met>), ReplayError> {
    match (&options.pairs, options.protocol) {
        (Some(path), Protocol::NextItem) => pairs(data, cut, path).map(|(plan, met)| (plan, Some(met))),
        (Some(_), _) => Err(ReplayError::Usage("--pairs fixes next items: use it with --protocol next-item")),
        (None, Protocol::NextItem) => Ok((next_item(data, cut, options.seen), None)),
        (None, Protocol::Prequential) => Ok((prequential(data, cut, options.seen), None)),
        (None, Protocol::Basket) => Ok((baskets(data, cut, options.hide, options.seed), None)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::dataset;
    use super::*;

    fn options(protocol: Protocol) -> Options {
        Options {
            protocol,
            cut: None,
            pairs: None,
            hide: Hide::Half,
            cut_offs: vec![1, 5],
            contenders: Vec::new(),
            seen: Seen::Count,
            seed: 1,
            limit_queries: None,
            learning: Learning::Off,
            probes: Probes::default(),
            settings: Settings::default(),
            arrangement: Arrangement::default(),
        }
    }

    /// Ten sessions that go from a to b, the cut, and thirty that go from a to c.
    fn change_of_mind() -> (Dataset, Cut) {
        let sessions = |numbers: std::ops::Range<u32>, second: &str| -> String {
            let session = |n: u32| format!("view {} s{n} a\nview {} s{n} {second}\n", n * 100, n * 100 + 10);
            numbers.map(session).collect()
        };
        dataset(&format!("{}cut\n{}", sessions(0..10, "b"), sessions(10..40, "c")))
    }

    fn hit_rates(report: &Report) -> BTreeMap<&'static str, f64> {
        let value = |name| report.strategies.iter().find(|s| s.name == name).and_then(|s| s.metrics.get("hr@1"));
        ["static", "batch", "frozen", "realtime"].map(|name| (name, value(name).map_or(-1.0, |i| i.value))).into()
    }

    #[test]
    fn the_live_strategy_learns_after_the_cut_and_the_frozen_one_does_not() {
        let (mut data, cut) = change_of_mind();
        let options = Options { cut: Some(cut.at), ..options(Protocol::NextItem) };
        let report = run(&mut data, &options, &ProgressBar::hidden()).expect("runs");
        let rates = hit_rates(&report);
        assert_eq!((rates["frozen"], rates["batch"]), (0.0, 0.0), "c is unknown at the cut and at midnight");
        assert!(rates["realtime"] > 0.4, "{rates:?}");
        assert!(rates["realtime"] < 1.0, "the first c cannot be foretold: {rates:?}");
        assert_eq!((report.items, report.bare_items), (3, 3));
        assert_eq!(report.events.applied, 80);
        let behind = |place: usize| report.strategies[place].behind_ms.p50;
        assert!(behind(2) > 0.0);
        assert!(behind(3).abs() < f64::EPSILON);
    }

    #[test]
    fn the_live_strategy_is_paired_with_each_other() {
        let (mut data, cut) = change_of_mind();
        let options = Options { cut: Some(cut.at), ..options(Protocol::NextItem) };
        let report = run(&mut data, &options, &ProgressBar::hidden()).expect("runs");
        let rates = hit_rates(&report);
        for difference in &report.differences {
            let found = difference.metrics.get("hr@1").expect("a figure");
            assert!((found.value - (rates["realtime"] - rates[difference.minus])).abs() < 1e-12);
            assert!(found.low <= found.value && found.value <= found.high);
        }
        assert_eq!(report.differences.len(), 3);
    }

    #[test]
    fn fixed_strategies_need_a_cut() {
        let (mut data, _) = change_of_mind();
        let fixed = Options { contenders: vec![Contender::Frozen], ..options(Protocol::Prequential) };
        assert!(matches!(run(&mut data, &fixed, &ProgressBar::hidden()), Err(ReplayError::Usage(_))));
        let report = run(&mut data, &options(Protocol::Prequential), &ProgressBar::hidden()).expect("runs");
        let names: Vec<&str> = report.strategies.iter().map(|strategy| strategy.name.as_str()).collect();
        assert_eq!(names, ["batch", "realtime"]);
        assert_eq!(report.strategies[0].queries, 80, "every event is asked");
    }

    #[test]
    fn a_cut_outside_the_data_names_their_range() {
        let (mut data, _) = change_of_mind();
        let before = Options { cut: Some(Timestamp(1_500_000_000_000)), ..options(Protocol::NextItem) };
        let error = run(&mut data, &before, &ProgressBar::hidden()).expect_err("nothing before").to_string();
        assert!(error.contains("set --cut between 2020-06-01T00:00:00Z and 2020-06-01T01:05:10Z"), "{error}");
        let after = Options { cut: Some(Timestamp(1_700_000_000_000)), ..options(Protocol::Basket) };
        assert!(matches!(run(&mut data, &after, &ProgressBar::hidden()), Err(ReplayError::NoQueries { .. })));
    }

    /// Ten orders of a and b, the cut, and thirty of a and c, each followed by the like.
    fn change_of_taste() -> (Dataset, Cut) {
        let orders = |numbers: std::ops::Range<u32>, second: &str| -> String {
            let order = |n: u32| format!("purchase {} s{n} a\npurchase {} s{n} {second}\n", n * 100, n * 100 + 10);
            numbers.map(order).collect()
        };
        dataset(&format!("{}cut\n{}", orders(0..10, "b"), orders(10..40, "c")))
    }

    #[test]
    fn the_hybrid_is_told_as_a_multiple_of_the_yardsticks() {
        let (mut data, cut) = change_of_taste();
        let contenders =
            vec![Contender::Frozen, Contender::Realtime, Contender::ConditionalFrozen, Contender::Conditional];
        let options = Options { cut: Some(cut.at), contenders, ..options(Protocol::NextItem) };
        let report = run(&mut data, &options, &ProgressBar::hidden()).expect("runs");
        let rate = |name| {
            let strategy = report.strategies.iter().find(|s| s.name == name).expect("asked");
            strategy.metrics.get("hr@1").expect("a figure").value
        };
        assert!(rate("conditional-frozen").abs() < f64::EPSILON, "c is unknown at the cut");
        let expected = 1.0 - 10.0 / 30.0;
        assert!((rate("conditional") - expected).abs() < 1e-9, "b leads until c was bought as often, and later");
        assert_eq!(
            report.ratios.iter().map(|r| (r.of, r.over)).collect::<Vec<_>>(),
            [
                ("frozen", "conditional-frozen"),
                ("frozen", "conditional"),
                ("realtime", "conditional-frozen"),
                ("realtime", "conditional"),
            ]
        );
        let ratio = report.ratios[3].metrics.get("hr@1").expect("a figure");
        assert!((ratio.value - rate("realtime") / rate("conditional")).abs() < 1e-9);
        assert!(report.ratios[0].metrics.get("hr@1").is_none(), "a multiple of nothing is none");
    }

    #[test]
    fn a_yardstick_without_purchases_is_refused() {
        let (mut data, cut) = change_of_mind();
        let contenders = vec![Contender::Realtime, Contender::Conditional];
        let options = Options { cut: Some(cut.at), contenders, ..options(Protocol::NextItem) };
        assert!(matches!(run(&mut data, &options, &ProgressBar::hidden()), Err(ReplayError::NoPurchases)));
    }
}
