//! The sections of the config, one file each. A section is a struct with doc comments, which become the schema, the
//! commented default file and the reference; a `Default`; and a line in [`super::Config`].

mod candidates;
mod catalog;
mod curated;
mod events;
mod features;
mod observability;
mod placements;
mod rules;
mod server;
mod storage;

pub use candidates::{Candidates, Source, Sources};
pub use catalog::Catalog;
pub use curated::Curated;
pub use events::{Events, LogKind};
pub use features::{Affinities, Features, Index, Popularity, Sessions, StoreKind, Users};
pub use observability::{LogFormat, LogLevel, Observability};
pub use placements::{Placement, Placements, RepeatPolicy, usual as usual_placements};
pub use rules::{Eligibility, Rules, StockRule};
pub use server::Server;
pub use storage::Storage;
