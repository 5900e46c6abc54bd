//! The shop's rules, from the config's text to what the engine asks: CEL is parsed, typed and lowered here, schedules get
//! their time zones, and everything that is wrong is told with its place.

mod compile;
mod effects;
mod fields;
mod lint;
mod lower;
mod place;
pub mod schedules;
pub mod trial;

pub use compile::compile;
pub use lint::past;
#[cfg(test)]
pub use lower::condition;
pub use place::Placer;
use sidecart_engine::policy::{Cond, Effect, Kind, Rule, RuleSet};

use crate::config::Config;

/// The rules of a config as the engine takes them. A config that was loaded has been checked; of one that was not, and
/// is wrong, every item is forbidden, as nobody can say which may be shown.
#[must_use]
pub fn for_engine(config: &Config) -> RuleSet {
    let compiled = compile(config, &Placer::new(&std::collections::BTreeMap::new(), None));
    if compiled.problems.is_empty() {
        return compiled.rules;
    }
    let closed = Rule::new("invalid_config", Kind::Compliance, Cond::Const(true), Effect::Deny);
    RuleSet::new(vec![closed], config.rules.max_boost)
}
