//! A CEL expression, parsed by the `cel` crate, typed and lowered to the engine's conditions. All that is wrong with it is
//! told at once, each with its place in the text.

mod calls;
mod parse;
mod quantifiers;

use std::sync::Arc;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo};
use parse::parse;
use quantifiers::spelt;
use sidecart_engine::policy::{Attr, Cond, ItemFlag, List, Num, Over, Quantity, Subject, Text, Whose};

use super::fields;
use crate::config::nearest;

/// Parts of one condition at most: bounds what asking it costs.
const MAX_PARTS: usize = 128;
/// Brackets within one another at most: bounds the parser's stack.
const MAX_NESTING: usize = 24;

/// Something wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its place in the text, in characters from 0.
    pub place: usize,
    /// The part that is wrong, in backticks.
    pub shown: String,
    /// What is wrong, and the remedy.
    pub says: String,
}

/// An expression and its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Typed {
    /// True or false.
    Bool(Cond),
    /// A number.
    Num(Num),
    /// A text.
    Text(Text),
    /// A list of texts.
    List(List),
    /// A list of numbers, each given.
    Numbers(Vec<f64>),
    /// An attribute: what it is compared with says what it must be.
    Attr(Attr),
    /// The items of the cart or the context.
    Items(Over),
    /// Those of them for which a condition holds.
    Some(Over, Cond),
}

impl Typed {
    fn name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Num(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list of texts",
            Self::Numbers(_) => "a list of numbers",
            Self::Attr(_) => "an attribute",
            Self::Items(_) | Self::Some(..) => "a list of items",
        }
    }
}

/// The stack for reading one condition: in a debug build, 512 links (see `parse.rs`) take more than the usual 2 MiB.
const STACK_BYTES: usize = 64 << 20;

/// Reads a condition.
///
/// # Errors
/// All that is wrong with it, in the order of the text.
pub fn condition(text: &str) -> Result<Cond, Vec<Wrong>> {
    let unreadable = |says: &str| vec![Wrong { place: 0, shown: "the condition".into(), says: says.to_owned() }];
    let length = text.chars().count();
    // Reading is recursive, and what overflows a stack ends the process: it has a stack that its bounds fit into.
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().name("condition".into()).stack_size(STACK_BYTES);
        let reader = reader.spawn_scoped(scope, || read(text));
        let reader = reader.map_err(|error| unreadable(&format!("cannot be read now: {error}")))?;
        reader.join().unwrap_or_else(|_| Err(unreadable("is not a CEL expression: check its quotes and brackets")))
    })
    .map_err(|mut wrong| {
        // The parser's places are not always within the text where that is not plain ASCII.
        wrong.iter_mut().for_each(|wrong| wrong.place = wrong.place.min(length));
        wrong
    })
}

fn read(text: &str) -> Result<Cond, Vec<Wrong>> {
    let (expr, info) = parse(text)?;
    let mut lowering = Lowering { text, info: &info, each: Vec::new(), wrong: Vec::new() };
    let lowered = lowering.bool(&expr);
    let mut wrong = lowering.wrong;
    if let Some(parts) = lowered.as_ref().map(Cond::size).filter(|parts| *parts > MAX_PARTS && wrong.is_empty()) {
        let says = format!("has {parts} parts, more than {MAX_PARTS}: split it into several rules");
        wrong.push(Wrong { place: 0, shown: "the condition".into(), says });
    }
    match lowered {
        Some(cond) if wrong.is_empty() => Ok(cond),
        _ => {
            wrong.sort_by_key(|wrong| wrong.place);
            wrong.dedup();
            Err(wrong)
        }
    }
}

struct Lowering<'a> {
    text: &'a str,
    info: &'a SourceInfo,
    /// The variables of quantifiers.
    each: Vec<String>,
    wrong: Vec<Wrong>,
}

