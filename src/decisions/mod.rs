//! Which answer was given to which request, and why: kept for a while, to be looked up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use serde::Serialize;
use sidecart_engine::nouns::{Exposure, ItemId, Request, Timestamp};
use utoipa::ToSchema;
use uuid::Uuid;

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

/// The newest decisions, by request id; the oldest leaves first.
#[derive(Debug, Default)]
pub struct Decisions {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    by_id: FxHashMap<Uuid, Arc<Decision>>,
    order: VecDeque<Uuid>,
}

impl Decisions {
    /// Keeps a decision among the newest `keep`; 0 keeps none. Where fewer are to be kept than before, each new one
    /// drives out two, so that no answer pays for all.
    pub fn record(&self, id: Uuid, decision: Decision, keep: usize) {
        if keep == 0 {
            return;
        }
        let decision = Arc::new(decision);
        let mut ring = self.ring.lock();
        let surplus = (ring.order.len() + 1).saturating_sub(keep).min(2);
        let gone: [Option<Arc<Decision>>; 2] = std::array::from_fn(|place| {
            let id = (place < surplus).then(|| ring.order.pop_front()).flatten()?;
            ring.by_id.remove(&id)
        });
        ring.order.push_back(id);
        ring.by_id.insert(id, decision);
        drop(ring);
        // Freed outside of the lock.
        drop(gone);
    }

    /// The decision of that request, if it is still kept.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<Arc<Decision>> {
        self.ring.lock().by_id.get(&id).cloned()
    }

    /// The newest `most`, oldest first.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<Arc<Decision>> {
        let ring = self.ring.lock();
        let skip = ring.order.len().saturating_sub(most);
        ring.order.iter().skip(skip).filter_map(|id| ring.by_id.get(id).cloned()).collect()
    }

    /// Forgets the decisions on requests that `goes` names.
    pub fn forget(&self, goes: impl Fn(&Request) -> bool) {
        let mut ring = self.ring.lock();
        let gone: Vec<Uuid> =
            ring.by_id.iter().filter(|(_, decision)| goes(&decision.request)).map(|(id, _)| *id).collect();
        for id in &gone {
            ring.by_id.remove(id);
        }
        let Ring { by_id, order } = &mut *ring;
        order.retain(|id| by_id.contains_key(id));
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.lock().order.len()
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
