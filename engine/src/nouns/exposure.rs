use super::{Gates, Intent, ItemId, Vector};

/// An answer as it was shown and what the scorer saw of it, kept until the shopper clicks. Empty where the answer was
/// not scored on features.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposure {
    pub(crate) intent: Option<Intent>,
    pub(crate) gates: Gates,
    pub(crate) shown: Vec<Shown>,
}

/// One item of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) item: ItemId,
    pub(crate) vector: Vector,
    /// See [`super::Pick::propensity`].
    pub(crate) propensity: f64,
}
