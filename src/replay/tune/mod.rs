//! A search for better settings, on the last window of the training part alone.
//!
//! `window` cuts the data off, so that nothing after the cut is there to be read; `knobs` are the settings that are
//! tried; `judge` says whether a change is better or chance; `search` walks; `found` is what it says; `overlay` is the
//! config that comes out.

mod found;
mod judge;
mod knobs;
mod overlay;
mod search;
mod window;

use indicatif::ProgressBar;

use found::Ground;
pub use found::{Found, words};
pub use overlay::overlay;

use super::ReplayError;
use super::asked::Probes;
use super::contest::Contest;
use super::lane::Contender;
use super::next_item::number_clusters;
use super::report::Percentiles;
use super::run::{Options, Protocol, make_plan};
use crate::config::{Config, Span};
use crate::data::Dataset;
use crate::wire::scalar::rfc3339;
use judge::Judge;
use knobs::Knob;
use search::{Measured, Search};
use window::Window;

/// Comparisons made at most. More would take days, and each makes the next harder to tell from chance.
pub const MAX_TRIALS: usize = 1_000;
/// Sessions that are asked in, at least: the bootstrap of fewer says nothing of chance.
const MIN_SESSIONS: usize = 30;
/// Items, at least: of one alone nothing can be ranked.
const MIN_ITEMS: usize = 2;

/// How to search.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Comparisons at most, 1 to [`MAX_TRIALS`].
    pub trials: usize,
    /// How long the window is; `None`: the last tenth of the training events.
    pub window: Option<Span>,
    /// The figure to raise; `None`: as the protocol has it.
    pub metric: Option<String>,
    /// The config file that the search begins at; `None`: the defaults.
    pub config: Option<String>,
}

impl Protocol {
    /// The figure to raise, and the one that must not fall, unless said otherwise.
    fn aims(self) -> [&'static str; 2] {
        match self {
            Self::Basket => ["recall@10", "ndcg@20"],
            Self::NextItem | Self::Prequential => ["mrr@20", "hr@20"],
        }
    }
}

/// Searches from `config` on; `options.settings` is not looked at.
///
/// # Errors
/// [`ReplayError`] where there is nothing to search on, or too little to tell a gain from chance.
pub fn tune(
    data: &mut Dataset,
    options: &Options,
    config: &Config,
    tuning: &Tuning,
    progress: &ProgressBar,
) -> Result<Found, ReplayError> {
    let window = Window::cut_off(data, options, tuning.window)?;
    let in_window = Options { cut: Some(window.cut.at), ..options.clone() };
    let (mut plan, _) = make_plan(data, window.cut, &in_window)?;
    if let Some(most) = options.limit_queries {
        plan.sample(most, options.seed);
        number_clusters(&mut plan);
    }
    if plan.queries.is_empty() {
        return Err(ReplayError::NoQueries { cut: window.cut.at, hint: options.protocol.needs() });
    }
    if window.items < MIN_ITEMS {
        return Err(ReplayError::TooFewItems);
    }
    if plan.clusters < MIN_SESSIONS {
        return Err(ReplayError::TooFewSessions { found: plan.clusters, least: MIN_SESSIONS, from: window.cut.at });
    }
    let knobs: Vec<Knob> = knobs::all().filter(|knob| knob.has_effect(data, options.protocol)).collect();
    let mut trial = |config: &Config, said: String| {
        progress.set_message(said);
        progress.set_length(data.events().len() as u64);
        let arrangement = config.placement(options.protocol.placement()).arrangement();
        let options = Options { settings: config.settings(), arrangement, ..in_window.clone() };
        let mut contest = Contest::unstudied(data, &plan, &options, window.cut, &[Contender::Realtime]);
        contest.run(progress);
        measured(contest, options.seed)
    };
    let start = trial(config, "as it is".to_owned());
    let judge = Judge::of(&start.names, tuning, options.protocol)?;
    let outcome = Search { knobs: &knobs, judge: &judge, trials: tuning.trials }.run(config, &start, &mut trial);
    progress.finish_and_clear();
    let ground = Ground {
        protocol: options.protocol.name(),
        data: data.label.clone(),
        window_from: rfc3339(window.cut.at),
        window_to: rfc3339(window.end),
        queries: plan.queries.len(),
        sessions: plan.clusters,
        seed: options.seed,
        budget: tuning.trials,
        config: tuning.config.clone(),
    };
    Ok(found::tell(ground, &judge, &start, outcome))
}

fn measured(contest: Contest<'_>, seed: u64) -> Measured {
    let lane = contest.into_lanes().pop().expect("one contender makes one lane");
    let (names, means) = (lane.names(), lane.means(seed));
    Measured { names, means, latency_us: Percentiles::of(lane.into_times(), 1e-3) }
}

/// Options for a search: the live strategy alone, without probes, at the cut-offs of the figures.
pub fn alone(options: Options) -> Options {
    Options { contenders: vec![Contender::Realtime], probes: Probes::default(), cut_offs: vec![10, 20], ..options }
}
