//! Who may do what: keys, their scopes and their rates, made of the config in force; the record of what was changed; secrets, and the
//! stand-ins made with one of them.

mod audit;
mod failures;
mod keys;
mod pseudonyms;
mod rate;
pub mod secret;

pub use audit::{Audit, Entry};
pub use failures::Failures;
pub use keys::{Keys, Known, fresh_key, hash_of, is_hash};
pub use pseudonyms::{KEY_FILE, MARK_FILE, Pseudonyms};
pub use rate::Rates;
pub use secret::SecretError;
