//! Orders: lines bought together are paired; a refund takes back exactly what its line had added.

use super::event::KIN_REACH;
use crate::nouns::{Event, EventKind, Timestamp};
use crate::settings::Settings;
use crate::store::affinities::Pairing;
use crate::store::key::{Key, Space, key};
use crate::store::orders::{MAX_ORDER_LINES, Order, OrderLine, pair_weight};
use crate::store::{ItemIx, Relation, State};

/// An order's key: its id or, where the shop names none, its visit's.
fn order_key(event: &Event) -> Key {
    key(Space::Order, event.order.as_ref().map_or(event.session.as_str(), |id| id.as_str()))
}

impl State {
    /// Adds the lines of a purchase to their order, pairing each with the lines before it.
    pub(super) fn purchase(&mut self, event: &Event, lines: &[(ItemIx, u32)], profile: Key, settings: &Settings) {
        let is_new = self.orders.get(order_key(event)).is_none();
        // A million orders are kept, most of them complete with their first event: room for that, and no more.
        let new = || Order { profile, lines: Vec::with_capacity(lines.len().min(MAX_ORDER_LINES)) };
        let order = self.orders.touch(order_key(event), settings.sessions.max_live, new);
        if is_new && profile != 0 {
            self.users.count_order(profile, &settings.users);
        }
        let known = order.lines.len();
        let pairing = Pairing::new(Relation::Buy, event.at, &settings.affinities);
        for &(item, quantity) in lines {
            if let Some(line) = order.lines.iter_mut().find(|line| line.item == item && line.stands()) {
                line.quantity = line.quantity.saturating_add(quantity);
                continue;
            }
            if order.lines.len() >= MAX_ORDER_LINES {
                break;
            }
            self.rows.stand(pairing, item, 1.0);
            let weight = pair_weight(order.lines.len());
            let reach = settings.affinities.basket_reach;
            for other in order.lines.iter().rev().take(reach).filter(|other| other.stands() && other.item != item) {
                self.rows.add(pairing, other.item, item, weight);
                self.rows.add(pairing, item, other.item, weight);
            }
            order.lines.push(OrderLine { item, quantity, refunded: 0, at: event.at });
        }
        self.relate_order_kin(order_key(event), known, event.at, settings);
    }

    /// Pairs the categories and brands of an order's lines from the place `known` on with those of the lines before.
    /// A refund leaves them: that such things are bought together remains true.
    fn relate_order_kin(&mut self, order: Key, known: usize, at: Timestamp, settings: &Settings) {
        let Some(order) = self.orders.get(order) else { return };
        let items: Vec<ItemIx> = order.lines.iter().map(|line| line.item).collect();
        for place in known..items.len() {
            let before: Vec<ItemIx> = items[..place].iter().rev().take(KIN_REACH).copied().collect();
            self.relate_kin(Relation::Buy, items[place], &before, at, settings);
        }
    }

    /// Counts units sent back; a line of which all are is taken out of counters, pairs and the shopper's profile.
    /// That the shopper visited the item remains true. A refund of an order that is not remembered changes nothing.
    pub(super) fn refund(&mut self, event: &Event, lines: &[(ItemIx, u32)], settings: &Settings) {
        for &(item, quantity) in lines {
            let Some(order) = self.orders.get_mut(order_key(event)) else { return };
            let Some(place) = order.lines.iter().position(|line| line.item == item && line.stands()) else { continue };
            order.lines[place].refunded = order.lines[place].refunded.saturating_add(quantity);
            if !order.lines[place].stands() {
                let order = order.clone();
                self.take_back(&order, place, settings);
            }
        }
    }

    fn take_back(&mut self, order: &Order, place: usize, settings: &Settings) {
        let line = order.lines[place];
        self.counters.count(line.item, EventKind::Purchase, line.at, -1.0, &settings.popularity);
        self.leaders.set(line.item, &self.counters.get(line.item), self.catalog.facts(line.item));
        if order.profile != 0 {
            self.users.take_back(order.profile, line.item, line.at, &settings.users);
        }
        self.rows.stand(Pairing::new(Relation::Buy, line.at, &settings.affinities), line.item, -1.0);
        let reach = settings.affinities.basket_reach;
        for (other_place, other) in order.lines.iter().enumerate().filter(|(_, other)| other.stands()) {
            let later = place.max(other_place);
            if later - place.min(other_place) > reach {
                continue;
            }
            let pairing = Pairing::new(Relation::Buy, order.lines[later].at, &settings.affinities);
            self.rows.take(pairing, other.item, line.item, pair_weight(later));
            self.rows.take(pairing, line.item, other.item, pair_weight(later));
        }
    }
}
