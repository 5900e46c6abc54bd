use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidecart_engine::nouns::ItemId;

use crate::config::kind;

/// An example of what the config is to do, run by `sidecart test`: a small shop, a request, and what must come of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestCase {
    /// What it shows, in words.
    #[schemars(with = "kind::Note")]
    pub name: String,
    /// The instant; `null`: 2026-01-15T12:00:00Z.
    #[schemars(with = "Option<kind::DateTime>")]
    pub now: Option<String>,
    /// The part of the catalogue it needs: items as `PUT /v1/items` takes them. Known to be in the catalogue before all
    /// else.
    #[schemars(with = "Vec<kind::Anything>")]
    pub items: Vec<Value>,
    /// What happened before: events as `POST /v1/events` takes them; without a timestamp they happen at `now`.
    #[schemars(with = "Vec<kind::Anything>")]
    pub events: Vec<Value>,
    /// The request, as `POST /v1/recommendations` takes it; a session of its own if it names none.
    #[schemars(with = "kind::Anything")]
    pub request: Value,
    /// Items that must be shown.
    #[schemars(with = "Vec<kind::Item>")]
    pub expect: Vec<ItemId>,
    /// Items that must be shown first, in this order.
    #[schemars(with = "Vec<kind::Item>")]
    pub expect_first: Vec<ItemId>,
    /// Items that must not be shown.
    #[schemars(with = "Vec<kind::Item>")]
    pub forbid: Vec<ItemId>,
    /// For items that must not be shown, the rule that must be the one to drop each.
    #[schemars(with = "std::collections::BTreeMap<String, kind::RuleId>")]
    #[schemars(extend("propertyNames" = {"x-kind": "item"}, "maxProperties" = 1_000, "x-each" = "ITEM"))]
    pub dropped_by: std::collections::BTreeMap<ItemId, String>,
}
