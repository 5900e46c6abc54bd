use std::borrow::Cow;

use super::affinities::{Relation, Row, Rows};
use super::catalog::NO_IX;
use super::counters::interest;
use super::key::{Space, key};
use super::users::Profile;
use super::{ItemIx, Lens, Session, State, Touch, together};
use crate::nouns::{EventKind, Intent, ItemId, Repeats, Request, Timestamp};
use crate::settings::Settings;

/// Distinct items of context kept at most; sources look at the newest few of them.
pub(crate) const MAX_VISIT: usize = 64;
/// Items of a cart looked at, at most.
pub(crate) const MAX_CART: usize = 200;
/// Age, in steps, of an item that is in the cart but was not seen in the visit: recent, though not the very last.
const CART_AGE: f32 = 1.0;

/// An item that the visit came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) item: ItemIx,
    /// Steps back from the newest item, which has 0.
    pub(crate) age: f32,
    /// How often the visit came to it.
    pub(crate) times: u32,
    /// Whether it is in the cart now.
    pub(crate) in_cart: bool,
    /// Whether the shopper really looked at it, as opposed to its only being in the cart.
    pub(crate) browsed: bool,
    /// Whether the visit's own event is already part of the item's figures.
    pub(crate) counted: bool,
    /// Interest by which the visit's own events have raised the item's counters.
    pub(crate) interest: f32,
}

impl Seen {
    /// P(j | this item) = C / n, where n counts this very visit whether or not its event has arrived, so that the
    /// figure is the same for a visit known from events and for one known from the request alone. As of now.
    pub(crate) fn occurrences(&self, n_now: f32) -> f32 {
        if self.counted { n_now.max(1.0) } else { n_now + 1.0 }
    }
}

/// What is true for one request: the state it is answered from, and who asks, resolved once.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) state: &'a State,
    pub(crate) settings: &'a Settings,
    pub(crate) request: &'a Request,
    pub(crate) lens: Lens,
    /// The instant that learned figures are read as of, see [`State::aged`].
    pub(crate) aged: Timestamp,
    pub(crate) now: Timestamp,
    /// Distinct items of context, newest first; the cart's own at the end.
    pub(crate) visit: Vec<Seen>,
    /// The visit's way, item by item with repeats, newest first.
    pub(crate) path: Vec<ItemIx>,
    /// Distinct items of the cart.
    pub(crate) cart: Vec<ItemIx>,
    /// Known shoppers only. See [`Moment::profile`].
    profile: Option<Cow<'a, Profile>>,
    /// The visit of that id, with its cart, whether or not it has ended.
    pub(crate) session: Option<&'a Session>,
    /// The same, unless it has ended.
    pub(crate) live: Option<&'a Session>,
    /// The visit's number in the session index, so that it is not its own neighbour.
    pub(crate) own_serial: Option<u64>,
    /// The lists that the shop chose for this context, first of all; from its rules.
    pub(crate) lists: Vec<&'a [ItemId]>,
}

impl<'a> Moment<'a> {
    /// Resolves a request: the live visit (if it has not ended), then the request's own items, which count as newest
    /// whether or not their events have arrived; the cart as given, or else as netted from events.
    pub(crate) fn new(state: &'a State, settings: &'a Settings, request: &'a Request, now: Timestamp) -> Self {
        let stored = state.sessions.get(key(Space::Session, request.session.as_str()));
        let live = stored.filter(|session| !session.ended(state.visits_as_of(now), &settings.sessions));
        let cart = cart(state, request, stored);
        let (told, known) = (told(state, request), known(live));
        let profile = request
            .user
            .as_ref()
            .map(|user| key(Space::User, user.as_str()))
            .or_else(|| stored.map(|session| session.profile))
            .and_then(|key| state.users.get(key));
        Self {
            state,
            settings,
            request,
            lens: state.lens(settings, state.aged(now)),
            now,
            aged: state.aged(now),
            visit: visit(&told, &known, &cart, live.map(Session::touches).unwrap_or_default()),
            // The request may repeat what the events told, so the longer of the two is the truth.
            path: if told.len() >= known.len() { told } else { known },
            cart,
            profile: together(profile, request.recalled.as_deref(), &state.catalog, &settings.users),
            session: stored,
            live,
            own_serial: live.and_then(Session::serial),
            lists: Vec::new(),
        }
    }

