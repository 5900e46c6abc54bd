use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::Settings;
use sidecart_engine::nouns::Currency;

use crate::config::kind;

/// The catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Catalog {
    /// Currency (ISO 4217) of prices that do not say theirs.
    #[schemars(with = "kind::CurrencyCode")]
    pub currency: Currency,
    /// Items known at most; one beyond is refused.
    #[schemars(range(min = 1, max = 20_000_000))]
    pub max_items: usize,
}

impl Default for Catalog {
    fn default() -> Self {
        let catalog = Settings::default().catalog;
        Self { currency: catalog.currency, max_items: catalog.max_items }
    }
}
