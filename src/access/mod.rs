//! Who may do what: keys, their scopes and their rates, made of the config in force; and the record of what was changed.

mod audit;
mod failures;
mod keys;
mod rate;

pub use audit::{Audit, Entry};
pub use failures::Failures;
pub use keys::{Keys, Known, fresh_key, hash_of, is_hash};
pub use rate::Rates;
