//! Asks a condition: true, false, or neither for want of something. What is not known stays so unless the rest decides:
//! `false && x` is false and `true || x` is true, whatever x (Kleene's strong logic).

use std::borrow::Cow;

use super::ask::Ask;
use super::lack::Lack;
use super::row::{self, Row};
use crate::nouns::{Attribute, DAY_MS, Item};
use crate::policy::{Attr, Cond, ItemFlag, List, Math, Num, Over, Quantity, Subject, Text, Whose, Zone};
use crate::rules::region::covers;

/// What a condition is asked of.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s, 'a> {
    pub(super) ask: &'s Ask<'a>,
    pub(super) zone: &'a Zone,
    /// The candidate; `None` for conditions that do not read it.
    pub(super) row: Option<&'s Row<'a>>,
    /// The item that a quantifier is at.
    pub(super) each: Option<&'a Item>,
}

/// A condition that should not have been asked here; refuses like everything that is not known.
const NO_ITEM: Lack<'static> = Lack::Fault("there is no item to read");

impl<'a> Scene<'_, 'a> {
    /// Whether the condition holds.
    pub(super) fn holds(&self, cond: &'a Cond) -> Result<bool, Lack<'a>> {
        match cond {
            Cond::Const(value) => Ok(*value),
            Cond::Not(inner) => self.holds(inner).map(|held| !held),
            Cond::And(parts) => self.all(parts, true),
            Cond::Or(parts) => self.all(parts, false),
            Cond::Flag(flag) => self.flag(flag),
            Cond::Number(order, sides) => Ok(order.holds(self.number(&sides.0)?, self.number(&sides.1)?)),
            Cond::Same(sides) => Ok(self.text(&sides.0)? == self.text(&sides.1)?),
            Cond::StartsWith(sides) => Ok(self.text(&sides.0)?.starts_with(&*self.text(&sides.1)?)),
            Cond::EndsWith(sides) => Ok(self.text(&sides.0)?.ends_with(&*self.text(&sides.1)?)),
            Cond::Contains(sides) => Ok(self.text(&sides.0)?.contains(&*self.text(&sides.1)?)),
            Cond::In(sides) => {
                let text = self.text(&sides.0)?;
                self.has(&sides.1, &mut |entry| entry == text)
            }
            Cond::Within(sides) => {
                let text = self.text(&sides.0)?;
                self.has(&sides.1, &mut |entry| covers(entry, &text))
            }
            Cond::HasNumber(num) => is_known(self.number(num).map(drop)),
            Cond::HasText(text) => is_known(self.text(text).map(drop)),
            Cond::HasList(list) => match self.has(list, &mut |_| true) {
                Err(Lack::Missing(_) | Lack::Attribute(_)) => Ok(false),
                found => found,
            },
            Cond::HasAttr(attr) => Ok(self.find(attr)?.is_some()),
            Cond::Quantified(quantity, over, inner) => self.quantified(*quantity, *over, inner),
        }
    }

    /// Whether all parts are (`unless` is true), or any is.
    fn all(&self, parts: &'a [Cond], unless: bool) -> Result<bool, Lack<'a>> {
        let mut lack = None;
        for part in parts {
            match self.holds(part) {
                Ok(held) if held != unless => return Ok(held),
                Ok(_) => {}
                Err(other) => lack = lack.or(Some(other)),
            }
        }
        lack.map_or(Ok(unless), Err)
    }

    fn quantified(&self, quantity: Quantity, over: Over, inner: &'a Cond) -> Result<bool, Lack<'a>> {
        let (mut lack, mut count) = (None, 0_u32);
        for line in self.ask.lines(over) {
            let held = match line.item {
                Some(item) => Scene { each: Some(item), ..*self }.holds(inner),
                None => Err(Ask::unknown(over)),
            };
            match (quantity, held) {
                (Quantity::Any, Ok(true)) => return Ok(true),
                (Quantity::All, Ok(false)) => return Ok(false),
                (_, Ok(held)) => count += u32::from(held),
                (_, Err(other)) => lack = lack.or(Some(other)),
            }
        }
        match (quantity, lack) {
            (Quantity::One, _) if count > 1 => Ok(false),
            (_, Some(lack)) => Err(lack),
            (Quantity::Any, None) => Ok(false),
            (Quantity::All, None) => Ok(true),
            (Quantity::One, None) => Ok(count == 1),
        }
    }

    fn count(&self, over: Over, inner: &'a Cond) -> Result<f64, Lack<'a>> {
        let mut count = 0.0;
        for line in self.ask.lines(over) {
            let item = line.item.ok_or(Ask::unknown(over))?;
            count += f64::from(u8::from(Scene { each: Some(item), ..*self }.holds(inner)?));
        }
        Ok(count)
    }

    fn item(&self, subject: Subject) -> Result<&'a Item, Lack<'a>> {
        match subject {
            Subject::Item => self.row.and_then(|row| row.item).ok_or(NO_ITEM),
            Subject::Each => self.each.ok_or(NO_ITEM),
        }
    }

    pub(super) fn number(&self, num: &'a Num) -> Result<f64, Lack<'a>> {
        match num {
            Num::Const(value) => Ok(*value),
            Num::Item(Subject::Item, number) => {
                let row = self.row.ok_or(NO_ITEM)?;
                let value = row.numbers[*number as usize];
                if value.is_nan() { Err(row::number_lack(*number, row.item.ok_or(NO_ITEM)?)) } else { Ok(value) }
            }
            Num::Item(Subject::Each, number) => {
                let item = self.each.ok_or(NO_ITEM)?;
                let value = row::numbers(item, self.ask.moment.now)[*number as usize];
                if value.is_nan() { Err(row::number_lack(*number, item)) } else { Ok(value) }
            }
            Num::Ask(number) => self.ask.number(*number, self.zone),
            Num::Shown => {
                let ix = self.row.ok_or(NO_ITEM)?.ix;
                Ok(self.ask.visit.map_or(0.0, |visit| f64::from(visit.times_shown(ix))))
            }
            Num::Dismissed => {
                let (ix, moment) = (self.row.ok_or(NO_ITEM)?.ix, self.ask.moment);
                let of_visit = moment.session.and_then(|session| session.dismissed_at(ix));
                let of_shopper = moment.profile().and_then(|profile| profile.dismissed.get(ix)).map(|(_, at)| at);
                let days = |at| moment.now.since_ms(at).max(0) as f64 / DAY_MS as f64;
                Ok(of_visit.max(of_shopper).map_or(f64::MAX, days))
            }
            Num::Attr(attr) => match self.attribute(attr)? {
                Attribute::Number(number) if number.is_finite() => Ok(*number),
                _ => Err(Lack::WrongKind(attr, "a number")),
            },
            Num::CartSum(name) => self.ask.cart_sum(name),
            Num::Size(list) => {
                let mut size = 0.0;
                self.each_text(list, &mut |_| {
                    size += 1.0;
                    false
                })?;
                Ok(size)
            }
            Num::Count(over, inner) => self.count(*over, inner),
            Num::Math(math, sides) => compute(*math, self.number(&sides.0)?, self.number(&sides.1)?),
        }
    }

    pub(super) fn text(&self, text: &'a Text) -> Result<Cow<'a, str>, Lack<'a>> {
        match text {
            Text::Const(text) => Ok(Cow::Borrowed(text)),
            Text::Item(subject, field) => Ok(row::text(*field, self.item(*subject)?)?.into()),
            Text::Ask(text) => self.ask.text(*text, self.zone),
            Text::Attr(attr) => match self.attribute(attr)? {
                Attribute::Text(text) => Ok(Cow::Borrowed(text)),
                _ => Err(Lack::WrongKind(attr, "a text")),
            },
        }
    }

    pub(super) fn flag(&self, flag: &'a ItemFlag) -> Result<bool, Lack<'a>> {
        match flag {
            ItemFlag::UserKnown => Ok(self.ask.moment.request.user.is_some()),
            ItemFlag::Available(subject) | ItemFlag::Consumable(subject) => row::flag(flag, self.item(*subject)?),
            ItemFlag::Attr(attr) => match self.attribute(attr)? {
                Attribute::Flag(flag) => Ok(*flag),
                _ => Err(Lack::WrongKind(attr, "true or false")),
            },
        }
    }

    /// Whether the list has an entry that is wanted.
    fn has(&self, list: &'a List, wanted: &mut dyn FnMut(&str) -> bool) -> Result<bool, Lack<'a>> {
        let mut found = false;
        let all_seen = self.each_text(list, &mut |entry| {
            found = wanted(entry);
            found
        });
        if found { Ok(true) } else { all_seen.map(|()| false) }
    }

    /// Shows each entry of a list to `see` until it has seen enough. `Err`: it has not, and there may be more.
    pub(super) fn each_text(&self, list: &'a List, see: &mut dyn FnMut(&str) -> bool) -> Result<(), Lack<'a>> {
        let texts: &[String] = match list {
            List::Const(texts) => {
                texts.iter().any(|text| see(text));
                return Ok(());
            }
            List::Ask(list) => return self.ask.each_text(*list, see),
            List::Item(subject, crate::policy::ItemList::Tags) => &self.item(*subject)?.tags,
            List::Item(subject, crate::policy::ItemList::Categories) => {
                let path = &self.item(*subject)?.category_path;
                if path.is_empty() {
                    return Err(Lack::Missing("item.categories"));
                }
                path
            }
            List::Attr(attr) => match self.attribute(attr)? {
                Attribute::Texts(texts) => texts,
                Attribute::Text(text) => std::slice::from_ref(text),
                _ => return Err(Lack::WrongKind(attr, "a text or a list of texts")),
            },
        };
        texts.iter().any(|text| see(text));
        Ok(())
    }

    fn attribute(&self, attr: &'a Attr) -> Result<&'a Attribute, Lack<'a>> {
        self.find(attr)?.ok_or(Lack::Attribute(attr))
    }

    pub(super) fn find(&self, attr: &'a Attr) -> Result<Option<&'a Attribute>, Lack<'a>> {
        Ok(match attr.whose {
            Whose::Of(Subject::Item) => self.row.ok_or(NO_ITEM)?.attributes.get(attr.slot as usize).copied().flatten(),
            Whose::Of(Subject::Each) => self.each.ok_or(NO_ITEM)?.attributes.get(&*attr.name),
            Whose::User => self.ask.moment.request.shopper.attributes.get(&*attr.name),
        })
    }
}

fn is_known(read: Result<(), Lack<'_>>) -> Result<bool, Lack<'_>> {
    match read {
        Ok(()) => Ok(true),
        Err(Lack::Missing(_) | Lack::Attribute(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

fn compute<'a>(math: Math, left: f64, right: f64) -> Result<f64, Lack<'a>> {
    if matches!(math, Math::Divide | Math::Remainder) && right == 0.0 {
        return Err(Lack::Fault("division by zero"));
    }
    let result = match math {
        Math::Add => left + right,
        Math::Subtract => left - right,
        Math::Multiply => left * right,
        Math::Divide => left / right,
        Math::Remainder => left % right,
    };
    if result.is_finite() { Ok(result) } else { Err(Lack::Fault("a number is too large")) }
}
