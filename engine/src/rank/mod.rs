//! How candidates are put in order: a linear scorer, and how it learns from what shoppers really did next.

mod linear;
mod starting;
mod trainer;

pub(crate) use linear::Linear;
pub use trainer::{Lesson, Trainer};
