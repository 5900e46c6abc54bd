use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::key::Key;
use crate::nouns::{EventKind, MINUTE_MS, Timestamp};
use crate::settings::SessionSettings;

/// Touches by which the room of a visit grows.
const GROWTH: usize = 2;
/// Items shown and not clicked that are remembered per visit; the one shown longest ago leaves first.
const MAX_SHOWN: usize = 64;

/// Items waved away that are remembered per visit; the one waved away longest ago leaves first.
const MAX_DISMISSED: usize = 64;

/// One thing a shopper did to one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Touch {
    /// Milliseconds from the visit's start; 24 days either way fit, a visit lasts hours.
    offset_ms: i32,
    pub(crate) item: ItemIx,
    /// The three low bytes of the quantity: a touch takes 12 bytes, and there are millions.
    quantity: [u8; 3],
    pub(crate) kind: EventKind,
}

impl Touch {
    /// `quantity` up to 16,777,215; more counts as so many.
    fn new(offset_ms: i32, item: ItemIx, quantity: u32, kind: EventKind) -> Self {
        let [_, high, middle, low] = quantity.min((1 << 24) - 1).to_be_bytes();
        Self { offset_ms, item, quantity: [high, middle, low], kind }
    }

    fn quantity(&self) -> u32 {
        let [high, middle, low] = self.quantity;
        u32::from_be_bytes([0, high, middle, low])
    }
}

/// A visit, and the cart that outlives it.
///
/// A visit ends when it has been idle for long; its context is then forgotten, but not its cart: the shopper who comes
/// back after lunch finds it full, so it still must not be recommended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) started_at: Timestamp,
    pub(crate) last_at: Timestamp,
    /// In order of time; late ones are put where they belong.
    touches: Vec<Touch>,
    /// The user's or the device's profile; 0: none known.
    pub(crate) profile: Key,
    /// The visit's number in the session index and 1, once it is there.
    after_serial: Option<NonZeroU64>,
    pace: Pace,
    /// In a box of its own: most visits of most shops have nothing of it.
    aside: Option<Box<Aside>>,
}

/// What few visits have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Aside {
    /// What the cart held before the oldest kept touch: (item, units) in order of first adding.
    carried: Vec<(ItemIx, u32)>,
    shown: Shown,
    dismissed: Dismissed,
}

/// Items that the shopper waved away, and when; newest last. Outlives the visit, as its cart does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Dismissed(Vec<(ItemIx, Timestamp)>);

/// Items that recommendations showed in this visit and that were not clicked since, and how often; newest last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Shown(Vec<(ItemIx, u16)>);

/// How busy a visit is: too busy for a person?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pace {
    events: u32,
    /// Minutes since the epoch, modulo 2^32, and events in that minute.
    minute: u32,
    in_minute: u32,
    bot: bool,
}

impl Session {
    pub(crate) fn new(at: Timestamp) -> Self {
        Self {
            started_at: at,
            last_at: at,
            touches: Vec::new(),
            profile: 0,
            after_serial: None,
            pace: Pace::default(),
            aside: None,
        }
    }

    /// Whether the visit has been idle for too long, as of `now`.
    pub(crate) fn ended(&self, now: Timestamp, settings: &SessionSettings) -> bool {
        now.since_ms(self.last_at) > settings.idle_ms
    }

    /// Begins a new visit of the same session id: only cart and profile stay.
    pub(crate) fn renew(&mut self, at: Timestamp) {
        let carried = self.cart();
        let aside = (!carried.is_empty()).then(|| Box::new(Aside { carried, ..Aside::default() }));
        *self = Self { profile: self.profile, aside, ..Self::new(at) };
    }

    /// The visit's number in the session index, once it is there.
    pub(crate) fn serial(&self) -> Option<u64> {
        self.after_serial.map(|after| after.get() - 1)
    }

    pub(crate) fn set_serial(&mut self, serial: u64) {
        self.after_serial = NonZeroU64::new(serial + 1);
    }

    /// Counts an event of the visit. Once the visit has been too fast or too long for a person, it stays a bot's to its
    /// end, however slow it becomes.
    pub(crate) fn pace(&mut self, at: Timestamp, settings: &SessionSettings) -> bool {
        let minute = at.0.div_euclid(MINUTE_MS) as u32;
        if minute != self.pace.minute {
            self.pace.minute = minute;
            self.pace.in_minute = 0;
        }
        self.pace.in_minute = self.pace.in_minute.saturating_add(1);
        self.pace.events = self.pace.events.saturating_add(1);
        let beyond = |count: u32, most: Option<u32>| most.is_some_and(|most| count > most);
        self.pace.bot |= beyond(self.pace.in_minute, settings.bot_events_per_minute)
            || beyond(self.pace.events, settings.bot_events_per_visit);
        self.pace.bot
    }

