//! What lies in the store: checkpoints with their manifests, and what was left unfinished.

use sidecart_engine::STATE_VERSION;
use sidecart_engine::nouns::{DAY_MS, Timestamp};

use super::error::VaultError;
use super::leftover::Leftover;
use super::manifest::{MANIFEST_END, MAX_MANIFEST_BYTES, Manifest, STATE_END, named, owner};
use super::place::Place;
use super::upload::Owner;
use crate::log::Offset;

/// Manifests looked at in one place, newest first; the number kept is far below.
const MAX_MANIFESTS: usize = 1_000;
/// After this long without a manifest, a state is taken for left over, not for being uploaded.
const UNFINISHED_MS: i64 = DAY_MS;

/// One manifest, or why it cannot be used.
pub type Found = Result<Manifest, VaultError>;

/// All manifests, newest first: by the version of the state, then by offset.
///
/// # Errors
/// [`VaultError::Store`] when the place cannot be read.
pub async fn manifests(place: &Place) -> Result<Vec<Found>, VaultError> {
    let names = place.list().await?;
    let mut found = Vec::new();
    for (name, meta) in names.iter().rev().filter(|(name, _)| is_manifest(name)).take(MAX_MANIFESTS) {
        if meta.size > MAX_MANIFEST_BYTES {
            found.push(Err(damaged(name, "its manifest is too long")));
            continue;
        }
        match place.read(name, 0..meta.size).await {
            Ok(bytes) => found.push(Manifest::read(&bytes).map_err(|what| damaged(name, what))),
            // Pruned meanwhile by another.
            Err(VaultError::Store { cause: object_store::Error::NotFound { .. }, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Refuses a place in which another log's checkpoints lie. Gives the offset up to which ours reach.
///
/// # Errors
/// [`VaultError::Foreign`], or [`VaultError::Store`] when the place cannot be read.
pub async fn ours(place: &Place, owned_by: &Owner) -> Result<Option<Offset>, VaultError> {
    let mut newest = None;
    for manifest in manifests(place).await?.into_iter().flatten() {
        if manifest.cluster != owned_by.cluster || manifest.log_id != owned_by.log.to_string() {
            return Err(VaultError::Foreign {
                url: place.url().to_owned(),
                found: manifest.owner(),
                ours: owner(&owned_by.cluster, &owned_by.log.to_string()),
            });
        }
        if manifest.state_version == STATE_VERSION {
            newest = newest.max(Some(manifest.next));
        }
    }
    Ok(newest)
}

/// Deletes all but the newest `keep` of each version of the state, and states that nobody finished.
///
/// # Errors
/// [`VaultError::Store`]; what is left is deleted the next time.
pub async fn prune(place: &Place, keep: usize, now: Timestamp) -> Result<u64, VaultError> {
    let names = place.list().await?;
    let (mut version, mut seen, mut deleted) = (0, 0, 0);
    for (name, _) in names.iter().rev().filter(|(name, _)| is_manifest(name)) {
        let Some((its_version, _)) = named(name) else { continue };
        seen = if its_version == version { seen + 1 } else { 1 };
        version = its_version;
        if seen > keep.max(1) {
            delete(place, name).await?;
            deleted += 1;
        }
    }
    for (name, meta) in names.iter().filter(|(name, _)| named(name).is_some() && name.ends_with(STATE_END)) {
        let manifest = name.replace(STATE_END, MANIFEST_END);
        let age_ms = now.0 - meta.last_modified.timestamp_millis();
        if age_ms > UNFINISHED_MS && !names.iter().any(|(other, _)| *other == manifest) {
            place.delete(name).await?;
        }
    }
    let is_old = move |left: &Leftover| now.since_ms(left.changed_at) > UNFINISHED_MS;
    place.remove_leftovers(is_old).await?;
    Ok(deleted)
}

/// Deletes all that do not know everything before `offset`, whatever their version.
///
/// # Errors
/// [`VaultError::Store`]; to be tried again.
pub async fn forget_before(place: &Place, offset: Offset) -> Result<(), VaultError> {
    for (name, _) in place.list().await? {
        if named(&name).is_some_and(|(_, next)| next < offset) {
            place.delete(&name).await?;
        }
    }
    place.remove_leftovers(move |left| left.next < offset).await
}

/// The manifest first: from then on nobody begins to read the state.
async fn delete(place: &Place, manifest: &str) -> Result<(), VaultError> {
    place.delete(manifest).await?;
    place.delete(&manifest.replace(MANIFEST_END, STATE_END)).await
}

fn is_manifest(name: &str) -> bool {
    name.ends_with(MANIFEST_END) && named(name).is_some()
}

fn damaged(object: &str, what: &'static str) -> VaultError {
    VaultError::Damaged { object: object.to_owned(), what }
}
