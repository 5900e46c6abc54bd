use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;

/// What may be shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// What an item must have to be shown at all.
    pub eligibility: Eligibility,
}

/// What an item must have to be shown at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Eligibility {
    /// Stock. An item whose stock figure is 0 is never shown.
    pub stock: StockRule,
}

/// Stock. An item whose stock figure is 0 is never shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StockRule {
    /// Whether an item that never had a stock figure is refused too.
    pub require: bool,
}

impl Default for StockRule {
    fn default() -> Self {
        Self { require: Settings::default().rules.require_stock }
    }
}
