use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Exposure, ItemId};

/// Which rung of the ladder an answer came from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// All sources, features and the ranker.
    #[default]
    Full,
    /// The session's own context only: session neighbours and co-visitation.
    Session,
    /// Co-purchase rows of the cart.
    CoPurchase,
    /// Bestsellers of the context's categories.
    Category,
    /// The curated list, then overall bestsellers.
    Curated,
    /// Nothing eligible, or no time.
    Empty,
}

impl Tier {
    /// All rungs, best first.
    pub const ALL: [Self; 6] =
        [Self::Full, Self::Session, Self::CoPurchase, Self::Category, Self::Curated, Self::Empty];

    /// The name in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Session => "session",
            Self::CoPurchase => "co_purchase",
            Self::Category => "category",
            Self::Curated => "curated",
            Self::Empty => "empty",
        }
    }
}

/// Why an answer is not the best that could be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The deadline came between stages.
    Deadline,
    /// More requests at once than the limit.
    Overload,
    /// Events are applied later than the freshness objective.
    Lag,
    /// A part failed; the log says which.
    Fault,
    /// Somebody has set a lower rung by hand.
    Manual,
    /// What is remembered of the shopper elsewhere could not be had in time.
    Features,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 6] = [Self::Deadline, Self::Overload, Self::Lag, Self::Fault, Self::Manual, Self::Features];

    /// The name in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Overload => "overload",
            Self::Lag => "lag",
            Self::Fault => "fault",
            Self::Manual => "manual",
            Self::Features => "features",
        }
    }
}

/// Why an item is shown, in a form the shop can put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// Often bought in one order with `becauseOf`.
    BoughtTogether,
    /// Often carted in one visit with `becauseOf`.
    CartedTogether,
    /// Often viewed in one visit with `becauseOf`.
    ViewedTogether,
    /// Visits like this one went on to it.
    SimilarSessions,
    /// The shopper has bought it before.
    BoughtBefore,
    /// Often bought in one order with what the shopper bought before.
    GoesWithPurchases,
    /// Of a category that goes with `becauseOf`.
    GoesWithCategory,
    /// New in the shop.
    NewArrival,
    /// Much wanted right now.
    Trending,
    /// Among the most wanted for long.
    Bestseller,
    /// Chosen by the shop.
    Curated,
    /// Put there by the shop.
    Pinned,
    /// Something else that the shop has, where nothing better is known.
    Assortment,
    /// Looked at earlier in this visit.
    SeenBefore,
}

/// Why an item is in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The kind of reason.
    pub code: ReasonCode,
    /// The shopper's items it rests on, strongest first.
    pub because_of: Vec<ItemId>,
}

/// One item of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pick {
    /// Which item.
    pub item_id: ItemId,
    /// Place in the answer, from 1.
    pub rank: u32,
    /// The scorer's figure; comparable within one answer only.
    pub score: f64,
    /// How likely it is that the shopper goes on to this very item: softmax of the scores of all candidates, times the
    /// share of what shoppers took that was among the candidates lately ([`super::Model::found`]). 0..=1. `None` where
    /// the item was not scored on its features, or where nothing has been learned yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How likely it was, before the dice were thrown, that this item would take this slot: 1 where nothing was left to
    /// chance. Above 0, at most 1. What is learned from the answer is to be weighted by 1 / propensity.
    pub propensity: f64,
    /// The source that argued strongest for it.
    pub source: &'static str,
    /// Why.
    pub reason: Reason,
    /// The boosts and buries that the item's likelihood was multiplied by: rule and factor.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boosts: Vec<(String, f64)>,
    /// The rule that pinned it to its place, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned_by: Option<String>,
    /// The features it was scored on, by name; only when explaining.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<(&'static str, f32)>,
}

/// The rule that dropped a candidate, and what decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DropReason {
    /// The rule's id.
    pub rule: Cow<'static, str>,
    /// The values that decided, in words.
    pub why: String,
}

/// What a rule of the shop needed and did not know or could not compute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFault {
    /// The rule's id.
    pub rule: String,
    /// What was missing or wrong, the first time.
    pub why: String,
    /// How often in this request.
    pub count: u32,
    /// Whether the rule forbade items for it (a hard rule), or was passed over (a soft one).
    pub denied: bool,
}

/// A candidate that is not in the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drop {
    /// Which item.
    pub item_id: ItemId,
    /// Why not. `None`: it passed all rules and was outscored.
    pub reason: Option<DropReason>,
    /// The scorer's figure, if it got that far.
    pub score: Option<f64>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Slate {
    /// The items, best first; at most the request's limit.
    pub picks: Vec<Pick>,
    /// Which rung served it.
    pub tier: Tier,
    /// Why it is not of the highest rung, if it is not.
    pub degraded: Option<Cause>,
    /// How many candidates each rule dropped.
    pub suppressed: BTreeMap<Cow<'static, str>, u32>,
    /// What the shop's rules needed and did not know.
    pub faults: Vec<RuleFault>,
    /// Whether a rule that is to be audited touched the answer.
    pub audited: bool,
    /// Candidates considered.
    pub considered: u32,
    /// Each candidate that is not in the answer; only when explaining, bounded by the candidate limit.
    pub dropped: Vec<Drop>,
    /// The context the answer was computed from: distinct items, most recent last.
    pub context: Vec<ItemId>,
    /// The cart the answer was computed from.
    pub cart: Vec<ItemId>,
    /// The version of the model that scored it; 0: the starting weights.
    pub model_version: u64,
    /// What the scorer saw of the items shown: what a click on one of them teaches.
    pub exposure: Exposure,
    /// Age of the session's newest applied event; `None`: no event of this session is known.
    pub feature_age_ms: Option<i64>,
}
