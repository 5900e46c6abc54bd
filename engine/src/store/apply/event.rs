//! What a shopper did: counters, the visit and its cart, co-visits, the session index, the shopper's profile.

use crate::Applied;
use crate::nouns::{Event, EventKind, Timestamp};
use crate::settings::Settings;
use crate::store::affinities::Pairing;
use crate::store::key::{Key, Space, key};
use crate::store::{ItemIx, NO_IX, Relation, Session, State};

/// Steps back that the short window reaches.
const NEXT_REACH: u8 = 3;
/// Items back with whose category and brand a new item's are paired.
pub(super) const KIN_REACH: usize = 4;

impl State {
    pub(super) fn apply_event(&mut self, event: &Event, accepted_at: Timestamp, settings: &Settings) -> Applied {
        if !self.dedupe.insert(key(Space::Event, event.id.as_str()), accepted_at, &settings.dedupe) {
            return Applied::Duplicate;
        }
        self.newest_event_at = self.newest_event_at.max(Some(event.at));
        self.turn_day(event.at, settings);
        let lines: Vec<(ItemIx, u32)> = event
            .lines
            .iter()
            .filter_map(|line| Some((self.catalog.mention(&line.item, &settings.catalog)?, line.quantity)))
            .collect();
        let profile = self.identify(event, settings);
        match event.kind {
            EventKind::Refund => self.refund(event, &lines, settings),
            EventKind::Dismiss => self.dismiss(event, &lines, profile, settings),
            EventKind::Impression | EventKind::Click => self.keep_alive(event, &lines, settings),
            _ if self.is_bot(event, settings) => self.follow_bot(event, &lines, settings),
            _ => {
                for &(ix, quantity) in &lines {
                    self.touch(event, ix, quantity, profile, settings);
                }
                if event.kind == EventKind::Purchase {
                    self.purchase(event, &lines, profile, settings);
                }
            }
        }
        Applied::Fresh
    }

    /// Nightly work by the events' clock: the batch table, and the fixed list of a shop that never fixed one.
    fn turn_day(&mut self, at: Timestamp, settings: &Settings) {
        self.batch.turn_day(at);
        let lens = self.lens(settings, at);
        self.batch.advance(&self.rows, &lens, self.catalog.numbers(), settings.batch_rows_per_event);
        if self.fixed.fixed_at.is_none() && self.batch.is_rebuilding() {
            self.fixed.fix(&self.leaders, at);
        }
    }

    /// The key of whom the event is about, 0 if nobody; a device seen together with a user is stitched to it. Who
    /// declined personalisation has no profile.
    fn identify(&mut self, event: &Event, settings: &Settings) -> Key {
        if event.consent == Some(false) {
            return 0;
        }
        let device = event.anonymous.as_ref().map(|id| key(Space::Anonymous, id.as_str()));
        match (&event.user, device) {
            (Some(user), device) => {
                let user = key(Space::User, user.as_str());
                if let Some(device) = device {
                    self.users.stitch(device, user, event.at, &settings.users);
                }
                user
            }
            (None, Some(device)) => device,
            (None, None) => 0,
        }
    }

    /// Impressions and clicks keep a visit alive, and say what it was shown in vain. They teach nothing by themselves.
    fn keep_alive(&mut self, event: &Event, lines: &[(ItemIx, u32)], settings: &Settings) {
        if let Some(session) = self.sessions.get_mut(key(Space::Session, event.session.as_str()))
            && !session.ended(event.at, &settings.sessions)
        {
            session.last_at = session.last_at.max(event.at);
            for &(item, _) in lines {
                if event.kind == EventKind::Click { session.click(item) } else { session.show(item) }
            }
        }
    }

    /// What a shopper waved away is remembered of the visit, and of the shopper where known. It teaches nothing else.
    fn dismiss(&mut self, event: &Event, lines: &[(ItemIx, u32)], profile: Key, settings: &Settings) {
        let (_, session) = self.visit(event, settings);
        session.last_at = session.last_at.max(event.at);
        let profile = if profile == 0 { session.profile } else { profile };
        lines.iter().for_each(|&(item, _)| session.dismiss(item, event.at));
        if profile != 0 {
            for &(item, _) in lines {
                self.users.count(profile, item, event.kind, event.at, &settings.users);
            }
        }
    }

