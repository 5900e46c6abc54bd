//! Operators and functions.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use sidecart_engine::policy::{Attr, Cond, ItemFlag, List, Math, Num, Order, Text};

use super::{Lowering, Typed, Wrong};
use crate::config::nearest;

impl Lowering<'_> {
    pub(super) fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, None, args) => {
                let parts: Vec<Option<Cond>> = args.iter().map(|arg| self.bool(arg)).collect();
                let parts: Vec<Cond> = parts.into_iter().collect::<Option<_>>()?;
                Some(Typed::Bool(if name == operators::LOGICAL_AND { Cond::And(parts) } else { Cond::Or(parts) }))
            }
            (operators::LOGICAL_NOT, None, [inner]) => Some(Typed::Bool(Cond::Not(Box::new(self.bool(inner)?)))),
            (operators::NEGATE, None, [inner]) => Some(Typed::Num(match self.number(inner)? {
                Num::Const(number) => Num::Const(-number),
                number => Num::Math(Math::Subtract, Box::new((Num::Const(0.0), number))),
            })),
            (operators::EQUALS, None, [left, right]) => self.equal(expr, left, right).map(Typed::Bool),
            (operators::NOT_EQUALS, None, [left, right]) => {
                Some(Typed::Bool(Cond::Not(Box::new(self.equal(expr, left, right)?))))
            }
            (operators::IN, None, [left, right]) => self.within_list(left, right).map(Typed::Bool),
            (operators::INDEX, None, [operand, index]) => self.index(expr, operand, index),
            (operators::CONDITIONAL, ..) => self.fail(expr, "`a ? b : c` is not known here: write `a && b || !a && c`"),
            (_, None, [left, right]) if order(name).is_some() => {
                let (left, right) = (self.number(left), self.number(right));
                order(name)
                    .zip(left.zip(right))
                    .map(|(order, (left, right))| Typed::Bool(Cond::number(left, order, right)))
            }
            (_, None, [left, right]) if math(name).is_some() => self.math(expr, math(name)?, left, right),
            (_, target, args) => self.function(expr, name, target, args),
        }
    }

    fn math(&mut self, expr: &IdedExpr, math: Math, left: &IdedExpr, right: &IdedExpr) -> Option<Typed> {
        let (left, right) = (self.number(left), self.number(right));
        let (left, right) = left.zip(right)?;
        if matches!(math, Math::Divide | Math::Remainder) && right == Num::Const(0.0) {
            return self.fail(expr, "divides by zero: it would never be known");
        }
        Some(Typed::Num(Num::Math(math, Box::new((left, right)))))
    }

    fn equal(&mut self, expr: &IdedExpr, left: &IdedExpr, right: &IdedExpr) -> Option<Cond> {
        let (left_typed, right_typed) = (self.any(left), self.any(right));
        let equal = |left, right| Cond::number(left, Order::Equal, right);
        Some(match (left_typed?, right_typed?) {
            (Typed::Num(left), Typed::Num(right)) => equal(left, right),
            (Typed::Num(number), Typed::Attr(attr)) | (Typed::Attr(attr), Typed::Num(number)) => {
                equal(Num::Attr(attr), number)
            }
            (Typed::Text(left), Typed::Text(right)) => Cond::same(left, right),
            (Typed::Text(text), Typed::Attr(attr)) | (Typed::Attr(attr), Typed::Text(text)) => {
                Cond::same(Text::Attr(attr), text)
            }
            (Typed::Bool(Cond::Const(value)), Typed::Bool(other))
            | (Typed::Bool(other), Typed::Bool(Cond::Const(value))) => {
                if value {
                    other
                } else {
                    Cond::Not(Box::new(other))
                }
            }
            (Typed::Bool(Cond::Const(value)), Typed::Attr(attr))
            | (Typed::Attr(attr), Typed::Bool(Cond::Const(value))) => {
                let flag = Cond::Flag(ItemFlag::Attr(attr));
                if value { flag } else { Cond::Not(Box::new(flag)) }
            }
            (Typed::Attr(_), Typed::Attr(_)) => {
                return self.fail(
                    expr,
                    "compares two attributes, whose kinds are not known: wrap one in `string(...)` or `double(...)`",
                );
            }
            (Typed::List(_), _) | (_, Typed::List(_)) => {
                return self.fail(expr, "compares a list: ask whether something is `in` it, or for its `size()`");
            }
            (left, right) => {
                return self
                    .fail(expr, format!("compares {} with {}: they are never the same", left.name(), right.name()));
            }
        })
    }

    fn within_list(&mut self, left: &IdedExpr, right: &IdedExpr) -> Option<Cond> {
        let list = self.any(right);
        if let Some(Typed::Numbers(numbers)) = &list {
            let number = self.number(left)?;
            let one = |&value: &f64| Cond::number(number.clone(), Order::Equal, Num::Const(value));
            return Some(Cond::Or(numbers.iter().map(one).collect()));
        }
        let text = self.text(left);
        let list = match list? {
            Typed::List(list) => list,
            Typed::Attr(attr) => List::Attr(attr),
            _ => self.list(right)?,
        };
        Some(Cond::in_list(text?, list))
    }

    fn index(&mut self, expr: &IdedExpr, operand: &IdedExpr, index: &IdedExpr) -> Option<Typed> {
        match (self.attributes_of(operand), &index.expr) {
            (Some(whose), Expr::Literal(LiteralValue::String(name))) => {
                Some(Typed::Attr(Attr::new(whose, name.inner())))
            }
            (Some(_), _) => self.fail(index, "is not a plain text: give the attribute's name in quotes"),
            (None, _) => self.fail(expr, "`[...]` reads attributes only, such as `item.attributes[\"pack size\"]`"),
        }
    }

    fn function(&mut self, expr: &IdedExpr, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr]) -> Option<Typed> {
        match (name, target, args) {
            ("startsWith", Some(text), [part]) => self.texts(text, part, Cond::StartsWith),
            ("endsWith", Some(text), [part]) => self.texts(text, part, Cond::EndsWith),
            ("contains", Some(text), [part]) => self.texts(text, part, Cond::Contains),
            ("size", Some(list), []) | ("size", None, [list]) => self.size(list),
            ("sum", Some(cart), [attribute]) if matches!(&cart.expr, Expr::Ident(name) if name == "cart") => {
                match self.text(attribute)? {
                    Text::Const(name) => Some(Typed::Num(Num::CartSum(name))),
                    _ => self.fail(attribute, "is not a plain text: give the attribute's name in quotes"),
                }
            }
            ("within", None, [text, list]) => {
                let (text, list) = (self.text(text), self.list(list));
                Some(Typed::Bool(Cond::Within(Box::new(text.zip(list)?))))
            }
            ("string", None, [value]) => self.text(value).map(Typed::Text),
            ("double" | "int", None, [value]) => self.number(value).map(Typed::Num),
            ("bool", None, [value]) => self.bool(value).map(Typed::Bool),
            _ => {
                const KNOWN: [&str; 16] = [
                    "startsWith",
                    "endsWith",
                    "contains",
                    "size",
                    "sum",
                    "within",
                    "string",
                    "double",
                    "bool",
                    "has",
                    "exists",
                    "all",
                    "exists_one",
                    "filter",
                    "int",
                    "in",
                ];
                let remedy = match (nearest(name, KNOWN.into_iter()), KNOWN.contains(&name)) {
                    (_, true) => "it is used otherwise, see docs/rules.md".to_owned(),
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, _) => "docs/rules.md lists the known ones".to_owned(),
                };
                let place = self.place(expr);
                let says = format!("is not a function known here: {remedy}");
                self.wrong.push(Wrong { place, shown: format!("`{name}`"), says });
                None
            }
        }
    }

    fn texts(&mut self, text: &IdedExpr, part: &IdedExpr, make: fn(Box<(Text, Text)>) -> Cond) -> Option<Typed> {
        let (text, part) = (self.text(text), self.text(part));
        Some(Typed::Bool(make(Box::new(text.zip(part)?))))
    }

    fn size(&mut self, list: &IdedExpr) -> Option<Typed> {
        Some(Typed::Num(match self.any(list)? {
            Typed::Items(over) => Num::Count(over, Box::new(Cond::Const(true))),
            Typed::Some(over, cond) => Num::Count(over, Box::new(cond)),
            Typed::List(list) => Num::Size(list),
            Typed::Attr(attr) => Num::Size(List::Attr(attr)),
            other => return self.fail(list, format!("is {}, not a list: `size()` counts lists", other.name())),
        }))
    }
}

fn order(operator: &str) -> Option<Order> {
    Some(match operator {
        operators::LESS => Order::Less,
        operators::LESS_EQUALS => Order::AtMost,
        operators::GREATER => Order::Greater,
        operators::GREATER_EQUALS => Order::AtLeast,
        _ => return None,
    })
}

fn math(operator: &str) -> Option<Math> {
    Some(match operator {
        operators::ADD => Math::Add,
        operators::SUBSTRACT => Math::Subtract,
        operators::MULTIPLY => Math::Multiply,
        operators::DIVIDE => Math::Divide,
        operators::MODULO => Math::Remainder,
        _ => return None,
    })
}
