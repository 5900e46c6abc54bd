use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;
use sidecart_engine::nouns::{HOUR_MS, MINUTE_MS};

use super::Mapping;
use crate::config::Span;

/// Where events are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// A log of files in the data directory.
    #[default]
    Embedded,
    /// A broker, for several replicas; see `kafka`. Each replica keeps a copy in its data directory.
    Kafka,
}

/// Where the live part of the config comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigKind {
    /// The file, and with the embedded log `PUT /v1/config`.
    #[default]
    File,
    /// A topic of the broker, for all replicas alike: what `PUT /v1/config` on any of them writes there.
    Topic,
}

/// How events come in and how long their ids are remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// Where events are kept.
    pub log: LogKind,
    /// Where the live part of the config comes from, where the log is a broker's. With `topic` the file gives what needs a
    /// restart, and all else until the first config is put; see docs/cluster.md.
    pub config: ConfigKind,
    /// An event older than this is refused as late; `sidecart import` is the way in for history.
    #[schemars(extend("x-min" = "1m", "x-max" = "3650d"))]
    #[schemars(extend("x-live" = true))]
    pub allowed_lateness: Span,
    /// An event further in the future than this is refused: its sender's clock is wrong.
    #[schemars(extend("x-min" = "0s", "x-max" = "24h"))]
    #[schemars(extend("x-live" = true))]
    pub max_future_skew: Span,
    /// An event id is remembered this long; the same id within it counts once.
    #[schemars(extend("x-min" = "1m", "x-max" = "90d"))]
    pub dedupe_window: Span,
    /// Event ids remembered at most; the oldest leaves first. About 100 bytes each.
    #[schemars(range(min = 1_000, max = 200_000_000))]
    pub dedupe_ids: usize,
    /// Accepted events that may wait for the log's writer; when full, senders are told to come again (503).
    #[schemars(range(min = 64, max = 10_000_000))]
    pub queue: usize,
    /// An event is to be visible to recommendations within this time; when it is not, answers say so.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    #[schemars(extend("x-live" = true))]
    pub freshness_slo: Span,
    /// How events of other shapes than our own are understood: where our fields stand in them, and what their names of
    /// events mean. See docs/events.md.
    #[schemars(extend("x-live" = true))]
    pub mapping: Mapping,
}

impl Default for Events {
    fn default() -> Self {
        let dedupe = Settings::default().dedupe;
        Self {
            log: LogKind::Embedded,
            config: ConfigKind::File,
            allowed_lateness: Span::from_ms(24 * HOUR_MS),
            max_future_skew: Span::from_ms(5 * MINUTE_MS),
            dedupe_window: Span::from_ms(dedupe.window_ms),
            dedupe_ids: dedupe.max_ids,
            queue: 65_536,
            freshness_slo: Span::from_secs(1),
            mapping: Mapping::default(),
        }
    }
}
