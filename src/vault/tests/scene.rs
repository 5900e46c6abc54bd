use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use sidecart_engine::nouns::Timestamp;
use sidecart_engine::{STATE_VERSION, State};

use super::super::place::Place;
use super::super::restore::restore;
use super::super::upload::{Owner, upload};
use super::super::{Manifest, VaultError};
use crate::config::storage::Remote;
use crate::identity::Identity;
use crate::ingest::checkpoint::{CHECKPOINT_FOLDER, Checkpoints, Header};
use crate::log::Offset;

pub const NOW: Timestamp = Timestamp(1_780_000_000_000);

/// A real server, and the variables that its script in scripts/services has named it by. Its credentials are in the
/// environment, where the client finds them.
pub struct Real {
    scheme: &'static str,
    endpoint: &'static str,
    bucket: &'static str,
}

pub const S3: Real = Real { scheme: "s3", endpoint: "S3_ENDPOINT", bucket: "S3_BUCKET" };
pub const AZURE: Real = Real { scheme: "az", endpoint: "AZURE_ENDPOINT", bucket: "AZURE_CONTAINER" };
pub const GOOGLE: Real = Real { scheme: "gs", endpoint: "GCS_ENDPOINT", bucket: "GCS_BUCKET" };

/// A place in a store that nothing else uses, and a data folder with checkpoints in it.
pub struct Scene {
    place: Place,
    pub dir: tempfile::TempDir,
    pub owner: Owner,
}

impl Scene {
    pub fn in_memory() -> Self {
        Self::at(Place::within(Arc::new(InMemory::new()), "shop/one"))
    }

    pub fn on(real: &Real) -> Self {
        let fact =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see scripts/services"));
        let remote = Remote { endpoint: Some(fact(real.endpoint)), ..Remote::default() };
        let url = format!("{}://{}/vault/{}", real.scheme, fact(real.bucket), uuid::Uuid::now_v7());
        Self::at(Place::open(&remote, &url).expect("a place"))
    }

    fn at(place: Place) -> Self {
        let dir = folder();
        let owner = Owner { cluster: "shop".into(), log: Identity::of(dir.path()).expect("a name") };
        Self { place, dir, owner }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::open(self.dir.path().join(CHECKPOINT_FOLDER), 9).expect("opened")
    }

    /// Saves a checkpoint in the data folder.
    pub fn save(&self, next: u64) -> PathBuf {
        let checkpoints = self.checkpoints();
        let header = Header {
            state_version: STATE_VERSION,
            next: Offset(next),
            config_version: "c".into(),
            saved_at: Timestamp(i64::try_from(next).expect("small")),
        };
        checkpoints.save(&header, &State::default()).expect("saved");
        checkpoints.path(Offset(next))
    }

    /// Saves one and puts it into the store.
    pub async fn send(&self, next: u64) -> Manifest {
        let path = self.save(next);
        upload(&self.place, &self.owner, (&path, Offset(next)), NOW).await.expect("uploaded")
    }

    pub async fn restore(&self, into: &Path) -> Result<Option<u64>, VaultError> {
        restore(&self.place, "shop", into).await.map(|manifest| manifest.map(|manifest| manifest.next.0))
    }

    pub async fn object(&self, name: &str) -> Vec<u8> {
        self.place.read(name, 0..self.place.size(name).await.expect("there")).await.expect("read")
    }

    pub async fn names(&self) -> Vec<String> {
        self.place.list().await.expect("listed").into_iter().map(|(name, _)| name).collect()
    }
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}
