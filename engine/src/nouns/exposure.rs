use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Gates, Intent, ItemId, Vector};

/// An answer as it was shown and what the scorer saw of it, kept until the shopper clicks. Empty where the answer was
/// not scored on features. As data it fits those of the same features and gates only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    pub(crate) intent: Option<Intent>,
    #[serde(serialize_with = "figures", deserialize_with = "as_many")]
    pub(crate) gates: Gates,
    pub(crate) shown: Vec<Shown>,
}

/// One item of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) item: ItemId,
    #[serde(serialize_with = "figures", deserialize_with = "as_many")]
    pub(crate) vector: Vector,
    /// See [`super::Pick::propensity`].
    pub(crate) propensity: f64,
}

fn figures<S: Serializer>(figures: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    figures.serialize(serializer)
}

fn as_many<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[f32; N], D::Error> {
    let figures = Vec::<f32>::deserialize(deserializer)?;
    let found = figures.len();
    figures.try_into().map_err(|_| D::Error::custom(format!("has {found} figures instead of {N}: another version's")))
}
