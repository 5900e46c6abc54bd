//! The real-time strategy: all sources, rules, features, score; fewer of them as time runs out.

use super::arrange::{LastSlot, arrange};
use super::draft::{Draft, Origin, Score};
use super::{Scored, Scratch, by_score, ladder};
use crate::candidates::{self, Source};
use crate::features;
use crate::nouns::{Cause, Tier};
use crate::rank::{Odds, Scorer};
use crate::store::{Candidate, Marks, Moment, SOURCES, place};
use crate::watch::{Pace, Stage, Watch};

/// How much more the sources are asked for where the rules leave less than an answer needs: at a limit of 80, 640
/// candidates of each; with 99% of a catalogue denied, some six are left of each.
const OVERFETCH: usize = 8;

/// How far a hurried answer got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Every stage in time.
    Everything,
    /// All sources, no features.
    Sources,
    /// Some sources.
    FirstSources,
    /// No source.
    Nothing,
}

impl Reach {
    /// How far an answer may get that is to be of this rung at most.
    fn below(ceiling: Tier) -> Self {
        match ceiling {
            Tier::Full => Self::Everything,
            Tier::Session => Self::Sources,
            Tier::CoPurchase => Self::FirstSources,
            Tier::Category | Tier::Curated | Tier::Empty => Self::Nothing,
        }
    }
}

/// The sources of the rung [`Tier::CoPurchase`].
const CO_PURCHASE: [usize; 2] = [place::BOUGHT, place::CARTED];

/// Drafts an answer and lets the ladder fill what is short.
pub(super) fn draft(
    moment: &Moment<'_>,
    pace: Pace,
    watch: &mut dyn Watch,
    scratch: &mut Scratch,
    draft: &mut Draft<'_>,
) {
    scratch.pool.begin(moment.state.catalog.numbers());
    let most = Reach::below(moment.request.ceiling);
    let mut reach = if pace == Pace::Go { collect(moment, most, 1, watch, scratch) } else { Reach::Nothing };
    let _ = watch.enter(Stage::Rules);
    obey(draft, scratch);
    if reach == Reach::Everything && scratch.pool.candidates.len() < moment.request.limit {
        reach = collect_more(moment, watch, scratch, draft);
    }
    scratch.pool.cut(moment.settings.candidates.limit);
    if reach == Reach::Everything && watch.enter(Stage::Features) == Pace::Stop {
        reach = Reach::Sources;
    }
    if reach == Reach::Everything {
        features::extract(moment, &scratch.pool, &mut scratch.vectors);
        let _ = watch.enter(Stage::Score);
        score(moment, scratch);
    } else {
        // Only what time took is said so here: who set a ceiling knows it.
        draft.degraded = (reach != most).then_some(Cause::Deadline);
        score_by_sources(moment, scratch);
    }
    let _ = watch.enter(Stage::Slate);
    let contextual = select(moment, scratch, draft, reach == Reach::Everything);
    draft.tier = tier(reach, contextual);
    ladder::fill(moment, scratch, draft);
}

/// The rules have left less than the answer needs: the sources are asked once more, for more.
fn collect_more(moment: &Moment<'_>, watch: &mut dyn Watch, scratch: &mut Scratch, draft: &mut Draft<'_>) -> Reach {
    scratch.pool.begin(moment.state.catalog.numbers());
    let reach = collect(moment, Reach::Everything, OVERFETCH, watch, scratch);
    let _ = watch.enter(Stage::Rules);
    let mut pool = std::mem::take(&mut scratch.pool);
    pool.retain(|candidate| Draft::has_admitted(candidate.item, scratch) || draft.admits(candidate.item, scratch));
    scratch.pool = pool;
    // What a source found before it finds again: only time can have made it less.
    reach
}

/// Asks the sources in turn, as far as `most` allows and as long as there is time, each for `times` as much as its limit.
pub(super) fn collect(
    moment: &Moment<'_>,
    most: Reach,
    times: usize,
    watch: &mut dyn Watch,
    scratch: &mut Scratch,
) -> Reach {
    scratch.work.begin();
    if most == Reach::Nothing {
        return most;
    }
    let marks = Marks::of(&moment.visit);
    for (place, source) in candidates::ALL.into_iter().enumerate() {
        let settings = source.settings(&moment.settings.candidates);
        let is_above = most == Reach::FirstSources && !CO_PURCHASE.contains(&place);
        if settings.weight <= 0.0 || settings.limit == 0 || is_above {
            continue;
        }
        if watch.enter(Stage::Candidates) == Pace::Stop {
            return if place == 0 { Reach::Nothing } else { Reach::FirstSources };
        }
        scratch.work.found.clear();
        source.collect(moment, settings.limit * times, &mut scratch.work);
        let is_new = |item| marks.place(item).is_none();
        let found = &scratch.work.found;
        // A source's best score among items that the visit has not come to; its best at all if there is no such item.
        if let Some(&(_, best)) = found.iter().find(|&&(item, _)| is_new(item)).or(found.first()) {
            scratch.pool.add(place, found, best, is_new);
        }
    }
    for candidate in &mut scratch.pool.candidates {
        candidate.voters = scratch.work.voters(candidate.item);
    }
    most
}

