use super::{Source, Workspace};
use crate::nouns::{DAY_MS, ReasonCode, Repeats, SECOND_MS};
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, SessionIndex};

/// What an item before the match counts against one after it.
const BEFORE: f32 = 0.7;
/// Steps told apart; beyond them all items of a neighbour are equally far.
const STEPS: usize = 24;
/// Time in which a neighbour's say falls to 1/e.
const FADE_S: f32 = (30 * DAY_MS / SECOND_MS) as f32;

/// Visits like this one went on to it: session-kNN over the newest visits of each item of context.
///
/// sim(n) = sum over shared items i of e^(-age_i / memory) idf_i^a / sqrt(|n|) e^(-dt / fade);
/// score(j) = sum over the k most similar n of sim(n) e^(-|pos_j - pos*| / reach) idf_j^c, where pos* is the newest
/// shared item. After VMIS-kNN (Kersbergen, Sprangers and Schelter, SIGMOD 2022) and VSTAN (Ludewig et al., 2021).
///
/// There are two views of it, because one visit has two truths: what the shopper is at right now, and what the whole
/// visit is about.
pub(crate) struct SessionKnn {
    name: &'static str,
    /// Steps in which a context item's say in finding neighbours falls to 1/e.
    memory: f32,
    /// Positions away from the match in which a neighbour's item falls to 1/e.
    reach: f32,
    /// Exponent a of a context item's idf.
    idf_context: f32,
    /// Exponent c of a candidate's idf.
    idf_candidate: f32,
    settings: fn(&CandidateSettings) -> SourceSettings,
}

/// What the shopper is at right now: the newest items find the neighbours, and what stands near the match counts.
pub(crate) static NEAR: SessionKnn = SessionKnn {
    name: "session_knn",
    memory: 2.5,
    reach: 3.0,
    idf_context: 1.2,
    idf_candidate: 0.5,
    settings: |settings| settings.session_knn,
};

/// What the whole visit is about: all its items find the neighbours; of what those held, what stands right at the match
/// counts, however common it is.
pub(crate) static WHOLE: SessionKnn = SessionKnn {
    name: "session_knn_whole",
    memory: 8.0,
    reach: 1.5,
    idf_context: 1.2,
    idf_candidate: 0.0,
    settings: |settings| settings.session_knn_whole,
};

impl SessionKnn {
    /// The visit's own number, so that it does not vote for itself.
    fn own(moment: &Moment<'_>) -> Option<u32> {
        moment.own_serial.map(|serial| serial as u32)
    }

    /// Sums up, per neighbour, what its shared items say; the most similar `k` go to `work.found`.
    fn neighbours(&self, moment: &Moment<'_>, work: &mut Workspace) {
        let index = &moment.state.index;
        let own = Self::own(moment);
        work.neighbours.begin(moment.settings.candidates.context_items * moment.settings.index.postings_per_item);
        for seen in moment.recent() {
            let say = (-seen.age / self.memory).exp() * idf(index, seen.item).powf(self.idf_context);
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
        self.name
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        (self.settings)(settings)
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::SimilarSessions
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let index = &moment.state.index;
        self.neighbours(moment, work);
        work.items.begin(moment.state.catalog.numbers());
        work.context.begin(moment.state.catalog.numbers());
        // Newest context has the highest mark, so the newest shared item is the one with the largest.
        for seen in moment.recent() {
            work.context.add(seen.item, 1.0 / (1.0 + seen.age));
        }
        let now_s = moment.now.0.div_euclid(SECOND_MS);
        let near: [f32; STEPS] = std::array::from_fn(|steps| (-(steps as f32) / self.reach).exp());
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
        if self.idf_candidate > 0.0 {
            work.items.scale(|item| idf(index, item).powf(self.idf_candidate));
        }
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
        moment.recent().iter().map(|seen| (seen.item, share(seen.item) * (-seen.age / self.memory).exp())).collect()
    }
}

fn newest_shared(items: &[ItemIx], context: &super::Accumulator) -> Option<usize> {
    let marked = items.iter().enumerate().filter_map(|(place, &item)| Some((place, context.get(item)?)));
    marked.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}
