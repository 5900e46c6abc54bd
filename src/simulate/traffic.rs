//! Recorded traffic: a data directory's log, or a data set. Each event is applied, and then the request is asked that the
//! page it leads to would have made.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use sidecart_engine::nouns::{Entry, Event, EventKind, PlacementId, Record, Request, Timestamp};
use sidecart_engine::{Applied, Engine, Settings};

use super::compare::{Comparison, Question, Side};
use super::report::Report;
use crate::config::Loaded;
use crate::data::Dataset;
use crate::ingest::checkpoint::{CheckpointError, Checkpoints};
use crate::log::{LogError, LogView, Offset};
use crate::replay::{Cut, Feed, Learning};
use crate::wire::request::Asked;

/// Records between two steps of the progress bar.
const STEP: u64 = 1_024;

/// Where the requests come from.
pub enum Traffic {
    /// The log of a data directory; a server may be running on it.
    Log(PathBuf),
    /// A data set.
    Data(Box<Dataset>),
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The checkpoints cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Nothing leads to a request.
    #[error("`{0}` holds no view, cart change or click: nothing would have been asked")]
    NoRequests(String),
}

/// What is simulated.
pub struct Simulated<'a> {
    /// The config compared with.
    pub base: &'a Loaded,
    /// The config that is tried.
    pub new: &'a Loaded,
    /// Only the requests of the last so many events.
    pub last: Option<u64>,
}

/// Replays the traffic under both configs.
///
/// # Errors
/// [`TrafficError`].
pub fn run(simulated: &Simulated<'_>, traffic: &Traffic, progress: &ProgressBar) -> Result<Report, TrafficError> {
    let Simulated { base, new, .. } = simulated;
    let settings = [base.config.settings(), new.config.settings()];
    let comparison = Comparison::new([
        Side { version: &base.version, config: &base.config, settings: &settings[0] },
        Side { version: &new.version, config: &new.config, settings: &settings[1] },
    ]);
    let mut report = match traffic {
        Traffic::Log(dir) => of_log(simulated, &settings, comparison, dir, progress)?,
        Traffic::Data(data) => of_data(simulated, &settings, comparison, data, progress),
    };
    progress.finish_and_clear();
    report.from = match traffic {
        Traffic::Log(dir) => dir.display().to_string(),
        Traffic::Data(data) => data.label.clone(),
    };
    if report.requests == 0 { Err(TrafficError::NoRequests(report.from)) } else { Ok(report) }
}

/// Whether an engine under the one settings has the same state as under the other: they differ in what is read only when
/// answering.
fn shape_one_state(settings: &[Settings; 2]) -> bool {
    let [base, new] = settings;
    let answering = Settings {
        candidates: base.candidates.clone(),
        rules: base.rules.clone(),
        curated: base.curated.clone(),
        ..new.clone()
    };
    answering == *base
}

fn of_data(
    simulated: &Simulated<'_>,
    settings: &[Settings; 2],
    mut comparison: Comparison<'_>,
    data: &Dataset,
    progress: &ProgressBar,
) -> Report {
    let events = data.events();
    let last = simulated.last.and_then(|last| usize::try_from(last).ok()).unwrap_or(usize::MAX);
    let place = events.len().saturating_sub(last);
    let cut = Cut { at: events.get(place).map_or(Timestamp(0), |head| head.at), place };
    let learning = if simulated.base.config.ranker.learn { Learning::Enough } else { Learning::Off };
    let feed = |settings: &Settings| Feed::new(data, cut, settings.clone(), learning);
    let mut feeds = vec![feed(&settings[0])];
    if !shape_one_state(settings) {
        feeds.push(feed(&settings[1]));
    }
    progress.set_length(events.len() as u64);
    let mut of = 0;
    for (number, head) in events.iter().enumerate() {
        for feed in &mut feeds {
            if number == place {
                feed.publish(cut.at);
            }
            feed.apply(number);
        }
        if number >= place
            && let Some(question) = question(&data.event(head), head.at)
        {
            of += 1;
            comparison.ask(both(&feeds, |feed| &feed.engine), &question);
        }
        step(progress, number as u64);
    }
    comparison.report(&feeds[0].engine, of)
}

