use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::decay::{Decay, Decayed};
use super::key::Key;
use super::lru::Lru;
use crate::nouns::{EventKind, Timestamp};
use crate::settings::UserSettings;

/// Decayed counts of a few items.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    items: Vec<(ItemIx, Decayed, Timestamp)>,
}

impl Tally {
    /// Item, decayed count and newest time, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ItemIx, Decayed, Timestamp)> + '_ {
        self.items.iter().copied()
    }

    pub(crate) fn get(&self, ix: ItemIx) -> Option<(Decayed, Timestamp)> {
        self.items.iter().find(|entry| entry.0 == ix).map(|&(_, count, at)| (count, at))
    }

    /// Adds `times` for `ix` at `at`; negative takes back. The least leaves a full tally.
    pub(crate) fn add(&mut self, ix: ItemIx, at: Timestamp, times: f32, settings: &UserSettings) {
        let decay = Decay::new(settings.half_life_ms);
        if let Some(place) = self.items.iter().position(|entry| entry.0 == ix) {
            let entry = &mut self.items[place];
            entry.1.add(decay, at, times);
            entry.2 = entry.2.max(at);
            if entry.1.value <= 0.0 {
                self.items.swap_remove(place);
            }
            return;
        }
        if times <= 0.0 {
            return;
        }
        let mut count = Decayed::default();
        count.add(decay, at, times);
        self.insert((ix, count, at), settings);
    }

    fn insert(&mut self, entry: (ItemIx, Decayed, Timestamp), settings: &UserSettings) {
        if self.items.len() < settings.items_per_user.max(1) {
            self.items.push(entry);
            return;
        }
        let least =
            (0..self.items.len()).min_by(|&a, &b| self.items[a].1.standing().total_cmp(&self.items[b].1.standing()));
        if let Some(least) = least {
            self.items[least] = entry;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self, settings: &UserSettings) {
        for &(ix, count, at) in &other.items {
            match self.items.iter_mut().find(|entry| entry.0 == ix) {
                Some(entry) => {
                    let (from, to) = (count.epoch.min(entry.1.epoch), count.epoch.max(entry.1.epoch));
                    let (early, late) = if count.epoch == from { (count, entry.1) } else { (entry.1, count) };
                    entry.1 = Decayed { epoch: to, value: late.value + early.value * Decay::rescale(from, to) };
                    entry.2 = entry.2.max(at);
                }
                None => self.insert((ix, count, at), settings),
            }
        }
    }
}

/// What is remembered of a shopper across visits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) bought: Tally,
    /// Viewed or carted.
    pub(crate) seen: Tally,
    /// Waved away.
    pub(crate) dismissed: Tally,
    pub(crate) orders: u32,
    pub(crate) last_at: Timestamp,
    /// Devices merged into this user.
    pub(crate) devices: u32,
    /// Its generation: the change that began it; 0 where no profile had been forgotten by then for want of room.
    pub(crate) since: u64,
    /// Its latest change.
    pub(crate) changed: u64,
}

/// Profiles of users and of devices whose user is not known, and which device belongs to which user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Users {
    profiles: Lru<Profile>,
    /// Device -> user.
    owners: Lru<Key>,
    /// Changes of profiles since the state began; numbers them.
    changes: u64,
}

impl Users {
    pub(crate) fn len(&self) -> usize {
        self.profiles.len()
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.profiles.evicted()
    }

    /// Changes of profiles since the state began.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Keys of the profiles that changed after that change. Walks all.
    pub(crate) fn changed_after(&self, change: u64) -> Vec<Key> {
        self.profiles.keys_where(|_, profile| profile.changed > change)
    }

    /// The profile of this very key.
    pub(crate) fn exactly(&self, key: Key) -> Option<&Profile> {
        self.profiles.get(key)
    }

    /// A profile that is about to change, made if there is none.
    fn changing(&mut self, key: Key, settings: &UserSettings) -> &mut Profile {
        self.changes += 1;
        let since = if self.profiles.evicted() == 0 { 0 } else { self.changes };
        let begin = || Profile { since, ..Profile::default() };
        let profile = self.profiles.touch(key, settings.max_users, begin);
        profile.changed = self.changes;
        profile
    }

    /// The profile of a user's or device's key.
    pub(crate) fn get(&self, key: Key) -> Option<&Profile> {
        self.profiles.get(self.owner(key))
    }