    /// Whether the visit is a program's, going by its pace.
    pub(crate) fn is_bot(&self) -> bool {
        self.pace.bot
    }

    /// What was done in this visit, in order of time.
    pub(crate) fn touches(&self) -> &[Touch] {
        &self.touches
    }

    /// When a touch happened.
    pub(crate) fn at(&self, touch: &Touch) -> Timestamp {
        self.started_at.plus_ms(i64::from(touch.offset_ms))
    }

    /// Puts a touch where its time belongs, after those of the same instant, and returns its place. The oldest touch
    /// leaves a full visit; its effect on the cart is kept.
    pub(crate) fn insert(
        &mut self,
        at: Timestamp,
        item: ItemIx,
        quantity: u32,
        kind: EventKind,
        settings: &SessionSettings,
    ) -> usize {
        let offset = at.since_ms(self.started_at).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        if self.touches.len() >= settings.max_touches.max(1) {
            let oldest = self.touches.remove(0);
            let most = settings.max_cart_items;
            match &mut self.aside {
                Some(aside) => net(&mut aside.carried, &oldest, most),
                // Nothing can be taken out of nothing.
                None if oldest.kind == EventKind::AddToCart => net(&mut self.aside().carried, &oldest, most),
                None => {}
            }
        }
        if self.touches.len() == self.touches.capacity() {
            // A million visits are kept, most of them short: doubling would reserve more than they hold.
            self.touches.reserve_exact(GROWTH);
        }
        let place = self.touches.partition_point(|touch| touch.offset_ms <= offset);
        self.touches.insert(place, Touch::new(offset, item, quantity, kind));
        self.last_at = self.last_at.max(at);
        place
    }

    /// The cart, netted: (item, units) in order of first adding.
    pub(crate) fn cart(&self) -> Vec<(ItemIx, u32)> {
        let mut cart = self.aside.as_ref().map(|aside| aside.carried.clone()).unwrap_or_default();
        for touch in &self.touches {
            net(&mut cart, touch, usize::MAX);
        }
        cart
    }

    fn aside(&mut self) -> &mut Aside {
        self.aside.get_or_insert_default()
    }

    /// Notes that a recommendation of an item was shown.
    pub(crate) fn show(&mut self, item: ItemIx) {
        let shown = &mut self.aside().shown.0;
        let times = match shown.iter().position(|&(other, _)| other == item) {
            Some(place) => shown.remove(place).1.saturating_add(1),
            None => 1,
        };
        if shown.len() >= MAX_SHOWN {
            shown.remove(0);
        }
        shown.push((item, times));
    }

    /// Notes that a recommendation of an item was clicked.
    pub(crate) fn click(&mut self, item: ItemIx) {
        if let Some(aside) = &mut self.aside {
            aside.shown.0.retain(|&(other, _)| other != item);
        }
    }

    /// Notes that an item was waved away.
    pub(crate) fn dismiss(&mut self, item: ItemIx, at: Timestamp) {
        let dismissed = &mut self.aside().dismissed.0;
        let at = match dismissed.iter().position(|&(other, _)| other == item) {
            Some(place) => dismissed.remove(place).1.max(at),
            None => at,
        };
        if dismissed.len() >= MAX_DISMISSED {
            dismissed.remove(0);
        }
        dismissed.push((item, at));
    }

    /// When an item was last waved away.
    pub(crate) fn dismissed_at(&self, item: ItemIx) -> Option<Timestamp> {
        let mut dismissed = self.aside.iter().flat_map(|aside| &aside.dismissed.0);
        dismissed.find(|(other, _)| *other == item).map(|&(_, at)| at)
    }

    /// How often an item was shown in this visit since it was last clicked.
    pub(crate) fn times_shown(&self, item: ItemIx) -> u16 {
        let shown = self.aside.iter().flat_map(|aside| &aside.shown.0);
        shown.filter(|(other, _)| *other == item).map(|&(_, times)| times).sum()
    }

    /// How many touches are of a kind.
    pub(crate) fn count(&self, kind: EventKind) -> u32 {
        self.touches.iter().filter(|touch| touch.kind == kind).count() as u32
    }
}

