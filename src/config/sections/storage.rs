use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{DAY_MS, MINUTE_MS};

use crate::config::{Bytes, Span};

/// The embedded log's files and the checkpoints of the engine's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// A log file is closed and the next begun at this size; retention removes whole files.
    #[schemars(extend("x-min" = "64KiB", "x-max" = "4GiB"))]
    pub segment_size: Bytes,
    /// Log files older than this are removed, once a checkpoint covers them.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub retention_age: Span,
    /// The oldest log files are removed beyond this total, once a checkpoint covers them.
    #[schemars(extend("x-min" = "1MiB", "x-max" = "100TiB"))]
    pub retention_size: Bytes,
    /// How often the state is saved; a restart replays the log from there.
    #[schemars(extend("x-min" = "1s", "x-max" = "24h"))]
    pub checkpoint_every: Span,
    /// Saved states kept; a damaged one falls back to the one before.
    #[schemars(range(min = 1, max = 100))]
    pub checkpoints_kept: usize,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            segment_size: Bytes::from_mib(64),
            retention_age: Span::from_ms(28 * DAY_MS),
            retention_size: Bytes::from_mib(64 << 10),
            checkpoint_every: Span::from_ms(5 * MINUTE_MS),
            checkpoints_kept: 3,
        }
    }
}
