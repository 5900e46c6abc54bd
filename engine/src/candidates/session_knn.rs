use std::hint::black_box;

use super::{Accumulator, Source, Workspace};
use crate::nouns::{DAY_MS, ReasonCode, Repeats, SECOND_MS};
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Located, Moment, Seen, SessionIndex};

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
    /// Its place among the views.
    view: usize,
    /// Steps in which a context item's say in finding neighbours falls to 1/e.
    memory: f32,
    /// Positions away from the match in which a neighbour's item falls to 1/e.
    reach: f32,
    /// Exponent a of a context item's idf.
    idf_context: f32,
    /// Whether the exponent c of a candidate's idf is 1/2; else it is 0.
    rare_first: bool,
    settings: fn(&CandidateSettings) -> SourceSettings,
}

/// What the shopper is at right now: the newest items find the neighbours, and what stands near the match counts.
pub(crate) static NEAR: SessionKnn = SessionKnn {
    name: "session_knn",
    view: 0,
    memory: 2.5,
    reach: 3.0,
    idf_context: 1.2,
    rare_first: true,
    settings: |settings| settings.session_knn,
};

/// What the whole visit is about: all its items find the neighbours; of what those held, what stands right at the match
/// counts, however common it is.
pub(crate) static WHOLE: SessionKnn = SessionKnn {
    name: "session_knn_whole",
    view: 1,
    memory: 8.0,
    reach: 1.5,
    idf_context: 1.2,
    rare_first: false,
    settings: |settings| settings.session_knn_whole,
};

static VIEWS: [&SessionKnn; 2] = [&NEAR, &WHOLE];

/// Sums up, per neighbour and view, what its shared items say. Both views at once: most of the work is finding the
/// visits, and they are the same ones.
fn survey(moment: &Moment<'_>, work: &mut Workspace) {
    let index = &moment.state.index;
    // The visit's own number, so that it does not vote for itself.
    let own = moment.own_serial.map(|serial| serial as u32);
    work.neighbours.begin(moment.settings.candidates.context_items * moment.settings.index.postings_per_item);
    for seen in moment.recent() {
        let idf = idf(index, seen.item);
        let says = VIEWS.map(|view| (-seen.age / view.memory).exp() * idf.powf(view.idf_context));
        let of_others = index.newest(seen.item).filter(|&visit| Some(visit) != own);
        of_others.for_each(|visit| work.neighbours.add(visit, says));
    }
}

impl SessionKnn {
    /// The neighbours most similar in this view, with their similarities.
    fn neighbours(&self, moment: &Moment<'_>, work: &mut Workspace) {
        if !work.surveyed {
            survey(moment, work);
            work.surveyed = true;
        }
        work.neighbours.best(self.view, moment.settings.candidates.neighbours, &mut work.found);
        let index = &moment.state.index;
        work.visits.clear();
        let finder = index.finder();
        work.visits.extend(work.found.iter().filter_map(|&(visit, sim)| Some((finder.locate(visit)?, sim))));
        // Nothing is done with the items yet, so that the processor fetches those of many visits at a time.
        let first = |&(visit, _): &(Located, f32)| index.items(visit).first().copied().unwrap_or_default();
        black_box(work.visits.iter().map(first).fold(0, ItemIx::wrapping_add));
    }

    /// Lets one neighbour vote for its items.
    fn vote(&self, items: &[ItemIx], vote: f32, near: &[f32; STEPS], marks: &Marks<'_>, sums: &mut Accumulator) {
        let Some(anchor) = marks.newest_shared(items) else { return };
        for (place, &item) in items.iter().enumerate() {
            let side = if place < anchor { BEFORE } else { 1.0 };
            let steps = place.abs_diff(anchor).min(STEPS - 1);
            sums.add(item, vote * side * near[steps]);
        }
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
        let marks = Marks::of(moment.recent());
        let now_s = moment.now.0.div_euclid(SECOND_MS);
        let near: [f32; STEPS] = std::array::from_fn(|steps| (-(steps as f32) / self.reach).exp());
        for &(visit, similarity) in &work.visits {
            let items = index.items(visit);
            let idle_s = (now_s - i64::from(visit.at_s)).max(0) as f32;
            let vote = similarity / (items.len() as f32).sqrt() * (-idle_s / FADE_S).exp();
            self.vote(items, vote, &near, &marks, &mut work.items);
        }
        if moment.request.repeats == Repeats::Suppress {
            work.leave_out_visit(moment);
        }
        if self.rare_first {
            work.items.scale(|item| idf(index, item).sqrt());
        }
        work.items.best(limit, &mut work.found);
    }

    /// The items of context that the same recent visits held.
    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        /// Visits looked at; enough for a reason.
        const LOOKED_AT: usize = 12;
        let index = &moment.state.index;
        let mut shares: Vec<_> = moment.recent().iter().map(|seen| (seen.item, 0.0)).collect();
        for (items, _) in index.newest(item).take(LOOKED_AT).filter_map(|visit| index.visit(visit)) {
            for ((of, share), seen) in shares.iter_mut().zip(moment.recent()) {
                *share += if items.contains(of) { (-seen.age / self.memory).exp() } else { 0.0 };
            }
        }
        shares
    }
}

/// The items of context, to be found again among the items of many visits.
struct Marks<'a> {
    context: &'a [Seen],
    /// A bit per hash of an item of context: most items of a visit are told to be no such item by it alone.
    bits: [u64; 4],
}

impl<'a> Marks<'a> {
    fn of(context: &'a [Seen]) -> Self {
        let mut bits = [0; 4];
        context.iter().for_each(|seen| bits[(seen.item / 64 % 4) as usize] |= 1 << (seen.item % 64));
        Self { context, bits }
    }

    /// How many steps back the item is in the context.
    fn age(&self, item: ItemIx) -> Option<f32> {
        if self.bits[(item / 64 % 4) as usize] >> (item % 64) & 1 == 0 {
            return None;
        }
        self.context.iter().find(|seen| seen.item == item).map(|seen| seen.age)
    }

    /// The place of the item that is newest in the context; of equally new ones, the last.
    fn newest_shared(&self, items: &[ItemIx]) -> Option<usize> {
        let ages = items.iter().enumerate().filter_map(|(place, &item)| Some((place, self.age(item)?)));
        ages.min_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(place, _)| place)
    }
}
