//! Test, then train: at drawn moments of live visits each strategy is asked what else the cart needs, before the
//! shopper's next steps are sent; later steps tell who was right.

use std::time::Duration;

use rustc_hash::FxHashMap;
use sidecart_engine::nouns::{DAY_MS, Item, ItemId, SessionId, Strategy, Timestamp};

use super::client::{Answer, Client, ClientError, Question};
use super::shopping::Moment;
use crate::replay::{Interval, Means, Named, Percentiles, Tally};

/// Items asked for, and looked at, per question.
pub const K: usize = 10;
/// The strategies compared, from the plainest.
pub const STRATEGIES: [Strategy; 3] = [Strategy::Static, Strategy::Batch, Strategy::Realtime];
/// What an answer's unknown item counts as: no item of the catalogue has this place.
const NO_PLACE: u32 = u32::MAX;

/// What one strategy's answers were like.
#[derive(Debug)]
struct Record {
    hits: Tally,
    latency_us: Vec<u32>,
    /// In milliseconds for tables, whose age is counted in hours; in microseconds for `realtime`.
    freshness: Vec<u32>,
    degraded: u64,
}

/// The measurement so far.
#[derive(Debug)]
pub struct Measurement {
    cut: Timestamp,
    records: [Record; 3],
    visits: FxHashMap<SessionId, u32>,
    places: FxHashMap<ItemId, u32>,
    /// By place: whether no answer may hold the item, as it is out of stock, or has an age limit while the shopper's age is
    /// unknown.
    forbidden: Vec<bool>,
    forbidden_shown: usize,
    asked: usize,
}

/// One strategy's figures.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Whose.
    pub strategy: Strategy,
    /// Questions asked.
    pub queries: u64,
    /// By name, at [`K`]. `hr@10`: share of the questions with at least one item that was carted later in the same visit.
    pub metrics: Named<Interval>,
    /// As the client saw it: request written, answer read and parsed. Microseconds.
    pub latency_us: Percentiles,
    /// How old what the answer rests on is, in milliseconds. For `realtime`, the time from sending an event to its being
    /// visible to recommendations, on this machine's clock; for the others, the age of their table, on the data's.
    pub freshness_ms: Percentiles,
    /// Answers that were cut short by deadline, overload, lag or fault.
    pub degraded: u64,
}

/// What was measured.
#[derive(Debug)]
pub struct Outcome {
    /// One per strategy.
    pub figures: Vec<Figures>,
    /// Items shown that no answer may hold. Anything but 0 is a defect.
    pub forbidden_shown: usize,
}

impl Measurement {
    /// Nothing measured yet, of at most `queries` questions. The static lists are fixed at `cut`.
    #[must_use]
    pub fn new(cut: Timestamp, items: &[Item], queries: usize) -> Self {
        let record = || Record {
            hits: Tally::new(&[K], queries),
            latency_us: Vec::with_capacity(queries),
            freshness: Vec::with_capacity(queries),
            degraded: 0,
        };
        Self {
            cut,
            records: std::array::from_fn(|_| record()),
            visits: FxHashMap::default(),
            places: items.iter().zip(0..).map(|(item, place)| (item.id.clone(), place)).collect(),
            forbidden: items.iter().map(|item| item.stock == Some(0) || item.min_age.is_some()).collect(),
            forbidden_shown: 0,
            asked: 0,
        }
    }

    /// Asks every strategy and scores the answers; returns that of `realtime`, to be shown.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask(&mut self, client: &Client, moment: &Moment) -> Result<Option<Answer>, ClientError> {
        let next_visit = self.visits.len() as u32;
        let visit = *self.visits.entry(moment.session.clone()).or_insert(next_visit);
        let wanted: Vec<u32> = moment.wanted.iter().map(|id| self.place(id)).collect();
        let mut shown = None;
        for turn in 0..STRATEGIES.len() {
            // Whoever asks second finds warmer caches: take turns.
            let place = (turn + self.asked) % STRATEGIES.len();
            let (answer, took) = client.recommend(&question(moment, STRATEGIES[place]))?;
            self.note(place, visit, &wanted, &answer, took);
            match STRATEGIES[place] {
                Strategy::Static => self.records[place].freshness.push(millis(moment.at.since_ms(self.cut))),
                Strategy::Batch => self.records[place].freshness.push(millis(moment.at.0.rem_euclid(DAY_MS))),
                Strategy::Realtime => shown = Some(answer),
            }
        }
        self.asked += 1;
        Ok(shown)
    }

    fn note(&mut self, place: usize, visit: u32, wanted: &[u32], answer: &Answer, took: Duration) {
        let items: Vec<u32> = answer.items.iter().map(|item| self.place(&item.item_id)).collect();
        let forbidden = |place: &&u32| self.forbidden.get(**place as usize).copied().unwrap_or(true);
        self.forbidden_shown += items.iter().filter(forbidden).count();
        let record = &mut self.records[place];
        record.hits.add(visit, &items, wanted);
        record.latency_us.push(micros(took));
        record.degraded += u64::from(answer.degraded.is_some());
    }

    fn place(&self, id: &ItemId) -> u32 {
        self.places.get(id).copied().unwrap_or(NO_PLACE)
    }

    /// Notes how long a batch took from being sent to being visible.
    pub fn visible_after(&mut self, took: Duration) {
        for (record, strategy) in self.records.iter_mut().zip(STRATEGIES) {
            if strategy == Strategy::Realtime {
                record.freshness.push(micros(took));
            }
        }
    }

    /// The figures so far.
    #[must_use]
    pub fn outcome(self, seed: u64) -> Outcome {
        let figures = |(strategy, record): (Strategy, Record)| {
            let intervals = Means::of(&record.hits, seed).intervals();
            let unit = if strategy == Strategy::Realtime { 1e-3 } else { 1.0 };
            Figures {
                strategy,
                queries: record.hits.queries(),
                metrics: Named(record.hits.names().into_iter().zip(intervals).collect()),
                latency_us: Percentiles::of(record.latency_us, 1.0),
                freshness_ms: Percentiles::of(record.freshness, unit),
                degraded: record.degraded,
            }
        };
        Outcome {
            figures: STRATEGIES.into_iter().zip(self.records).map(figures).collect(),
            forbidden_shown: self.forbidden_shown,
        }
    }
}

fn question(moment: &Moment, strategy: Strategy) -> Question<'_> {
    Question { placement: "cart", session_id: &moment.session, user_id: &moment.user, limit: K, strategy }
}

fn millis(ms: i64) -> u32 {
    u32::try_from(ms.max(0)).unwrap_or(u32::MAX)
}

fn micros(took: Duration) -> u32 {
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
}
