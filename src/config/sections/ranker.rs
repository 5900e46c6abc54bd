use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::SECOND_MS;

use crate::config::Span;

/// The scorer, which learns from what shoppers really do next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ranker {
    /// Whether the scorer learns. If not, the model in force stays, or the starting weights where there is none.
    pub learn: bool,
    /// Events learned from at most, per second; each costs about as much as an answer. Of imported history one in 16 teaches
    /// besides, however fast it comes.
    #[schemars(range(min = 1, max = 10_000))]
    #[schemars(extend("x-live" = true))]
    pub lessons_per_second: u32,
    /// How often newly learned weights come into force.
    #[schemars(extend("x-min" = "100ms", "x-max" = "24h"))]
    #[schemars(extend("x-live" = true))]
    pub publish_every: Span,
}

impl Default for Ranker {
    fn default() -> Self {
        Self { learn: true, lessons_per_second: 100, publish_every: Span::from_ms(5 * SECOND_MS) }
    }
}
