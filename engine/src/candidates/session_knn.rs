use super::{Source, Workspace};
use crate::nouns::{DAY_MS, ReasonCode, Repeats, SECOND_MS};
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, SessionIndex};

/// Steps in which a context item's say in finding neighbours falls to 1/e.
const MEMORY: f32 = 2.5;
/// Positions away from the match in which a neighbour's item falls to 1/e.
const REACH: f32 = 3.0;
/// What an item before the match counts against one after it.
const BEFORE: f32 = 0.7;
/// Exponent of a context item's idf.
const IDF_CONTEXT: f32 = 1.2;
/// Exponent of a candidate's idf.
const IDF_CANDIDATE: f32 = 0.5;
/// Steps told apart; beyond them all items of a neighbour are equally far.
const STEPS: usize = 24;
/// Time in which a neighbour's say falls to 1/e.
const FADE_S: f32 = (30 * DAY_MS / SECOND_MS) as f32;

/// Visits like this one went on to it: session-kNN over the newest visits of each item of context.
///
/// sim(n) = sum over shared items i of e^(-age_i / memory) idf_i^a / sqrt(|n|) e^(-dt / fade);
/// score(j) = sum over the k most similar n of sim(n) e^(-|pos_j - pos*| / reach), where pos* is the newest shared
/// item. After VMIS-kNN (Kersbergen, Sprangers and Schelter, SIGMOD 2022) and VSTAN (Ludewig et al., 2021).
pub(crate) struct SessionKnn;

impl SessionKnn {
    /// The visit's own number, so that it does not vote for itself.
    fn own(moment: &Moment<'_>) -> Option<u32> {
        moment.own_serial.map(|serial| serial as u32)
    }

    /// Sums up, per neighbour, what its shared items say; the most similar `k` go to `work.found`.
    fn neighbours(moment: &Moment<'_>, work: &mut Workspace) {
        let index = &moment.state.index;
        let own = Self::own(moment);
        work.neighbours.begin(moment.settings.candidates.context_items * moment.settings.index.postings_per_item);
        for seen in moment.recent() {
            let say = (-seen.age / MEMORY).exp() * idf(index, seen.item).powf(IDF_CONTEXT);
            for visit in index.newest(seen.item).filter(|&visit| Some(visit) != own) {
                work.neighbours.add(visit, say);
            }
        }
        work.neighbours.best(moment.settings.candidates.neighbours, &mut work.found);
    }
}

/// Inverse visit frequency: how telling it is that a visit held the item. At least 0.7.
fn idf(index: &SessionIndex, item: ItemIx) -> f32 {
    (2.0 + index.total() as f32 / (1.0 + index.total_of(item) as f32)).ln()
}

impl Source for SessionKnn {
    fn name(&self) -> &'static str {
        "session_knn"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.session_knn
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::SimilarSessions
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let index = &moment.state.index;
        Self::neighbours(moment, work);
        work.items.begin(moment.state.catalog.numbers());
        work.context.begin(moment.state.catalog.numbers());
        // Newest context has the highest mark, so the newest shared item is the one with the largest.
        for seen in moment.recent() {
            work.context.add(seen.item, 1.0 / (1.0 + seen.age));
        }
        let now_s = moment.now.0.div_euclid(SECOND_MS);
        let near: [f32; STEPS] = std::array::from_fn(|steps| (-(steps as f32) / REACH).exp());
        for &(visit, similarity) in &work.found {
            let Some((items, at_s)) = index.visit(visit) else { continue };
            let Some(anchor) = newest_shared(items, &work.context) else { continue };
            let idle_s = (now_s - i64::from(at_s)).max(0) as f32;
            let vote = similarity / (items.len() as f32).sqrt() * (-idle_s / FADE_S).exp();
            for (place, &item) in items.iter().enumerate() {
                let side = if place < anchor { BEFORE } else { 1.0 };
                let steps = place.abs_diff(anchor).min(STEPS - 1);
                work.items.add(item, vote * side * near[steps]);
            }
        }
        if moment.request.repeats == Repeats::Suppress {
            work.leave_out_visit(moment);
        }
        work.items.scale(|item| idf(index, item).powf(IDF_CANDIDATE));
        work.items.best(limit, &mut work.found);
    }

    /// The items of context that the same recent visits held.
    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        /// Visits looked at; enough for a reason.
        const LOOKED_AT: usize = 50;
        let index = &moment.state.index;
        let visits: Vec<&[ItemIx]> =
            index.newest(item).take(LOOKED_AT).filter_map(|visit| index.visit(visit)).map(|(items, _)| items).collect();
        let share = |of: ItemIx| visits.iter().filter(|items| items.contains(&of)).count() as f32;
        moment.recent().iter().map(|seen| (seen.item, share(seen.item) * (-seen.age / MEMORY).exp())).collect()
    }
}

fn newest_shared(items: &[ItemIx], context: &super::Accumulator) -> Option<usize> {
    let marked = items.iter().enumerate().filter_map(|(place, &item)| Some((place, context.get(item)?)));
    marked.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}
