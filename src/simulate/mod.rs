//! What would another config change? Recorded requests are answered under both, on the same state, by the same code as
//! live ones; what differs is counted.
//!
//! [`traffic`] feeds an engine and asks after each event what a live request would have asked; a running server asks the
//! requests that it has answered lately. [`Comparison`] counts; [`Report`] puts it into JSON, [`words`] into words.

mod compare;
mod report;
mod traffic;
mod words;

pub use compare::{Comparison, Question, Side};
pub use report::Report;
pub use traffic::{Simulated, Traffic, run};
pub use words::in_words;
