//! Checkpoints in an object store, so that a new or an empty replica begins where another one was.
//!
//! Path of a checkpoint: file in the data folder -> [`upload`] (the state, then its manifest, which makes it count) ->
//! [`shelf`] (what lies there; prune) -> [`restore`] (newest whole one of this version, into an empty data folder).
//! [`keeper`] does it all in the background: nothing ever waits for it. Decision record 0014 has the reasons.

mod error;
mod keeper;
mod leftover;
mod manifest;
mod place;
mod restore;
mod shelf;
#[cfg(test)]
mod tests;
mod upload;

use std::path::Path;

pub use error::VaultError;
pub use keeper::{Forgetting, Parts, Vault};
pub use manifest::Manifest;
use place::Place;
pub use upload::Owner;

use sidecart_engine::nouns::Erasure;

use crate::config::storage::Remote;
use crate::erasure::{Deleting, Elsewhere};
use crate::log::Offset;

/// What a data folder without log and checkpoints begins with: the newest usable checkpoint of the cluster, if the config
/// names a place that has one.
///
/// # Errors
/// [`VaultError`]: to begin with nothing, though there is something, has to be asked for (`storage.remote.restore`).
pub async fn restore_if_empty(remote: &Remote, data_dir: &Path) -> Result<Option<Manifest>, VaultError> {
    let Some(url) = remote.url.as_deref().filter(|_| remote.restore) else { return Ok(None) };
    if !restore::is_empty(data_dir)? {
        return Ok(None);
    }
    restore::restore(&Place::open(remote, url)?, &remote.cluster, data_dir).await
}

impl Elsewhere for Forgetting {
    fn name(&self) -> &'static str {
        "object store"
    }

    fn is_for_all(&self) -> bool {
        true
    }

    fn forget<'a>(&'a self, _: &'a Erasure, forgotten: Offset) -> Deleting<'a> {
        Box::pin(async move { self.forget_before(forgotten).await.map_err(|error| error.to_string()) })
    }
}
