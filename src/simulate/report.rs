//! What a simulation found, in the shape of its JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::replay::Percentiles;

/// Two configs on the same requests.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Simulation)]
pub struct Report {
    /// Where the requests come from.
    pub from: String,
    /// Requests answered under both.
    pub requests: u64,
    /// Requests there would have been; more than `requests` where the time was up before.
    pub of: u64,
    /// Answers whose items or their order differ.
    pub changed: u64,
    /// The same, as a share.
    pub changed_share: f64,
    /// Items in both answers over items in either, on average; 1: the same items throughout.
    pub mean_overlap: f64,
    /// Items that the new config shows in answers in which the old one does not; the 20 with most such answers.
    pub gained: Vec<Moved>,
    /// Items that the new config does not show in answers in which the old one does; the 20 with most such answers.
    pub lost: Vec<Moved>,
    /// The config compared with.
    pub base: Figures,
    /// The config that is tried.
    pub new: Figures,
    /// Keys that the new config changes and a running server would not take up: they are left out here as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_required: Vec<String>,
    /// The first ten answers that differ.
    pub examples: Vec<Example>,
}

/// What is counted of one config.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SimulationFigures)]
pub struct Figures {
    /// Its version.
    pub version: String,
    /// Distinct items shown.
    pub items: usize,
    /// The same, as a share of the catalogue.
    pub coverage: f64,
    /// Answers without any item.
    pub empty_answers: u64,
    /// Slots asked for.
    pub slots: u64,
    /// Slots that stayed empty.
    pub empty_slots: u64,
    /// Absent where no shown item has price, cost and probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_margin: Option<Margin>,
    /// Candidates that each rule dropped, all answers together.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub suppressed: BTreeMap<String, u64>,
    /// Answers by rung.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub tiers: BTreeMap<&'static str, u64>,
    /// Time per answer, microseconds.
    #[schema(value_type = BTreeMap<String, f64>)]
    pub latency_us: Percentiles,
}

/// The sum of probability times margin over the items of an answer, on average. A forecast by the scorer's own
/// probabilities, not a measurement: it compares two configs, it promises nothing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SimulationMargin)]
pub struct Margin {
    /// Major units.
    pub per_answer: f64,
    /// Of this currency.
    pub currency: String,
    /// Share of the shown items of which price, cost and probability are known.
    pub known_share: f64,
}

/// An item that one config shows more than the other.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SimulationMoved)]
pub struct Moved {
    /// The item.
    pub item_id: String,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// In how many answers.
    pub answers: u64,
}

/// One request and both answers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SimulationExample)]
pub struct Example {
    /// As of when.
    pub at: String,
    /// Where the answer would be shown.
    pub placement: String,
    /// The visit.
    pub session_id: String,
    /// What the visit had come to, oldest first.
    pub context: Vec<String>,
    /// What was in the cart.
    pub cart: Vec<String>,
    /// The items under the config compared with.
    pub base: Vec<String>,
    /// The items under the config that is tried.
    pub new: Vec<String>,
}