    /// The devices that are, or are known to be of, these profiles. Walks all.
    pub(crate) fn devices_of(&self, profiles: &FxHashSet<Key>) -> Vec<Key> {
        self.owners.keys_where(|device, user| profiles.contains(&device) || profiles.contains(user))
    }

    /// Forgets profiles, and whose these devices were.
    pub(crate) fn forget(&mut self, profiles: &FxHashSet<Key>, devices: &[Key]) {
        for profile in profiles {
            self.profiles.remove(*profile);
        }
        for device in devices {
            self.owners.remove(*device);
        }
    }

    /// The user that a device belongs to, or the key itself.
    pub(crate) fn owner(&self, key: Key) -> Key {
        self.owners.get(key).copied().unwrap_or(key)
    }

    /// A device turns out to be a user's: what was learnt of it becomes the user's. Doing so again changes nothing.
    pub(crate) fn stitch(&mut self, device: Key, user: Key, at: Timestamp, settings: &UserSettings) {
        if self.owners.get(device) == Some(&user) {
            return;
        }
        *self.owners.touch(device, settings.max_users, || user) = user;
        let anonymous = self.profiles.remove(device);
        let profile = self.changing(user, settings);
        profile.last_at = profile.last_at.max(at);
        profile.devices += 1;
        if let Some(anonymous) = anonymous {
            profile.bought.merge(&anonymous.bought, settings);
            profile.seen.merge(&anonymous.seen, settings);
            profile.dismissed.merge(&anonymous.dismissed, settings);
            profile.orders += anonymous.orders;
            profile.last_at = profile.last_at.max(anonymous.last_at);
        }
    }

    /// When a profile last bought an item.
    pub(crate) fn last_bought(&self, key: Key, ix: ItemIx) -> Option<Timestamp> {
        self.get(key).and_then(|profile| profile.bought.get(ix)).map(|(_, at)| at)
    }

    /// Counts one interest of a profile.
    pub(crate) fn count(&mut self, key: Key, ix: ItemIx, kind: EventKind, at: Timestamp, settings: &UserSettings) {
        let profile = self.changing(self.owner(key), settings);
        profile.last_at = profile.last_at.max(at);
        match kind {
            EventKind::Purchase => profile.bought.add(ix, at, 1.0, settings),
            EventKind::View | EventKind::AddToCart => profile.seen.add(ix, at, 1.0, settings),
            EventKind::Dismiss => profile.dismissed.add(ix, at, 1.0, settings),
            _ => {}
        }
    }

    /// Counts a new order of a profile.
    pub(crate) fn count_order(&mut self, key: Key, settings: &UserSettings) {
        self.changing(self.owner(key), settings).orders += 1;
    }

    /// Takes back a purchase made at `at`.
    pub(crate) fn take_back(&mut self, key: Key, ix: ItemIx, at: Timestamp, settings: &UserSettings) {
        let owner = self.owner(key);
        if let Some(profile) = self.profiles.get_mut(owner) {
            self.changes += 1;
            profile.changed = self.changes;
            profile.bought.add(ix, at, -1.0, settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn a_device_is_merged_into_its_user_once() {
        let settings = Settings::default().users;
        let mut users = Users::default();
        users.count(1, 7, EventKind::View, Timestamp(10), &settings);
        users.count(2, 7, EventKind::Purchase, Timestamp(20), &settings);
        users.stitch(1, 2, Timestamp(30), &settings);
        users.stitch(1, 2, Timestamp(40), &settings);
        users.count(1, 8, EventKind::View, Timestamp(50), &settings);
        let profile = users.get(1).expect("the user's");
        assert_eq!(users.get(2), Some(profile));
        assert_eq!(profile.devices, 1);
        assert!(profile.seen.get(7).is_some() && profile.seen.get(8).is_some() && profile.bought.get(7).is_some());
        assert_eq!(users.len(), 1);
    }

    #[test]
    fn taking_a_purchase_back_forgets_it() {
        let settings = Settings::default().users;
        let mut users = Users::default();
        users.count(2, 7, EventKind::Purchase, Timestamp(20), &settings);
        users.take_back(2, 7, Timestamp(20), &settings);
        assert_eq!(users.get(2).and_then(|profile| profile.bought.get(7)), None);
    }
}
