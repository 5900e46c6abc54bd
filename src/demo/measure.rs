//! Test, then train: at drawn moments of live visits each strategy is asked what else the cart needs, before the
//! shopper's next steps are sent; later steps tell who was right.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use sidecart_engine::nouns::{DAY_MS, Item, ItemId, SessionId, Strategy, Timestamp};

use super::client::{Answer, Client, ClientError, Question};
use super::shopping::Moment;
use super::stats::{self, Estimate};

/// Items asked for, and looked at, per question.
pub const K: usize = 10;
/// The strategies compared, from the plainest.
pub const STRATEGIES: [Strategy; 3] = [Strategy::Static, Strategy::Batch, Strategy::Realtime];

/// What one strategy's answers were like.
#[derive(Debug, Default)]
struct Record {
    /// By visit: whether one of the items was carted later in it.
    hits: Vec<(u32, bool)>,
    latency_us: Vec<f64>,
    freshness_ms: Vec<f64>,
}

/// The measurement so far.
#[derive(Debug)]
pub struct Measurement {
    cut: Timestamp,
    records: [Record; 3],
    visits: FxHashMap<SessionId, u32>,
    /// Items that no answer may hold: out of stock, or with an age limit while the shopper's age is unknown.
    forbidden: FxHashSet<ItemId>,
    forbidden_shown: usize,
    asked: usize,
}

/// One strategy's figures.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Whose.
    pub strategy: Strategy,
    /// Questions asked.
    pub queries: usize,
    /// Share of the questions with at least one item that was carted later in the same visit.
    pub hit_rate: Estimate,
    /// As the client saw it: request written, answer read and parsed. Microseconds: p50, p95, p99.
    pub latency_us: [f64; 3],
    /// How old what the answer rests on is. Milliseconds: p50, p95. For `realtime`, the time from sending an event to its
    /// being visible to recommendations, on this machine's clock; for the others, the age of their table, on the data's.
    pub freshness_ms: [f64; 2],
}

impl Measurement {
    /// Nothing measured yet. Static lists are fixed at `cut`.
    #[must_use]
    pub fn new(cut: Timestamp, items: &[Item]) -> Self {
        let forbidden = items.iter().filter(|item| item.stock == Some(0) || item.min_age.is_some());
        Self {
            cut,
            records: Default::default(),
            visits: FxHashMap::default(),
            forbidden: forbidden.map(|item| item.id.clone()).collect(),
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
        let mut shown = None;
        for turn in 0..STRATEGIES.len() {
            // Whoever asks second finds warmer caches: take turns.
            let place = (turn + self.asked) % STRATEGIES.len();
            let strategy = STRATEGIES[place];
            let question =
                Question { placement: "cart", session_id: &moment.session, user_id: &moment.user, limit: K, strategy };
            let (answer, took) = client.recommend(&question)?;
            self.forbidden_shown += answer.items.iter().filter(|item| self.forbidden.contains(&item.item_id)).count();
            let hit = answer.items.iter().take(K).any(|item| moment.wanted.contains(&item.item_id));
            let record = &mut self.records[place];
            record.hits.push((visit, hit));
            record.latency_us.push(took.as_secs_f64() * 1e6);
            match strategy {
                Strategy::Static => record.freshness_ms.push(moment.at.since_ms(self.cut) as f64),
                Strategy::Batch => record.freshness_ms.push(moment.at.0.rem_euclid(DAY_MS) as f64),
                Strategy::Realtime => shown = Some(answer),
            }
        }
        self.asked += 1;
        Ok(shown)
    }

    /// Notes how long a batch took from being sent to being visible.
    pub fn visible_after(&mut self, took: Duration) {
        let realtime = STRATEGIES.iter().position(|strategy| *strategy == Strategy::Realtime);
        if let Some(record) = realtime.and_then(|place| self.records.get_mut(place)) {
            record.freshness_ms.push(took.as_secs_f64() * 1e3);
        }
    }

    /// Items shown that no answer may hold. Anything but 0 is a defect.
    #[must_use]
    pub fn forbidden_shown(&self) -> usize {
        self.forbidden_shown
    }

    /// The figures so far; empty if nothing was asked.
    #[must_use]
    pub fn figures(&self, seed: u64) -> Vec<Figures> {
        let figures = |(strategy, record): (Strategy, &Record)| {
            let at = |values: &[f64], share| stats::percentile(values, share).unwrap_or_default();
            Some(Figures {
                strategy,
                queries: record.hits.len(),
                hit_rate: stats::share(record.hits.iter().copied(), seed)?,
                latency_us: [0.5, 0.95, 0.99].map(|share| at(&record.latency_us, share)),
                freshness_ms: [0.5, 0.95].map(|share| at(&record.freshness_ms, share)),
            })
        };
        STRATEGIES.into_iter().zip(&self.records).filter_map(figures).collect()
    }
}
