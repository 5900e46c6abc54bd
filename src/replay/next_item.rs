//! Protocols over single events: `next-item` and `prequential`.

use rustc_hash::FxHashMap;
use sidecart_engine::nouns::EventKind;

use super::plan::{Cut, Histories, MAX_CONTEXT, Plan, Query, Span, TestSessions};
use crate::data::{Dataset, Head};

/// Whether items that the session has seen are to be foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Like all others.
    Count,
    /// No: a cross-sell shows something else.
    LeaveOut,
}

/// Every second and later event of each test session, foretold from those before it.
pub fn next_item(data: &Dataset, cut: Cut, seen: Seen) -> Plan {
    let sessions = TestSessions::of(data, cut.place);
    let mut planner = Planner::new(data, seen, |session| sessions.holds(session));
    for (place, head) in data.events().iter().enumerate().skip(cut.place) {
        if sessions.holds(head.session) {
            let begun = planner.histories.so_far(head.session).len() > 0;
            planner.take(head, begun.then_some(place));
        }
    }
    planner.finish()
}

/// Every event from the cut on, a session's first among them.
pub fn prequential(data: &Dataset, cut: Cut, seen: Seen) -> Plan {
    let mut planner = Planner::new(data, seen, |_| true);
    for (place, head) in data.events().iter().enumerate() {
        planner.take(head, (place >= cut.place).then_some(place));
    }
    planner.finish()
}

/// Follows the sessions, and makes a query of each event that is to be foretold.
struct Planner<'a> {
    data: &'a Dataset,
    seen: Seen,
    plan: Plan,
    histories: Histories,
    carts: FxHashMap<u32, Vec<u32>>,
}

impl<'a> Planner<'a> {
    fn new(data: &'a Dataset, seen: Seen, wanted: impl Fn(u32) -> bool) -> Self {
        let mut plan = Plan::default();
        let histories = Histories::lay_out(data, &mut plan, wanted);
        Self { data, seen, plan, histories, carts: FxHashMap::default() }
    }

    /// Takes an event; `Some(place)`: it is to be foretold.
    fn take(&mut self, head: &Head, foretold: Option<usize>) {
        if head.kind.is_interest() {
            let before = self.histories.so_far(head.session);
            let items = self.histories.add(&mut self.plan, head.session, self.data.items_of(head));
            if let Some(place) = foretold {
                self.foretell(head, place, before, items);
            }
        }
        self.net_cart(head);
    }

    fn foretell(&mut self, head: &Head, place: usize, before: Span, items: Span) {
        let (targets, cart) = match self.seen {
            // What is in the cart is never returned, but here all items are to be ranked.
            Seen::Count => (items, Span::default()),
            Seen::LeaveOut => (unseen(&mut self.plan, before, items), self.cart(head.session)),
        };
        if targets.len() > 0 {
            self.plan.queries.push(Query {
                before: place as u32,
                cluster: head.session,
                session: head.session,
                user: head.user,
                context: before.newest(MAX_CONTEXT),
                cart,
                targets,
                kind: head.kind,
            });
        }
    }

    fn cart(&mut self, session: u32) -> Span {
        match self.carts.get(&session) {
            Some(cart) => self.plan.keep(cart).newest(MAX_CONTEXT),
            None => Span::default(),
        }
    }

    /// What the shop knows to be in the cart, whatever the quantity: added and neither removed nor bought.
    fn net_cart(&mut self, head: &Head) {
        for item in self.data.items_of(head) {
            match head.kind {
                EventKind::AddToCart => {
                    let cart = self.carts.entry(head.session).or_default();
                    if !cart.contains(&item) {
                        cart.push(item);
                    }
                }
                EventKind::RemoveFromCart | EventKind::Purchase => {
                    if let Some(cart) = self.carts.get_mut(&head.session) {
                        cart.retain(|&inside| inside != item);
                    }
                }
                _ => {}
            }
        }
    }

    fn finish(mut self) -> Plan {
        number_clusters(&mut self.plan);
        self.plan
    }
}

/// Those targets that were not seen before.
fn unseen(plan: &mut Plan, before: Span, targets: Span) -> Span {
    let seen = plan.items_of(before);
    let fresh: Vec<u32> = plan.items_of(targets).iter().copied().filter(|item| !seen.contains(item)).collect();
    if fresh.len() == targets.len() { targets } else { plan.keep(&fresh) }
}

/// Numbers the queries' sessions from 0, so that sessions without a query take no room.
pub fn number_clusters(plan: &mut Plan) {
    let mut numbers = FxHashMap::default();
    for query in &mut plan.queries {
        let next = numbers.len() as u32;
        query.cluster = *numbers.entry(query.cluster).or_insert(next);
    }
    plan.clusters = numbers.len();
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dataset, spelled};
    use super::*;

    const STREAM: &str = "\
        view 1 old a\n\
        view 2 old b\n\
        cut\n\
        view 3 old c\n\
        view 4 s a\n\
        view 5 t b\n\
        view 6 s b\n\
        click 7 s c\n\
        view 8 s a\n\
        add_to_cart 9 t d\n";

    #[test]
    fn next_item_scores_later_events_of_test_sessions_only() {
        let (data, cut) = dataset(STREAM);
        let plan = next_item(&data, cut, Seen::Count);
        assert_eq!(spelled(&data, &plan), ["@5 s: a -> b", "@7 s: a b -> a", "@8 t: b -> d"]);
        assert_eq!(plan.clusters, 2);
    }

    #[test]
    fn seen_items_can_be_left_out() {
        let (data, cut) = dataset(STREAM);
        let plan = next_item(&data, cut, Seen::LeaveOut);
        assert_eq!(spelled(&data, &plan), ["@5 s: a -> b", "@8 t: b -> d"]);
    }

    #[test]
    fn prequential_scores_every_event_with_what_was_seen_before_the_cut() {
        let (data, cut) = dataset(STREAM);
        let plan = prequential(&data, cut, Seen::Count);
        let expected =
            ["@2 old: a b -> c", "@3 s:  -> a", "@4 t:  -> b", "@5 s: a -> b", "@7 s: a b -> a", "@8 t: b -> d"];
        assert_eq!(spelled(&data, &plan), expected);
    }

    #[test]
    fn the_cart_is_netted_where_seen_items_are_left_out() {
        let stream = "view 1 old a\ncut\nadd_to_cart 2 s a\nadd_to_cart 3 s b\nadd_to_cart 4 s c\n\
            remove_from_cart 5 s a\npurchase 6 s b\nview 7 s d\n";
        let (data, cut) = dataset(stream);
        let carts = |seen| -> Vec<Vec<String>> {
            let plan = next_item(&data, cut, seen);
            let names = |query: &Query| {
                plan.items_of(query.cart).iter().filter_map(|&i| data.item(i)).map(ToString::to_string).collect()
            };
            plan.queries.iter().map(names).collect()
        };
        assert_eq!(carts(Seen::LeaveOut), [vec!["a"], vec!["a", "b"], vec!["c"]]);
        assert!(carts(Seen::Count).iter().all(Vec::is_empty));
    }

    #[test]
    fn a_sample_keeps_the_order_and_the_seed_fixes_it() {
        let (data, cut) = dataset(STREAM);
        let sampled = |seed| {
            let mut plan = prequential(&data, cut, Seen::Count);
            plan.sample(3, seed);
            spelled(&data, &plan)
        };
        assert_eq!(sampled(1).len(), 3);
        assert_eq!(sampled(1), sampled(1));
        assert!((2..20).any(|seed| sampled(seed) != sampled(1)));
    }
}
