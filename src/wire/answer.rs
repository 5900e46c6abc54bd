use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use sidecart_engine::nouns::{Drop, Pick, RuleFault, Slate};
use utoipa::ToSchema;

/// An answer to a request for recommendations.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecommendationResponse)]
pub struct Answer {
    /// Names the answer; see `GET /v1/decisions/{requestId}`.
    pub request_id: String,
    /// To be sent back with the events that follow from this answer.
    pub attribution_token: String,
    /// The items, best first; at most the limit.
    pub items: Vec<AnswerItem>,
    /// Which rung of the ladder served it: `full`, `session`, `co_purchase`, `category`, `curated` or `empty`.
    #[schema(example = "full")]
    pub tier: &'static str,
    /// Why the answer is not the best that could be given, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degraded>,
    /// How many candidates each rule dropped.
    pub suppressed: BTreeMap<String, u32>,
    /// The ranker that scored it: `linear-` and the number of the model; 0 stands for the starting weights.
    #[schema(example = "linear-12")]
    pub model_version: String,
    /// The config in force.
    pub config_version: String,
    /// Age of the session's newest applied event; absent: no event of this session is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_age_ms: Option<i64>,
    /// What the answer was computed from; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explanation>,
}

/// Why an answer is not the best that could be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Degraded {
    /// `deadline`, `overload`, `lag`, `fault`, `manual` or `features`.
    #[schema(example = "lag")]
    pub cause: &'static str,
}

/// One recommended item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerItem {
    /// The item.
    pub item_id: String,
    /// Place in the answer, from 1.
    pub rank: u32,
    /// The scorer's figure; comparable within one answer only.
    pub score: f64,
    /// How likely the shopper is to go on to it, 0 to 1; absent where it was not scored on its features, or nothing has
    /// been learned yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How likely it was that this item would take this slot; below 1 where the placement explores.
    pub propensity: f64,
    /// The source that argued strongest for it.
    #[schema(value_type = String)]
    pub source: Cow<'static, str>,
    /// Why.
    pub reason: AnswerReason,
}

/// Why an item is in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerReason {
    /// The kind of reason.
    #[schema(value_type = String, example = "bought_together")]
    pub code: sidecart_engine::nouns::ReasonCode,
    /// The shopper's items it rests on, strongest first.
    pub because_of: Vec<String>,
}

/// What an answer was computed from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Distinct items of context, most recent last.
    pub context: Vec<String>,
    /// The cart.
    pub cart: Vec<String>,
    /// Candidates considered.
    pub considered: u32,
    /// The features of each shown item, by item and name.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, f32>>)]
    pub features: BTreeMap<String, BTreeMap<&'static str, f32>>,
    /// The boosts and buries of each shown item that has any, by item and rule: its likelihood counted so many times.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub boosts: BTreeMap<String, BTreeMap<String, f64>>,
    /// The rule that pinned a shown item to its place, by item.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned_by: BTreeMap<String, String>,
    /// What rules needed and did not know or could not compute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rule_faults: Vec<RuleLack>,
    /// Each candidate that is not in the answer.
    pub dropped: Vec<DroppedItem>,
}

/// What a rule needed and did not know or could not compute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RuleFault)]
pub struct RuleLack {
    /// The rule.
    pub rule: String,
    /// What was missing or wrong, the first time.
    pub why: String,
    /// How often in this request.
    pub count: u32,
    /// `denied`: a hard rule forbade items for it; `skipped`: a soft rule was passed over.
    pub effect: &'static str,
}

/// A candidate that is not in the answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DroppedItem {
    /// The item.
    pub item_id: String,
    /// The rule that dropped it; absent: it passed all rules and was outscored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The values that decided, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The scorer's figure, if it got that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

impl From<&Pick> for AnswerItem {
    fn from(pick: &Pick) -> Self {
        Self {
            item_id: pick.item_id.to_string(),
            rank: pick.rank,
            score: pick.score,
            probability: pick.probability,
            propensity: pick.propensity,
            source: Cow::Borrowed(pick.source),
            reason: AnswerReason {
                code: pick.reason.code,
                because_of: pick.reason.because_of.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

impl From<&Drop> for DroppedItem {
    fn from(drop: &Drop) -> Self {
        Self {
            item_id: drop.item_id.to_string(),
            rule: drop.reason.as_ref().map(|reason| reason.rule.to_string()),
            why: drop.reason.as_ref().map(|reason| reason.why.clone()),
            score: drop.score,
        }
    }
}

impl From<&RuleFault> for RuleLack {
    fn from(fault: &RuleFault) -> Self {
        Self {
            rule: fault.rule.clone(),
            why: fault.why.clone(),
            count: fault.count,
            effect: if fault.denied { "denied" } else { "skipped" },
        }
    }
}

fn boosts(slate: &Slate) -> BTreeMap<String, BTreeMap<String, f64>> {
    let boosted = slate.picks.iter().filter(|pick| !pick.boosts.is_empty());
    boosted.map(|pick| (pick.item_id.to_string(), pick.boosts.iter().cloned().collect())).collect()
}

impl From<&Slate> for Explanation {
    fn from(slate: &Slate) -> Self {
        let texts = |items: &[sidecart_engine::nouns::ItemId]| items.iter().map(ToString::to_string).collect();
        Self {
            context: texts(&slate.context),
            cart: texts(&slate.cart),
            considered: slate.considered,
            features: slate
                .picks
                .iter()
                .map(|pick| (pick.item_id.to_string(), pick.features.iter().copied().collect()))
                .collect(),
            boosts: boosts(slate),
            pinned_by: slate
                .picks
                .iter()
                .filter_map(|pick| Some((pick.item_id.to_string(), pick.pinned_by.clone()?)))
                .collect(),
            rule_faults: slate.faults.iter().map(RuleLack::from).collect(),
            dropped: slate.dropped.iter().map(DroppedItem::from).collect(),
        }
    }
}
