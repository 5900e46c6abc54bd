//! The shop's own rules, compiled: typed conditions, schedules and effects. Plain data, made by the binary from its
//! config and swapped as one; `rules/shop` asks them.

mod build;
mod expr;
mod index;
mod names;
mod rule;
mod schedule;
mod set;
mod visit;
mod zone;

pub use expr::{
    AskList, AskNumber, AskText, Attr, Cond, ItemFlag, ItemList, ItemNumber, ItemText, List, Math, Num, Order, Over,
    Quantity, Subject, Text, Whose,
};
pub(crate) use index::{Index, QuickNumber, Slots};
pub use rule::{CapBy, Effect, Kind, Rule, Scope, When};
pub use schedule::Schedule;
pub use set::{MAX_BOOST, MAX_RULES, RuleSet, USUAL_MAX_BOOST};
pub(crate) use visit::Leaf;
pub use zone::{Local, Zone};
