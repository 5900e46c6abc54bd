//! How candidates are put in order.

mod linear;

pub(crate) use linear::Linear;
