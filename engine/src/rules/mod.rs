//! What may not be shown, whatever its score: one file per rule, and this list of them in the order they are asked.
//!
//! Rules run on every candidate before scoring, and again on the finished answer, on every rung of the ladder. What a
//! rule needs and does not know counts as a no: missing data denies.

mod availability;
mod dates;
mod filter;
mod in_cart;
mod known_item;
mod min_age;
mod owned;
mod region;
mod seen;
mod shop;
mod stock;
mod substitute;

pub(crate) use shop::{Denial, Shop, curated};

use crate::nouns::Item;
use crate::store::{Facts, ItemIx, Moment};

/// One item before the rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) moment: &'a Moment<'a>,
    pub(crate) item: ItemIx,
    pub(crate) facts: &'a Facts,
}

impl<'a> Case<'a> {
    pub(crate) fn new(moment: &'a Moment<'a>, item: ItemIx) -> Self {
        Self { moment, item, facts: moment.state.catalog.facts(item) }
    }

    /// The catalogue's entry, if any of the conditional rules may apply to it.
    fn conditional_entry(&self) -> Option<&'a Item> {
        if self.facts.conditional { self.entry() } else { None }
    }

    fn entry(&self) -> Option<&'a Item> {
        self.moment.state.catalog.entry(self.item)
    }
}

/// A hard rule.
pub(crate) trait Rule: Sync {
    /// Its id in answers, decisions and metrics.
    fn id(&self) -> &'static str;

    /// Whether it forbids the item. Called for every candidate: cheap.
    fn denies(&self, case: &Case<'_>) -> bool;

    /// The values that decided, in words. Only called for what it denies, and only when explaining.
    fn why(&self, case: &Case<'_>) -> String;
}

/// All rules: first what makes an item impossible, then compliance, then eligibility, then suppression.
pub(crate) static ALL: [&dyn Rule; 12] = [
    &known_item::KnownItem,
    &availability::Availability,
    &dates::Dates,
    &region::Region,
    &min_age::MinAge,
    &stock::Stock,
    &filter::RequestFilter,
    &in_cart::InCart,
    &seen::SeenItem,
    &owned::Owned,
    &owned::TooSoon,
    &substitute::Substitute,
];

/// The first rule that forbids the item, if any does.
pub(crate) fn verdict(case: &Case<'_>) -> Option<&'static dyn Rule> {
    ALL.into_iter().find(|rule| rule.denies(case))
}
