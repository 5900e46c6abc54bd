//! Protocols over single events: `next-item` and `prequential`.

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
    let mut plan = Plan::default();
    let mut histories = Histories::lay_out(data, &mut plan, |session| sessions.holds(session));
    for (place, head) in data.events().iter().enumerate().skip(cut.place) {
        if head.kind.is_interest() && sessions.holds(head.session) {
            foretell(data, &mut plan, &mut histories, (place, head), First::PassOver, seen);
        }
    }
    number_clusters(&mut plan);
    plan
}

/// Every event from the cut on, a session's first among them.
pub fn prequential(data: &Dataset, cut: Cut, seen: Seen) -> Plan {
    let mut plan = Plan::default();
    let mut histories = Histories::lay_out(data, &mut plan, |_| true);
    for (place, head) in data.events().iter().enumerate() {
        if !head.kind.is_interest() {
            continue;
        }
        if place >= cut.place {
            foretell(data, &mut plan, &mut histories, (place, head), First::Foretell, seen);
        } else {
            histories.add(&mut plan, head.session, data.items_of(head));
        }
    }
    number_clusters(&mut plan);
    plan
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    PassOver,
    Foretell,
}

fn foretell(
    data: &Dataset,
    plan: &mut Plan,
    histories: &mut Histories,
    (place, head): (usize, &Head),
    first: First,
    seen: Seen,
) {
    let before = histories.so_far(head.session);
    let targets = histories.add(plan, head.session, data.items_of(head));
    let targets = match seen {
        Seen::Count => targets,
        Seen::LeaveOut => unseen(plan, before, targets),
    };
    if targets.len() == 0 || (first == First::PassOver && before.len() == 0) {
        return;
    }
    plan.queries.push(Query {
        before: place as u32,
        cluster: head.session,
        session: head.session,
        user: head.user,
        context: before.newest(MAX_CONTEXT),
        cart: Span::default(),
        targets,
        kind: head.kind,
    });
}

/// Those targets that were not seen before.
fn unseen(plan: &mut Plan, before: Span, targets: Span) -> Span {
    let seen = plan.items_of(before);
    let fresh: Vec<u32> = plan.items_of(targets).iter().copied().filter(|item| !seen.contains(item)).collect();
    if fresh.len() == targets.len() { targets } else { plan.keep(&fresh) }
}

/// Numbers the queries' sessions from 0, so that sessions without a query take no room.
pub fn number_clusters(plan: &mut Plan) {
    let mut numbers = rustc_hash::FxHashMap::default();
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
