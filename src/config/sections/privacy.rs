use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::kind;

/// What is kept of who shoppers are. See docs/access.md.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// Whether the ids of shoppers, devices and visits are replaced by a keyed hash as they come in, so that no file of the
    /// data directory holds them. What a data folder was begun with stays.
    pub pseudonyms: bool,
    /// File of the key, 32 bytes; `null`: `pseudonym.key` in the data directory, made if absent.
    #[schemars(with = "Option<kind::FilePath>")]
    pub key_file: Option<PathBuf>,
}
