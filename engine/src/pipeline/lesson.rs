//! What a list would have looked like just before the shopper did something: the scorer's training data, made by the
//! same stages as an answer, so that it learns from what is served.

use super::{Scratch, realtime};
use crate::features;
use crate::nouns::{Event, EventKind, ItemId, PlacementId, Repeats, Request, Timestamp};
use crate::rank::Lesson;
use crate::settings::Settings;
use crate::store::{Moment, Space, State, key};
use crate::watch::Unhurried;

/// The list that `event` would have been answered with had somebody asked just before it, with what it took marked in
/// it. `None` where there is nothing to learn: no context, no interest, or the sources did not find the item.
pub(crate) fn lesson(
    state: &State,
    settings: &Settings,
    event: &Event,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Option<Lesson> {
    if !event.kind.is_interest() {
        return None;
    }
    let (known, taken) = split(event);
    let request = request(state, event, &known)?;
    let moment = Moment::new(state, settings, &request, now);
    if moment.visit.is_empty() {
        return None;
    }
    scratch.pool.begin(state.catalog.numbers());
    realtime::collect(&moment, &mut Unhurried, scratch);
    let cart = &moment.cart;
    scratch.pool.retain(|candidate| state.catalog.facts(candidate.item).known && !cart.contains(&candidate.item));
    scratch.pool.cut(settings.candidates.limit);
    let targets: Vec<usize> = taken
        .iter()
        .filter_map(|item| state.catalog.number(item.as_str()))
        .filter_map(|item| scratch.pool.place(item))
        .collect();
    if targets.is_empty() {
        return None;
    }
    features::extract(&moment, &scratch.pool, &mut scratch.vectors);
    Some(Lesson { intent: moment.intent(), vectors: scratch.vectors.clone(), targets })
}

/// An order's lines are split in two halves (every other line, which half first by the event's id): what is in the
/// cart, and what is still to come. Other events take their one item.
fn split(event: &Event) -> (Vec<&ItemId>, Vec<&ItemId>) {
    let items = event.lines.iter().map(|line| &line.item);
    if event.lines.len() < 2 {
        return (Vec::new(), items.collect());
    }
    let parity = key(Space::Event, event.id.as_str()) as usize % 2;
    let (known, taken): (Vec<_>, Vec<_>) = items.enumerate().partition(|(place, _)| place % 2 == parity);
    (known.into_iter().map(|(_, item)| item).collect(), taken.into_iter().map(|(_, item)| item).collect())
}

fn request(state: &State, event: &Event, known: &[&ItemId]) -> Option<Request> {
    let name = if event.kind == EventKind::View { "pdp" } else { "cart" };
    let mut request = Request::new(PlacementId::new(name).ok()?, event.session.clone(), 1);
    request.user = event.user.clone().filter(|_| event.consent != Some(false));
    request.repeats = Repeats::Allow;
    if event.kind == EventKind::Purchase {
        let cart = if known.is_empty() { order_so_far(state, event) } else { Vec::new() };
        request.cart = Some(known.iter().map(|&item| item.clone()).chain(cart).collect());
    }
    Some(request)
}

/// The lines of the event's order that have arrived already: the cart, where a shop sends an order line by line.
fn order_so_far(state: &State, event: &Event) -> Vec<ItemId> {
    let name = event.order.as_ref().map_or(event.session.as_str(), |order| order.as_str());
    let order = state.orders.get(key(Space::Order, name));
    let lines = order.iter().flat_map(|order| &order.lines).filter(|line| line.stands());
    lines.map(|line| state.catalog.id(line.item)).collect()
}