impl Lowering<'_> {
    fn place(&self, expr: &IdedExpr) -> usize {
        // A field is named from its object on; the parser gives the place of the dot.
        if let Expr::Select(select) = &expr.expr {
            return self.place(&select.operand);
        }
        if let Some((start, _)) = self.info.offset_for(expr.id) {
            return start as usize;
        }
        // What a macro made has no place of its own; its parts have.
        match &expr.expr {
            Expr::Comprehension(comprehension) => self.place(&comprehension.iter_range),
            Expr::Call(call) => call.target.as_deref().or(call.args.first()).map_or(0, |expr| self.place(expr)),
            _ => 0,
        }
    }

    /// The word of the text at that place.
    fn word(&self, place: usize) -> String {
        let is_word = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.');
        self.text.chars().skip(place).take_while(is_word).take(60).collect()
    }

    fn fail<T>(&mut self, expr: &IdedExpr, says: impl Into<String>) -> Option<T> {
        let place = self.place(expr);
        let word = spelt(expr).unwrap_or_else(|| self.word(place));
        let shown = if word.is_empty() { "the condition".to_owned() } else { format!("`{word}`") };
        self.wrong.push(Wrong { place, shown, says: says.into() });
        None
    }

    fn bool(&mut self, expr: &IdedExpr) -> Option<Cond> {
        match self.any(expr)? {
            Typed::Bool(cond) => Some(cond),
            Typed::Attr(attr) => Some(Cond::Flag(ItemFlag::Attr(attr))),
            other => self.fail(expr, format!("is {}, not true or false: compare it with something", other.name())),
        }
    }

    fn number(&mut self, expr: &IdedExpr) -> Option<Num> {
        match self.any(expr)? {
            Typed::Num(num) => Some(num),
            Typed::Attr(attr) => Some(Num::Attr(attr)),
            other => self.fail(expr, format!("is {}, not a number: give a number here", other.name())),
        }
    }

    fn text(&mut self, expr: &IdedExpr) -> Option<Text> {
        match self.any(expr)? {
            Typed::Text(text) => Some(text),
            Typed::Attr(attr) => Some(Text::Attr(attr)),
            other => self.fail(expr, format!("is {}, not a text: give a text here", other.name())),
        }
    }

    fn list(&mut self, expr: &IdedExpr) -> Option<List> {
        match self.any(expr)? {
            Typed::List(list) => Some(list),
            Typed::Attr(attr) => Some(List::Attr(attr)),
            Typed::Items(Over::Cart) => {
                self.fail(expr, "is a list of items: use `cart.itemIds`, or `cart.items.exists(i, ...)`")
            }
            other => self.fail(expr, format!("is {}, not a list of texts: give a list here", other.name())),
        }
    }

    fn any(&mut self, expr: &IdedExpr) -> Option<Typed> {
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(name) => self.ident(expr, name),
            Expr::Select(select) if select.test => self.presence(expr),
            Expr::Select(select) => self.field(expr, &select.operand, &select.field),
            Expr::List(list) => self.literals(expr, &list.elements),
            Expr::Call(call) => self.call(expr, call),
            Expr::Comprehension(comprehension) => self.quantifier(expr, comprehension),
            Expr::Map(_) | Expr::Struct(_) => self.fail(expr, "is a map, which conditions have no use for: remove it"),
            Expr::Unspecified => self.fail(expr, "is empty: give a condition"),
        }
    }

    fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        /// Beyond this not every whole number is a floating-point number.
        const EXACT: u64 = 1 << 53;
        let number = match literal {
            LiteralValue::Boolean(value) => return Some(Typed::Bool(Cond::Const(*value.inner()))),
            LiteralValue::String(text) => return Some(Typed::Text(Text::of(text.inner()))),
            LiteralValue::Int(value) if value.inner().unsigned_abs() <= EXACT => *value.inner() as f64,
            LiteralValue::UInt(value) if *value.inner() <= EXACT => *value.inner() as f64,
            LiteralValue::Double(value) if value.inner().is_finite() => *value.inner(),
            LiteralValue::Null => return self.fail(expr, "is nothing: ask by `has(...)` whether a field is known"),
            LiteralValue::Bytes(_) => return self.fail(expr, "is bytes: give a text"),
            _ => return self.fail(expr, "is too large a number: give one below 2^53"),
        };
        Some(Typed::Num(Num::Const(number)))
    }

    fn literals(&mut self, expr: &IdedExpr, elements: &[IdedExpr]) -> Option<Typed> {
        let typed: Vec<Option<Typed>> = elements.iter().map(|element| self.any(element)).collect();
        let (mut texts, mut numbers): (Vec<Arc<str>>, Vec<f64>) = (Vec::new(), Vec::new());
        for (element, typed) in elements.iter().zip(typed) {
            match typed? {
                Typed::Text(Text::Const(text)) => texts.push(text),
                Typed::Num(Num::Const(number)) => numbers.push(number),
                _ => return self.fail(element, "is not a plain text or number: lists hold those only"),
            }
        }
        match (texts.is_empty(), numbers.is_empty()) {
            (true, false) => Some(Typed::Numbers(numbers)),
            (_, true) => Some(Typed::List(List::Const(texts.into()))),
            (false, false) => self.fail(expr, "has texts and numbers: a list holds one or the other"),
        }
    }

    fn subject(&self, name: &str) -> Option<Subject> {
        match name {
            name if self.each.iter().any(|each| each == name) => Some(Subject::Each),
            "item" => Some(Subject::Item),
            _ => None,
        }
    }

    fn ident(&mut self, expr: &IdedExpr, name: &str) -> Option<Typed> {
        if self.subject(name).is_some() || fields::OBJECTS.contains(&name) {
            return self.fail(
                expr,
                format!("is no value by itself: read one of its fields, such as `{name}.{}`", fields::names(name)[0]),
            );
        }
        let known = fields::OBJECTS.into_iter().chain(self.each.iter().map(String::as_str));
        match nearest(name, known) {
            Some(near) => self.fail(expr, format!("is not known: did you mean `{near}`?")),
            None => self.fail(expr, format!("is not known: known are `{}`", fields::OBJECTS.join("`, `"))),
        }
    }

    /// `object.field`, or `object.attributes.name`.
    fn field(&mut self, expr: &IdedExpr, operand: &IdedExpr, name: &str) -> Option<Typed> {
        if let Some(whose) = self.attributes_of(operand) {
            return Some(Typed::Attr(Attr::new(whose, name)));
        }
        let Expr::Ident(object) = &operand.expr else {
            self.any(operand)?;
            return self.fail(expr, "has no fields: remove what follows it");
        };
        let subject = self.subject(object);
        let found = match subject {
            Some(subject) => fields::of_item(subject, name),
            None if fields::OBJECTS.contains(&object.as_str()) => fields::of_object(object, name),
            None => return self.ident(operand, object),
        };
        if found.is_some() {
            return found;
        }
        if name == "attributes" && (subject.is_some() || object == "user") {
            return self.fail(expr, format!("is a map: read one of them, such as `{object}.attributes.organic`"));
        }
        let names = fields::names(object);
        let remedy = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if subject.is_some() => format!("known are `{}`; free ones are in `attributes`", names.join("`, `")),
            None => format!("known are `{}`", names.join("`, `")),
        };
        self.fail(expr, format!("is not a field of `{object}`: {remedy}"))
    }

    /// Whose attributes an expression is, if it is `x.attributes`.
    fn attributes_of(&self, expr: &IdedExpr) -> Option<Whose> {
        let Expr::Select(select) = &expr.expr else { return None };
        let Expr::Ident(object) = &select.operand.expr else { return None };
        if select.field != "attributes" || select.test {
            return None;
        }
        self.subject(object).map(Whose::Of).or((object == "user").then_some(Whose::User))
    }

    /// `has(object.field)`.
    fn presence(&mut self, expr: &IdedExpr) -> Option<Typed> {
        let Expr::Select(select) = &expr.expr else { return None };
        Some(Typed::Bool(match self.field(expr, &select.operand, &select.field)? {
            Typed::Attr(attr) => Cond::HasAttr(attr),
            Typed::Num(num) => Cond::HasNumber(num),
            Typed::Text(text) => Cond::HasText(text),
            Typed::List(list) => Cond::HasList(list),
            Typed::Items(over) => Cond::Quantified(Quantity::Any, over, Box::new(Cond::Const(true))),
            Typed::Bool(_) | Typed::Numbers(_) | Typed::Some(..) => {
                return self.fail(expr, "is always known: remove `has`");
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use sidecart_engine::policy::Order;

    use super::*;

    fn wrong(text: &str) -> String {
        let wrong = condition(text).expect_err(text);
        wrong.iter().map(|wrong| format!("{} {} {}\n", wrong.place, wrong.shown, wrong.says)).collect()
    }

    #[test]
    fn conditions_are_lowered_to_what_they_say() {
        let price = || Num::Item(Subject::Item, sidecart_engine::policy::ItemNumber::Price);
        assert_eq!(condition("item.price < 20"), Ok(Cond::number(price(), Order::Less, Num::Const(20.0))));
        for text in [
            "item.attributes.organic",
            "item.attributes['pack size'] >= 2.5 && !item.available",
            "has(item.attributes.hfss) && item.attributes.hfss == true",
            "'Alcohol' in item.categories || item.brand in ['A', 'B']",
            "cart.items.exists(i, i.category == 'Acid' && i.price > 3)",
            "cart.items.all(i, has(i.brand)) || cart.items.exists_one(i, i.tags.size() > 1)",
            "cart.items.filter(i, i.attributes.seats > 1).size() >= 2",
            "now.weekday in [6, 7] && now.hour >= 22 && now.date != '2026-12-25'",
            "within(user.region, ['GB', 'IE']) && user.known && 'vip' in user.segments",
            "cart.sum('paracetamol') + item.attributes.paracetamol > 32",
            "item.title.startsWith('New') && request.placement == 'cart'",
            "(item.price - item.cost) / item.price * 100 >= -5.0",
            "string(item.attributes.a) == string(user.attributes.b)",
        ] {
            assert!(condition(text).is_ok(), "{text}: {:?}", condition(text));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_remedy() {
        expect![[r#"
            0 `item.brnd` is not a field of `item`: did you mean `brand`?
            0 `itm` is not known: did you mean `item`?
            11 the condition compares a number with a text: they are never the same
            0 `item.price` is a number, not true or false: compare it with something
            0 `item.brand` is a text, not a number: give a number here
            21 `item.colour` is not a field of `item`: known are `itemId`, `title`, `brand`, `category`, `categories`, `groupId`, `currency`, `price`, `cost`, `margin`, `marginPct`, `stock`, `stockAgeS`, `minAge`, `shownInVisit`, `tags`, `available`, `consumable`, `attributes`; free ones are in `attributes`
            43 `cart.totl` is not a field of `cart`: did you mean `total`?
            11 the condition divides by zero: it would never be known
            13 the condition is not a CEL expression: mismatched input 'its end'
            5 `lower` is not a function known here: docs/rules.md lists the known ones
            0 `item.tags` is a list of texts: only `cart.items` and `request.context` are looked through
            38 the condition looks through items within looking through items: split it into several rules
            14 the condition is not known here: use `exists`, `all`, `exists_one` or `filter(...).size()`
            15 the condition `a ? b : c` is not known here: write `a && b || !a && c`
            18 the condition compares two attributes, whose kinds are not known: wrap one in `string(...)` or `double(...)`
            0 `3` is a number, not a text: give a text here
            14 `null` is nothing: ask by `has(...)` whether a field is known
            1 the condition is not a CEL expression: invalid int literal
            0 `item` is no value by itself: read one of its fields, such as `item.itemId`
        "#]].assert_eq(
            &[
                "item.brnd == 'x'",
                "itm.brand == 'x'",
                "item.price == 'x'",
                "item.price",
                "item.brand > 3",
                "item.brand == 'x' && item.colour == 'y' || cart.totl > 3",
                "item.price / 0 > 1",
                "item.price ==",
                "lower(item.brand) == 'x'",
                "item.tags.exists(t, t == 'x')",
                "cart.items.exists(i, cart.items.exists(j, j.price > i.price))",
                "cart.items.map(i, i.price) == 3",
                "item.price > 5 ? true : false",
                "item.attributes.a == item.attributes.b",
                "3 in item.tags",
                "item.brand == null",
                "99999999999999999999 > item.price",
                "item == 3",
            ]
            .map(wrong)
            .concat(),
        );
    }

    #[test]
    fn conditions_beyond_all_measure_are_refused() {
        let many = vec!["item.price > 1"; 129].join(" && ");
        assert!(wrong(&many).contains("parts, more than"), "{}", wrong(&many));
        let deep = format!("{}true{}", "(".repeat(30), ")".repeat(30));
        assert!(wrong(&deep).contains("nests more than"));
        assert!(wrong(&format!("{}true", "!".repeat(500))).contains("nests more than"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn any_text_is_a_condition_or_wrong_somewhere_in_it(
            text in "((item|cart|user|now|\\.|price|brand|attributes|items|exists|\\(|\\)|\\[|\\]|i|,|'a'|1|0|\\+|/|==|&&|!|in| |<|\"|\\?|:|é|\u{0}){1}){0,14}"
        ) {
            if let Err(wrong) = condition(&text) {
                prop_assert!(!wrong.is_empty());
                prop_assert!(wrong.iter().all(|wrong| wrong.place <= text.chars().count()), "{wrong:?}");
            }
        }
    }
}
