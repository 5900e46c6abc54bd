//! Ids for events that bring none, in a request that its sender may send again.

use sha2::{Digest as _, Sha256};

use super::reject::{Code, Rejection};

/// The header that names a request; its name in lower case.
pub const HEADER: &str = "idempotency-key";
/// The longest name of a request.
const MAX_KEY_BYTES: usize = 255;
/// Bytes of an id's digest: two different events have the same by chance once in 2^64 of them.
const DIGEST_BYTES: usize = 16;

/// What a sender calls a request, the same whenever it sends it again.
///
/// The id of an event is made of this name, of the event's place in the body and of its bytes. Two equal events of one
/// body are two; the same body under the same name counts once, whichever replica takes it; a name that is used again for
/// other events by mistake takes nothing away from them. Nothing is remembered but the ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey(Vec<u8>);

impl RequestKey {
    /// Reads the header's value.
    ///
    /// # Errors
    /// [`Rejection`]: it is empty, or longer than 255 bytes.
    pub fn new(value: &[u8]) -> Result<Self, Rejection> {
        if value.is_empty() || value.len() > MAX_KEY_BYTES {
            let problem = format!(
                "is {} bytes long: give 1 to {MAX_KEY_BYTES}, such as a UUID made once per request, or leave it out",
                value.len()
            );
            return Err(Rejection::field(Code::BadId, "Idempotency-Key", problem));
        }
        Ok(Self(value.to_vec()))
    }

    /// The id of the event at this place of the body, if it brings none.
    #[must_use]
    pub fn id(&self, index: usize, element: &[u8]) -> String {
        let mut digest = Sha256::new();
        digest.update((self.0.len() as u64).to_le_bytes());
        digest.update(&self.0);
        digest.update((index as u64).to_le_bytes());
        digest.update(element);
        let digest = digest.finalize();
        let hex: String = digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect();
        format!("request-{hex}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_gives_the_same_ids_and_any_other_gives_others() {
        let key = |text: &str| RequestKey::new(text.as_bytes()).expect("a key");
        let id = key("a").id(0, b"{}");
        assert_eq!(id, key("a").id(0, b"{}"));
        for other in [key("b").id(0, b"{}"), key("a").id(1, b"{}"), key("a").id(0, b"{ }")] {
            assert_ne!(id, other);
        }
        assert_eq!(id.len(), "request-".len() + 2 * DIGEST_BYTES);
    }

    #[test]
    fn an_empty_or_endless_name_is_refused() {
        for value in [&b""[..], &[b'x'; MAX_KEY_BYTES + 1]] {
            let refused = RequestKey::new(value).expect_err("refused").to_string();
            assert!(refused.contains("Idempotency-Key") && refused.contains("1 to 255"), "{refused}");
        }
    }
}
