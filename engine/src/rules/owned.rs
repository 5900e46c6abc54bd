use super::{Case, Rule};
use crate::nouns::{DAY_MS, Timestamp};

/// Returns of shoppers that an item's usual interval must rest on before it decides anything.
const LEAST_RETURNS: u32 = 5;
/// Share of its usual interval that must have passed before a consumable is shown again.
const SHARE: f32 = 0.5;

fn last_bought(case: &Case<'_>) -> Option<Timestamp> {
    case.moment.profile()?.bought.get(case.item).map(|(_, at)| at)
}

fn days_since(case: &Case<'_>, at: Timestamp) -> f32 {
    case.moment.now.since_ms(at).max(0) as f32 / DAY_MS as f32
}

/// Not what the shopper has bought and needs only once. Where the catalogue does not say what kind of item it is, the
/// scorer decides by the shopper's and the shop's own habits.
pub(crate) struct Owned;

impl Rule for Owned {
    fn id(&self) -> &'static str {
        "owned"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        case.facts.consumable == Some(false) && last_bought(case).is_some()
    }

    fn why(&self, case: &Case<'_>) -> String {
        let days = last_bought(case).map_or(0.0, |at| days_since(case, at));
        format!("bought {days:.0} days ago, and not consumable")
    }
}

/// Not a consumable that the shopper cannot have used up yet, going by how soon shoppers of this shop come back for it.
pub(crate) struct TooSoon;

impl TooSoon {
    /// Days since the shopper's last purchase and the usual interval, where it is too soon.
    fn days(case: &Case<'_>) -> Option<(f32, f32)> {
        if case.facts.consumable != Some(true) {
            return None;
        }
        let since = days_since(case, last_bought(case)?);
        let usual = case.moment.state.counters.get(case.item).interval.days(LEAST_RETURNS)?;
        (since < SHARE * usual).then_some((since, usual))
    }
}

impl Rule for TooSoon {
    fn id(&self) -> &'static str {
        "too_soon"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        Self::days(case).is_some()
    }

    fn why(&self, case: &Case<'_>) -> String {
        let (since, usual) = Self::days(case).unwrap_or_default();
        format!("bought {since:.1} days ago, usually again after {usual:.1}")
    }
}
