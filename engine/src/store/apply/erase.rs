//! Forgetting shoppers: profiles, visits, carts and orders go. What was counted of them for items stays, since nothing
//! leads back from there.

use rustc_hash::FxHashSet;

use crate::Applied;
use crate::nouns::Erasure;
use crate::store::State;
use crate::store::key::Key;

impl State {
    /// Forgets whom an erasure names. Walks all visits, orders and devices: tens of milliseconds per million.
    pub(super) fn erase(&mut self, erasure: &Erasure) -> Applied {
        let set = |keys: &[Key]| keys.iter().copied().collect::<FxHashSet<Key>>();
        let (profiles, sessions, orders) = (set(&erasure.profiles), set(&erasure.sessions), set(&erasure.orders));
        self.users.forget(&profiles);
        self.sessions.remove_where(|key, session| sessions.contains(&key) || profiles.contains(&session.profile));
        self.orders.remove_where(|key, order| orders.contains(&key) || profiles.contains(&order.profile));
        Applied::Fresh
    }
}
