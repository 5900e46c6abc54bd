use serde::{Deserialize, Serialize};

use super::ItemIx;
use super::key::Key;
use crate::nouns::Timestamp;

/// Lines remembered per order; a wholesale order has hundreds.
pub(crate) const MAX_ORDER_LINES: usize = 1_000;

/// One bought item of an order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct OrderLine {
    pub(crate) item: ItemIx,
    pub(crate) quantity: u32,
    /// Units sent back; when all are, what the purchase added is taken back.
    pub(crate) refunded: u32,
    pub(crate) at: Timestamp,
}

impl OrderLine {
    pub(crate) fn stands(&self) -> bool {
        self.refunded < self.quantity
    }
}

/// An order, remembered so that later lines find the earlier ones and a refund can reverse exactly what was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Whose; 0: unknown.
    pub(crate) profile: Key,
    pub(crate) lines: Vec<OrderLine>,
}

/// Weight of the pair of an order's line number `later` (from 0) with each line before it: 1/sqrt of how many there
/// are, so that a basket of thirty does not drown thirty baskets of two.
pub(crate) fn pair_weight(later: usize) -> f32 {
    1.0 / (later.max(1) as f32).sqrt()
}
