use std::future::Future;
use std::pin::Pin;

use sidecart_engine::nouns::Erasure;

use crate::log::Offset;

/// A place beyond the data folder where traces of a shopper may be: an object store, a feature store.
pub trait Elsewhere: Send + Sync {
    /// What it is, for messages.
    fn name(&self) -> &'static str;

    /// Whether every replica is to see to it, as to what each might have put there itself; else the one that writes there
    /// and the one that was asked.
    fn is_for_all(&self) -> bool;

    /// Deletes the traces there. By now the state has forgotten the shopper, and everything from the offset `forgotten`
    /// on knows nothing of them. Tried again until it works, so it may be done twice.
    fn forget<'a>(&'a self, erasure: &'a Erasure, forgotten: Offset) -> Deleting<'a>;
}

/// A deletion under way; what went wrong, in words.
pub type Deleting<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
