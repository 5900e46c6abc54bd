//! Time-decayed conditional probability: the yardstick for baskets. It is measured beside the strategies and never served.

use rustc_hash::FxHashMap;
use sidecart_engine::nouns::Timestamp;

/// Entries per row; a full row forgets its lighter half. A grocer's bestseller has met this many others in a year, and
/// what is forgotten was met about once: the yardstick is not to be the worse for it.
const MAX_ROW: usize = 4_096;
/// Items of an order that are paired with each other; a wholesaler's largest has some 1,100.
const MAX_ORDER: usize = 2_000;
/// Orders that may still get lines, twice over: those of a generation, and of the one before it.
const MAX_OPEN: usize = 50_000;
/// Weights begin at 1 and double with each half-life; from 2^60 on they are all brought down, long before single
/// precision ends at 2^127.
const MAX_DOUBLINGS: f64 = 60.0;

/// For each item i, how often it was bought, n_i, and how often together with each other j, C_ij, both decayed; asked
/// with a context, it gives the items of the largest sum over i of C_ij / n_i.
#[derive(Debug, Clone)]
pub struct Conditional {
    half_life_ms: i64,
    /// When an event weighs 1.
    origin: Option<Timestamp>,
    bought: Vec<f32>,
    rows: Vec<FxHashMap<u32, f32>>,
    open: Open,
    sums: Vec<f32>,
}

/// The items of orders that may still get lines.
#[derive(Debug, Clone, Default)]
struct Open {
    newer: FxHashMap<u64, Vec<u32>>,
    older: FxHashMap<u64, Vec<u32>>,
}

impl Open {
    fn order(&mut self, key: u64) -> &mut Vec<u32> {
        if self.newer.len() >= MAX_OPEN && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        let older = &mut self.older;
        self.newer.entry(key).or_insert_with(|| older.remove(&key).unwrap_or_default())
    }
}

impl Conditional {
    /// One that knows nothing yet, of so many items; a purchase weighs half after `half_life_ms`.
    pub fn new(items: usize, half_life_ms: i64) -> Self {
        Self {
            half_life_ms: half_life_ms.max(1),
            origin: None,
            bought: vec![0.0; items],
            rows: vec![FxHashMap::default(); items],
            open: Open::default(),
            sums: vec![0.0; items],
        }
    }

    /// Takes in an item bought in an order, given by any number that is its own.
    pub fn learn(&mut self, order: u64, item: u32, at: Timestamp) {
        let weight = self.weight(at);
        let items = self.open.order(order);
        if items.len() >= MAX_ORDER || items.contains(&item) {
            return;
        }
        self.bought[item as usize] += weight;
        for &other in items.iter() {
            add(&mut self.rows[other as usize], item, weight);
            add(&mut self.rows[item as usize], other, weight);
        }
        items.push(item);
    }

    /// What a purchase weighs now.
    fn weight(&mut self, at: Timestamp) -> f32 {
        let origin = *self.origin.get_or_insert(at);
        let doublings = at.since_ms(origin) as f64 / self.half_life_ms as f64;
        if doublings <= MAX_DOUBLINGS {
            return doublings.exp2() as f32;
        }
        let down = (-doublings).exp2() as f32;
        self.bought.iter_mut().for_each(|bought| *bought *= down);
        self.rows.iter_mut().flat_map(FxHashMap::values_mut).for_each(|weight| *weight *= down);
        self.origin = Some(at);
        1.0
    }

    /// The `most` best items to a context of distinct items, without those that `barred` names; ties by number. Fewer,
    /// if fewer were ever bought with any of the context.
    pub fn best(&mut self, context: &[u32], barred: &[u32], most: usize) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for &item in context {
            let bought = self.bought[item as usize];
            for (&other, &together) in &self.rows[item as usize] {
                let sum = &mut self.sums[other as usize];
                if *sum == 0.0 {
                    found.push(other);
                }
                // Of a pair so old that its weight has come to nothing, the least is left, so that it is found once.
                *sum += (together / bought).max(f32::MIN_POSITIVE);
            }
        }
        let mut scored: Vec<(f32, u32)> =
            found.into_iter().map(|item| (std::mem::take(&mut self.sums[item as usize]), item)).collect();
        scored.retain(|(_, item)| !barred.contains(item));
        let better = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if scored.len() > most && most > 0 {
            scored.select_nth_unstable_by(most - 1, better);
        }
        scored.truncate(most);
        scored.sort_unstable_by(better);
        scored.into_iter().map(|(_, item)| item).collect()
    }
}

