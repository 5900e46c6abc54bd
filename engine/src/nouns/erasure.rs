use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Whom to forget, by the pseudonyms under which the state remembers them; see [`crate::Engine::erasure`]. The log keeps
/// no more than this of an erasure, so that a replay forgets them too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The order that it carries out, where several replicas read it: each works on its own files and tells of it by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Users and devices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<u64>,
    /// Visits, beyond those that the state knows to be of these profiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<u64>,
    /// Orders, beyond those that the state knows to be of these profiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<u64>,
    /// Events whose own ids are made from theirs: of these it is forgotten that they have come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<u64>,
}

impl Erasure {
    /// How many pseudonyms it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.profiles.len() + self.sessions.len() + self.orders.len() + self.events.len()
    }

    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In parts of at most `most` pseudonyms of each kind: a record of the log is bounded.
    #[must_use]
    pub fn parts(&self, most: usize) -> Vec<Self> {
        let part = |all: &[u64], n: usize| all.chunks(most.max(1)).nth(n).unwrap_or_default().to_vec();
        let longest = [&self.profiles, &self.sessions, &self.orders, &self.events].map(Vec::len).into_iter().max();
        let longest = longest.unwrap_or_default();
        (0..longest.div_ceil(most.max(1)))
            .map(|n| Self {
                order: self.order.clone(),
                profiles: part(&self.profiles, n),
                sessions: part(&self.sessions, n),
                orders: part(&self.orders, n),
                events: part(&self.events, n),
            })
            .collect()
    }

    /// Adds the pseudonyms of `other`; whether there were new ones.
    pub fn add(&mut self, other: &Self) -> bool {
        let before = self.len();
        let add = |own: &mut Vec<u64>, new: &[u64]| {
            let known: BTreeSet<u64> = own.iter().copied().collect();
            own.extend(new.iter().filter(|key| !known.contains(key)));
        };
        add(&mut self.profiles, &other.profiles);
        add(&mut self.sessions, &other.sessions);
        add(&mut self.orders, &other.orders);
        add(&mut self.events, &other.events);
        self.len() > before
    }

    /// Leaves out the pseudonyms of `other`; whether there were any.
    pub fn subtract(&mut self, other: &Self) -> bool {
        let before = self.len();
        let subtract = |own: &mut Vec<u64>, gone: &[u64]| {
            let gone: BTreeSet<u64> = gone.iter().copied().collect();
            own.retain(|key| !gone.contains(key));
        };
        subtract(&mut self.profiles, &other.profiles);
        subtract(&mut self.sessions, &other.sessions);
        subtract(&mut self.orders, &other.orders);
        subtract(&mut self.events, &other.events);
        self.len() < before
    }
}