    /// What is remembered of the shopper: by the state, and by what the request brought along.
    pub(crate) fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }

    /// What the shopper is about to do.
    pub(crate) fn intent(&self) -> Intent {
        match self.request.repeats {
            _ if !self.cart.is_empty() && self.visit.iter().all(|seen| seen.in_cart) => Intent::Basket,
            _ if !self.cart.is_empty() => Intent::Mixed,
            Repeats::Allow => Intent::Browse,
            Repeats::Suppress => Intent::Discover,
        }
    }

    /// The row of a category or brand in the relation that fits the intent: orders or, where there are none, carts for
    /// a basket; visits otherwise. `None` where nothing is known; else its n is above 0.
    pub(crate) fn kin_row<'r>(&self, rows: &'r Rows, of: u32) -> Option<&'r Row> {
        if of == NO_IX {
            return None;
        }
        let relations: &[Relation] =
            if self.intent().has_cart() { &[Relation::Buy, Relation::Cart] } else { &[Relation::Visit] };
        relations.iter().find_map(|&relation| rows.get(relation, of).filter(|row| row.n > 0.0))
    }

    /// P(b | a) between two categories or brands; 0 where nothing is known.
    pub(crate) fn kin_share(&self, rows: &Rows, a: u32, b: u32) -> f32 {
        if b == NO_IX { 0.0 } else { self.kin_row(rows, a).map_or(0.0, |row| row.conditional(b)) }
    }

    /// The newest items of context that sources look at.
    pub(crate) fn recent(&self) -> &[Seen] {
        &self.visit[..self.visit.len().min(self.settings.candidates.context_items)]
    }

    /// The newest item of context.
    pub(crate) fn last(&self) -> Option<ItemIx> {
        self.visit.first().map(|seen| seen.item)
    }
}

fn cart(state: &State, request: &Request, session: Option<&Session>) -> Vec<ItemIx> {
    let mut cart: Vec<ItemIx> = Vec::new();
    let mut add = |item| {
        if cart.len() < MAX_CART && !cart.contains(&item) {
            cart.push(item);
        }
    };
    match &request.cart {
        Some(ids) => ids.iter().filter_map(|id| state.catalog.number(id.as_str())).for_each(&mut add),
        None => session.iter().flat_map(|session| session.cart()).for_each(|(item, _)| add(item)),
    }
    cart
}

/// The request's items of context, newest first.
fn told(state: &State, request: &Request) -> Vec<ItemIx> {
    request.context_items.iter().rev().filter_map(|id| state.catalog.number(id.as_str())).collect()
}

/// The live visit's items as told by events, newest first.
fn known(live: Option<&Session>) -> Vec<ItemIx> {
    let touches = live.map(Session::touches).unwrap_or_default();
    touches.iter().rev().filter(|touch| touch.kind != EventKind::RemoveFromCart).map(|touch| touch.item).collect()
}

fn visit(told: &[ItemIx], known: &[ItemIx], cart: &[ItemIx], touches: &[Touch]) -> Vec<Seen> {
    let times = |list: &[ItemIx], item| list.iter().filter(|&&other| other == item).count();
    let interest = |item| touches.iter().filter(|touch| touch.item == item).map(|touch| interest(touch.kind)).sum();

    let mut visit: Vec<Seen> = Vec::new();
    for &item in told.iter().chain(known) {
        if visit.len() < MAX_VISIT && !visit.iter().any(|seen| seen.item == item) {
            visit.push(Seen {
                item,
                age: visit.len() as f32,
                times: times(told, item).max(times(known, item)) as u32,
                in_cart: cart.contains(&item),
                browsed: true,
                counted: known.contains(&item),
                interest: interest(item),
            });
        }
    }
    for &item in cart.iter().rev() {
        if visit.len() < MAX_VISIT && !visit.iter().any(|seen| seen.item == item) {
            visit.push(Seen {
                item,
                age: CART_AGE,
                times: 0,
                in_cart: true,
                browsed: false,
                counted: false,
                interest: 0.0,
            });
        }
    }
    visit
}
