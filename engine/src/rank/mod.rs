//! How candidates are put in order: a linear scorer, and how it learns from what shoppers really did next.

mod linear;
mod odds;
mod starting;
mod trainer;

pub(crate) use linear::Linear;
pub(crate) use odds::Odds;
pub use trainer::{Lesson, Trainer};
