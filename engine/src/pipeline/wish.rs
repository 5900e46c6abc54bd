//! What a cart alone would have been answered with just before its shopper looked at something new: a lesson in filling
//! carts, should that be carted or bought.

use super::Scratch;
use super::lesson::{alone, is_far_behind, list, was_visited};
use crate::nouns::{Event, EventKind, Feature, ItemId, Timestamp};
use crate::rank::{Lesson, Wish};
use crate::settings::Settings;
use crate::store::{ItemIx, Moment, Relation, Session, Space, State, key};

/// The wish that a look may turn out to be. `None` where there is nothing to go with what is looked at.
///
/// The list is made before the look is applied: from then on the rows hold the item together with the cart, and in most
/// shops one looks before one buys, so that carting and buying come too late to learn from.
pub(crate) fn wish(
    state: &State,
    settings: &Settings,
    event: &Event,
    now: Timestamp,
    scratch: &mut Scratch,
) -> Option<Wish> {
    let item = state.catalog.number(event.lines.first()?.item.as_str())?;
    if event.kind != EventKind::View || was_visited(state, event, item) || state.is_bot_visit(&event.session) {
        return None;
    }
    let session = state.sessions.get(key(Space::Session, event.session.as_str()))?;
    if session.ended(now, &settings.sessions) || is_far_behind(state, event) {
        return None;
    }
    let (cart, awaited) = given(state, session, event)?;
    // Half of the lessons are asked the other way round, what is looked at given and the cart to be found: carts are to
    // be filled whichever item was first, and the rows of what is new to the visit hold nothing of it yet, either.
    let lesson = if dice(event) & 1 == 0 {
        let is_new = |item: ItemIx| !session.touches().iter().any(|touch| touch.item == item);
        let request = alone(event, cart.iter().map(|&item| state.catalog.id(item)).collect())?;
        // What the visit has come to has just been drawn together by its own events: that is nobody else's word.
        list(&beside(session, Moment::new(state, settings, &request, now)), &[Some(item)], is_new, scratch)
    } else {
        let request = alone(event, vec![state.catalog.id(item)])?;
        let wanted: Vec<Option<ItemIx>> = cart.into_iter().map(Some).collect();
        let list = list(&beside(session, Moment::new(state, settings, &request, now)), &wanted, |_| true, scratch);
        untouched(list)
    };
    Some(Wish::new(event, awaited, lesson))
}

/// The moment of a visit that nobody knows, with this one, which is the same shopper's, not among its neighbours.
fn beside<'a>(session: &Session, mut moment: Moment<'a>) -> Moment<'a> {
    moment.own_serial = session.serial();
    moment
}

/// What the visit's own events have moved of the items that it has come to, by which these would be told from others.
const MOVED: [Feature; 7] = [
    Feature::LogIdle,
    Feature::LogTrend,
    Feature::LogCount,
    Feature::Rising,
    Feature::TrendingRank,
    Feature::UserLooked,
    Feature::UserLookedRecency,
];

/// A lesson that says nothing of those.
fn untouched(mut lesson: Lesson) -> Lesson {
    for vector in &mut lesson.vectors {
        MOVED.into_iter().for_each(|feature| vector[feature as usize] = 0.0);
    }
    lesson
}

/// What only the ids decide.
fn dice(event: &Event) -> u64 {
    key(Space::Event, event.id.as_str())
}

/// What stands for the cart, and what else has to be bought with what is looked at for the wish to be granted: nothing, if
/// it is a cart. In a shop that tells of orders but not of carts it is one of the items that the visit has come to, and
/// that one.
fn given(state: &State, session: &Session, event: &Event) -> Option<(Vec<ItemIx>, Option<ItemId>)> {
    let cart: Vec<ItemIx> = session.cart().into_iter().map(|(item, _)| item).collect();
    if !cart.is_empty() {
        return Some((cart, None));
    }
    let is_told_of = |relation| state.rows.total(relation).n > 0.0;
    if is_told_of(Relation::Cart) || !is_told_of(Relation::Buy) || session.touches().is_empty() {
        return None;
    }
    let drawn = (dice(event) >> 1) as usize % session.touches().len();
    let known = session.touches()[drawn].item;
    Some((vec![known], Some(state.catalog.id(known))))
}
