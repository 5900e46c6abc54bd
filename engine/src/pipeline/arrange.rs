//! From scores to an order: what the shop wants of an answer, no two of a kind side by side, a little left to chance.

use super::Scored;
use crate::nouns::{Arrangement, Objective, Request};
use crate::store::{Facts, ItemIx, Moment, NO_IX, Space, key};

/// The best candidates among which a varied answer is looked for.
const WINDOW: usize = 200;
/// Candidates that just missed the answer, among which the explored one is drawn.
const REACH: usize = 20;
/// The least that an item too much like another counts, so that it keeps a place in the order.
const LEAST: f32 = 1e-6;

/// Puts the candidates, best first by score, into the order of what they are worth to the shop, and varies it.
pub(super) fn arrange(moment: &Moment<'_>, scored: &mut [Scored]) {
    let arrangement = &moment.request.arrangement;
    if arrangement.objective != Objective::Conversion && arrangement.exponent > 0.0 {
        weigh(moment, arrangement, scored);
    }
    if arrangement.diversity > 0.0 {
        let window = scored.len().min(WINDOW);
        vary(moment, arrangement.diversity, &mut scored[..window]);
    }
}

/// score + exponent x ln(price or margin): the softmax of it is p x worth^exponent. An item of unknown worth counts as
/// the mean of the others, one that brings nothing as the least amount of money.
fn weigh(moment: &Moment<'_>, arrangement: &Arrangement, scored: &mut [Scored]) {
    let worth = |item: ItemIx| {
        let facts = moment.state.catalog.facts(item);
        let minor = match arrangement.objective {
            Objective::Conversion => None,
            Objective::Revenue => (facts.price_minor > 0).then_some(facts.price_minor),
            Objective::Margin => facts.margin_minor,
        };
        minor.map(|minor| (minor.max(1) as f32).ln())
    };
    let known = scored.iter().filter_map(|scored| worth(scored.item));
    let (sum, n) = known.fold((0.0, 0_u32), |(sum, n), worth| (sum + worth, n + 1));
    if n == 0 {
        return;
    }
    let usual = sum / n as f32;
    for scored in scored.iter_mut() {
        scored.score += arrangement.exponent * worth(scored.item).unwrap_or(usual);
    }
    super::by_score(moment, scored);
}

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998) on likelihoods: slot by slot the best candidate,
/// each counting less by `diversity` x its likeness to the most alike of those already placed.
fn vary(moment: &Moment<'_>, diversity: f32, scored: &mut [Scored]) {
    let mut alike = vec![0.0_f32; scored.len()];
    let value = |scored: &Scored, alike: f32| scored.score + (1.0 - diversity * alike).max(LEAST).ln();
    for slot in 0..moment.request.limit.min(scored.len()) {
        let best = (slot..scored.len())
            .reduce(|a, b| if value(&scored[b], alike[b]) > value(&scored[a], alike[a]) { b } else { a })
            .unwrap_or(slot);
        scored[slot..=best].rotate_right(1);
        alike[slot..=best].rotate_right(1);
        let placed = moment.state.catalog.facts(scored[slot].item);
        for (other, alike) in scored.iter().zip(&mut alike).skip(slot + 1) {
            *alike = alike.max(likeness(placed, moment.state.catalog.facts(other.item)));
        }
    }
}

/// How alike two items are, 0 to 1: variants of one thing are the same; else kind counts more than make.
fn likeness(a: &Facts, b: &Facts) -> f32 {
    let same = |a: u32, b: u32| a != NO_IX && a == b;
    let kind = if same(a.category, b.category) {
        0.6
    } else if same(a.department, b.department) {
        0.2
    } else {
        0.0
    };
    if same(a.group, b.group) { 1.0 } else { kind + if same(a.brand, b.brand) { 0.3 } else { 0.0 } }
}

/// Who takes the last slot. The dice depend on the visit, its path and the placement only: who asks the same again gets
/// the same again.
pub(super) struct LastSlot {
    /// Places after the one that has earned the slot.
    pub(super) skip: usize,
    /// How likely that was.
    pub(super) propensity: f64,
}

impl LastSlot {
    /// Draws for the last slot, for which `waiting` candidates are left.
    pub(super) fn draw(moment: &Moment<'_>, waiting: usize) -> Self {
        let share = f64::from(moment.request.arrangement.explore);
        let others = waiting.saturating_sub(1).min(REACH);
        if share <= 0.0 || others == 0 {
            return Self { skip: 0, propensity: 1.0 };
        }
        let dice = dice(moment.request, moment.path.len());
        // The upper half decides whether, the lower half whom.
        if (dice >> 32) as f64 / f64::from(u32::MAX) < share {
            let skip = 1 + (dice & u64::from(u32::MAX)) as usize % others;
            Self { skip, propensity: share / others as f64 }
        } else {
            Self { skip: 0, propensity: 1.0 - share }
        }
    }
}

fn dice(request: &Request, steps: usize) -> u64 {
    let mixed =
        key(Space::Dice, request.session.as_str()) ^ key(Space::Dice, request.placement.as_str()).rotate_left(17);
    key(Space::Dice, &format!("{mixed:x}-{steps}"))
}