    /// Finds the visit of an event, renewing one that has ended.
    fn visit(&mut self, event: &Event, settings: &Settings) -> (Key, &mut Session) {
        let key = key(Space::Session, event.session.as_str());
        let session = self.sessions.touch(key, settings.sessions.max_live, || Session::new(event.at));
        if session.ended(event.at, &settings.sessions) {
            session.renew(event.at);
        }
        (key, session)
    }

    /// Whether the event is of a visit too busy for a person; counts it if so.
    fn is_bot(&mut self, event: &Event, settings: &Settings) -> bool {
        let (_, session) = self.visit(event, settings);
        let was_bot = session.is_bot();
        let is_bot = session.pace(event.at, &settings.sessions);
        self.bot_visits += u64::from(is_bot && !was_bot);
        self.bot_events += u64::from(is_bot);
        is_bot
    }

    /// What a bot does fills its own cart and nothing else: nothing is learned from it.
    fn follow_bot(&mut self, event: &Event, lines: &[(ItemIx, u32)], settings: &Settings) {
        let (_, session) = self.visit(event, settings);
        for &(ix, quantity) in lines {
            session.insert(event.at, ix, quantity, event.kind, &settings.sessions);
        }
    }

    /// One shopper touched one item.
    fn touch(&mut self, event: &Event, ix: ItemIx, quantity: u32, profile: Key, settings: &Settings) {
        if event.kind.is_interest() {
            self.counters.count(ix, event.kind, event.at, 1.0, &settings.popularity);
            self.leaders.raise(ix, &self.counters.get(ix), self.catalog.facts(ix));
        }
        let (session_key, session) = self.visit(event, settings);
        // A straggler of an earlier visit counts for items, not for the visit at hand.
        if session.started_at.since_ms(event.at) > settings.sessions.idle_ms {
            return;
        }
        let newly_known = profile != 0 && session.profile == 0;
        if profile != 0 {
            session.profile = profile;
        }
        let profile = session.profile;
        let place = session.insert(event.at, ix, quantity, event.kind, &settings.sessions);
        if event.kind == EventKind::Purchase
            && let Some(before) = self.users.last_bought(profile, ix)
        {
            self.counters.count_return(ix, before, event.at);
        }
        if newly_known {
            self.credit_visit(session_key, profile, settings);
        } else if profile != 0 {
            self.users.count(profile, ix, event.kind, event.at, &settings.users);
        }
        if event.kind.is_interest() {
            self.relate(session_key, place, settings);
        }
    }

    /// The shopper has just become known: what the visit did so far is hers too.
    fn credit_visit(&mut self, session_key: Key, profile: Key, settings: &Settings) {
        let Some(session) = self.sessions.get(session_key) else { return };
        for touch in session.touches() {
            self.users.count(profile, touch.item, touch.kind, session.at(touch), &settings.users);
        }
    }

    /// Pairs the touch at `place` with its neighbours in the visit, and with the cart if it was put there.
    fn relate(&mut self, session_key: Key, place: usize, settings: &Settings) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let touch = session.touches()[place];
        let at = session.at(&touch);
        if touch.kind == EventKind::AddToCart {
            let cart: Vec<ItemIx> = session.cart().into_iter().map(|(item, _)| item).collect();
            self.relate_cart(touch.item, &cart, at, settings);
        }
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if repeats_itself(session, place) {
            return;
        }
        let reach = settings.affinities.reach;
        let before = distinct(session.touches()[..place].iter().rev().map(|touch| touch.item), touch.item, reach);
        let after = distinct(session.touches()[place + 1..].iter().map(|touch| touch.item), touch.item, reach);
        session.set_serial(self.index.add(session.serial(), touch.item, at, &settings.index));

