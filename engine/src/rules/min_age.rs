use super::{Case, Rule};

/// Only to shoppers verified to be old enough. An age that is not verified is no age.
pub(crate) struct MinAge;

impl Rule for MinAge {
    fn id(&self) -> &'static str {
        "min_age"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        let verified = case.moment.request.shopper.age_verified;
        let needed = case.conditional_entry().and_then(|item| item.min_age);
        needed.is_some_and(|needed| verified.is_none_or(|verified| verified < needed))
    }

    fn why(&self, case: &Case<'_>) -> String {
        let needed = case.entry().and_then(|item| item.min_age).unwrap_or_default();
        match case.moment.request.shopper.age_verified {
            Some(verified) => format!("needs age {needed}, verified {verified}"),
            None => format!("needs age {needed}, user.ageVerified is unknown"),
        }
    }
}
