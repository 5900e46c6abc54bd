use super::{Case, Rule};

/// Not what the shop has marked as unavailable, whatever its stock.
pub(crate) struct Availability;

impl Rule for Availability {
    fn id(&self) -> &'static str {
        "availability"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        case.conditional_entry().is_some_and(|item| item.available == Some(false))
    }

    fn why(&self, _: &Case<'_>) -> String {
        "marked as unavailable".into()
    }
}
