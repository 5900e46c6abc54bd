//! Shoppers' profiles on their way out of the state and back: by item id, since an item's number means nothing elsewhere.
//!
//! The state holds the most recent profiles only. A profile has a generation (`since`): a shopper who was forgotten for
//! want of room and comes back begins a new one, and both together are what is known. All numbers here come from the log
//! alone, so replicas agree on them.

use std::borrow::Cow;

use super::decay::{Decay, Reading};
use super::key::{Key, Space, key};
use super::users::{Profile, Tally};
use super::{Catalog, State};
use crate::nouns::{Entry, History, Past, Record, Request, UserId};
use crate::settings::{Settings, UserSettings};

/// A profile as the state holds it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its generation: the number of the change that began it; 0: nothing of the shopper can have been forgotten.
    pub since: u64,
    /// Number of its latest change.
    pub changed: u64,
    /// What it holds.
    pub history: History,
}

/// Who asks, as far as the state can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The shopper's pseudonym.
    pub key: u64,
    /// The generation of the profile that the state holds; `None`: it holds none.
    pub since: Option<u64>,
}

impl Asker {
    /// Whether the state may have forgotten something of this shopper.
    #[must_use]
    pub fn may_be_known_elsewhere(&self) -> bool {
        self.since != Some(0)
    }
}

impl State {
    /// The shopper that a request is about, if it is about one.
    pub(crate) fn asker(&self, request: &Request) -> Option<Asker> {
        let named = request.user.as_ref().map(|user| key(Space::User, user.as_str()));
        let of_visit = || self.sessions.get(key(Space::Session, request.session.as_str())).map(|visit| visit.profile);
        let key = named.or_else(of_visit).filter(|key| *key != 0).map(|key| self.users.owner(key))?;
        Some(Asker { key, since: self.users.get(key).map(|profile| profile.since) })
    }

    /// The pseudonym of a user.
    pub(crate) fn asker_of(&self, user: &UserId) -> Asker {
        let key = self.users.owner(key(Space::User, user.as_str()));
        Asker { key, since: self.users.get(key).map(|profile| profile.since) }
    }

    /// The shoppers whose profiles an entry, just applied, may have changed; 0 stands for none.
    pub(crate) fn shoppers_of(&self, entry: &Entry) -> [u64; 4] {
        let Record::Event(event) = &entry.record else { return [0; 4] };
        let device = event.anonymous.as_ref().map_or(0, |id| key(Space::Anonymous, id.as_str()));
        let user = event.user.as_ref().map_or(0, |id| key(Space::User, id.as_str()));
        let visit = self.sessions.get(key(Space::Session, event.session.as_str())).map_or(0, |visit| visit.profile);
        let order = event.order.as_ref().map_or(event.session.as_str(), |id| id.as_str());
        let order = self.orders.get(key(Space::Order, order)).map_or(0, |order| order.profile);
        // A device as such, too: what was its own may have become its user's.
        [device, user, self.users.owner(visit), self.users.owner(order)]
            .map(|key| if self.users.exactly(key).is_some() || self.users.owner(key) != key { key } else { 0 })
    }

    /// The profile of exactly this key.
    pub(crate) fn kept(&self, key: Key, settings: &Settings) -> Option<Kept> {
        let profile = self.users.exactly(key)?;
        let history = self.history(profile, settings);
        Some(Kept { since: profile.since, changed: profile.changed, history })
    }

    fn history(&self, profile: &Profile, settings: &Settings) -> History {
        let decay = Decay::new(settings.users.half_life_ms);
        let pasts = |tally: &Tally| {
            let past = |(item, count, at)| {
                let count = Reading::new(decay, at).of(count);
                Past { item: self.catalog.id(item), count, at }
            };
            tally.iter().map(past).filter(|past| past.count > 0.0).collect()
        };
        History {
            bought: pasts(&profile.bought),
            seen: pasts(&profile.seen),
            dismissed: pasts(&profile.dismissed),
            orders: profile.orders,
            last_at: profile.last_at,
            devices: profile.devices,
        }
    }
}

/// A profile together with what a request brought along. Borrows where nothing was brought: the usual case costs nothing.
pub(crate) fn together<'a>(
    held: Option<&'a Profile>,
    recalled: Option<&History>,
    catalog: &Catalog,
    settings: &UserSettings,
) -> Option<Cow<'a, Profile>> {
    let Some(recalled) = recalled.filter(|history| !history.is_empty()) else { return held.map(Cow::Borrowed) };
    let mut profile = held.cloned().unwrap_or_default();
    let tally = |pasts: &[Past]| {
        let mut tally = Tally::default();
        for past in pasts.iter().filter(|past| past.count.is_finite()) {
            // An item that this catalogue does not know can neither be shown nor say anything.
            if let Some(ix) = catalog.number(past.item.as_str()) {
                tally.add(ix, past.at, past.count, settings);
            }
        }
        tally
    };
    profile.bought.merge(&tally(&recalled.bought), settings);
    profile.seen.merge(&tally(&recalled.seen), settings);
    profile.dismissed.merge(&tally(&recalled.dismissed), settings);
    profile.orders = profile.orders.saturating_add(recalled.orders);
    profile.devices = profile.devices.saturating_add(recalled.devices);
    profile.last_at = profile.last_at.max(recalled.last_at);
    Some(Cow::Owned(profile))
}
