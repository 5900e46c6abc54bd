use super::index::{Index, Slots, slots};
use super::rule::{Effect, Rule};

/// Rules that a config may have, all kinds together: bounds what a request costs and what a rule set takes.
pub const MAX_RULES: usize = 2_000;
/// The product of all boosts and buries of an item stays within 1/100 and 100, whatever the config says.
pub const MAX_BOOST: f64 = 100.0;

/// What boosts and buries may multiply to where the shop says nothing else.
pub const USUAL_MAX_BOOST: f64 = 10.0;

/// All of a shop's rules, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    rules: Vec<Rule>,
    slots: Slots,
    /// Of the rules that forbid, and of those that weigh.
    forbidding: Index,
    weighing: Index,
    /// Bounds of an item's weight: 1 / max_boost to max_boost.
    max_boost: f64,
}

impl Default for RuleSet {
    fn default() -> Self {
        Self::new(Vec::new(), USUAL_MAX_BOOST)
    }
}

impl RuleSet {
    /// A set of rules; [`MAX_RULES`] is for its maker to hold, as a rule left out here would forbid nothing. What boosts
    /// multiply to stays within 1 / `max_boost` and `max_boost`, which is kept within 1 and [`MAX_BOOST`].
    #[must_use]
    pub fn new(mut rules: Vec<Rule>, max_boost: f64) -> Self {
        rules.sort_by_key(|rule| rule.kind);
        let slots = slots(&mut rules);
        let forbidding = Index::new(&rules, |effect| *effect == Effect::Deny);
        let weighing = Index::new(&rules, |effect| matches!(effect, Effect::Weigh(_)));
        let max_boost = if max_boost >= 1.0 { max_boost.min(MAX_BOOST) } else { 1.0 };
        Self { rules, slots, forbidding, weighing, max_boost }
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    pub(crate) fn forbidding(&self) -> &Index {
        &self.forbidding
    }

    pub(crate) fn weighing(&self) -> &Index {
        &self.weighing
    }

    pub(crate) fn max_boost(&self) -> f64 {
        self.max_boost
    }
}
