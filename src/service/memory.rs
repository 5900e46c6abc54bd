use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use sidecart_engine::Asker;
use sidecart_engine::nouns::Recalled;

/// A memory of shoppers beyond the engine's own.
pub trait Memory: Send + Sync {
    /// Whether there may be more to know of this shopper than the engine holds.
    fn may_know(&self, asker: Asker) -> bool;

    /// What is remembered beyond what the engine holds; in time, or not at all.
    fn recall(&self, asker: Asker, until: Instant) -> Recalling<'_>;
}

/// A question to a memory.
pub type Recalling<'a> = Pin<Box<dyn Future<Output = Result<Recalled, Unavailable>> + Send + 'a>>;

/// It did not answer in time, or cannot at all: the answer goes on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;
