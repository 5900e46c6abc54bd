use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::kind;

/// Who may do what. Without any key, everybody who reaches the server may do everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Whether to serve beyond this machine without any key, as behind a gateway that asks for one.
    #[schemars(extend("x-live" = true))]
    pub open: bool,
    /// Keys by name. Two names with the same scopes let a key be changed without a gap: add the new one, move the
    /// callers, remove the old one.
    #[schemars(extend("propertyNames" = {"x-kind": "placement"}, "maxProperties" = 100, "x-each" = "NAME", "x-live" = true))]
    #[schemars(extend("x-example" = "keys: {shop: {hash: 'sha256:...', scopes: [events, recommend]}}"))]
    pub keys: BTreeMap<String, AccessKey>,
    /// Origins whose pages may call the server from a browser; empty: none.
    #[schemars(with = "Vec<kind::WebOrigin>")]
    #[schemars(extend("x-live" = true))]
    pub cors: Vec<String>,
    /// A file with the key that attribution tokens are signed with: 32 bytes, or 64 hexadecimal digits. Replicas need the
    /// same; `null`: `token.key` in the data directory, made if absent.
    #[schemars(with = "Option<kind::FilePath>")]
    pub token_key_file: Option<PathBuf>,
}

/// A key, what it may be used for, and how often.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessKey {
    /// The key's hash, as `sidecart keys new` prints it; `null`: the key is locked. The key itself is kept nowhere.
    #[schemars(with = "Option<kind::KeyHash>")]
    pub hash: Option<String>,
    /// What it may be used for; none includes another.
    pub scopes: Vec<Scope>,
    /// Requests per second at most, with as many at once; `null`: any number.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rate: Option<u32>,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send events, items and stock.
    Events,
    /// Ask for recommendations.
    Recommend,
    /// Read features, decisions, items, the model, metrics.
    Read,
    /// Read and change the config, the model and the ladder; erase.
    Admin,
}

impl Scope {
    /// The name in the config and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Recommend => "recommend",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}
