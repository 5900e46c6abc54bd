//! Queries fixed by a file of (prefix, next item) pairs, as published evaluations give them.

use std::collections::VecDeque;
use std::path::Path;

use rustc_hash::FxHashMap;
use serde::Serialize;
use sidecart_engine::nouns::EventKind;

use super::ReplayError;
use super::error::PairFault;
use super::plan::{Cut, Histories, MAX_CONTEXT, Plan, Query, Span, TestSessions};
use crate::data::{Dataset, NONE, lines as data_lines};
use crate::wire::scalar::clip;

/// Pairs as read: spans into the plan's items.
struct Pair {
    prefix: Span,
    next: Span,
}

/// How the pairs met the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Met {
    /// Pairs in the file.
    pub pairs: usize,
    /// Met at a moment of a test session with this very prefix and next item: live strategies are asked there.
    pub matched: usize,
    /// Not met: asked at the cut.
    pub unmatched: usize,
}

/// The plan that a file of pairs fixes.
///
/// # Errors
/// [`ReplayError::Pairs`], [`ReplayError::Pair`].
pub fn pairs(data: &mut Dataset, cut: Cut, path: &Path) -> Result<(Plan, Met), ReplayError> {
    let mut plan = Plan::default();
    let pairs = read(data, &mut plan, path)?;
    let moments = Moments::of(data, cut);
    let mut met = Met { pairs: pairs.len(), ..Met::default() };
    let mut waiting: FxHashMap<Vec<u32>, VecDeque<u32>> = moments.by_items;
    let mut chain = Chain::default();
    for pair in &pairs {
        let prefix = plan.items_of(pair.prefix);
        let next = plan.items_of(pair.next)[0];
        let key = [prefix, &[next]].concat();
        let place = waiting.get_mut(&key).and_then(VecDeque::pop_front);
        let alone = chain.cluster(prefix, next);
        met.matched += usize::from(place.is_some());
        let head = place.map(|place| data.events()[place as usize]);
        plan.queries.push(Query {
            before: place.unwrap_or(cut.place as u32),
            cluster: head.map_or(alone, |head| head.session),
            session: head.map_or(NONE, |head| head.session),
            user: head.map_or(NONE, |head| head.user),
            context: pair.prefix.newest(MAX_CONTEXT),
            cart: Span::default(),
            targets: pair.next,
            kind: head.map_or(EventKind::View, |head| head.kind),
        });
    }
    met.unmatched = met.pairs - met.matched;
    plan.queries.sort_by_key(|query| query.before);
    super::next_item::number_clusters(&mut plan);
    Ok((plan, met))
}

/// The moments of test sessions by the items up to and with the next one, each queue in the order of time.
struct Moments {
    by_items: FxHashMap<Vec<u32>, VecDeque<u32>>,
}

impl Moments {
    fn of(data: &Dataset, cut: Cut) -> Self {
        let sessions = TestSessions::of(data, cut.place);
        let mut room = Plan::default();
        let mut histories = Histories::lay_out(data, &mut room, |session| sessions.holds(session));
        let mut by_items: FxHashMap<Vec<u32>, VecDeque<u32>> = FxHashMap::default();
        for (place, head) in data.events().iter().enumerate().skip(cut.place) {
            if !head.kind.is_interest() || !sessions.holds(head.session) {
                continue;
            }
            histories.add(&mut room, head.session, data.items_of(head).take(1));
            let so_far = histories.so_far(head.session);
            if (2..=MAX_PREFIX).contains(&so_far.len()) {
                by_items.entry(room.items_of(so_far).to_vec()).or_default().push_back(place as u32);
            }
        }
        Self { by_items }
    }
}

/// The longest session whose moments are matched: a session of n items costs n^2 / 2 of memory.
const MAX_PREFIX: usize = 1_000;

/// Numbers pairs by the session they seem to come from: published files write a session's pairs one after the other,
/// each prefix one item longer or shorter than the one before.
#[derive(Default)]
struct Chain {
    last: Vec<u32>,
    number: u32,
}

