//! Which rules may concern which items, by the one field of the item that tells soonest: most rules speak of a category,
//! a brand, a label or an attribute, so most items are asked a few of them only.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::expr::{Attr, Cond, ItemList, ItemNumber, ItemText, List, Num, Order, Subject, Text, Whose};
use super::rule::{Effect, Rule};

/// Rules by the values of one field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ByText {
    named: FxHashMap<Arc<str>, Vec<u32>>,
    /// All of them, each once: for items of which the field is not known.
    pub(crate) all: Vec<u32>,
}

impl ByText {
    pub(crate) fn of(&self, text: &str) -> &[u32] {
        if self.named.is_empty() { &[] } else { self.named.get(text).map_or(&[], Vec::as_slice) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn add(&mut self, texts: Vec<Arc<str>>, position: u32) {
        for text in texts {
            let rules = self.named.entry(text).or_default();
            if rules.last() != Some(&position) {
                rules.push(position);
            }
        }
        self.all.push(position);
    }
}

/// A comparison of one of the candidate's numbers with a constant: what most other rules begin with.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quick {
    number: QuickNumber,
    order: Order,
    than: f64,
}

/// The rules that compare one number in one way, by what they compare it with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thresholds {
    pub(crate) number: QuickNumber,
    order: Order,
    /// (constant, rule), smallest first.
    sorted: Vec<(f64, u32)>,
}

impl Thresholds {
    /// The rules that a number leaves open; all of them, where it is not known (NaN).
    pub(crate) fn open(&self, number: f64) -> &[(f64, u32)] {
        if number.is_nan() {
            return &self.sorted;
        }
        let below = self.sorted.partition_point(|&(than, _)| than < number);
        let up_to = self.sorted.partition_point(|&(than, _)| than <= number);
        match self.order {
            Order::Greater => &self.sorted[..below],
            Order::AtLeast => &self.sorted[..up_to],
            Order::Less => &self.sorted[up_to..],
            Order::AtMost => &self.sorted[below..],
            Order::Equal => &self.sorted[below..up_to],
            Order::Unequal => &self.sorted,
        }
    }
}

/// A number of the candidate that is at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum QuickNumber {
    Field(ItemNumber),
    /// An attribute, by its slot.
    Attribute(u32),
}

/// Rules of one effect, by position in the set.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Index {
    /// Those that no field tells from the others.
    pub(crate) others: Vec<u32>,
    pub(crate) thresholds: Vec<Thresholds>,
    pub(crate) ids: ByText,
    pub(crate) brands: ByText,
    /// By narrowest category.
    pub(crate) leaves: ByText,
    /// By any category.
    pub(crate) categories: ByText,
    pub(crate) tags: ByText,
    /// By the slot of an attribute that must be there: the slots that any rule is under, with their rules.
    pub(crate) attributes: Vec<(u32, Vec<u32>)>,
}

/// Names of the attributes that any rule reads of candidates, and their places in a row.
pub(crate) type Slots = FxHashMap<Arc<str>, u32>;

/// Gives the attributes that rules read of candidates their slots.
pub(crate) fn slots(rules: &mut [Rule]) -> Slots {
    let mut slots = Slots::default();
    let mut name = |attr: &mut Attr| {
        if attr.whose == Whose::Of(Subject::Item) {
            let next = slots.len() as u32;
            attr.slot = *slots.entry(attr.name.clone()).or_insert(next);
        }
    };
    for rule in rules {
        rule.when.parts_mut().for_each(|part| part.attrs_mut(&mut name));
    }
    slots
}

/// A field of the candidate and the values that a part of a condition wants of it. Cheapest and most telling first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Selector {
    Id(Vec<Arc<str>>),
    Attribute(u32),
    Brand(Vec<Arc<str>>),
    Leaf(Vec<Arc<str>>),
    Category(Vec<Arc<str>>),
    Tag(Vec<Arc<str>>),
}

impl Index {
    /// The index of the rules whose effect is `wanted`.
    pub(crate) fn new(rules: &[Rule], wanted: impl Fn(&Effect) -> bool) -> Self {
        let mut index = Self::default();
        for (position, rule) in (0..).zip(rules).filter(|(_, rule)| wanted(&rule.effect)) {
            index.add(position, rule);
        }
        index
    }

    fn add(&mut self, position: u32, rule: &Rule) {
        match rule.when.item.iter().filter_map(selector).min() {
            Some(Selector::Id(texts)) => self.ids.add(texts, position),
            Some(Selector::Attribute(slot)) => match self.attributes.iter_mut().find(|(other, _)| *other == slot) {
                Some((_, rules)) => rules.push(position),
                None => self.attributes.push((slot, vec![position])),
            },
            Some(Selector::Brand(texts)) => self.brands.add(texts, position),
            Some(Selector::Leaf(texts)) => self.leaves.add(texts, position),
            Some(Selector::Category(texts)) => self.categories.add(texts, position),
            Some(Selector::Tag(texts)) => self.tags.add(texts, position),
            None => match rule.when.item.iter().find_map(quick) {
                Some(quick) => self.compare(quick, position),
                None => self.others.push(position),
            },
        }
    }

