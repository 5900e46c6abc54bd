use super::{Case, Rule};
use crate::nouns::{Filter, Item};

/// Only what the request itself asks for.
pub(crate) struct RequestFilter;

impl Rule for RequestFilter {
    fn id(&self) -> &'static str {
        "filter"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        let filter = &case.moment.request.filter;
        !filter.is_empty() && case.entry().is_none_or(|item| !passes(filter, item))
    }

    fn why(&self, _: &Case<'_>) -> String {
        "left out by the request's filter".into()
    }
}

fn passes(filter: &Filter, item: &Item) -> bool {
    let category =
        filter.categories.is_empty() || item.category_path.iter().any(|part| filter.categories.contains(part));
    let brand = filter.brands.is_empty() || item.brand.as_ref().is_some_and(|brand| filter.brands.contains(brand));
    let at_least = filter.min_price_minor.is_none_or(|min| item.price.is_some_and(|price| price.minor >= min));
    let at_most = filter.max_price_minor.is_none_or(|max| item.price.is_some_and(|price| price.minor <= max));
    category && brand && at_least && at_most && !filter.exclude_items.contains(&item.id)
}
