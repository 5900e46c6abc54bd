//! The shop's rules hold: no answer has what a hard rule forbids, whatever is missing, broken, hurried or pinned; and
//! slots are not left empty while something may be shown.

#[path = "../common/mod.rs"]
mod common;
mod oracle;
mod property;
mod scenes;
mod world;
