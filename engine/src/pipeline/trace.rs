//! What an answer was made of, stage by stage: for reports on how good the stages are, not for serving.

use super::draft::Draft;
use super::{Scratch, realtime};
use crate::candidates;
use crate::features;
use crate::nouns::{Feature, ItemId, Request, Timestamp, Vector};
use crate::rank::{Given, Scorer};
use crate::rules;
use crate::settings::Settings;
use crate::store::{Moment, Pool, State};
use crate::views::{Influence, Proposal, Trace};
use crate::watch::Unhurried;

/// Goes through the stages of a real-time answer up to the scores.
pub(crate) fn trace(
    state: &State,
    settings: &Settings,
    request: &Request,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Trace {
    let mut moment = Moment::new(state, settings, request, now);
    moment.lists = rules::curated(&moment);
    scratch.judged.begin(state.catalog.numbers());
    scratch.pool.begin(state.catalog.numbers());
    realtime::collect(&moment, realtime::Reach::Everything, 1, &mut Unhurried, scratch);
    let proposals = proposals(&moment, &scratch.pool);
    realtime::obey(&mut Draft::new(&moment), scratch);
    scratch.pool.cut(settings.candidates.limit);
    features::extract(&moment, &scratch.pool, &mut scratch.vectors);
    let scorer = Scorer::learned(state.models.learned(), moment.intent(), &settings.candidates);
    let given = scorer.given(&features::gates(&moment, &scratch.pool));
    Trace {
        intent: moment.intent(),
        proposals,
        scored: scratch.pool.candidates.iter().map(|candidate| state.catalog.id(candidate.item)).collect(),
        influences: influences(&given, &scratch.vectors),
    }
}

/// What each source that is switched on found, best first.
fn proposals(moment: &Moment<'_>, pool: &Pool) -> Vec<Proposal> {
    let on = candidates::ALL.into_iter().enumerate().filter(|(_, source)| {
        let settings = source.settings(&moment.settings.candidates);
        settings.weight > 0.0 && settings.limit > 0
    });
    let proposal = |(place, source): (usize, &dyn candidates::Source)| {
        let mut found: Vec<_> = pool.candidates.iter().filter(|candidate| candidate.ranks[place] > 0).collect();
        found.sort_unstable_by_key(|candidate| candidate.ranks[place]);
        let items: Vec<ItemId> = found.iter().map(|candidate| moment.state.catalog.id(candidate.item)).collect();
        Proposal { source: source.name(), items }
    };
    on.map(proposal).collect()
}

/// Each feature's weight, and how far it spreads the scores of one list; and, as if it were one more feature, how far the
/// hidden layer does.
fn influences(given: &Given<'_>, vectors: &[Vector]) -> Vec<Influence> {
    let influence = |&feature: &Feature| {
        let weight = given.weights[feature as usize];
        let spread = weight.abs() * deviation(vectors, |vector| vector[feature as usize]);
        Influence { feature: feature.name(), weight, spread }
    };
    let combined = deviation(vectors, |vector| given.combined(vector));
    let combined = Influence { feature: "hidden_layer", weight: 1.0, spread: combined };
    Feature::ALL.iter().map(influence).chain([combined]).collect()
}

/// Standard deviation over a list.
fn deviation(vectors: &[Vector], of: impl Fn(&Vector) -> f32) -> f32 {
    let n = vectors.len().max(1) as f32;
    let mean = vectors.iter().map(&of).sum::<f32>() / n;
    (vectors.iter().map(|vector| (of(vector) - mean).powi(2)).sum::<f32>() / n).sqrt()
}
