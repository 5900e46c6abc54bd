//! Reading data files: folders, CSV, TSV, JSON Lines and Parquet, plain or gzipped, into one compact [`Dataset`].
//!
//! Every row is checked by itself: a bad one is rejected with its line and reason, and the rest is kept.

mod columns;
mod dataset;
mod delimited;
mod error;
mod json;
mod lines;
mod open;
mod parquet;
mod read;
mod reject;
mod row;
mod store;
mod symbols;

pub use columns::Mapping;
pub use dataset::{Dataset, Options, load};
pub use error::DataError;
pub use open::lines;
pub use reject::{Rejected, Rejections};
pub use store::Head;
pub use symbols::NONE;