impl Chain {
    fn cluster(&mut self, prefix: &[u32], next: u32) -> u32 {
        let whole = [prefix, &[next]].concat();
        if self.last != *prefix && !self.last.starts_with(&whole) {
            self.number += 1;
        }
        self.last = whole;
        // Counted down from the top, apart from the sessions' own numbers.
        NONE - self.number
    }
}

fn read(data: &mut Dataset, plan: &mut Plan, path: &Path) -> Result<Vec<Pair>, ReplayError> {
    let failed = |source| ReplayError::Pairs { path: path.to_owned(), source };
    let mut lines = data_lines(path).map_err(failed)?;
    let mut pairs = Vec::new();
    while let Some(line) = lines.next_line().map_err(failed)? {
        let broken = |why| ReplayError::Pair { path: path.to_owned(), line: line.number, why };
        let text = line.bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| broken(PairFault::NoText))?;
        if !text.trim().is_empty() {
            pairs.push(pair(data, plan, text).map_err(broken)?);
        }
    }
    Ok(pairs)
}

fn pair(data: &mut Dataset, plan: &mut Plan, text: &str) -> Result<Pair, PairFault> {
    let (prefix, next) = text.split_once('\t').ok_or(PairFault::NoTab)?;
    let mut number = |id: &str| data.intern_item(id).map_err(|error| PairFault::Id(clip(id), error));
    let prefix = prefix.split_whitespace().map(&mut number).collect::<Result<Vec<u32>, _>>()?;
    if prefix.is_empty() {
        return Err(PairFault::NoPrefix);
    }
    let next = number(next.trim())?;
    Ok(Pair { prefix: plan.keep(&prefix), next: plan.keep(&[next]) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{dataset, spelled};
    use super::*;

    const STREAM: &str = "\
        view 1 old a\n\
        view 2 old b\n\
        cut\n\
        view 3 s a\n\
        view 4 t a\n\
        view 5 s b\n\
        view 6 t b\n\
        view 7 s c\n";

    fn planned(text: &str) -> Result<(Vec<String>, Met, usize), ReplayError> {
        let (mut data, cut) = dataset(STREAM);
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("pairs.tsv");
        std::fs::write(&path, text).expect("writes");
        pairs(&mut data, cut, &path).map(|(plan, met)| (spelled(&data, &plan), met, plan.clusters))
    }

    #[test]
    fn pairs_meet_the_moments_of_the_stream_in_its_order() {
        let (spelled, met, clusters) = planned("a b\tc\na\tb\na\tb\n").expect("reads");
        assert_eq!(spelled, ["@4 s: a -> b", "@5 t: a -> b", "@6 s: a b -> c"]);
        assert_eq!(met, Met { pairs: 3, matched: 3, unmatched: 0 });
        assert_eq!(clusters, 2);
    }

    #[test]
    fn pairs_that_no_session_shows_are_asked_at_the_cut() {
        let (spelled, met, clusters) = planned("a\tb\nx y z\ta\nx y\tz\nx\ty\nb\ta\n").expect("reads");
        assert_eq!(spelled[..4], ["@2 ?: x y z -> a", "@2 ?: x y -> z", "@2 ?: x -> y", "@2 ?: b -> a"]);
        assert_eq!(spelled[4], "@4 s: a -> b");
        assert_eq!(met, Met { pairs: 5, matched: 1, unmatched: 4 });
        assert_eq!(clusters, 3, "x y z a is one session");
    }

    #[test]
    fn a_line_that_is_no_pair_is_named() {
        let message = |text| planned(text).expect_err("no pair").to_string();
        assert!(message("a\tb\na b c\n").contains("line 2: there is no TAB"));
        assert!(message("\tb\n").contains("line 1: the prefix is empty"));
        assert!(message("a\t\n").contains("line 1: `` is empty"));
    }
}