        let pairing = Pairing::new(Relation::Visit, at, &settings.affinities);
        let share = |distance: usize| 1.0 / (distance as f32).powf(settings.affinities.gamma);
        self.rows.stand(pairing, touch.item, 1.0);
        for (distance, &other) in (1..).zip(&before) {
            self.rows.add(pairing, other, touch.item, share(distance));
            self.rows.add(pairing, touch.item, other, share(distance) * settings.affinities.backward);
        }
        // Only a late event has anything after it.
        for (distance, &other) in (1..).zip(&after) {
            self.rows.add(pairing, touch.item, other, share(distance));
            self.rows.add(pairing, other, touch.item, share(distance) * settings.affinities.backward);
        }
        self.embeddings.learn(&before, touch.item, &self.index, &settings.embeddings);
        self.relate_next(touch.item, &before, at, settings);
        self.relate_kin(Relation::Visit, touch.item, &before, at, settings);
    }

    /// The short window: what came right after what.
    fn relate_next(&mut self, item: ItemIx, before: &[ItemIx], at: Timestamp, settings: &Settings) {
        let pairing = Pairing::new(Relation::Next, at, &settings.affinities);
        self.rows.stand(pairing, item, 1.0);
        for (distance, &other) in (1_u8..=NEXT_REACH).zip(before) {
            self.rows.add(pairing, other, item, 1.0 / f32::from(distance).powi(2));
        }
    }

    /// Pairs the categories and the brands of an item and of those before it, nearest first.
    pub(super) fn relate_kin(
        &mut self,
        relation: Relation,
        item: ItemIx,
        before: &[ItemIx],
        at: Timestamp,
        settings: &Settings,
    ) {
        let pairing = Pairing::new(relation, at, &settings.affinities);
        let of = |ix: ItemIx| {
            let facts = self.catalog.facts(ix);
            [facts.category, facts.brand]
        };
        let before: Vec<[u32; 2]> = before.iter().take(KIN_REACH).map(|&other| of(other)).collect();
        let whose = of(item);
        for (kin, rows) in [&mut self.category_rows, &mut self.brand_rows].into_iter().enumerate() {
            let own = whose[kin];
            if own == NO_IX {
                continue;
            }
            rows.stand(pairing, own, 1.0);
            for other in before.iter().map(|of| of[kin]).filter(|&other| other != NO_IX) {
                rows.add(pairing, other, own, 1.0 / before.len() as f32);
            }
        }
    }

    fn relate_cart(&mut self, item: ItemIx, cart: &[ItemIx], at: Timestamp, settings: &Settings) {
        let pairing = Pairing::new(Relation::Cart, at, &settings.affinities);
        self.rows.stand(pairing, item, 1.0);
        let others: Vec<ItemIx> =
            cart.iter().rev().copied().filter(|&other| other != item).take(settings.affinities.basket_reach).collect();
        let weight = 1.0 / (others.len().max(1) as f32).sqrt();
        for &other in &others {
            self.rows.add(pairing, other, item, weight);
            self.rows.add(pairing, item, other, weight);
        }
        self.relate_kin(Relation::Cart, item, &others, at, settings);
    }
}

/// Whether a touch says nothing new about the visit's path: the same item twice in a row, or an item carted or bought
/// that the visit had already come to.
fn repeats_itself(session: &Session, place: usize) -> bool {
    let (before, rest) = session.touches().split_at(place);
    let touch = rest[0];
    let interest = |other: &&crate::store::Touch| other.kind.is_interest();
    match touch.kind {
        EventKind::View => before.iter().rev().find(interest).is_some_and(|last| last.item == touch.item),
        _ => before.iter().filter(interest).any(|other| other.item == touch.item),
    }
}

/// The first `reach` different items, none of them `but`.
fn distinct(items: impl Iterator<Item = ItemIx>, but: ItemIx, reach: usize) -> Vec<ItemIx> {
    let mut found = Vec::with_capacity(reach.min(16));
    for item in items {
        if found.len() >= reach {
            break;
        }
        if item != but && !found.contains(&item) {
            found.push(item);
        }
    }
    found
}
