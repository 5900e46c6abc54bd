//! The state, put into plain views for people and other programs.

use crate::nouns::{EventKind, History, Timestamp};
use crate::settings::Settings;
use crate::store::{ItemIx, Lens, Relation, Space, State, Tally, key, together};
use crate::views::{CartLine, ItemView, SessionView, Sizes, UserView, Weighted};

/// Entries shown of a longer list.
const SHOWN: usize = 20;

impl State {
    pub(crate) fn session_view(&self, id: &str, now: Timestamp, settings: &Settings) -> Option<SessionView> {
        let session = self.sessions.get(key(Space::Session, id))?;
        let mut items: Vec<ItemIx> = Vec::new();
        for touch in session.touches().iter().filter(|touch| touch.kind.is_interest()) {
            items.retain(|&other| other != touch.item);
            items.push(touch.item);
        }
        let line = |(item, quantity)| CartLine { item_id: self.catalog.id(item), quantity };
        Some(SessionView {
            items: items.into_iter().map(|item| self.catalog.id(item)).collect(),
            cart: session.cart().into_iter().map(line).collect(),
            views: session.count(EventKind::View),
            adds: session.count(EventKind::AddToCart),
            removes: session.count(EventKind::RemoveFromCart),
            purchases: session.count(EventKind::Purchase),
            started_at: session.started_at,
            last_event_at: session.last_at,
            ended: session.ended(self.visits_as_of(now), &settings.sessions),
            bot: session.is_bot(),
        })
    }

    /// `id` is a user's or, if there is no such user, an anonymous id.
    pub(crate) fn user_view(
        &self,
        id: &str,
        recalled: Option<&History>,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<UserView> {
        let held = self.users.get(key(Space::User, id)).or_else(|| self.users.get(key(Space::Anonymous, id)));
        let profile = together(held, recalled, &self.catalog, &settings.users)?;
        let lens = self.lens(settings, now);
        Some(UserView {
            purchased: self.tally_view(&profile.bought, &lens),
            interested: self.tally_view(&profile.seen, &lens),
            orders: profile.orders,
            last_event_at: profile.last_at,
            merged_devices: profile.devices,
        })
    }

    pub(crate) fn item_view(&self, id: &str, now: Timestamp, settings: &Settings) -> Option<ItemView> {
        let ix = self.catalog.number(id)?;
        let lens = self.lens(settings, now);
        let counter = self.counters.get(ix);
        let count = |kind| lens.counts.of(counter.of(kind));
        Some(ItemView {
            known: self.catalog.facts(ix).known,
            stock: self.catalog.facts(ix).stock,
            views: count(EventKind::View),
            adds: count(EventKind::AddToCart),
            purchases: count(EventKind::Purchase),
            trend: lens.short.of(counter.short),
            last_event_at: counter.last_at,
            viewed_together: self.row_view(Relation::Visit, ix),
            carted_together: self.row_view(Relation::Cart, ix),
            bought_together: self.row_view(Relation::Buy, ix),
        })
    }

    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            items: self.catalog.known(),
            sessions: self.sessions.len(),
            users: self.users.len(),
            event_ids: self.dedupe.len(),
            indexed_sessions: self.index.len(),
            pairs: self.rows.pairs(),
            embedded_items: self.embeddings.len(),
            evicted_sessions: self.sessions.evicted(),
            evicted_users: self.users.evicted(),
            evicted_indexed_sessions: self.index.total() - self.index.len() as u64,
            evicted_embeddings: self.embeddings.evicted(),
            refused_items: self.refused_items,
            bot_events: self.bot_events,
            bot_visits: self.bot_visits,
            newest_event_at: self.newest_event_at,
            applied: self.applied,
        }
    }

    fn row_view(&self, relation: Relation, ix: ItemIx) -> Vec<Weighted> {
        let Some(row) = self.rows.get(relation, ix).filter(|row| row.n > 0.0) else { return Vec::new() };
        self.weighted(row.partners.iter().zip(&row.weights).map(|(&partner, &weight)| (partner, weight / row.n)))
    }

    fn tally_view(&self, tally: &Tally, lens: &Lens) -> Vec<Weighted> {
        self.weighted(tally.iter().map(|(item, count, _)| (item, lens.users.of(count))))
    }

    fn weighted(&self, entries: impl Iterator<Item = (ItemIx, f32)>) -> Vec<Weighted> {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        entries
            .into_iter()
            .take(SHOWN)
            .map(|(item, weight)| Weighted { item_id: self.catalog.id(item), weight })
            .collect()
    }
}
