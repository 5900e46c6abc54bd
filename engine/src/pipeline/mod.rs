//! An answer, stage by stage. Each strategy drafts; the ladder fills what is short; the rules see everything twice.

mod arrange;
mod draft;
mod ladder;
mod lesson;
mod realtime;
mod tables;
mod trace;
mod wish;

use crate::candidates::{Accumulator, Workspace};
use crate::nouns::{Gates, Request, Slate, Strategy, Tier, Timestamp, Vector};
use crate::rules;
use crate::settings::Settings;
use crate::store::{ItemIx, Moment, Pool, State};
use crate::watch::{Stage, Watch};
use draft::Draft;
pub(crate) use lesson::lesson;
pub(crate) use trace::trace;
pub(crate) use wish::wish;

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
    // As `total_cmp` orders scores, turned round: nothing compares faster than integers.
    scored.sort_unstable_by_key(|scored| {
        let bits = scored.score.to_bits();
        if bits >> 31 == 0 { !bits & !(1 << 31) } else { bits }
    });
    let equal = scored.chunk_by_mut(|a, b| a.score.to_bits() == b.score.to_bits());
    for equal in equal.filter(|equal| equal.len() > 1) {
        equal.sort_unstable_by(|a, b| catalog.id_text(a.item).cmp(catalog.id_text(b.item)));
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nouns::{ItemId, PlacementId, SessionId};

    proptest! {
        #[test]
        fn scores_are_ordered_as_by_total_cmp_and_equal_ones_by_id(
            scores in prop::collection::vec(prop_oneof![-2.0..2.0_f32, Just(0.0), Just(-0.0), Just(f32::NEG_INFINITY)], 0..80),
        ) {
            let (mut state, settings) = (State::default(), Settings::default());
            // Numbers in another order than ids.
            for n in (0..scores.len()).rev() {
                state.catalog.mention(&ItemId::new(&format!("i{n:03}")).expect("an id"), &settings.catalog);
            }
            let session = SessionId::new("s").expect("an id");
            let request = Request::new(PlacementId::new("p").expect("an id"), session, 10);
            let moment = Moment::new(&state, &settings, &request, Timestamp(0));
            let entry = |(place, &score)| Scored { item: place as ItemIx, score, likelihood: score, place };
            let mut scored: Vec<Scored> = scores.iter().enumerate().map(entry).collect();
            let mut expected = scored.clone();
            expected.sort_by(|a, b| {
                let id = |scored: &Scored| state.catalog.id_text(scored.item).to_owned();
                b.score.total_cmp(&a.score).then_with(|| id(a).cmp(&id(b)))
            });
            by_score(&moment, &mut scored);
            let places = |scored: &[Scored]| scored.iter().map(|scored| scored.place).collect::<Vec<_>>();
            prop_assert_eq!(places(&scored), places(&expected));
        }
    }
}
