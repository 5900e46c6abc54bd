//! What can be set. The engine takes plain numbers; the binary's config file maps onto them, with units and checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::nouns::{Currency, DAY_MS, HOUR_MS, ItemId, MINUTE_MS};
use crate::policy::RuleSet;

/// Everything that can be set about the engine. Every default serves a shop of 100,000 items and a million sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What live visits remember.
    pub sessions: SessionSettings,
    /// How long an event id is remembered.
    pub dedupe: DedupeSettings,
    /// Co-visitation rows.
    pub affinities: AffinitySettings,
    /// Decayed item counters.
    pub popularity: PopularitySettings,
    /// The index of past sessions behind the session-kNN sources.
    pub index: IndexSettings,
    /// Vectors of items, learned from visits.
    pub embeddings: EmbeddingSettings,
    /// What is remembered of users.
    pub users: UserSettings,
    /// The catalogue.
    pub catalog: CatalogSettings,
    /// Candidate sources.
    pub candidates: CandidateSettings,
    /// Built-in rules, and the shop's own.
    pub rules: RuleSettings,
    /// Curated pairs and lists, chosen by the shop.
    pub curated: Curated,
    /// Rows of the daily batch table rebuilt per event after midnight, so that the rebuild never holds up an answer.
    pub batch_rows_per_event: usize,
}

/// What live visits remember.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSettings {
    /// A visit ends after this long without an event. Milliseconds.
    pub idle_ms: i64,
    /// Live visits kept; the longest idle leaves first.
    pub max_live: usize,
    /// Touches (events) kept per visit; the oldest leaves first.
    pub max_touches: usize,
    /// Distinct items kept per cart.
    pub max_cart_items: usize,
    /// Events of one visit in one minute beyond which it is taken for a program; `None`: never.
    pub bot_events_per_minute: Option<u32>,
    /// Events of one visit beyond which it is taken for a program; `None`: never.
    pub bot_events_per_visit: Option<u32>,
}

/// How long an event id is remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupeSettings {
    /// An id is remembered this long after its event was accepted. Milliseconds.
    pub window_ms: i64,
    /// Ids remembered at most; the oldest leaves first.
    pub max_ids: usize,
}

/// Co-visitation rows: for each item the items that go with it, one set of rows per relation.
#[derive(Debug, Clone, PartialEq)]
pub struct AffinitySettings {
    /// Entries per row; when full, the least is replaced and its weight forgotten.
    pub row_len: usize,
    /// A pair's weight halves in this time. Milliseconds.
    pub half_life_ms: i64,
    /// How many previous items of a visit a new item is paired with.
    pub reach: usize,
    /// A pair at distance d counts 1 / d^gamma.
    pub gamma: f32,
    /// Weight of the backward pair (new item -> previous item), as a share of the forward pair's.
    pub backward: f32,
    /// How many previous lines of an order a new line is paired with.
    pub basket_reach: usize,
}

/// Decayed item counters.
#[derive(Debug, Clone, PartialEq)]
pub struct PopularitySettings {
    /// Half-life of the long-run counters. Milliseconds.
    pub half_life_ms: i64,
    /// Half-life of the short-run counter behind "trending". Milliseconds.
    pub short_half_life_ms: i64,
}

/// The index of past sessions behind the session-kNN sources.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexSettings {
    /// Sessions remembered; the oldest leaves first.
    pub max_sessions: usize,
    /// Distinct items kept per remembered session.
    pub max_items: usize,
    /// Newest sessions looked at per item.
    pub postings_per_item: usize,
}

/// Vectors of items, learned from visits.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingSettings {
    /// Items that have vectors at most, half a KiB each; the longest unmet gives its own to a newcomer. 0: none has.
    pub max_items: usize,
    /// Past visits gone through again with each new item of a visit.
    pub rehearsals: u32,
    /// How far a step goes.
    pub rate: f32,
}

/// What is remembered of users.
#[derive(Debug, Clone, PartialEq)]
pub struct UserSettings {
    /// Users remembered; the longest silent leaves first.
    pub max_users: usize,
    /// Items remembered per user; the least leaves first.
    pub items_per_user: usize,
    /// Half-life of a user's item counts. Milliseconds.
    pub half_life_ms: i64,
}

/// The catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogSettings {
    /// Items known at most; an item beyond is refused.
    pub max_items: usize,
    /// Currency of prices that do not say theirs.
    pub currency: Currency,
}

/// One candidate source's switch and bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceSettings {
    /// Weight in the starting scorer; 0 switches the source off.
    pub weight: f32,
    /// Candidates taken from it at most.
    pub limit: usize,
}

