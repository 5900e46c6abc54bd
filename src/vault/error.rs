use std::path::PathBuf;

use object_store::Error as StoreError;
use sidecart_engine::STATE_VERSION;

use crate::identity::IdentityError;

/// Why checkpoints cannot be kept in the object store, or not be had from there.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The place cannot be used as it is configured.
    #[error("`storage.remote.url` `{url}` cannot be used: {why}")]
    Place {
        /// As configured.
        url: String,
        /// What is wrong, and the remedy.
        why: String,
    },
    /// The store refused.
    #[error("cannot {action} `{object}` at `{url}`: {}: {}", said(source), remedy(source))]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which object.
        object: String,
        /// Where.
        url: String,
        /// What the store said.
        source: StoreError,
    },
    /// This machine's own disk refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The name of the log cannot be kept.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The place is another log's.
    #[error(
        "`{url}` holds checkpoints of {found}, and this data folder belongs to {ours}: give each log a place of its own \
         by another prefix in `storage.remote.url`; or start with an empty data folder to go on from what is there"
    )]
    Foreign {
        /// Where.
        url: String,
        /// Whose they are.
        found: String,
        /// Whose this folder is.
        ours: String,
    },
    /// There is more than one log, and nothing to choose by.
    #[error(
        "`{url}` holds checkpoints of several logs ({}): move all but one away, or give another prefix in \
         `storage.remote.url`", .found.join(", ")
    )]
    Ambiguous {
        /// Where.
        url: String,
        /// Whose they are.
        found: Vec<String>,
    },
    /// The local file is not whole.
    #[error("`{}` is damaged: it is not uploaded, the next checkpoint is", .0.display())]
    NotWhole(PathBuf),
    /// The task is gone.
    #[error("the server is stopping")]
    Stopping,
    /// One cannot be read back.
    #[error("`{object}` is damaged ({what}): it is skipped, delete it")]
    Damaged {
        /// Which.
        object: String,
        /// How that shows.
        what: &'static str,
    },
    /// One is of another version.
    #[error(
        "`{object}` holds state version {found}, this Sidecart ({}) reads {STATE_VERSION}: start the Sidecart that wrote \
         it ({by}), or a newer one", env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// Which.
        object: String,
        /// The version of its state.
        found: u32,
        /// The Sidecart that wrote it.
        by: String,
    },
    /// There are checkpoints, and none can be used.
    #[error(
        "none of the {} checkpoints at `{url}` can be used: {}; to start without them, set `storage.remote.restore: false`",
        .reasons.len(), .reasons.join("; ")
    )]
    NoneUsable {
        /// Where.
        url: String,
        /// Why not, one by one.
        reasons: Vec<String>,
    },
}

impl VaultError {
    /// Whether trying again can help without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Store { source, .. } => matches!(source, StoreError::Generic { .. } | StoreError::JoinError { .. }),
            Self::Io { .. } => true,
            _ => false,
        }
    }
}

/// What a store said, without the layers that its client puts around it.
fn said(error: &StoreError) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let (whole, deepest) = (error.to_string(), deepest.to_string());
    if whole.contains(&deepest) { whole } else { format!("{whole}: {deepest}") }
}

/// What to do about it.
fn remedy(error: &StoreError) -> &'static str {
    match error {
        error if matches!(error, StoreError::NotFound { .. }) || error.to_string().contains("NoSuchBucket") => {
            "does the bucket exist, and is it in the region that is configured? Check `storage.remote.url` and `.region`"
        }
        StoreError::PermissionDenied { .. } => {
            "these credentials may not do that: allow listing, reading, writing and deleting below the prefix"
        }
        StoreError::Unauthenticated { .. } => {
            "the store does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or what your \
             store's client reads from the environment"
        }
        _ => {
            "it is tried again; if it stays so, check `storage.remote.url`, `.endpoint` and the network, and that the \
             credentials are in the environment"
        }
    }
}
