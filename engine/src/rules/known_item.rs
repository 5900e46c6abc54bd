use super::{Case, Rule};

/// Only what the catalogue has: an item known from events alone, or deleted since, is not shown.
pub(crate) struct KnownItem;

impl Rule for KnownItem {
    fn id(&self) -> &'static str {
        "known_item"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        !case.facts.known
    }

    fn why(&self, _: &Case<'_>) -> String {
        "not in the catalogue".into()
    }
}
