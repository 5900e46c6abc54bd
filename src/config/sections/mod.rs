//! The sections of the config, one file each. A section is a struct with doc comments, which become the schema, the
//! commented default file and the reference; a `Default`; and a line in [`super::Config`].

pub mod access;
pub mod candidates;
pub mod catalog;
pub mod curated;
pub mod events;
pub mod features;
pub mod kafka;
pub mod mapping;
pub mod observability;
pub mod placements;
pub mod privacy;
pub mod ranker;
pub mod rules;
pub mod server;
pub mod storage;
pub mod tests;

pub use access::{Access, AccessKey, Scope};
pub use candidates::Candidates;
pub use catalog::Catalog;
pub use curated::Curated;
pub use events::Events;
pub use features::Features;
pub use kafka::Kafka;
pub use mapping::Mapping;
pub use observability::Observability;
pub use placements::{Placement, Placements};
pub use privacy::Privacy;
pub use ranker::Ranker;
pub use rules::{Common, Day, Rules};
pub use server::Server;
pub use storage::Storage;
pub use tests::TestCase;
