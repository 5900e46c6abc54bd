use super::sums::Sums;
use super::tally::{Tally, standing};
use super::{Source, Workspace, conditional};
use crate::nouns::{DAY_MS, ReasonCode, Repeats, SECOND_MS};
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{
    Factor, ItemIx, Located, MAX_VISIT, MAX_VISIT_ITEMS, Marks, Moment, Relation, Seen, SessionIndex, best_of,
    best_weighted, with_next_fetched,
};

/// What an item before the match counts against one after it.
const BEFORE: f32 = 0.7;
/// Steps told apart; beyond them all items of a neighbour are equally far.
const STEPS: usize = 24;
/// Time in which a neighbour's say falls to 1/e.
const FADE_S: f32 = (30 * DAY_MS / SECOND_MS) as f32;

/// The rank of what is not of the context.
const NO_RANK: u32 = u16::MAX as u32;
/// Visits looked at for a reason; enough for one.
const LOOKED_AT: usize = 12;
/// Visits looked at while what the next ones hold is fetched: no more lines than the processor can have on their way.
const AT_ONCE: usize = 8;

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

/// What both views have in common, worked out once per request: most of the work is finding the visits and fetching their
/// items, and they are the same ones.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Whether what follows is of this request.
    pub(super) is_done: bool,
    /// Similarities of neighbouring visits, by view.
    neighbours: Tally,
    /// As many of them as are to be chosen are at least so similar, if there are so many: the least that any of the items
    /// says that found these first.
    floors: [f32; VIEWS.len()],
    /// The most similar of them, by their places in the index, and how similar; 0 in a view that they are no neighbours in.
    visits: Vec<(u32, [f32; VIEWS.len()])>,
    /// Some of those, where they lie and how much they say.
    located: Vec<(Located, [f32; VIEWS.len()])>,
    /// What they say of items: the sum of their votes, by view, and that of the first view's squares.
    votes: Sums<{ VIEWS.len() + 1 }>,
    /// How much what stands near the newest shared item says, which itself stands at [`MAX_VISIT_ITEMS`]: made once for all.
    near: Vec<[f32; VIEWS.len()]>,
    ranked: Vec<u64>,
}

impl Survey {
    /// How many visits vote for an item in the first view, as if each said as much: (sum of votes)^2 / sum of their squares
    /// (Kish's effective sample size). 1 where one visit says it all; 0 where none does.
    pub(super) fn voters(&self, item: ItemIx) -> f32 {
        match self.votes.get(item) {
            Some(&[sum, _, squares]) if squares > 0.0 => sum * sum / squares,
            _ => 0.0,
        }
    }

    fn make(&mut self, moment: &Moment<'_>) {
        self.is_done = true;
        self.find(moment);
        self.choose(moment);
        self.locate(moment);
        self.ask(moment);
        if moment.request.repeats == Repeats::Suppress {
            // See [`Workspace::leave_out_visit`].
            moment.visit.iter().for_each(|seen| self.votes.clear(seen.item));
        }
    }

    /// Sums up, per neighbour and view, what its shared items say. None says less than 0, so that no sum is less than a part.
    fn find(&mut self, moment: &Moment<'_>) {
        let index = &moment.state.index;
        // The visit's own number, so that it does not vote for itself.
        let own = moment.own_serial.map(|serial| serial as u32);
        index.fetch_newest(moment.recent().iter().map(|seen| seen.item));
        self.neighbours.begin(moment.recent().iter().map(|seen| index.newest(seen.item).len()).sum());
        self.floors = [f32::INFINITY; VIEWS.len()];
        for seen in moment.recent() {
            let idf = idf(index, seen.item);
            let says = VIEWS.map(|view| (-seen.age / view.memory).exp() * idf.powf(view.idf_context));
            if self.neighbours.entries().len() < moment.settings.candidates.neighbours {
                self.floors = std::array::from_fn(|view| self.floors[view].min(says[view]));
            }
            self.neighbours.add_all(index.newest(seen.item).halves(), own, says);
        }
    }