fn add(row: &mut FxHashMap<u32, f32>, item: u32, weight: f32) {
    *row.entry(item).or_default() += weight;
    if row.len() > MAX_ROW {
        let mut entries: Vec<(u32, f32)> = row.drain().collect();
        entries.select_nth_unstable_by(MAX_ROW / 2, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        entries.truncate(MAX_ROW / 2);
        row.extend(entries);
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::DAY_MS;

    use super::*;

    /// One that has learned orders, each bought on a day.
    fn taught(orders: &[(i64, &[u32])]) -> Conditional {
        let mut table = Conditional::new(6_000, DAY_MS);
        for (number, (day, items)) in orders.iter().enumerate() {
            items.iter().for_each(|&item| table.learn(number as u64, item, Timestamp(day * DAY_MS)));
        }
        table
    }

    #[test]
    fn the_score_is_the_sum_of_conditional_probabilities() {
        // P(2|1) = 2/3, P(3|1) = 1/3, P(4|1) = 1/3; P(4|5) = 1: 4 has 4/3 together.
        let mut table = taught(&[(0, &[1, 2]), (0, &[1, 2, 3]), (0, &[1, 4]), (0, &[4, 5])]);
        assert_eq!(table.best(&[1], &[1], 9), [2, 3, 4]);
        assert_eq!(table.best(&[1, 5], &[1, 5], 9), [4, 2, 3]);
        assert_eq!(table.best(&[1, 5], &[1, 5], 2), [4, 2]);
        assert_eq!(table.best(&[1, 5], &[4], 1), [2], "what is barred is not shown");
        assert!(table.best(&[7], &[], 9).is_empty());
    }

    #[test]
    fn what_was_bought_lately_counts_more() {
        // Twice with 2, a week before it was once with 3; the half-life is a day.
        let mut table = taught(&[(0, &[1, 2]), (0, &[1, 2]), (7, &[1, 3])]);
        assert_eq!(table.best(&[1], &[], 2), [3, 2]);
    }

    #[test]
    fn an_order_may_come_line_by_line_and_counts_each_item_once() {
        let whole = taught(&[(0, &[1, 2, 3])]);
        let mut table = Conditional::new(6_000, DAY_MS);
        for item in [1, 2, 2, 1, 3] {
            table.learn(0, item, Timestamp(0));
        }
        assert_eq!((table.bought[..5].to_vec(), &table.rows[1]), (whole.bought[..5].to_vec(), &whole.rows[1]));
    }

    #[test]
    fn weights_stay_finite_over_many_half_lives() {
        let orders: Vec<(i64, &[u32])> = (0..400).map(|day| (day, &[1, 2][..])).collect();
        let mut table = taught(&orders);
        assert!((table.rows[1][&2] / table.bought[1] - 1.0).abs() < 1e-5);
        assert_eq!(table.best(&[1], &[], 1), [2]);
        assert!(table.bought[1].is_finite());
    }

    #[test]
    fn a_full_row_keeps_its_heavier_half() {
        let mut table = Conditional::new(6_000, DAY_MS);
        for (order, item) in (2..).zip(2..=MAX_ROW as u32 + 2) {
            let times = if item < 10 { 3 } else { 1 };
            for copy in 0..times {
                let order = order + copy * 10_000;
                table.learn(order, 1, Timestamp(0));
                table.learn(order, item, Timestamp(0));
            }
        }
        assert_eq!(table.rows[1].len(), MAX_ROW / 2);
        assert!((2..10).all(|item| table.rows[1].contains_key(&item)));
    }

    #[test]
    fn the_oldest_orders_are_closed_when_there_are_too_many() {
        let mut open = Open::default();
        open.order(0).push(7);
        (1..MAX_OPEN as u64 + 5).for_each(|order| open.order(order).push(1));
        assert_eq!(*open.order(0), [7], "of the generation before");
        (100_000..200_000).for_each(|order| open.order(order).push(1));
        assert!(open.order(5).is_empty(), "forgotten");
        assert!(open.newer.len() + open.older.len() <= 2 * MAX_OPEN);
    }
}