/// Candidate sources.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateSettings {
    /// Candidates scored per request at most, all sources together.
    pub limit: usize,
    /// Items of context looked at, newest first.
    pub context_items: usize,
    /// Most similar sessions that vote in session-kNN.
    pub neighbours: usize,
    /// Visits like this one, seen from the newest items.
    pub session_knn: SourceSettings,
    /// Visits like this one as a whole.
    pub session_knn_whole: SourceSettings,
    /// Viewed in one visit.
    pub viewed_together: SourceSettings,
    /// Carted in one visit.
    pub carted_together: SourceSettings,
    /// Bought in one order.
    pub bought_together: SourceSettings,
    /// What came right after the newest items.
    pub transitions: SourceSettings,
    /// Reached over one item in between.
    pub two_hops: SourceSettings,
    /// The user's own past purchases.
    pub user_history: SourceSettings,
    /// What goes with the user's own past purchases.
    pub user_taste: SourceSettings,
    /// What the visit has already come to, where the placement lets items return.
    pub own_session: SourceSettings,
    /// The most wanted of the categories and brands that go with the context's.
    pub complements: SourceSettings,
    /// The most wanted of the context's categories.
    pub category: SourceSettings,
    /// New in the context's categories.
    pub newcomers: SourceSettings,
    /// The most wanted overall, lately.
    pub trending: SourceSettings,
    /// Chosen by the shop.
    pub curated: SourceSettings,
}

/// What may be shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSettings {
    /// Whether an item that never had a stock figure is denied.
    pub require_stock: bool,
    /// The shop's own rules. Shared: settings are copied, rule sets swapped as one.
    pub shop: Arc<RuleSet>,
}

/// Curated pairs and lists, chosen by the shop.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curated {
    /// For one item, the items to show with it, best first.
    pub pairs: BTreeMap<ItemId, Vec<ItemId>>,
    /// For a placement (`*`: any), the items to fall back on, best first.
    pub lists: BTreeMap<String, Vec<ItemId>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sessions: SessionSettings {
                idle_ms: 30 * MINUTE_MS,
                max_live: 1_000_000,
                max_touches: 100,
                max_cart_items: 200,
                bot_events_per_minute: Some(120),
                bot_events_per_visit: Some(2_000),
            },
            dedupe: DedupeSettings { window_ms: 48 * HOUR_MS, max_ids: 5_000_000 },
            affinities: AffinitySettings {
                row_len: 96,
                half_life_ms: 60 * DAY_MS,
                reach: 10,
                gamma: 1.0,
                backward: 0.25,
                basket_reach: 100,
            },
            popularity: PopularitySettings { half_life_ms: 30 * DAY_MS, short_half_life_ms: DAY_MS },
            index: IndexSettings { max_sessions: 2_000_000, max_items: 64, postings_per_item: 500 },
            embeddings: EmbeddingSettings { max_items: 200_000, rehearsals: 1, rate: 0.15 },
            users: UserSettings { max_users: 1_000_000, items_per_user: 128, half_life_ms: 90 * DAY_MS },
            catalog: CatalogSettings { max_items: 1_000_000, currency: Currency::USD },
            candidates: CandidateSettings::default(),
            rules: RuleSettings::default(),
            curated: Curated::default(),
            batch_rows_per_event: 2,
        }
    }
}

impl Default for CandidateSettings {
    fn default() -> Self {
        let source = |weight, limit| SourceSettings { weight, limit };
        Self {
            limit: 300,
            context_items: 12,
            neighbours: 500,
            session_knn: source(1.0, 120),
            // Off: on three public sets it brought nothing that could be told from chance, for a tenth more time.
            session_knn_whole: source(0.0, 80),
            viewed_together: source(0.6, 80),
            carted_together: source(0.6, 60),
            bought_together: source(0.8, 80),
            transitions: source(0.6, 60),
            two_hops: source(0.1, 100),
            user_history: source(0.5, 60),
            user_taste: source(0.2, 60),
            own_session: source(0.5, 20),
            complements: source(0.05, 30),
            category: source(0.05, 30),
            newcomers: source(0.05, 10),
            trending: source(0.05, 30),
            curated: source(0.2, 30),
        }
    }
}

impl CandidateSettings {
    /// The switch and bounds of the source of that name, as in the config; `None`: there is no such source.
    pub fn source_mut(&mut self, name: &str) -> Option<&mut SourceSettings> {
        Some(match name {
            "session_knn" => &mut self.session_knn,
            "session_knn_whole" => &mut self.session_knn_whole,
            "viewed_together" => &mut self.viewed_together,
            "carted_together" => &mut self.carted_together,
            "bought_together" => &mut self.bought_together,
            "transitions" => &mut self.transitions,
            "two_hops" => &mut self.two_hops,
            "user_history" => &mut self.user_history,
            "user_taste" => &mut self.user_taste,
            "own_session" => &mut self.own_session,
            "complements" => &mut self.complements,
            "category" => &mut self.category,
            "newcomers" => &mut self.newcomers,
            "trending" => &mut self.trending,
            "curated" => &mut self.curated,
            _ => return None,
        })
    }
}
