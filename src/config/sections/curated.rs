use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::ItemId;

use crate::config::kind;

/// What the shop chose itself: pairs for the source `curated`, lists to fall back on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Curated {
    /// For an item, the items to show with it, best first.
    #[schemars(with = "BTreeMap<String, Vec<kind::Item>>", extend("propertyNames" = {"x-kind": "item"}))]
    #[schemars(extend("maxProperties" = 100_000), extend("x-each" = "ITEM"))]
    #[schemars(extend("x-example" = "pairs: {CAMERA-1: [SD-CARD-64, TRIPOD-2]}"))]
    pub pairs: BTreeMap<ItemId, Vec<ItemId>>,
    /// For a placement (`*`: any), the items to fall back on, best first.
    #[schemars(with = "BTreeMap<String, Vec<kind::Item>>", extend("propertyNames" = {"x-kind": "placement"}))]
    #[schemars(extend("maxProperties" = 1_000), extend("x-each" = "PLACEMENT"))]
    #[schemars(extend("x-example" = "lists: {'*': [GIFT-CARD, SOCKS-3], cart: [BAG-1]}"))]
    pub lists: BTreeMap<String, Vec<ItemId>>,
}
