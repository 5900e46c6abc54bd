use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;
use sidecart_engine::nouns::DAY_MS;

use crate::config::{Span, kind, shortest};

/// Where live features are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// In this process, saved by checkpoints.
    #[default]
    Embedded,
    /// What shoppers did in Redis or Valkey as well (`features.redis`): this process's memory holds the most recent
    /// `features.users.max_users`, the store all. Wants a build with the feature `redis`.
    Redis,
}

/// What is remembered of visits, shoppers and items.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// Where live features are kept.
    pub store: StoreKind,
    /// Live visits.
    pub sessions: Sessions,
    /// Known shoppers.
    pub users: Users,
    /// Decayed item counters.
    pub popularity: Popularity,
    /// What goes with what: rows per item, learned from visits and orders.
    pub affinities: Affinities,
    /// The index of past visits behind the source `session_knn`.
    pub index: Index,
    /// Vectors of items, learned from visits: what items are like that were never met together.
    pub embeddings: Embeddings,
    /// The store of shoppers' features, if `features.store` is `redis`.
    pub redis: Redis,
}

/// Live visits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// A visit ends after this long without an event.
    #[schemars(extend("x-min" = "1m", "x-max" = "7d"))]
    pub idle: Span,
    /// Live visits kept; the longest idle leaves first.
    #[schemars(range(min = 100, max = 100_000_000))]
    pub max_live: usize,
    /// Events kept per visit; the oldest leaves first.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_touches: usize,
    /// Distinct items kept per cart.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_cart_items: usize,
    /// Events of one visit within one minute beyond which it is taken for a program, and nothing more is learned from
    /// it; `null`: never.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub bot_events_per_minute: Option<u32>,
    /// The same for all events of one visit.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub bot_events_per_visit: Option<u32>,
}

impl Default for Sessions {
    fn default() -> Self {
        let s = Settings::default().sessions;
        Self {
            idle: Span::from_ms(s.idle_ms),
            max_live: s.max_live,
            max_touches: s.max_touches,
            max_cart_items: s.max_cart_items,
            bot_events_per_minute: s.bot_events_per_minute,
            bot_events_per_visit: s.bot_events_per_visit,
        }
    }
}

/// Known shoppers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Users {
    /// Shoppers remembered; the longest silent leaves first.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_users: usize,
    /// Items remembered per shopper; the least leaves first.
    #[schemars(range(min = 1, max = 10_000))]
    pub items_per_user: usize,
    /// Half-life of a shopper's item counts.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub half_life: Span,
}

impl Default for Users {
    fn default() -> Self {
        let u = Settings::default().users;
        Self { max_users: u.max_users, items_per_user: u.items_per_user, half_life: Span::from_ms(u.half_life_ms) }
    }
}

/// Decayed item counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Popularity {
    /// Half-life of the long-run counters.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub half_life: Span,
    /// Half-life of the short-run counter behind the source `trending`.
    #[schemars(extend("x-min" = "1m", "x-max" = "365d"))]
    pub short_half_life: Span,
}

impl Default for Popularity {
    fn default() -> Self {
        let p = Settings::default().popularity;
        Self { half_life: Span::from_ms(p.half_life_ms), short_half_life: Span::from_ms(p.short_half_life_ms) }
    }
}

/// What goes with what: rows per item, learned from visits and orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Affinities {
    /// Entries per row; when full, the least is replaced. Memory grows with it, 16 bytes an entry.
    #[schemars(range(min = 4, max = 4_096))]
    pub row_len: usize,
    /// A pair's weight halves in this time.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub half_life: Span,
    /// How many previous items of a visit a new item is paired with.
    #[schemars(range(min = 1, max = 100))]
    pub reach: usize,
    /// A pair at distance d counts 1 / d^gamma.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub gamma: f64,
    /// Weight of the backward pair (new item to previous item), as a share of the forward pair's.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub backward: f64,
    /// How many previous lines of an order a new line is paired with.
    #[schemars(range(min = 1, max = 1_000))]
    pub basket_reach: usize,
    /// Rows of the daily batch table rebuilt per event after midnight (UTC); more are sooner done, fewer hold up less.
    #[schemars(range(min = 1, max = 10_000))]
    pub batch_rows_per_event: usize,
}

