use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::Repeats;

use crate::config::Span;

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

/// A place in the shop where answers are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Placement {
    /// Items per answer, when the request does not say.
    #[schemars(range(min = 1, max = 100))]
    pub limit: usize,
    /// Time in which to answer; `null`: as `server.deadline` says.
    #[schemars(extend("x-min" = "1ms", "x-max" = "10s"))]
    pub deadline: Option<Span>,
    /// Whether items that the visit has already seen may be shown. In-cart items never are.
    pub repeats: RepeatPolicy,
}

impl Default for Placement {
    fn default() -> Self {
        Self { limit: 4, deadline: None, repeats: RepeatPolicy::Suppress }
    }
}

/// The placements every shop has: product page, cart, checkout and start page.
pub fn usual() -> Placements {
    let limited = |limit| Placement { limit, ..Placement::default() };
    [
        ("pdp", limited(4)),
        ("cart", limited(3)),
        ("checkout", Placement { deadline: Some(Span::from_ms(30)), ..limited(2) }),
        ("home", Placement { repeats: RepeatPolicy::Allow, ..limited(8) }),
    ]
    .map(|(name, placement)| (name.to_owned(), placement))
    .into()
}
