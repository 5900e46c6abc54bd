//! From options to a report: where to cut, whom to ask what, and the contest itself.

use std::path::PathBuf;

use indicatif::ProgressBar;
use sidecart_engine::Settings;
use sidecart_engine::nouns::Timestamp;

use super::ReplayError;
use super::basket::{Hide, baskets};
use super::contest::Contest;
use super::feed::Learning;
use super::lane::Contender;
use super::next_item::{Seen, next_item, number_clusters, prequential};
use super::pairs::{Met, pairs};
use super::plan::{Cut, Plan};
use super::report::Report;
use crate::data::Dataset;

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

    fn needs(self) -> &'static str {
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
    /// The engine's settings.
    pub settings: Settings,
}

/// Replays a data set.
///
/// # Errors
/// [`ReplayError`] where nothing can be asked.
pub fn run(data: &mut Dataset, options: &Options, progress: &ProgressBar) -> Result<Report, ReplayError> {
    let cut = find_cut(data, options)?;
    let contenders = contenders(options)?;
    let (mut plan, met) = make_plan(data, cut, options)?;
    if let Some(most) = options.limit_queries {
        plan.sample(most, options.seed);
        number_clusters(&mut plan);
    }
    if plan.queries.is_empty() {
        return Err(ReplayError::NoQueries { cut: cut.at, hint: options.protocol.needs() });
    }
    progress.set_length(data.events().len() as u64);
    let mut contest = Contest::new(data, &plan, options, cut, &contenders);
    contest.run(progress);
    progress.finish_and_clear();
    Ok(contest.report(met))
}

fn find_cut(data: &Dataset, options: &Options) -> Result<Cut, ReplayError> {
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
        chosen = Contender::ALL.into_iter().filter(|contender| !(whole_stream && contender.is_fixed())).collect();
    } else if whole_stream && chosen.iter().any(|contender| contender.is_fixed()) {
        return Err(ReplayError::Usage(
            "`static` and `frozen` are fixed at the cut, and prequential over the whole stream has none: give --cut, or --strategies batch,realtime",
        ));
    }
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn make_plan(data: &mut Dataset, cut: Cut, options: &Options) -> Result<(Plan, Option<Met>), ReplayError> {
    match (&options.pairs, options.protocol) {
        (Some(path), Protocol::NextItem) => pairs(data, cut, path).map(|(plan, met)| (plan, Some(met))),
        (Some(_), _) => Err(ReplayError::Usage("--pairs fixes next items: use it with --protocol next-item")),
        (None, Protocol::NextItem) => Ok((next_item(data, cut, options.seen), None)),
        (None, Protocol::Prequential) => Ok((prequential(data, cut, options.seen), None)),
        (None, Protocol::Basket) => Ok((baskets(data, cut, options.hide, options.seed), None)),
    }
}
