//! An answer, stage by stage. Each strategy drafts; the ladder fills what is short; the rules see everything twice.

mod arrange;
mod draft;
mod ladder;
mod lesson;
mod realtime;
mod tables;
mod trace;

use crate::candidates::{Accumulator, Workspace};
use crate::nouns::{Gates, Request, Slate, Strategy, Tier, Timestamp, Vector};
use crate::rules;
use crate::settings::Settings;
use crate::store::{ItemIx, Moment, Pool, State};
use crate::watch::{Stage, Watch};
use draft::Draft;
pub(crate) use lesson::lesson;
pub(crate) use trace::trace;

/// Working memory of one answer, reused by its caller from request to request.
#[derive(Debug, Default)]
pub struct Scratch {
    work: Workspace,
    pool: Pool,
    vectors: Vec<Vector>,
    gates: Gates,
    scores: Vec<f32>,
    /// Best first.
    scored: Vec<Scored>,
    /// Items the rules have judged in this request.
    judged: Accumulator,
}

/// A scored candidate.
#[derive(Debug, Clone, Copy)]
struct Scored {
    item: ItemIx,
    /// What it is ordered by: the scorer's figure and what the shop makes of it.
    score: f32,
    /// The scorer's figure alone.
    likelihood: f32,
    place: usize,
}

/// Best first; equal scores by item id.
fn by_score(moment: &Moment<'_>, scored: &mut [Scored]) {
    let catalog = &moment.state.catalog;
    scored.sort_unstable_by(|a, b| {
        b.score.total_cmp(&a.score).then_with(|| catalog.id_text(a.item).cmp(catalog.id_text(b.item)))
    });
}

/// Answers a request.
pub(crate) fn recommend(
    state: &State,
    settings: &Settings,
    request: &Request,
    now: Timestamp,
    watch: &mut dyn Watch,
    scratch: &mut Scratch,
) -> Slate {
    let pace = watch.enter(Stage::Context);
    let mut moment = Moment::new(state, settings, request, now);
    moment.lists = rules::curated(&moment);
    scratch.judged.begin(state.catalog.numbers());
    let mut draft = Draft::new(&moment);
    draft.pin(scratch);
    match request.strategy {
        Strategy::Batch if request.ceiling <= Tier::CoPurchase => tables::batch(&moment, scratch, &mut draft),
        Strategy::Static if request.ceiling <= Tier::Curated => tables::fixed(&moment, scratch, &mut draft),
        // Below the rung of its strategy every request is served by the ladder.
        Strategy::Realtime | Strategy::Batch | Strategy::Static => {
            realtime::draft(&moment, pace, watch, scratch, &mut draft);
        }
    }
    draft.finish()
}
