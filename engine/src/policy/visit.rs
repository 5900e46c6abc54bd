//! Walks through conditions.

use super::expr::{Attr, Cond, ItemFlag, List, Num, Subject, Text, Whose};

/// A part of a condition that reads something.
#[derive(Debug)]
pub(crate) enum Leaf<'a> {
    Num(&'a Num),
    Text(&'a Text),
    List(&'a List),
    Flag(&'a ItemFlag),
    /// Whether the attribute is there, of whatever kind it is.
    Presence(&'a Attr),
}

impl Cond {
    /// Whether it depends on the candidate.
    #[must_use]
    pub fn reads_item(&self) -> bool {
        let mut reads = false;
        self.leaves(&mut |leaf| reads |= leaf.reads_item());
        reads
    }

    /// How many parts it has; bounds what asking it costs.
    #[must_use]
    pub fn size(&self) -> usize {
        let mut size = 0;
        self.leaves(&mut |_| size += 1);
        size.max(1)
    }

    /// Whether it runs over the cart or the context.
    #[must_use]
    pub fn loops(&self) -> bool {
        match self {
            Self::Quantified(..) => true,
            Self::Not(inner) => inner.loops(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::loops),
            Self::Number(_, sides) => sides.0.loops() || sides.1.loops(),
            _ => false,
        }
    }

    /// Calls `see` for everything it reads.
    pub(crate) fn leaves<'a>(&'a self, see: &mut dyn FnMut(Leaf<'a>)) {
        match self {
            Self::Const(_) => {}
            Self::Not(inner) | Self::Quantified(_, _, inner) => inner.leaves(see),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.leaves(see)),
            Self::Flag(flag) => see(Leaf::Flag(flag)),
            Self::Number(_, sides) => {
                sides.0.leaves(see);
                sides.1.leaves(see);
            }
            Self::Same(sides) | Self::StartsWith(sides) | Self::EndsWith(sides) | Self::Contains(sides) => {
                see(Leaf::Text(&sides.0));
                see(Leaf::Text(&sides.1));
            }
            Self::In(sides) | Self::Within(sides) => {
                see(Leaf::Text(&sides.0));
                see(Leaf::List(&sides.1));
            }
            Self::HasNumber(num) => num.leaves(see),
            Self::HasText(text) => see(Leaf::Text(text)),
            Self::HasList(list) => see(Leaf::List(list)),
            Self::HasAttr(attr) => see(Leaf::Presence(attr)),
        }
    }

    /// Calls `change` for every attribute it reads.
    pub(crate) fn attrs_mut(&mut self, change: &mut dyn FnMut(&mut Attr)) {
        match self {
            Self::Const(_) => {}
            Self::Not(inner) | Self::Quantified(_, _, inner) => inner.attrs_mut(change),
            Self::And(parts) | Self::Or(parts) => parts.iter_mut().for_each(|part| part.attrs_mut(change)),
            Self::Flag(ItemFlag::Attr(attr)) | Self::HasAttr(attr) => change(attr),
            Self::Flag(_) => {}
            Self::Number(_, sides) => {
                sides.0.attrs_mut(change);
                sides.1.attrs_mut(change);
            }
            Self::Same(sides) | Self::StartsWith(sides) | Self::EndsWith(sides) | Self::Contains(sides) => {
                sides.0.attr_mut(change);
                sides.1.attr_mut(change);
            }
            Self::In(sides) | Self::Within(sides) => {
                sides.0.attr_mut(change);
                sides.1.attr_mut(change);
            }
            Self::HasNumber(num) => num.attrs_mut(change),
            Self::HasText(text) => text.attr_mut(change),
            Self::HasList(list) => list.attr_mut(change),
        }
    }
}

impl Leaf<'_> {
    /// Whether it is of the candidate.
    pub(crate) fn reads_item(&self) -> bool {
        let of_item = |attr: &Attr| attr.whose == Whose::Of(Subject::Item);
        match self {
            Self::Num(Num::Shown | Num::Dismissed) => true,
            Self::Num(Num::Item(subject, _))
            | Self::Text(Text::Item(subject, _))
            | Self::List(List::Item(subject, _)) => *subject == Subject::Item,
            Self::Num(Num::Attr(attr)) | Self::Text(Text::Attr(attr)) | Self::List(List::Attr(attr)) => of_item(attr),
            Self::Flag(ItemFlag::Available(subject) | ItemFlag::Consumable(subject)) => *subject == Subject::Item,
            Self::Flag(ItemFlag::Attr(attr)) => of_item(attr),
            Self::Presence(attr) => of_item(attr),
            _ => false,
        }
    }
}

impl Num {
    fn loops(&self) -> bool {
        match self {
            Self::Count(..) => true,
            Self::Math(_, sides) => sides.0.loops() || sides.1.loops(),
            _ => false,
        }
    }

    pub(crate) fn leaves<'a>(&'a self, see: &mut dyn FnMut(Leaf<'a>)) {
        match self {
            Self::Math(_, sides) => {
                sides.0.leaves(see);
                sides.1.leaves(see);
            }
            Self::Count(_, cond) => cond.leaves(see),
            Self::Size(list) => see(Leaf::List(list)),
            other => see(Leaf::Num(other)),
        }
    }

    fn attrs_mut(&mut self, change: &mut dyn FnMut(&mut Attr)) {
        match self {
            Self::Attr(attr) => change(attr),
            Self::Size(list) => list.attr_mut(change),
            Self::Count(_, cond) => cond.attrs_mut(change),
            Self::Math(_, sides) => {
                sides.0.attrs_mut(change);
                sides.1.attrs_mut(change);
            }
            Self::Const(_) | Self::Item(..) | Self::Ask(_) | Self::Shown | Self::Dismissed | Self::CartSum(_) => {}
        }
    }
}

impl Text {
    fn attr_mut(&mut self, change: &mut dyn FnMut(&mut Attr)) {
        if let Self::Attr(attr) = self {
            change(attr);
        }
    }
}

impl List {
    fn attr_mut(&mut self, change: &mut dyn FnMut(&mut Attr)) {
        if let Self::Attr(attr) = self {
            change(attr);
        }
    }
}