impl Default for Affinities {
    fn default() -> Self {
        let settings = Settings::default();
        let a = settings.affinities;
        Self {
            row_len: a.row_len,
            half_life: Span::from_ms(a.half_life_ms),
            reach: a.reach,
            gamma: shortest(a.gamma),
            backward: shortest(a.backward),
            basket_reach: a.basket_reach,
            batch_rows_per_event: settings.batch_rows_per_event,
        }
    }
}

/// The index of past visits behind the source `session_knn`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    /// Visits remembered; the oldest leaves first.
    #[schemars(range(min = 100, max = 100_000_000))]
    pub max_sessions: usize,
    /// Distinct items kept per remembered visit.
    #[schemars(range(min = 2, max = 1_000))]
    pub max_items: usize,
    /// Newest visits looked at per item.
    #[schemars(range(min = 1, max = 100_000))]
    pub postings_per_item: usize,
}

impl Default for Index {
    fn default() -> Self {
        let i = Settings::default().index;
        Self { max_sessions: i.max_sessions, max_items: i.max_items, postings_per_item: i.postings_per_item }
    }
}

/// Vectors of items, learned from visits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Embeddings {
    /// Items that have vectors at most, half a KiB each; the longest unmet gives its own to a newcomer. 0: none has.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub max_items: usize,
    /// Past visits gone through again with each new item of a visit: more teach more where there is little traffic, and
    /// each costs as much as the new item itself.
    #[schemars(range(min = 0, max = 16))]
    pub rehearsals: u32,
    /// How far a step goes.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
}

impl Default for Embeddings {
    fn default() -> Self {
        let e = Settings::default().embeddings;
        Self { max_items: e.max_items, rehearsals: e.rehearsals, rate: shortest(e.rate) }
    }
}

/// Redis or Valkey, version 6 or later, alone or as a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Redis {
    /// Addresses: `redis://HOST:PORT`, or `rediss://` with TLS. Of a cluster some of its nodes, else one.
    #[schemars(with = "Vec<kind::RedisUrl>", length(max = 100))]
    pub urls: Vec<String>,
    /// Whether it is a cluster.
    pub cluster: bool,
    /// Name to log in with; `null`: that of the default user.
    #[schemars(with = "Option<kind::Name>")]
    pub username: Option<String>,
    /// File that holds the password; `null`: none. The password itself is kept nowhere else, as the config can be read
    /// over HTTP.
    #[schemars(with = "Option<kind::FilePath>")]
    pub password_file: Option<PathBuf>,
    /// File of the certificates to trust with `rediss://`, PEM; `null`: those of this machine.
    #[schemars(with = "Option<kind::FilePath>")]
    pub ca_file: Option<PathBuf>,
    /// What all keys begin with: one for each log.
    #[schemars(with = "kind::Name")]
    pub prefix: String,
    /// A shopper's key is deleted by the store after this long without a change.
    #[schemars(extend("x-min" = "1m", "x-max" = "3650d"))]
    pub expire_after: Span,
    /// The longest that an answer waits for the store, within its own deadline; then it goes on without.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1s"))]
    pub read_timeout: Span,
    /// How far behind shoppers are written.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1m"))]
    pub write_every: Span,
    /// Shoppers whose stored features this process keeps at hand.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub cache_users: usize,
    /// How long it does.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    pub cache_for: Span,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            cluster: false,
            username: None,
            password_file: None,
            ca_file: None,
            prefix: "sidecart".into(),
            expire_after: Span::from_ms(180 * DAY_MS),
            read_timeout: Span::from_ms(5),
            write_every: Span::from_ms(100),
            cache_users: 100_000,
            cache_for: Span::from_secs(30),
        }
    }
}
