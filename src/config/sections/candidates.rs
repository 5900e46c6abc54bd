use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;
use sidecart_engine::settings::{CandidateSettings, SourceSettings};

use crate::config::shortest;

/// Where candidates come from, and how many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Candidates {
    /// Candidates scored per request at most, all sources together.
    #[schemars(range(min = 1, max = 10_000))]
    pub limit: usize,
    /// Items of context looked at, newest first.
    #[schemars(range(min = 1, max = 100))]
    pub context_items: usize,
    /// Most similar past visits that vote in the source `session_knn`.
    #[schemars(range(min = 1, max = 10_000))]
    pub neighbours: usize,
    /// The sources. Each has a `weight` in the starting scorer (0 to 100; 0 switches the source off) and a `limit`, the
    /// candidates taken from it at most (0 to 10000).
    pub sources: Sources,
}

impl Default for Candidates {
    fn default() -> Self {
        let c = Settings::default().candidates;
        Self {
            limit: c.limit,
            context_items: c.context_items,
            neighbours: c.neighbours,
            sources: Sources::from_settings(&c),
        }
    }
}

/// The candidate sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Sources {
    /// What past visits like this one went on to, seen from its newest items.
    pub session_knn: Source,
    /// What past visits like this one as a whole went on to. Off by default: try it by `sidecart replay` on your data.
    pub session_knn_whole: Source,
    /// Viewed in one visit with the context's items.
    pub viewed_together: Source,
    /// Carted in one visit with the context's items.
    pub carted_together: Source,
    /// Bought in one order with the context's items.
    pub bought_together: Source,
    /// What came right after the context's newest items.
    pub transitions: Source,
    /// Goes with what goes with the context's items.
    pub two_hops: Source,
    /// The shopper's own past purchases.
    pub user_history: Source,
    /// Goes with the shopper's own past purchases.
    pub user_taste: Source,
    /// What the visit has already come to, where the placement lets items return.
    pub own_session: Source,
    /// The most wanted of the categories and brands that go with the context's.
    pub complements: Source,
    /// The most wanted of the context's categories.
    pub category: Source,
    /// New in the context's categories: the way in for items that nobody has met yet.
    pub newcomers: Source,
    /// The most wanted overall, lately.
    pub trending: Source,
    /// Chosen by the shop: the section `curated`.
    pub curated: Source,
}

impl Sources {
    fn from_settings(c: &CandidateSettings) -> Self {
        Self {
            session_knn: c.session_knn.into(),
            session_knn_whole: c.session_knn_whole.into(),
            viewed_together: c.viewed_together.into(),
            carted_together: c.carted_together.into(),
            bought_together: c.bought_together.into(),
            transitions: c.transitions.into(),
            two_hops: c.two_hops.into(),
            user_history: c.user_history.into(),
            user_taste: c.user_taste.into(),
            own_session: c.own_session.into(),
            complements: c.complements.into(),
            category: c.category.into(),
            newcomers: c.newcomers.into(),
            trending: c.trending.into(),
            curated: c.curated.into(),
        }
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self::from_settings(&CandidateSettings::default())
    }
}

/// One candidate source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-one-line" = true))]
pub struct Source {
    /// Weight in the starting scorer; 0 switches the source off.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub weight: f64,
    /// Candidates taken from it at most.
    #[schemars(range(min = 0, max = 10_000))]
    pub limit: usize,
}

impl From<SourceSettings> for Source {
    fn from(source: SourceSettings) -> Self {
        Self { weight: shortest(source.weight), limit: source.limit }
    }
}