fn of_log(
    simulated: &Simulated<'_>,
    settings: &[Settings; 2],
    mut comparison: Comparison<'_>,
    dir: &Path,
    progress: &ProgressBar,
) -> Result<Report, TrafficError> {
    let view = LogView::open(dir)?;
    let first = view.first_offset();
    let from = match simulated.last {
        Some(last) => asked_from(&view, last)?,
        None => first,
    };
    let mut engines = vec![Engine::new(settings[0].clone())];
    if !shape_one_state(settings) {
        engines.push(Engine::new(settings[1].clone()));
    }
    if first > Offset(0) {
        enter_catalogue(dir, &mut engines)?;
    }
    let (mut of, mut seen) = (0, 0);
    view.replay(first, &mut |logged| {
        if let Ok(entry) = serde_json::from_slice::<Entry>(logged.payload) {
            let applied = engines.iter_mut().map(|engine| engine.apply(&entry)).next();
            if logged.offset >= from
                && applied == Some(Applied::Fresh)
                && let Record::Event(event) = &entry.record
                && let Some(question) = question(event, event.at)
            {
                of += 1;
                comparison.ask(both(&engines, |engine| engine), &question);
            }
        }
        seen += 1;
        step(progress, seen);
        ControlFlow::Continue(())
    })?;
    Ok(comparison.report(&engines[0], of))
}

/// The offset of the event that is the `last`th from the end.
fn asked_from(view: &LogView, last: u64) -> Result<Offset, TrafficError> {
    let is_event = |payload: &[u8]| {
        serde_json::from_slice::<Entry>(payload).is_ok_and(|entry| matches!(entry.record, Record::Event(_)))
    };
    let mut events: u64 = 0;
    view.replay(view.first_offset(), &mut |logged| {
        events += u64::from(is_event(logged.payload));
        ControlFlow::Continue(())
    })?;
    let mut skip = events.saturating_sub(last);
    let mut from = view.first_offset();
    view.replay(view.first_offset(), &mut |logged| {
        from = logged.offset;
        if skip == 0 {
            return ControlFlow::Break(());
        }
        skip -= u64::from(is_event(logged.payload));
        ControlFlow::Continue(())
    })?;
    Ok(from)
}

/// What retention has deleted told of items that are still sold: they are taken from the newest checkpoint.
fn enter_catalogue(dir: &Path, engines: &mut [Engine]) -> Result<(), TrafficError> {
    let (newest, _) = Checkpoints::open(dir.join("checkpoints"), 1)?.newest()?;
    let Some(newest) = newest else { return Ok(()) };
    let known = Engine::from_state(Settings::default(), newest.state);
    for item in known.items() {
        let entry =
            Entry { accepted_at: newest.header.saved_at, record: Record::Item(Box::new(item.clone())), origin: None };
        for engine in engines.iter_mut() {
            let _ = engine.apply(&entry);
        }
    }
    Ok(())
}

/// The engine of each side; one for both where there is but one.
fn both<'e, T>(all: &'e [T], engine: impl Fn(&'e T) -> &'e Engine) -> [&'e Engine; 2] {
    let first = &all[0];
    [engine(first), engine(all.get(1).unwrap_or(first))]
}

fn step(progress: &ProgressBar, done: u64) {
    if done.is_multiple_of(STEP) {
        progress.set_position(done);
    }
}

/// The request that the page an event leads to makes: a product's page after a view, the cart after a change of it, and
/// where a click or an impression names its placement, that one. The visit is known by its events alone.
fn question(event: &Event, now: Timestamp) -> Option<Question> {
    let page = match event.kind {
        EventKind::View => "pdp",
        EventKind::AddToCart | EventKind::RemoveFromCart => "cart",
        EventKind::Click | EventKind::Impression => event.placement.as_ref()?.as_str(),
        EventKind::Purchase | EventKind::Refund | EventKind::Dismiss => return None,
    };
    let placement = PlacementId::new(page).ok()?;
    let mut request = Request::new(placement, event.session.clone(), 0);
    request.user.clone_from(&event.user);
    if let Some(context) = &event.context {
        request.shopper.region.clone_from(&context.region);
        request.shopper.age_verified = context.age_verified;
    }
    Some(Question { asked: Asked { request, repeats: None, deadline_ms: None }, now })
}
