//! From what callers send to what the engine trusts: parsing at the edge, with errors that name the field and the
//! remedy.

pub mod answer;
pub mod erasure;
pub mod event;
pub mod features;
mod field;
pub mod item;
mod json;
pub mod model;
mod reject;
pub mod repeat;
pub mod request;
pub mod scalar;
pub mod shapes;
pub mod split;
pub mod stock;

pub use reject::{Code, Rejection};

#[cfg(test)]
mod tests;
