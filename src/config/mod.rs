//! The config: what a shop can set, read from `cross-sell-config.yaml`, the environment and flags.
//!
//! The types in [`sections`] are the one truth: the schema, the checks, the commented default file and the reference
//! in `docs/config.md` are all generated from them.

mod bytes;
mod complete;
mod consistency;
mod environment;
mod fault;
mod flags;
mod interpolate;
mod kind;
mod live;
mod load;
#[cfg(test)]
mod reference;
mod render;
mod schema;
pub mod sections;
mod settings;
mod shape;
mod span;
mod tree;
mod verify;
#[cfg(test)]
#[path = "tests.rs"]
mod whole;
mod words;

use std::path::PathBuf;

pub use bytes::Bytes;
#[cfg(test)]
pub use environment::Environment;
pub use environment::{CONFIG_VARIABLE, KEY_VARIABLE, Warning};
pub use fault::{At, ConfigErrors, Fault, Problem, nearest};
pub use flags::ConfigFlags;
pub use live::{Difference, Mixed, differences, mix};
#[cfg(test)]
pub use load::load_text;
pub use load::{DEFAULT_FILE, Loaded, Override, digest_of, load, read_body, read_stored};
#[cfg(test)]
pub use load::{Document, References, assemble};
pub use render::render;
pub use schema::schema;
use schemars::JsonSchema;
pub use sections::*;
use serde::{Deserialize, Serialize};
pub use span::Span;

/// Everything that can be set about Sidecart. Every key is optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Version of this file's format.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// Directory of the log, the checkpoints and all other state; made if absent.
    #[schemars(with = "kind::FilePath")]
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub server: Server,
    /// Who may do what. Without any key, everybody who reaches the server may do everything.
    pub access: Access,
    /// What is kept of who shoppers are.
    pub privacy: Privacy,
    /// How events come in and how long their ids are remembered.
    pub events: Events,
    /// The broker that holds the log where `events.log` is `kafka`: Apache Kafka or Redpanda.
    pub kafka: Kafka,
    /// The embedded log's files and the checkpoints of the engine's state.
    pub storage: Storage,
    /// The catalogue.
    pub catalog: Catalog,
    /// What is remembered of visits, shoppers and items.
    pub features: Features,
    /// Where candidates come from, and how many.
    #[schemars(extend("x-live" = true))]
    pub candidates: Candidates,
    /// The scorer, which learns from what shoppers really do next.
    pub ranker: Ranker,
    /// What may be shown.
    #[schemars(extend("x-live" = true))]
    pub rules: Rules,
    /// Places in the shop where answers are shown, by name. A name not listed is served with the defaults of each key.
    #[schemars(extend("propertyNames" = {"x-kind": "placement"}, "maxProperties" = 1_000, "x-each" = "PLACEMENT", "x-live" = true))]
    pub placements: Placements,
    /// What the shop chose itself: pairs for the source `curated`, lists to fall back on.
    #[schemars(extend("x-live" = true))]
    pub curated: Curated,
    /// Logs and decisions.
    pub observability: Observability,
    /// Examples of what this config is to do, run by `sidecart test`.
    #[schemars(extend("x-example" = "tests: [{name: no wine for minors, items: [{itemId: wine, minAge: 18}], forbid: [wine]}]"))]
    pub tests: Vec<TestCase>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: 1,
            data_dir: "./sidecart-data".into(),
            server: Server::default(),
            access: Access::default(),
            privacy: Privacy::default(),
            events: Events::default(),
            kafka: Kafka::default(),
            storage: Storage::default(),
            catalog: Catalog::default(),
            features: Features::default(),
            candidates: Candidates::default(),
            ranker: Ranker::default(),
            rules: Rules::default(),
            placements: placements::usual(),
            curated: Curated::default(),
            observability: Observability::default(),
            tests: Vec::new(),
        }
    }
}

impl Config {
    /// The placement of this name, or the defaults of one that is not listed.
    #[must_use]
    pub fn placement(&self, name: &str) -> Placement {
        self.placements.get(name).cloned().unwrap_or_default()
    }

    /// Time in which a placement is to be answered, when the request does not say.
    #[must_use]
    pub fn deadline(&self, placement: &Placement) -> Span {
        placement.deadline.unwrap_or(self.server.deadline)
    }
}

/// A single-precision default as the decimal number that was meant: 0.6, not 0.6000000238418579.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
