use super::{Case, Rule};
use crate::nouns::Repeats;

/// Not what this visit has already come to, unless the placement lets items return.
pub(crate) struct SeenItem;

impl Rule for SeenItem {
    fn id(&self) -> &'static str {
        "seen"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        case.moment.request.repeats == Repeats::Suppress
            && case.moment.visit.iter().any(|seen| seen.item == case.item && seen.browsed)
    }

    fn why(&self, _: &Case<'_>) -> String {
        "seen in this visit".into()
    }
}
