//! How candidates are put in order: a linear scorer, and how it learns from what shoppers really did next.

mod guard;
mod lesson;
mod linear;
mod odds;
mod starting;
mod trainer;

pub(crate) use lesson::Basis;
pub use lesson::Lesson;
pub(crate) use linear::{Linear, score};
pub(crate) use odds::Odds;
pub use trainer::{Course, Trainer};
