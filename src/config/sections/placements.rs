use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{Arrangement, Objective, Repeats, Substitutes};

use crate::config::{Span, shortest};

/// Placements by name. Those not named here, and keys a placement leaves out, are as in [`Placement::default`].
pub type Placements = BTreeMap<String, Placement>;

/// Whether items that the visit has already seen may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeatPolicy {
    /// Never: a cross-sell shows something else.
    #[default]
    Suppress,
    /// They compete like all others.
    Allow,
}

impl From<RepeatPolicy> for Repeats {
    fn from(policy: RepeatPolicy) -> Self {
        match policy {
            RepeatPolicy::Suppress => Self::Suppress,
            RepeatPolicy::Allow => Self::Allow,
        }
    }
}

/// What an answer is to bring the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The most likely items first.
    #[default]
    Conversion,
    /// Likelihood x price^exponent.
    Revenue,
    /// Likelihood x margin^exponent; the catalogue must tell costs.
    Margin,
}

/// What to do with an item that would stand in for one in the cart instead of going with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubstitutePolicy {
    /// It competes like all others.
    #[default]
    Allow,
    /// It is left out.
    Drop,
}

/// Who goes without a computed answer last, when there are more requests than can be computed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Last.
    High,
    /// Before `high`.
    #[default]
    Normal,
    /// First.
    Low,
}

/// A place in the shop where answers are shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Placement {
    /// Items per answer, when the request does not say.
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
    /// Time in which to answer; `null`: as `server.deadline` says.
    #[schemars(extend("x-min" = "1ms", "x-max" = "10s"))]
    pub deadline: Option<Span>,
    /// Who goes without a computed answer first, when there are more requests than can be computed in time; it gets the
    /// answer that costs nothing, of a lower rung of the ladder.
    pub priority: Priority,
    /// Whether items that the visit has already seen may be shown. In-cart items never are.
    pub repeats: RepeatPolicy,
    /// What the answer is to bring.
    pub objective: Goal,
    /// How strongly price or margin counts, where the objective is one of them. 0 is not at all; at 1 the order is by
    /// expected price or margin.
    #[schemars(range(min = 0.0, max = 3.0))]
    pub exponent: f64,
    /// What to do with an item that would stand in for one in the cart: of its narrowest category, and looked at together
    /// with it more than bought together.
    pub substitutes: SubstitutePolicy,
    /// How much less an item counts that is just like one already in the answer: 0 nothing less, 1 it counts nothing.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub diversity: f64,
    /// Items of one narrowest category at most; `null`: any number.
    #[schemars(range(min = 1, max = 100))]
    pub per_category: Option<usize>,
    /// Items of one brand at most; `null`: any number.
    #[schemars(range(min = 1, max = 100))]
    pub per_brand: Option<usize>,
    /// Items of one group of variants at most; `null`: any number.
    #[schemars(range(min = 1, max = 100))]
    pub per_group: Option<usize>,
    /// Share of the answers whose last slot goes to an item that just missed it, so that the shop learns of it. Which do
    /// is decided by visit, path and placement: the same request gets the same answer. Told by `propensity`.
    #[schemars(range(min = 0.0, max = 0.1))]
    pub explore: f64,
}

impl Default for Placement {
    fn default() -> Self {
        let usual = Arrangement::default();
        Self {
            limit: 4,
            deadline: None,
            priority: Priority::Normal,
            repeats: RepeatPolicy::Suppress,
            objective: Goal::Conversion,
            exponent: shortest(usual.exponent),
            substitutes: SubstitutePolicy::Allow,
            diversity: shortest(usual.diversity),
            per_category: usual.per_category,
            per_brand: usual.per_brand,
            per_group: usual.per_group,
            explore: shortest(usual.explore),
        }
    }
}

impl Placement {
    /// How its answers are put together.
    #[must_use]
    pub fn arrangement(&self) -> Arrangement {
        Arrangement {
            objective: match self.objective {
                Goal::Conversion => Objective::Conversion,
                Goal::Revenue => Objective::Revenue,
                Goal::Margin => Objective::Margin,
            },
            exponent: self.exponent as f32,
            substitutes: match self.substitutes {
                SubstitutePolicy::Allow => Substitutes::Allow,
                SubstitutePolicy::Drop => Substitutes::Drop,
            },
            diversity: self.diversity as f32,
            per_category: self.per_category,
            per_brand: self.per_brand,
            per_group: self.per_group,
            explore: self.explore as f32,
        }
    }
}

/// The placements every shop has: product page, cart, checkout and start page.
pub fn usual() -> Placements {
    let limited = |limit| Placement { limit, ..Placement::default() };
    let beside_a_cart = |limit| Placement { substitutes: SubstitutePolicy::Drop, ..limited(limit) };
    [
        ("pdp", limited(4)),
        ("cart", beside_a_cart(3)),
        ("checkout", Placement { deadline: Some(Span::from_ms(30)), priority: Priority::High, ..beside_a_cart(2) }),
        ("home", Placement { repeats: RepeatPolicy::Allow, priority: Priority::Low, ..limited(8) }),
    ]
    .map(|(name, placement)| (name.to_owned(), placement))
    .into()
}