    fn compare(&mut self, quick: Quick, position: u32) {
        let Quick { number, order, than } = quick;
        let same = |group: &&mut Thresholds| group.number == number && group.order == order;
        match self.thresholds.iter_mut().find(same) {
            Some(group) => {
                let place = group.sorted.partition_point(|&(other, _)| other <= than);
                group.sorted.insert(place, (than, position));
            }
            None => self.thresholds.push(Thresholds { number, order, sorted: vec![(than, position)] }),
        }
    }
}

fn quick(cond: &Cond) -> Option<Quick> {
    let Cond::Number(order, sides) = cond else { return None };
    let (num, order, than) = match &**sides {
        (num, Num::Const(than)) => (num, *order, *than),
        (Num::Const(than), num) => (num, order.turned(), *than),
        _ => return None,
    };
    let number = match num {
        Num::Item(Subject::Item, number) => QuickNumber::Field(*number),
        Num::Attr(attr) if attr.whose == Whose::Of(Subject::Item) => QuickNumber::Attribute(attr.slot),
        _ => return None,
    };
    Some(Quick { number, order, than })
}

fn selector(cond: &Cond) -> Option<Selector> {
    match cond {
        Cond::Same(sides) => match &**sides {
            (Text::Item(Subject::Item, field), Text::Const(text))
            | (Text::Const(text), Text::Item(Subject::Item, field)) => by_field(*field, vec![text.clone()]),
            _ => None,
        },
        Cond::In(sides) => match &**sides {
            (Text::Item(Subject::Item, field), List::Const(texts)) => by_field(*field, texts.to_vec()),
            (Text::Const(text), List::Item(Subject::Item, ItemList::Categories)) => {
                Some(Selector::Category(vec![text.clone()]))
            }
            (Text::Const(text), List::Item(Subject::Item, ItemList::Tags)) => Some(Selector::Tag(vec![text.clone()])),
            _ => None,
        },
        Cond::HasAttr(attr) if attr.whose == Whose::Of(Subject::Item) => Some(Selector::Attribute(attr.slot)),
        Cond::Or(parts) => {
            let mut parts = parts.iter().map(selector);
            let first = parts.next()??;
            parts.try_fold(first, |so_far, part| merged(so_far, part?))
        }
        _ => None,
    }
}

fn by_field(field: ItemText, texts: Vec<Arc<str>>) -> Option<Selector> {
    match field {
        ItemText::Id => Some(Selector::Id(texts)),
        ItemText::Brand => Some(Selector::Brand(texts)),
        ItemText::Category => Some(Selector::Leaf(texts)),
        ItemText::Title | ItemText::Group | ItemText::Currency => None,
    }
}

/// Either of two selectors, where they are of one field.
fn merged(a: Selector, b: Selector) -> Option<Selector> {
    let both = |mut a: Vec<Arc<str>>, b: Vec<Arc<str>>| {
        a.extend(b);
        a
    };
    match (a, b) {
        (Selector::Id(a), Selector::Id(b)) => Some(Selector::Id(both(a, b))),
        (Selector::Brand(a), Selector::Brand(b)) => Some(Selector::Brand(both(a, b))),
        (Selector::Leaf(a), Selector::Leaf(b)) => Some(Selector::Leaf(both(a, b))),
        (Selector::Category(a), Selector::Category(b)) => Some(Selector::Category(both(a, b))),
        (Selector::Tag(a), Selector::Tag(b)) => Some(Selector::Tag(both(a, b))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leaves_open_exactly_the_rules_whose_comparison_it_meets() {
        let orders = [Order::Equal, Order::Unequal, Order::Less, Order::AtMost, Order::Greater, Order::AtLeast];
        let constants = [3.0, 1.0, 2.0, 2.0, -1.0];
        for order in orders {
            let mut index = Index::default();
            for (position, than) in (0..).zip(constants) {
                index.compare(Quick { number: QuickNumber::Attribute(0), order, than }, position);
            }
            for number in [-2.0, -1.0, 0.0, 1.0, 2.0, 2.5, 3.0, 4.0] {
                let mut open: Vec<u32> = index.thresholds[0].open(number).iter().map(|&(_, rule)| rule).collect();
                open.sort_unstable();
                let met = |rule: &u32| order.holds(number, constants[*rule as usize]);
                let expected: Vec<u32> = (0..5).filter(met).collect();
                // Unequal tells too little to be sorted by.
                assert!(open == expected || order == Order::Unequal, "{number} {order:?}: {open:?}");
                assert!(expected.iter().all(|rule| open.contains(rule)));
            }
            assert_eq!(index.thresholds[0].open(f64::NAN).len(), 5);
        }
    }
}
