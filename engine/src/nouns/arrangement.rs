use serde::{Deserialize, Serialize};

/// What an answer is to bring the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// The most likely items first.
    #[default]
    Conversion,
    /// Likelihood x price^exponent.
    Revenue,
    /// Likelihood x margin^exponent.
    Margin,
}

/// What to do with an item that would stand in for one in the cart instead of going with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Substitutes {
    /// It competes like all others: what a product page wants.
    #[default]
    Allow,
    /// It is left out: what a cart wants.
    Drop,
}

/// How an answer is put together from scored candidates. The default changes nothing: best first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arrangement {
    /// What the answer is to bring.
    pub objective: Objective,
    /// How strongly price or margin counts. 0 (not at all) to 3; at 1 the order is by expected price or margin.
    pub exponent: f32,
    /// What to do with stand-ins for the cart's items.
    pub substitutes: Substitutes,
    /// How much less an item counts that is just like one already in the answer. 0 (nothing) to 1 (it counts nothing).
    pub diversity: f32,
    /// Items of one narrowest category at most; `None`: any number.
    pub per_category: Option<usize>,
    /// Items of one brand at most; `None`: any number.
    pub per_brand: Option<usize>,
    /// Items of one group of variants at most; `None`: any number.
    pub per_group: Option<usize>,
    /// Share of the answers whose last slot goes to an item that just missed it. 0..=0.1.
    pub explore: f32,
}

impl Default for Arrangement {
    fn default() -> Self {
        Self {
            objective: Objective::Conversion,
            exponent: 0.3,
            substitutes: Substitutes::Allow,
            diversity: 0.0,
            per_category: None,
            per_brand: None,
            per_group: None,
            explore: 0.0,
        }
    }
}