/// Adds add up, removals and purchases take out; a cart never holds less than nothing of an item.
fn net(cart: &mut Vec<(ItemIx, u32)>, touch: &Touch, room: usize) {
    let place = cart.iter().position(|&(item, _)| item == touch.item);
    match (touch.kind, place) {
        (EventKind::AddToCart, Some(place)) => cart[place].1 = cart[place].1.saturating_add(touch.quantity()),
        (EventKind::AddToCart, None) if cart.len() < room => cart.push((touch.item, touch.quantity())),
        (EventKind::RemoveFromCart | EventKind::Purchase, Some(place)) => {
            cart[place].1 = cart[place].1.saturating_sub(touch.quantity());
            if cart[place].1 == 0 {
                cart.remove(place);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::Settings;

    fn kind() -> impl Strategy<Value = EventKind> {
        prop::sample::select(vec![
            EventKind::View,
            EventKind::AddToCart,
            EventKind::RemoveFromCart,
            EventKind::Purchase,
        ])
    }

    proptest! {
        #[test]
        fn the_cart_depends_on_times_not_on_arrival(
            touches in prop::collection::vec((0..4_u32, 1..4_u32, kind()), 0..40),
            arrival in any::<prop::sample::Index>(),
        ) {
            let settings = Settings::default().sessions;
            let mut in_order = Session::new(Timestamp(0));
            let mut shuffled = Session::new(Timestamp(0));
            let mut stamped: Vec<_> = (0_i64..).zip(touches).collect();
            for &(at, (item, quantity, kind)) in &stamped {
                in_order.insert(Timestamp(at), item, quantity, kind, &settings);
            }
            if !stamped.is_empty() {
                let turn = arrival.index(stamped.len());
                stamped.rotate_left(turn);
            }
            for &(at, (item, quantity, kind)) in &stamped {
                shuffled.insert(Timestamp(at), item, quantity, kind, &settings);
            }
            prop_assert_eq!(in_order.cart(), shuffled.cart());
        }

        #[test]
        fn forgetting_old_touches_keeps_the_cart(touches in prop::collection::vec((0..4_u32, 1..4_u32, kind()), 0..60)) {
            let all = Settings::default().sessions;
            let few = SessionSettings { max_touches: 3, ..all.clone() };
            let (mut whole, mut short) = (Session::new(Timestamp(0)), Session::new(Timestamp(0)));
            for (at, (item, quantity, kind)) in (0_i64..).zip(touches) {
                whole.insert(Timestamp(at), item, quantity, kind, &all);
                short.insert(Timestamp(at), item, quantity, kind, &few);
                prop_assert_eq!(whole.cart(), short.cart());
                prop_assert!(short.touches().len() <= 3);
            }
        }
    }

    #[test]
    fn a_visit_beyond_either_rate_is_a_bots_to_its_end() {
        let settings = SessionSettings {
            bot_events_per_minute: Some(3),
            bot_events_per_visit: Some(6),
            ..Settings::default().sessions
        };
        let paced = |times: &[i64]| {
            let mut session = Session::new(Timestamp(0));
            times.iter().map(|&at| session.pace(Timestamp(at), &settings)).collect::<Vec<_>>()
        };
        assert_eq!(paced(&[0, 1, 2, 3, 600_000]), [false, false, false, true, true]);
        assert_eq!(paced(&[0, 1, 2, 60_000, 60_001, 60_002]), [false; 6]);
        assert_eq!(paced(&[0, 1, 2, 60_000, 60_001, 60_002, 120_000]).last(), Some(&true));
        let never = SessionSettings { bot_events_per_minute: None, bot_events_per_visit: None, ..settings.clone() };
        let mut session = Session::new(Timestamp(0));
        assert!((0..10_000).all(|_| !session.pace(Timestamp(0), &never)));
    }

    #[test]
    fn a_new_visit_keeps_the_cart_and_forgets_the_context() {
        let settings = Settings::default().sessions;
        let mut session = Session::new(Timestamp(0));
        session.insert(Timestamp(1), 7, 2, EventKind::AddToCart, &settings);
        assert!(!session.ended(Timestamp(30 * 60_000), &settings));
        assert!(session.ended(Timestamp(31 * 60_000), &settings));
        session.renew(Timestamp(40 * 60_000));
        assert!(session.touches().is_empty());
        assert_eq!(session.cart(), [(7, 2)]);
    }
}
