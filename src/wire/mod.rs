//! From what callers send to what the engine trusts: parsing at the edge, with errors that name the field and the
//! remedy.

pub mod scalar;
