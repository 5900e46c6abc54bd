//! What is measured beside the strategies, to say what their figures are worth, and never served.

use std::time::Instant;

use sidecart_engine::nouns::{EventKind, Tier, Timestamp};

use super::conditional::Conditional;
use super::feed::nanoseconds;
use super::lane::Contender;
use super::next_item::Seen;
use super::plan::{Cut, Plan, Query};
use crate::data::{Dataset, Head, NONE};

/// A baseline's answer.
#[derive(Debug)]
pub struct Told {
    /// Numbers of its items, best first.
    pub items: Vec<u32>,
    /// What the answer came from, in the words of the ladder.
    pub tier: Tier,
    /// Wall time, nanoseconds.
    pub took_ns: u32,
    /// It has learned from the events before this instant.
    pub knows_to: Timestamp,
}

/// The baselines that are asked.
#[derive(Debug)]
pub struct Baselines {
    cut: Cut,
    live: Option<Conditional>,
    /// As `live` was at the cut, if anybody asks.
    frozen: Option<Conditional>,
    freeze: bool,
}

impl Baselines {
    /// Those among `contenders`, which know nothing yet.
    pub fn new(data: &Dataset, cut: Cut, contenders: &[Contender], half_life_ms: i64) -> Self {
        let asked = contenders.iter().any(|contender| contender.is_baseline());
        let live = asked.then(|| Conditional::new(data.counts().0, half_life_ms));
        let freeze = contenders.contains(&Contender::ConditionalFrozen);
        Self { cut, live, frozen: None, freeze }
    }

    /// The event at `place` is about to be learned from.
    pub fn reach(&mut self, place: usize) {
        if place == self.cut.place && self.freeze {
            self.frozen.clone_from(&self.live);
        }
    }

    /// Learns from an event.
    pub fn learn(&mut self, data: &Dataset, head: &Head) {
        let Some(live) = self.live.as_mut().filter(|_| head.kind == EventKind::Purchase) else { return };
        // An order, or what a session bought where there are no orders; an order's numbers come after all sessions'.
        let sessions = data.counts().1 as u64;
        let order = if head.order == NONE { u64::from(head.session) } else { sessions + u64::from(head.order) };
        data.items_of(head).for_each(|item| live.learn(order, item, head.at));
    }

    /// What a baseline would show; `None` where `contender` is none.
    pub fn ask(
        &mut self,
        contender: Contender,
        plan: &Plan,
        query: &Query,
        seen: Seen,
        most: usize,
        now: Timestamp,
    ) -> Option<Told> {
        let (table, knows_to) = match contender {
            Contender::Conditional => (self.live.as_mut()?, now),
            Contender::ConditionalFrozen => (self.frozen.as_mut()?, self.cut.at),
            Contender::Static | Contender::Batch | Contender::Frozen | Contender::Realtime => return None,
        };
        let cart = plan.items_of(query.cart);
        let mut context = [plan.items_of(query.context), cart].concat();
        context.sort_unstable();
        context.dedup();
        let barred = match seen {
            Seen::Count => cart,
            Seen::LeaveOut => &context,
        };
        let began = Instant::now();
        let items = table.best(&context, barred, most);
        let tier = if items.is_empty() { Tier::Empty } else { Tier::CoPurchase };
        Some(Told { items, tier, took_ns: nanoseconds(began), knows_to })
    }
}