/// Leaves in the pool what the rules admit.
pub(super) fn obey(draft: &mut Draft<'_>, scratch: &mut Scratch) {
    let mut pool = std::mem::take(&mut scratch.pool);
    draft.fetch(&pool);
    pool.retain(|candidate| draft.admits(candidate.item, scratch));
    scratch.pool = pool;
}

fn score(moment: &Moment<'_>, scratch: &mut Scratch) {
    scratch.gates = features::gates(moment, &scratch.pool);
    let scorer = Scorer::learned(moment.state.models.learned(), moment.intent(), &moment.settings.candidates);
    let given = scorer.given(&scratch.gates);
    given.scores(&scratch.vectors, &mut scratch.scores);
    rank(moment, &scratch.pool.candidates, scratch.scores.iter().copied(), &mut scratch.scored);
}

/// Without features: each source's weight on its relative score.
fn score_by_sources(moment: &Moment<'_>, scratch: &mut Scratch) {
    let weights = candidates::ALL.map(|source| source.settings(&moment.settings.candidates).weight);
    let said = |candidate: &Candidate| candidate.relative.iter().zip(weights).map(|(said, weight)| said * weight).sum();
    rank(moment, &scratch.pool.candidates, scratch.pool.candidates.iter().map(said), &mut scratch.scored);
}

/// Best first; what is not a finite number last; equal scores by item id.
fn rank(moment: &Moment<'_>, pool: &[Candidate], scores: impl Iterator<Item = f32>, scored: &mut Vec<Scored>) {
    scored.clear();
    let finite = |score: f32| if score.is_finite() { score } else { f32::NEG_INFINITY };
    let places = pool.iter().enumerate().zip(scores);
    scored.extend(places.map(|((place, candidate), score)| Scored {
        item: candidate.item,
        score: finite(score),
        likelihood: finite(score),
        place,
    }));
    by_score(moment, scored);
}

/// Puts the best into the slots; whether any of them rests on the shopper's own context.
fn select(moment: &Moment<'_>, scratch: &mut Scratch, draft: &mut Draft<'_>, with_features: bool) -> bool {
    let mut contextual = false;
    let scores = scratch.scored.iter().map(|scored| scored.likelihood);
    let odds = if with_features { Odds::of(scores, moment.state.model(), moment.intent()) } else { None };
    draft.gates = scratch.gates;
    weigh(moment, scratch, draft, with_features);
    arrange(moment, &mut scratch.scored);
    let mut last_slot = None;
    for place in 0..scratch.scored.len() {
        if draft.is_full() && !moment.request.explain {
            break;
        }
        let mut propensity = 1.0;
        if draft.free() == 1 && last_slot.is_none() {
            let drawn = LastSlot::draw(moment, scratch.scored.len() - place);
            scratch.scored[place..=place + drawn.skip].rotate_right(1);
            propensity = drawn.propensity;
            last_slot = Some(drawn);
        }
        let scored = &scratch.scored[place];
        let source = strongest(moment, &scratch.pool.candidates[scored.place]);
        contextual |= !draft.is_full() && candidates::ALL[source].is_contextual();
        let vector = with_features.then(|| &scratch.vectors[scored.place]);
        let probability = odds.map(|odds| odds.of_score(scored.likelihood));
        let score = Score { score: scored.score, probability, propensity };
        draft.place(scored.item, score, Origin::Source(source), vector);
    }
    contextual
}

/// Boosts and buries: the likelihood counts so many times. Scores on features are its logarithm; others grow with it.
fn weigh(moment: &Moment<'_>, scratch: &mut Scratch, draft: &mut Draft<'_>, with_features: bool) {
    if !draft.shop.weighs() {
        return;
    }
    for scored in &mut scratch.scored {
        let weight = draft.shop.weight(scored.item) as f32;
        scored.score = if with_features { scored.score + weight.ln() } else { scored.score * weight };
    }
    by_score(moment, &mut scratch.scored);
}

/// The source that a pick is credited to: the first, in the order of [`candidates::ALL`], that argues nearly as strongly
/// for it as the strongest. "Bought together with bread" tells a shopper more than "visits like yours".
fn strongest(moment: &Moment<'_>, candidate: &Candidate) -> usize {
    /// What counts as nearly as strong.
    const NEARLY: f32 = 0.6;
    let said = |place: usize| {
        let source: &dyn Source = candidates::ALL[place];
        candidate.relative[place] * source.settings(&moment.settings.candidates).weight
    };
    let strongest = (0..SOURCES).map(said).fold(0.0, f32::max);
    (0..SOURCES).find(|&place| said(place) >= NEARLY * strongest).unwrap_or_default()
}

fn tier(reach: Reach, contextual: bool) -> Tier {
    match (reach, contextual) {
        (Reach::Everything, true) => Tier::Full,
        (Reach::Sources, true) => Tier::Session,
        (Reach::FirstSources, true) => Tier::CoPurchase,
        // Nothing is known of the shopper, or there was no time to look: what everybody wants.
        _ => Tier::Curated,
    }
}
