//! Which answer was given to which request, and why: kept for a while, to be looked up.

#[cfg(feature = "kafka")]
mod travel;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::Serialize;
use sidecart_engine::nouns::{Exposure, ItemId, Request, Timestamp};
use utoipa::ToSchema;
use uuid::Uuid;

#[cfg(feature = "kafka")]
pub use travel::{pack, unpack};

use crate::config::Observability;
use crate::log::Offset;
use crate::wire::answer::{Answer, Explanation};
use crate::wire::scalar::rfc3339;

/// What the caller of a request left to the placement's config.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOpen {
    /// How many items.
    pub limit: bool,
    /// Whether seen items may return.
    pub repeats: bool,
}

/// An answer and what it was given to.
#[derive(Debug)]
pub struct Decision {
    /// The request, completed from the config.
    pub request: Request,
    /// What of it the config completed.
    pub left_open: LeftOpen,
    /// The instant it was answered as of.
    pub at: Timestamp,
    /// What the engine knew: every record before this offset.
    pub applied: Offset,
    /// The answer.
    pub answer: Answer,
    /// What the scorer saw of the items shown.
    pub exposure: Exposure,
    /// The items that were clicked, by place: bit 0 is the first.
    pub clicked: AtomicU64,
}

impl Decision {
    /// Whether this is the first click on an item of the answer. Of items beyond the 64th no click is.
    pub fn first_click(&self, item: &ItemId) -> bool {
        let place = self.answer.items.iter().position(|shown| shown.item_id == item.as_str());
        let Some(bit) = place.and_then(|place| 1_u64.checked_shl(place as u32)) else { return false };
        self.clicked.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

/// Is told of each decision that is kept; must not wait.
pub type Teller = Box<dyn Fn(&Arc<Decision>) + Send + Sync>;

/// The newest decisions, by request id; the oldest leaves first. Those that a rule wants audited have room of their own,
/// so that traffic does not push them out.
#[derive(Default)]
pub struct Decisions {
    usual: Ring,
    audited: Ring,
    /// Tells other replicas.
    teller: OnceLock<Teller>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: FxHashMap<Uuid, Arc<Decision>>,
    order: VecDeque<Uuid>,
}

impl Decisions {
    /// Keeps a decision, if it is one of the sample.
    pub fn record(&self, id: Uuid, decision: Decision, config: &Observability) {
        // Of 2^64 ids, how many are kept; saturates: a share of 1 is all.
        let sampled = (config.decisions_sample * u64::MAX as f64) as u64;
        // The end of a version 7 UUID is random.
        let (_, dice) = id.as_u64_pair();
        if dice << 2 <= sampled {
            self.tell(self.usual.push(id, decision, config.decisions_kept));
        }
    }

    /// Keeps a decision that a rule wants kept.
    pub fn record_audited(&self, id: Uuid, decision: Decision, config: &Observability) {
        self.tell(self.audited.push(id, decision, config.audited_kept));
    }

    /// Has somebody told of each decision that is kept from here on; the first one who asks.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn tell_to(&self, teller: Teller) {
        let _ = self.teller.set(teller);
    }

    /// Keeps a decision of another replica.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "without a broker there are no other replicas"))]
    pub fn record_told(&self, id: Uuid, decision: Decision, config: &Observability) {
        self.usual.push(id, decision, config.decisions_kept);
    }

    fn tell(&self, decision: Option<Arc<Decision>>) {
        if let (Some(teller), Some(decision)) = (self.teller.get(), decision) {
            teller(&decision);
        }
    }

    /// The decision of that request, if it is still kept.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<Arc<Decision>> {
        self.usual.get(id).or_else(|| self.audited.get(id))
    }

    /// Forgets the decisions on requests that `goes` names.
    pub fn forget(&self, goes: impl Fn(&Request) -> bool) {
        self.usual.forget(&goes);
        self.audited.forget(&goes);
    }

    /// The newest `most` that no rule wants kept, oldest first.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<Arc<Decision>> {
        self.usual.newest(most)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.usual.len() + self.audited.len()
    }
}

