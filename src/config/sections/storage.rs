use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{DAY_MS, MINUTE_MS};

use crate::config::{Bytes, Span, kind};

/// The embedded log's files and the checkpoints of the engine's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// A log file is closed and the next begun at this size; retention removes whole files.
    #[schemars(extend("x-min" = "64KiB", "x-max" = "4GiB"))]
    pub segment_size: Bytes,
    /// Log files older than this are removed, once a checkpoint covers them.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub retention_age: Span,
    /// The oldest log files are removed beyond this total, once a checkpoint covers them.
    #[schemars(extend("x-min" = "1MiB", "x-max" = "100TiB"))]
    pub retention_size: Bytes,
    /// How often the state is saved; a restart replays the log from there.
    #[schemars(extend("x-min" = "1s", "x-max" = "24h"))]
    pub checkpoint_every: Span,
    /// Saved states kept; a damaged one falls back to the one before.
    #[schemars(range(min = 1, max = 100))]
    pub checkpoints_kept: usize,
    /// Checkpoints in an object store or a shared folder as well, for replicas that start with an empty data directory.
    /// Wants a build with the feature `object-store`. Credentials are read from the environment, as the store's own
    /// clients do: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; `GOOGLE_SERVICE_ACCOUNT`, the path of a key file;
    /// `AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY`; without them, from the machine (instance role, workload
    /// identity, managed identity).
    pub remote: Remote,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            segment_size: Bytes::from_mib(64),
            retention_age: Span::from_ms(28 * DAY_MS),
            retention_size: Bytes::from_mib(64 << 10),
            checkpoint_every: Span::from_ms(5 * MINUTE_MS),
            checkpoints_kept: 3,
            remote: Remote::default(),
        }
    }
}

/// Checkpoints in an object store or a shared folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Remote {
    /// Where: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or `file:///FOLDER`; `null`: nowhere.
    /// Each log needs a prefix of its own.
    #[schemars(with = "Option<kind::StoreUrl>")]
    pub url: Option<String>,
    /// Name of this installation; checkpoints of another are refused.
    #[schemars(with = "kind::Name")]
    pub cluster: String,
    /// Checkpoints kept there; older ones are deleted.
    #[schemars(range(min = 1, max = 1_000))]
    pub keep: usize,
    /// Whether an empty data directory is filled from there at the start.
    pub restore: bool,
    /// Address of the store, for one that speaks the protocol of S3, Google's or Azure's elsewhere, or an emulator; with
    /// `http://`, nothing is encrypted on its way. Azure's: `https://ACCOUNT.blob.core.windows.net`, an emulator's with the
    /// account behind it. `null`: that of Amazon, Google or Azure.
    #[schemars(with = "Option<kind::StoreEndpoint>")]
    pub endpoint: Option<String>,
    /// Region of an S3 bucket; `null`: `AWS_REGION`, or `us-east-1`.
    #[schemars(with = "Option<kind::Name>")]
    pub region: Option<String>,
    /// How an S3 store encrypts them; what lies with Google or Azure is encrypted as the bucket or account is set up.
    pub encryption: Encryption,
    /// Id of the key for `kms`; `null`: the account's own.
    #[schemars(with = "Option<kind::Name>")]
    pub kms_key: Option<String>,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            url: None,
            cluster: "sidecart".into(),
            keep: 3,
            restore: true,
            endpoint: None,
            region: None,
            encryption: Encryption::Store,
            kms_key: None,
        }
    }
}

/// How a store encrypts what lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    /// As the bucket is set up.
    #[default]
    Store,
    /// With keys that S3 manages (SSE-S3).
    Aes256,
    /// With a key in AWS KMS (SSE-KMS).
    Kms,
}
