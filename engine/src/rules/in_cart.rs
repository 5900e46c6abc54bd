use super::{Case, Rule};

/// Not what is in the cart already.
pub(crate) struct InCart;

impl Rule for InCart {
    fn id(&self) -> &'static str {
        "in_cart"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        case.moment.cart.contains(&case.item)
    }

    fn why(&self, _: &Case<'_>) -> String {
        "in the cart".into()
    }
}