impl Ring {
    /// Keeps a decision among the newest `keep`; 0 keeps none. Where fewer are to be kept than before, each new one
    /// drives out two, so that no answer pays for all.
    fn push(&self, id: Uuid, decision: Decision, keep: usize) -> Option<Arc<Decision>> {
        if keep == 0 {
            return None;
        }
        let decision = Arc::new(decision);
        let kept = Arc::clone(&decision);
        let mut entries = self.entries.lock();
        let surplus = (entries.order.len() + 1).saturating_sub(keep).min(2);
        let gone: [Option<Arc<Decision>>; 2] = std::array::from_fn(|place| {
            let id = (place < surplus).then(|| entries.order.pop_front()).flatten()?;
            entries.by_id.remove(&id)
        });
        entries.order.push_back(id);
        entries.by_id.insert(id, decision);
        drop(entries);
        // Freed outside of the lock.
        drop(gone);
        Some(kept)
    }

    fn newest(&self, most: usize) -> Vec<Arc<Decision>> {
        let entries = self.entries.lock();
        let skip = entries.order.len().saturating_sub(most);
        entries.order.iter().skip(skip).filter_map(|id| entries.by_id.get(id).cloned()).collect()
    }

    fn get(&self, id: Uuid) -> Option<Arc<Decision>> {
        self.entries.lock().by_id.get(&id).cloned()
    }

    fn forget(&self, goes: impl Fn(&Request) -> bool) {
        let mut entries = self.entries.lock();
        let gone: Vec<Uuid> =
            entries.by_id.iter().filter(|(_, decision)| goes(&decision.request)).map(|(id, _)| *id).collect();
        for id in &gone {
            entries.by_id.remove(id);
        }
        let Entries { by_id, order } = &mut *entries;
        order.retain(|id| by_id.contains_key(id));
    }

    fn len(&self) -> usize {
        self.entries.lock().order.len()
    }
}

/// A decision as it is looked up.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Decision)]
pub struct Lookup {
    /// What was asked.
    pub request: AskedFor,
    /// When it was answered.
    pub answered_at: String,
    /// The answer as it was given.
    pub answer: Answer,
    /// Why each item was shown and why each other candidate was not.
    pub explain: Explanation,
    /// `recorded` with the answer, or `recomputed` from the state as it is now.
    #[schema(example = "recomputed")]
    pub basis: &'static str,
    /// Records applied since the answer was given; with 0 a recomputed explanation is exact.
    pub records_since: u64,
}

/// A request in short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AskedFor {
    /// Where the answer was shown.
    pub placement: String,
    /// The visit.
    pub session_id: String,
    /// The shopper, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Items of context that the request carried.
    pub context_items: Vec<String>,
    /// The cart that the request carried, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<Vec<String>>,
    /// How many items at most.
    pub limit: usize,
    /// Who answered.
    pub strategy: &'static str,
}

impl Lookup {
    /// A decision whose explanation was recorded.
    #[must_use]
    pub fn recorded(decision: &Decision) -> Self {
        let explain = decision.answer.explain.clone().unwrap_or_default();
        Self::new(decision, explain, "recorded", 0)
    }

    /// A decision with its explanation from a later state, `since` records on.
    #[must_use]
    pub fn recomputed(decision: &Decision, explain: Explanation, since: u64) -> Self {
        Self::new(decision, explain, "recomputed", since)
    }

    fn new(decision: &Decision, explain: Explanation, basis: &'static str, records_since: u64) -> Self {
        Self {
            request: AskedFor::from(&decision.request),
            answered_at: rfc3339(decision.at),
            answer: Answer { explain: None, ..decision.answer.clone() },
            explain,
            basis,
            records_since,
        }
    }
}

impl From<&Request> for AskedFor {
    fn from(request: &Request) -> Self {
        let texts = |items: &[ItemId]| items.iter().map(ToString::to_string).collect();
        Self {
            placement: request.placement.to_string(),
            session_id: request.session.to_string(),
            user_id: request.user.as_ref().map(ToString::to_string),
            context_items: texts(&request.context_items),
            cart: request.cart.as_deref().map(texts),
            limit: request.limit,
            strategy: request.strategy.name(),
        }
    }
}
