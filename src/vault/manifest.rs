use serde::{Deserialize, Serialize};
use sidecart_engine::STATE_VERSION;

use crate::identity::Identity;
use crate::log::Offset;

/// The version of the manifest that is written, and the latest that is read.
const FORMAT: u32 = 1;
/// The longest manifest that is read; ours have about 500 bytes.
pub const MAX_MANIFEST_BYTES: u64 = 64 << 10;
/// What the name of each manifest ends with.
pub const MANIFEST_END: &str = ".json";
/// What the name of each state ends with.
pub const STATE_END: &str = ".ckpt";
/// Characters of the checksum in a name.
const NAMED_SUM: usize = 16;

/// What is said about a checkpoint in the store. It is written last, and only if it is not there yet: a state without
/// one is unfinished, and nobody reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The manifest's own version.
    pub format: u32,
    /// The name of the cluster, as configured.
    pub cluster: String,
    /// The log that the offsets are of.
    pub log_id: String,
    /// The Sidecart that wrote it.
    pub sidecart: String,
    /// The shape of the state.
    pub state_version: u32,
    /// The state knows everything before this offset.
    pub next: Offset,
    /// Length of the state's object.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// When it was uploaded, RFC 3339.
    pub uploaded_at: String,
}

impl Manifest {
    /// What is to be said of a checkpoint of this version.
    pub fn of(cluster: &str, log: Identity, next: Offset, (bytes, sha256): (u64, String), uploaded_at: String) -> Self {
        Self {
            format: FORMAT,
            cluster: cluster.to_owned(),
            log_id: log.to_string(),
            sidecart: env!("CARGO_PKG_VERSION").to_owned(),
            state_version: STATE_VERSION,
            next,
            bytes,
            sha256,
            uploaded_at,
        }
    }

    /// Reads one.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|_| "its manifest cannot be read")?;
        if manifest.format > FORMAT {
            return Err("its manifest has a newer format: start a newer Sidecart");
        }
        let is_sum = manifest.sha256.len() == 64 && manifest.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_sum { Ok(manifest) } else { Err("its manifest has no checksum") }
    }

    /// The name of the checkpoint, without its ending: version, offset and checksum, so that equal names have equal
    /// bytes, and names in their order are checkpoints in theirs.
    pub fn stem(&self) -> String {
        let sum = self.sha256.get(..NAMED_SUM).unwrap_or(&self.sha256);
        format!("{:04}-{:020}-{sum}", self.state_version, self.next.0)
    }

    /// Whose it is, for messages.
    pub fn owner(&self) -> String {
        owner(&self.cluster, &self.log_id)
    }
}

/// Whose something is, for messages.
pub fn owner(cluster: &str, log_id: &str) -> String {
    format!("cluster `{cluster}`, log `{log_id}`")
}

/// Version and offset that a name says.
pub fn named(name: &str) -> Option<(u32, Offset)> {
    let stem = name.strip_suffix(MANIFEST_END).or_else(|| name.strip_suffix(STATE_END))?;
    let mut parts = stem.split('-');
    let (version, next) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_some_and(|sum| sum.len() == NAMED_SUM).then_some((version, Offset(next)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let sum = "ab".repeat(32);
        Manifest::of("shop", Identity::derived("a"), Offset(7), (3, sum), "2026-11-27T00:00:00Z".into())
    }

    #[test]
    fn a_manifest_is_read_back_and_its_name_says_where_it_stands() {
        let bytes = serde_json::to_vec(&manifest()).expect("plain data");
        assert_eq!(Manifest::read(&bytes), Ok(manifest()));
        let stem = manifest().stem();
        assert_eq!(named(&format!("{stem}.json")), Some((STATE_VERSION, Offset(7))));
        assert_eq!(named(&format!("{stem}.ckpt")), Some((STATE_VERSION, Offset(7))));
        for other in ["notes.json", "0004-7.json", "0004-x-abababababababab.json", "0004-7-ab.json"] {
            assert_eq!(named(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_newer_or_no_manifest_is_refused_with_a_reason() {
        let newer = Manifest { format: FORMAT + 1, ..manifest() };
        let newer = serde_json::to_vec(&newer).expect("plain data");
        assert!(Manifest::read(&newer).expect_err("newer").contains("newer format"));
        assert!(Manifest::read(b"{}").is_err());
        let short = serde_json::to_vec(&Manifest { sha256: "..".into(), ..manifest() }).expect("plain data");
        assert!(Manifest::read(&short).is_err());
    }
}
