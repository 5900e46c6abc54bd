//! What a list would have looked like just before the shopper did something: the scorer's training data, made by the
//! same stages as an answer, so that it learns from what is served.

use super::{Scratch, realtime};
use crate::features;
use crate::nouns::{
    DAY_MS, Event, EventKind, Gates, Intent, ItemId, PlacementId, Repeats, Request, SessionId, Timestamp, UserId,
};
use crate::rank::{Basis, Lesson};
use crate::settings::Settings;
use crate::store::{ItemIx, Moment, Space, State, key};
use crate::watch::Unhurried;

/// Further behind the newest event than this, an event teaches nothing. Its figures have faded by then, and a scorer taught
/// by them does worse than an untaught one: bol.com's history imported into an open shop, untaught HR@20 .703, taught by
/// it .722 where it lies 300 days back, .671 at 700, .618 at 1,200.
const MAX_BEHIND_MS: i64 = 300 * DAY_MS;

/// The list that `event` would have been answered with had somebody asked just before it, with what it took marked in
/// it. `None` where there is nothing to learn: no interest, or nothing new. Where the sources did not find what was
/// taken, the lesson is that alone: without vectors and targets.
pub(crate) fn lesson(
    state: &State,
    settings: &Settings,
    event: &Event,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Option<Lesson> {
    if !event.kind.is_interest() || state.is_bot_visit(&event.session) || is_far_behind(state, event) {
        return None;
    }
    let (known, taken) = split(event);
    let request = request(state, event, known)?;
    let moment = Moment::new(state, settings, &request, now);
    let taken: Vec<Option<ItemIx>> = taken
        .iter()
        .map(|item| state.catalog.number(item.as_str()))
        .filter(|item| event.kind != EventKind::Purchase || !item.is_some_and(|item| was_visited(state, event, item)))
        .collect();
    if taken.is_empty() {
        return None;
    }
    if moment.intent() == Intent::Basket && event.kind == EventKind::View {
        // Looked at beside a cart, which is not yet wanted with it: see `wish`.
        return None;
    }
    Some(list(&moment, &taken, |_| true, scratch))
}

/// See [`MAX_BEHIND_MS`].
pub(super) fn is_far_behind(state: &State, event: &Event) -> bool {
    state.newest_event_at.is_some_and(|newest| newest.since_ms(event.at) > MAX_BEHIND_MS)
}

/// Those candidates of a moment that count, with what was taken marked among them.
pub(super) fn list(
    moment: &Moment<'_>,
    taken: &[Option<ItemIx>],
    counts: impl Fn(ItemIx) -> bool,
    scratch: &mut Scratch,
) -> Lesson {
    let (state, settings) = (moment.state, moment.settings);
    scratch.pool.begin(state.catalog.numbers());
    realtime::collect(moment, realtime::Reach::Everything, 1, &mut Unhurried, scratch);
    let cart = &moment.cart;
    scratch.pool.retain(|candidate| {
        state.catalog.facts(candidate.item).known && !cart.contains(&candidate.item) && counts(candidate.item)
    });
    scratch.pool.cut(settings.candidates.limit);
    let targets: Vec<usize> = taken.iter().flatten().filter_map(|&item| scratch.pool.place(item)).collect();
    if targets.is_empty() {
        return Lesson {
            intent: moment.intent(),
            vectors: Vec::new(),
            gates: Gates::default(),
            targets,
            taken: taken.len(),
            basis: Basis::Organic,
        };
    }
    features::extract(moment, &scratch.pool, &mut scratch.vectors);
    Lesson {
        intent: moment.intent(),
        vectors: scratch.vectors.clone(),
        gates: features::gates(moment, &scratch.pool),
        targets,
        taken: taken.len(),
        basis: Basis::Organic,
    }
}

/// What was known and what was taken. An order's lines are split in two halves at random; other events take their one
/// item.
fn split(event: &Event) -> (Vec<ItemId>, Vec<ItemId>) {
    let items: Vec<ItemId> = event.lines.iter().map(|line| line.item.clone()).collect();
    if items.len() < 2 {
        return (Vec::new(), items);
    }
    let mut known = shuffled(items, event);
    let taken = known.split_off(known.len() / 2);
    (known, taken)
}

/// In an order that only the ids decide. The lines of an order need not come in the order of carting, so neighbours
/// among them must not teach what follows what; the shopper's own adds to the cart do.
fn shuffled(mut items: Vec<ItemId>, event: &Event) -> Vec<ItemId> {
    let salt = key(Space::Event, event.id.as_str());
    items.sort_by_cached_key(|item| (key(Space::Event, item.as_str()) ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    items
}

fn request(state: &State, event: &Event, known: Vec<ItemId>) -> Option<Request> {
    if event.kind == EventKind::Purchase {
        // An order is learned from as a cart of its own: where it comes line by line, the visit's newest touches are its
        // own lines, which nobody had seen when the cart was filled.
        return alone(event, if known.is_empty() { shuffled(order_so_far(state, event), event) } else { known });
    }
    let placement = PlacementId::new(if event.kind == EventKind::View { "pdp" } else { "cart" }).ok()?;
    let mut request = Request::new(placement, event.session.clone(), 1);
    request.user = shopper(event);
    request.repeats = Repeats::Allow;
    Some(request)
}

/// Of a cart alone: in a visit that nobody knows.
pub(super) fn alone(event: &Event, cart: Vec<ItemId>) -> Option<Request> {
    let mut request = Request::new(PlacementId::new("cart").ok()?, SessionId::new(event.id.as_str()).ok()?, 1);
    request.user = shopper(event);
    request.repeats = Repeats::Allow;
    request.cart = Some(cart);
    Some(request)
}

fn shopper(event: &Event) -> Option<UserId> {
    event.user.clone().filter(|_| event.consent != Some(false))
}

/// The lines of the event's order that have arrived already: the cart, where a shop sends an order line by line.
fn order_so_far(state: &State, event: &Event) -> Vec<ItemId> {
    let name = event.order.as_ref().map_or(event.session.as_str(), |order| order.as_str());
    let order = state.orders.get(key(Space::Order, name));
    let lines = order.iter().flat_map(|order| &order.lines).filter(|line| line.stands());
    lines.map(|line| state.catalog.id(line.item)).collect()
}

/// Whether the visit had already come to an item that it now buys: carting it was the lesson, and since then the rows
/// hold its own pairs.
pub(super) fn was_visited(state: &State, event: &Event, item: ItemIx) -> bool {
    let session = state.sessions.get(key(Space::Session, event.session.as_str()));
    session.is_some_and(|session| session.touches().iter().any(|touch| touch.item == item))
}
