use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Level, OutcomeLabel};

/// Buckets for uploads, in seconds: some megabytes next door to a gigabyte far away.
const UPLOAD_BUCKETS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

/// Checkpoints in the object store.
#[derive(Debug)]
pub struct Vault {
    /// Uploads by outcome: `written` or `failed`.
    pub uploads: Family<OutcomeLabel, Counter>,
    /// Time of one upload.
    pub upload: Histogram,
    /// What the newest one uploaded by this process covers.
    pub offset: Level,
    /// When that was.
    pub at_seconds: Level,
    /// Old ones deleted.
    pub pruned: Counter,
}

impl Vault {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let vault = Self {
            uploads: Family::default(),
            upload: Histogram::new(UPLOAD_BUCKETS),
            offset: Level::default(),
            at_seconds: Level::default(),
            pruned: Counter::default(),
        };
        let upload = vault.upload.clone();
        registry.register("remote_uploads", "Uploads of checkpoints by outcome", vault.uploads.clone());
        registry.register_with_unit("remote_upload", "One upload of a checkpoint", Unit::Seconds, upload);
        registry.register("remote_checkpoint_offset", "What the newest upload covers", vault.offset.clone());
        registry.register("remote_checkpoint_timestamp_seconds", "When that was uploaded", vault.at_seconds.clone());
        registry.register("remote_pruned", "Old checkpoints deleted from the object store", vault.pruned.clone());
        vault
    }
}
