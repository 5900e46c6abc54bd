use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FEATURES, Feature, GATES, Gate, Hidden, HiddenLayer, Timestamp, Vector};

/// What the shopper is about to do; each has weights of its own, because what is looked at next is not what is bought
/// next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Look on, perhaps at something seen before: nothing is in the cart.
    Browse,
    /// Fill a cart, which is all that is known of the visit.
    Basket,
    /// Look on at something that the visit has not come to yet: nothing is in the cart.
    Discover,
    /// Go on with something in the cart, after having looked at something else, too: fill the cart, or look on.
    Mixed,
    /// Come to a first thing: nothing is known of the visit, though perhaps of the shopper.
    Arrive,
}

impl Intent {
    /// All intents.
    pub const ALL: [Self; 5] = [Self::Browse, Self::Basket, Self::Discover, Self::Mixed, Self::Arrive];

    /// The name in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Basket => "basket",
            Self::Discover => "discover",
            Self::Mixed => "mixed",
            Self::Arrive => "arrive",
        }
    }

    /// Whether something is in the cart.
    #[must_use]
    pub(crate) fn has_cart(self) -> bool {
        matches!(self, Self::Basket | Self::Mixed)
    }
}

/// The scorer's weights as learned, by feature name so that they outlive a change of the features.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Grows with each published model; 0: nothing learned, the starting weights are in force.
    pub version: u64,
    /// Weights of each intent that has been learned.
    pub weights: BTreeMap<Intent, BTreeMap<String, f32>>,
    /// How much more each feature says per unit of each gate, in the order of `gate_names`. Models of before lack it.
    #[serde(default)]
    pub gates: BTreeMap<Intent, BTreeMap<String, Vec<f32>>>,
    /// Names of the gates.
    #[serde(default)]
    pub gate_names: Vec<String>,
    /// What is added for features that say more, or less, together. Models of before lack it.
    #[serde(default)]
    pub hidden: BTreeMap<Intent, HiddenLayer>,
    /// Of what shoppers took, the share that was among the candidates scored, lately. 0..=1. With the softmax of the
    /// scores it makes a probability. Models of before lack it.
    #[serde(default)]
    pub found: BTreeMap<Intent, f32>,
    /// Whether learning is to stand still: no trainer publishes on top of it.
    #[serde(default)]
    pub frozen: bool,
}

/// A model as the scorer reads it: by place instead of by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Learned([Option<Box<Weights>>; Intent::ALL.len()]);

/// What was learned of one intent.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// Not a number where nothing was learned.
    pub(crate) weights: Vector,
    pub(crate) gates: [Vector; GATES],
    pub(crate) hidden: Hidden,
}

impl Learned {
    pub(crate) fn of(model: &Model) -> Self {
        Self(Intent::ALL.map(|intent| Some(Box::new(Weights::of(model, intent)?))))
    }

    /// What was learned of an intent, if anything.
    ///
    /// What was learned of carts alone holds for others until those have been learned from, too.
    pub(crate) fn get(&self, intent: Intent) -> Option<&Weights> {
        let own = self.0[intent as usize].as_deref();
        if intent == Intent::Mixed { own.or(self.0[Intent::Basket as usize].as_deref()) } else { own }
    }
}

impl Weights {
    fn of(model: &Model, intent: Intent) -> Option<Self> {
        let learned = model.weights.get(&intent)?;
        let hidden = model.hidden.get(&intent).map_or_else(Hidden::untaught, Hidden::of);
        let mut weights = Self { weights: [f32::NAN; FEATURES], gates: [[0.0; FEATURES]; GATES], hidden };
        let gates = model.gates.get(&intent);
        for &feature in Feature::ALL {
            if let Some(&weight) = learned.get(feature.name()) {
                weights.weights[feature as usize] = weight;
            }
            let Some(of_feature) = gates.and_then(|gates| gates.get(feature.name())) else { continue };
            for (name, &weight) in model.gate_names.iter().zip(of_feature).filter(|(_, weight)| weight.is_finite()) {
                if let Some(&gate) = Gate::ALL.iter().find(|gate| gate.name() == name) {
                    weights.gates[gate as usize][feature as usize] = weight;
                }
            }
        }
        Some(weights)
    }
}

/// A model that was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastModel {
    /// When it came into force.
    pub since: Timestamp,
    /// The model.
    pub model: Model,
}