    /// Chooses the neighbours most similar in either view.
    fn choose(&mut self, moment: &Moment<'_>) {
        let most = moment.settings.candidates.neighbours;
        if self.neighbours.entries().len() > most {
            self.neighbours.keep(self.floors);
        }
        let mut view = 0..VIEWS.len();
        let bars = VIEWS.map(|of| {
            let view = view.next().unwrap_or_default();
            let is_on = (of.settings)(&moment.settings.candidates).weight > 0.0;
            if is_on { self.neighbours.bar(view, most) } else { u64::MAX }
        });
        let entries = self.neighbours.entries();
        let finder = moment.state.index.finder();
        // Each is written, and stays if it is similar enough: which ones are is as good as random to the processor.
        self.visits.resize(entries.len() + 1, (0, [0.0; VIEWS.len()]));
        let mut len = 0;
        for &(visit, sums) in entries {
            let kept = |view: usize| if standing(visit, sums[view]) >= bars[view] { sums[view] } else { 0.0 };
            let similar: [f32; VIEWS.len()] = std::array::from_fn(kept);
            let place = finder.place(visit);
            self.visits[len] = (place.unwrap_or_default(), similar);
            len += usize::from(place.is_some() && similar != [0.0; VIEWS.len()]);
        }
        self.visits.truncate(len);
    }

    /// Finds out where the neighbours lie, and how much each says.
    fn locate(&mut self, moment: &Moment<'_>) {
        let now_s = moment.aged.0.div_euclid(SECOND_MS);
        let (finder, located) = (moment.state.index.finder(), &mut self.located);
        located.clear();
        let prefetch_places = |visits: &[(u32, _)]| finder.prefetch(visits.iter().map(|&(place, _)| place));
        with_next_fetched(&self.visits, AT_ONCE, prefetch_places, |visits| {
            for &(place, similar) in visits {
                let visit = finder.at(place);
                let idle_s = (now_s - i64::from(visit.at_s)).max(0) as f32;
                let weight = (-idle_s / FADE_S).exp() / (visit.len() as f32).sqrt();
                located.push((visit, similar.map(|similarity| similarity * weight)));
            }
        });
    }

    /// Lets the neighbours vote for their items.
    fn ask(&mut self, moment: &Moment<'_>) {
        let index = &moment.state.index;
        self.votes.begin(moment.state.catalog.numbers());
        let context = moment.recent();
        let ranks = Ranks::of(context);
        // The context's items come first, so that an item's place says whether it is one of them.
        context.iter().for_each(|seen| self.votes.mention(&[seen.item], |_, _| {}));
        if self.near.is_empty() {
            let near = |at: usize| (at.abs_diff(MAX_VISIT_ITEMS).min(STEPS - 1)) as f32;
            self.near.extend((0..MAX_VISIT_ITEMS * 2).map(|at| VIEWS.map(|view| (-near(at) / view.reach).exp())));
        }
        // Where the votes for the items of one visit stand.
        let mut places = [0; MAX_VISIT_ITEMS];
        let prefetch_items = |visits: &[(Located, _)]| index.prefetch_items(visits.iter().map(|&(visit, _)| visit));
        with_next_fetched(&self.located, AT_ONCE, prefetch_items, |visits| {
            for &(visit, votes) in visits {
                let items = index.items(visit);
                let mut newest = u32::MAX;
                let places = &mut places[..items.len()];
                self.votes.mention(items, |at, place| {
                    newest = newest.min(ranks.standing(at, place));
                    places[at] = place as u32;
                });
                let Some(anchor) = Ranks::anchor(newest) else { continue };
                let sides = [votes, votes.map(|votes| votes * BEFORE)];
                for (at, (&place, near)) in places.iter().zip(&self.near[MAX_VISIT_ITEMS - anchor..]).enumerate() {
                    let votes = &sides[usize::from(at < anchor)];
                    let [vote, of_whole] = std::array::from_fn(|view| votes[view] * near[view]);
                    self.votes.add_at(place as usize, [vote, of_whole, vote * vote]);
                }
            }
        });
    }
}

/// Inverse visit frequency: how telling it is that a visit held the item. At least 0.7.
fn idf(index: &SessionIndex, item: ItemIx) -> f32 {
    idf_of(index.total(), index.total_of(item))
}

