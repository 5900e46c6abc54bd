//! How candidates are put in order: a linear scorer with a small hidden layer, and how it learns from what shoppers really did next.

mod found;
mod guard;
mod hidden;
mod learner;
mod lesson;
mod linear;
mod list;
mod mean;
mod odds;
mod scorer;
mod starting;
mod trainer;
mod wishes;

pub(crate) use lesson::Basis;
pub use lesson::Lesson;
pub(crate) use odds::Odds;
pub(crate) use scorer::{Given, Scorer};
pub use trainer::{Course, Trainer};
pub use wishes::{Wish, Wishes};
