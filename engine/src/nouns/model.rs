use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What the shopper is about to do; each has weights of its own, because what is looked at next is not what is bought
/// next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Look on, perhaps at something seen before: nothing is in the cart.
    Browse,
    /// Fill a cart.
    Basket,
    /// Look on at something that the visit has not come to yet: nothing is in the cart.
    Discover,
}

impl Intent {
    /// All intents.
    pub const ALL: [Self; 3] = [Self::Browse, Self::Basket, Self::Discover];

    /// The name in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Basket => "basket",
            Self::Discover => "discover",
        }
    }
}

/// The scorer's weights as learned, by feature name so that they outlive a change of the features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Grows with each published model; 0: nothing learned, the starting weights are in force.
    pub version: u64,
    /// Weights of each intent that has been learned.
    pub weights: BTreeMap<Intent, BTreeMap<String, f32>>,
    /// Of what shoppers took, the share that was among the candidates scored, lately. 0..=1. With the softmax of the
    /// scores it makes a probability. Models of before lack it.
    #[serde(default)]
    pub found: BTreeMap<Intent, f32>,
    /// Whether learning is to stand still: no trainer publishes on top of it.
    #[serde(default)]
    pub frozen: bool,
}

/// A model that was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastModel {
    /// When it came into force.
    pub since: Timestamp,
    /// The model.
    pub model: Model,
}
