//! Forgetting shoppers: profiles, visits, carts and orders go. What was counted of them for items stays, since nothing
//! leads back from there.

use rustc_hash::FxHashSet;

use crate::Applied;
use crate::nouns::{Entry, Erasure};
use crate::store::State;
use crate::store::key::Key;

/// All that an erasure takes out of one state. Finding it walks all visits, orders and devices, some tens of
/// milliseconds per million; taking it out takes microseconds.
#[derive(Debug)]
pub struct Forgotten {
    profiles: FxHashSet<Key>,
    devices: Vec<Key>,
    sessions: Vec<Key>,
    orders: Vec<Key>,
    events: FxHashSet<Key>,
}

impl Forgotten {
    /// Pseudonyms of all shoppers and devices that are forgotten.
    pub fn shoppers(&self) -> impl Iterator<Item = u64> {
        self.profiles.iter().chain(&self.devices).copied()
    }
}

impl State {
    /// Looks for all that an erasure takes out.
    pub(crate) fn find_erased(&self, erasure: &Erasure) -> Forgotten {
        let set = |keys: &[Key]| keys.iter().copied().collect::<FxHashSet<Key>>();
        let (profiles, sessions, orders) = (set(&erasure.profiles), set(&erasure.sessions), set(&erasure.orders));
        Forgotten {
            devices: self.users.devices_of(&profiles),
            sessions: self
                .sessions
                .keys_where(|key, session| sessions.contains(&key) || profiles.contains(&session.profile)),
            orders: self.orders.keys_where(|key, order| orders.contains(&key) || profiles.contains(&order.profile)),
            profiles,
            events: set(&erasure.events),
        }
    }

    /// Applies the entry of an erasure whose finds are known.
    pub(crate) fn forget(&mut self, entry: &Entry, found: &Forgotten) {
        if self.is_new(entry) {
            self.applied += 1;
            self.take_out(found);
        }
    }

    pub(super) fn erase(&mut self, erasure: &Erasure) -> Applied {
        let found = self.find_erased(erasure);
        self.take_out(&found);
        Applied::Fresh
    }

    fn take_out(&mut self, found: &Forgotten) {
        self.users.forget(&found.profiles, &found.devices);
        for key in &found.sessions {
            self.sessions.remove(*key);
        }
        for key in &found.orders {
            self.orders.remove(*key);
        }
        self.dedupe.forget(&found.events);
    }
}
