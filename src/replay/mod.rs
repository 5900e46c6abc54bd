//! Test-then-train evaluation: recorded events go through the same engine code as live ones, and before each scored
//! event every strategy is asked what it would have shown.
//!
//! A protocol makes a `plan` of queries; `contest` feeds the engine and asks them; `tally` counts; `bootstrap` says how
//! sure the counts are; `report` and `table` put it into JSON and words.

mod asked;
mod baselines;
mod basket;
mod bootstrap;
mod calibration;
mod compare;
mod conditional;
mod contest;
mod engines;
mod error;
mod feed;
mod html;
mod lagging;
mod lane;
mod metrics;
mod next_item;
mod pairs;
mod plan;
mod report;
mod run;
mod seeded;
#[cfg(test)]
mod shops;
mod study;
mod table;
mod tally;
#[cfg(test)]
mod testing;
mod tune;

pub use asked::{Probes, source_named};
pub use basket::Hide;
pub use bootstrap::{Interval, Means};
pub use error::ReplayError;
pub use feed::{Feed, Learning};
pub use html::{Origin, page};
pub use lane::Contender;
pub use next_item::Seen;
pub use plan::Cut;
pub use report::{Named, Percentiles};
pub use run::{Options, Protocol, run};
pub use seeded::Seeded;
pub use table::{differences, findings, summary};
pub use tally::Tally;
pub use tune::{MAX_TRIALS, Tuning, alone, overlay, tune, words as tuning_in_words};