fn idf_of(visits: u64, held_it: u32) -> f32 {
    (2.0 + visits as f32 / (1.0 + held_it as f32)).ln()
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
        let survey = &mut work.survey;
        if !survey.is_done {
            survey.make(moment);
        }
        let index = &moment.state.index;
        let positive = survey.votes.entries().iter().map(|&(item, votes)| (item, votes[self.view]));
        let scores = positive.filter(|score| score.1 > 0.0);
        if self.rare_first {
            let rarest = idf_of(index.total(), 0).sqrt();
            let of = |item| idf(index, item).sqrt();
            let factor = Factor { of, most: rarest, reads: |item| index.total_of(item) };
            best_weighted(scores, factor, limit, &mut survey.ranked, &mut work.found);
        } else {
            best_of(scores, limit, &mut survey.ranked, &mut work.found);
        }
    }

    /// The items of context that visits held with it, by the rows of that, which the features have just read; where those
    /// have forgotten the pair, by the newest visits that held it.
    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        let says = |seen: &Seen| (-seen.age / self.memory).exp();
        let linked = |seen: &Seen| conditional(moment, Relation::Visit, seen.item, item);
        let shares = moment.recent().iter().map(|seen| (seen.item, linked(seen) * says(seen)));
        let shares: Vec<_> = shares.filter(|&(_, share)| share > 0.0).collect();
        if !shares.is_empty() {
            return shares;
        }
        // All of them held the item itself, which is no reason.
        let met = moment.recent().iter().zip(met(moment, item)).filter(|(seen, _)| seen.item != item);
        met.map(|(seen, met)| (seen.item, f32::from(met) * says(seen))).collect()
    }
}

/// How many of the newest visits that held an item held each item of context, by its place.
fn met(moment: &Moment<'_>, item: ItemIx) -> [u8; MAX_VISIT] {
    let (index, marks) = (&moment.state.index, Marks::of(moment.recent()));
    let mut met = [0_u8; MAX_VISIT];
    let visits = index.newest(item).iter().take(LOOKED_AT).filter_map(|&visit| index.visit(visit));
    for place in visits.flat_map(|(items, _)| items).filter_map(|&item| marks.place(item)) {
        met[place] += 1;
    }
    met
}

/// How new the items of context are, by their places in it: the standing of each if a visit held it first of all.
struct Ranks([u32; MAX_VISIT + 1]);

impl Ranks {
    fn of(context: &[Seen]) -> Self {
        let newer = |than: &Seen| context.iter().filter(|seen| seen.age < than.age).count() as u32;
        let first = |rank: u32| rank << 16 | u32::from(u16::MAX);
        let mut ranks = [first(NO_RANK); MAX_VISIT + 1];
        ranks.iter_mut().zip(context).for_each(|(rank, seen)| *rank = first(newer(seen)));
        Self(ranks)
    }

    /// The lower, the newer in the context is what a visit holds at `at` and the context at `place`; of equally new ones,
    /// the last is the lowest.
    fn standing(&self, at: usize, place: usize) -> u32 {
        self.0[place.min(MAX_VISIT)] - at as u32
    }

    /// Where a visit holds the newest item of context, by the lowest standing of all that it holds.
    fn anchor(lowest: u32) -> Option<usize> {
        (lowest >> 16 < NO_RANK).then_some(usize::from(u16::MAX) - (lowest as usize & usize::from(u16::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_as_many_as_say_something_and_few_where_one_says_most() {
        let mut survey = Survey::default();
        survey.votes.begin(3);
        let mut vote = |item, vote: f32| survey.votes.add(item, [vote, 0.0, vote * vote]);
        (0..3).for_each(|_| vote(1, 0.2));
        (0..9).for_each(|_| vote(2, 0.01));
        vote(2, 5.0);
        assert!((survey.voters(1) - 3.0).abs() < 1e-5);
        assert!((1.0..1.1).contains(&survey.voters(2)), "{}", survey.voters(2));
        assert_eq!(survey.voters(0), 0.0);
        survey.votes.clear(1);
        assert_eq!(survey.voters(1), 0.0, "what the visit has seen has no votes");
    }
}
