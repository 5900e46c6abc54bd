//! The state in 32 bytes: whether two states are the same, bit for bit, without moving either.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sidecart_engine::{STATE_VERSION, State};
use utoipa::ToSchema;

use crate::log::Offset;

/// Bytes hashed at once; the encoder gives them one by one.
const BUFFER_BYTES: usize = 64 << 10;

/// What a state is, in short. Equal states have equal digests, whatever process, start or machine they come from, if
/// their configs and their records are the same; serialising equal states gives equal bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateDigest {
    /// Every record of the log before this offset is in the state.
    pub applied: u64,
    /// The shape of the state; digests of different shapes cannot be compared.
    pub state_version: u32,
    /// Length of the serialised state, bytes.
    pub bytes: u64,
    /// SHA-256 of the serialised state, in hexadecimal.
    pub sha256: String,
}

impl StateDigest {
    /// The digest of a state that knows everything before `applied`. Encodes all of it: about a second per 400 MB.
    ///
    /// # Errors
    /// [`postcard::Error`] when the state cannot be encoded, which plain data can.
    pub fn of(state: &State, applied: Offset) -> Result<Self, postcard::Error> {
        let sums = BufWriter::with_capacity(BUFFER_BYTES, Sums { hash: Sha256::new(), bytes: 0 });
        let sums = postcard::to_io(state, sums)?;
        let sums = sums.into_inner().map_err(|_| postcard::Error::SerializeBufferFull)?;
        let sha256 = sums.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { applied: applied.0, state_version: STATE_VERSION, bytes: sums.bytes, sha256 })
    }
}

struct Sums {
    hash: Sha256,
    bytes: u64,
}

impl Write for Sums {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hash_of_what_a_checkpoint_holds() {
        let state = State::default();
        let bytes = postcard::to_allocvec(&state).expect("encoded");
        let digest = StateDigest::of(&state, Offset(7)).expect("encoded");
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((digest.applied, digest.bytes, digest.sha256), (7, bytes.len() as u64, hash));
    }
}
