use super::{Case, Rule};

/// Not what is out of stock. An item that never had a stock figure is not tracked and passes, unless the shop requires
/// a figure.
pub(crate) struct Stock;

impl Rule for Stock {
    fn id(&self) -> &'static str {
        "stock"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        match case.facts.stock {
            Some(units) => units == 0,
            None => case.moment.settings.rules.require_stock,
        }
    }

    fn why(&self, case: &Case<'_>) -> String {
        match case.facts.stock {
            Some(units) => format!("stock is {units}"),
            None => "stock is unknown and required".into(),
        }
    }
}
