//! Short ways to make conditions, and the form in which rules keep them.

use std::sync::Arc;

use super::expr::{Attr, Cond, ItemText, List, Num, Order, Subject, Text, Whose};

impl Attr {
    /// The attribute of that name.
    #[must_use]
    pub fn new(whose: Whose, name: &str) -> Self {
        Self { whose, name: name.into(), slot: 0 }
    }
}

impl Text {
    /// The text itself.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::Const(text.into())
    }
}

impl List {
    /// The texts themselves.
    #[must_use]
    pub fn of<T: AsRef<str>>(texts: &[T]) -> Self {
        Self::Const(texts.iter().map(|text| Arc::from(text.as_ref())).collect())
    }
}

impl Cond {
    /// How two numbers stand.
    #[must_use]
    pub fn number(left: Num, order: Order, right: Num) -> Self {
        Self::Number(order, Box::new((left, right)))
    }

    /// Two texts are the same.
    #[must_use]
    pub fn same(left: Text, right: Text) -> Self {
        Self::Same(Box::new((left, right)))
    }

    /// The list has the text.
    #[must_use]
    pub fn in_list(text: Text, list: List) -> Self {
        Self::In(Box::new((text, list)))
    }

    /// The candidate's text is one of these.
    #[must_use]
    pub fn item_in<T: AsRef<str>>(field: ItemText, texts: &[T]) -> Self {
        Self::in_list(Text::Item(Subject::Item, field), List::of(texts))
    }

    /// Not so; what is denied twice is said.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Const(value) => Self::Const(!value),
            Self::Not(inner) => *inner,
            Self::And(parts) => Self::Or(parts.into_iter().map(Self::negated).collect()),
            Self::Or(parts) => Self::And(parts.into_iter().map(Self::negated).collect()),
            other => Self::Not(Box::new(other)),
        }
    }

    /// The conditions that must all hold, for this one to hold: nested conjunctions are laid flat, negations pushed
    /// inwards, constants folded. Empty: it always holds; a single `Const(false)`: it never does.
    #[must_use]
    pub fn conjuncts(self) -> Vec<Self> {
        let mut flat = Vec::new();
        self.simplified().flatten(&mut flat);
        if flat.contains(&Self::Const(false)) {
            return vec![Self::Const(false)];
        }
        flat
    }

    fn flatten(self, flat: &mut Vec<Self>) {
        match self {
            Self::Const(true) => {}
            Self::And(parts) => parts.into_iter().for_each(|part| part.flatten(flat)),
            other => flat.push(other),
        }
    }

    /// The same condition with constants folded. Folding never hides what is not known: `x || true` is true whatever x.
    #[must_use]
    pub fn simplified(self) -> Self {
        match self {
            Self::Not(inner) => match inner.simplified().negated() {
                Self::Not(inner) => Self::Not(inner),
                other => other,
            },
            Self::And(parts) => join(parts, true),
            Self::Or(parts) => join(parts, false),
            Self::Quantified(quantity, over, inner) => Self::Quantified(quantity, over, Box::new(inner.simplified())),
            Self::Number(order, sides) => match (&sides.0, &sides.1) {
                (Num::Const(left), Num::Const(right)) => Self::Const(order.holds(*left, *right)),
                _ => Self::Number(order, sides),
            },
            Self::Same(sides) => match (&sides.0, &sides.1) {
                (Text::Const(left), Text::Const(right)) => Self::Const(left == right),
                _ => Self::Same(sides),
            },
            Self::In(sides) => match (&sides.0, &sides.1) {
                (_, List::Const(list)) if list.is_empty() => Self::Const(false),
                (Text::Const(text), List::Const(list)) => Self::Const(list.contains(text)),
                _ => Self::In(sides),
            },
            other => other,
        }
    }
}

/// A conjunction (`all`) or a disjunction of parts, simplified.
fn join(parts: Vec<Cond>, all: bool) -> Cond {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts.into_iter().map(Cond::simplified) {
        match part {
            Cond::Const(value) if value == all => {}
            Cond::Const(value) => return Cond::Const(value),
            part => kept.push(part),
        }
    }
    match (kept.len(), all) {
        (0, all) => Cond::Const(all),
        (1, _) => kept.remove(0),
        (_, true) => Cond::And(kept),
        (_, false) => Cond::Or(kept),
    }
}

impl Order {
    /// Whether two numbers stand so.
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Greater => left > right,
            Self::AtLeast => left >= right,
        }
    }

    /// How the same two numbers stand, told from the other side.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negated_disjunction_is_a_conjunction_of_negations() {
        let has = |name: &str| Cond::HasAttr(Attr::new(Whose::Of(Subject::Item), name));
        let not = |cond| Cond::Not(Box::new(cond));
        let cond = not(Cond::Or(vec![has("a"), not(has("b")), Cond::Const(false)]));
        assert_eq!(cond.conjuncts(), [not(has("a")), has("b")]);
    }

    #[test]
    fn constants_are_folded() {
        let one = || Num::Const(1.0);
        let never = Cond::number(one(), Order::Greater, one());
        let open = Cond::Flag(super::super::ItemFlag::UserKnown);
        assert_eq!(Cond::And(vec![open.clone(), never]).conjuncts(), [Cond::Const(false)]);
        assert_eq!(Cond::Or(vec![open, Cond::Const(true)]).conjuncts(), []);
        assert_eq!(Cond::item_in::<&str>(ItemText::Brand, &[]).simplified(), Cond::Const(false));
    }
}
