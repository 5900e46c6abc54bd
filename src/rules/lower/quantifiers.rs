//! `exists`, `all` and their kin, which the parser spells out as loops.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};
use sidecart_engine::policy::{Cond, Quantity};

use super::super::fields;
use super::{Lowering, Typed};

impl Lowering<'_> {
    /// `items.exists(i, ...)` and its like, which the parser has spelt out.
    pub(super) fn quantifier(&mut self, expr: &IdedExpr, comprehension: &ComprehensionExpr) -> Option<Typed> {
        let over = match self.any(&comprehension.iter_range)? {
            Typed::Items(over) => over,
            other => {
                let says = format!("is {}: only `cart.items` and `request.context` are looked through", other.name());
                return self.fail(&comprehension.iter_range, says);
            }
        };
        if !self.each.is_empty() {
            return self.fail(expr, "looks through items within looking through items: split it into several rules");
        }
        let Some((kind, cond)) = spelt_out(comprehension) else {
            return self.fail(expr, "is not known here: use `exists`, `all`, `exists_one` or `filter(...).size()`");
        };
        if fields::OBJECTS.contains(&comprehension.iter_var.as_str()) {
            return self.fail(
                expr,
                format!("names its item `{}`, which means something else: choose another name", comprehension.iter_var),
            );
        }
        self.each.push(comprehension.iter_var.clone());
        let cond = self.bool(cond);
        self.each.pop();
        let cond = cond?;
        Some(match kind {
            Looking::For(quantity) => Typed::Bool(Cond::Quantified(quantity, over, Box::new(cond))),
            Looking::Out => Typed::Some(over, cond),
        })
    }
}

enum Looking {
    For(Quantity),
    Out,
}

/// Which macro a comprehension was, and its condition.
fn spelt_out(comprehension: &ComprehensionExpr) -> Option<(Looking, &IdedExpr)> {
    let Expr::Call(step) = &comprehension.loop_step.expr else { return None };
    match (&comprehension.accu_init.expr, step.func_name.as_str(), step.args.as_slice()) {
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR, [_, cond]) => {
            Some((Looking::For(Quantity::Any), cond))
        }
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND, [_, cond]) => {
            Some((Looking::For(Quantity::All), cond))
        }
        (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL, [cond, ..]) => {
            Some((Looking::For(Quantity::One), cond))
        }
        (Expr::List(_), operators::CONDITIONAL, [cond, then, _]) => {
            // `filter` adds the item itself; `map` with a condition adds something else.
            let Expr::Call(add) = &then.expr else { return None };
            let Some(Expr::List(added)) = add.args.get(1).map(|arg| &arg.expr) else { return None };
            match added.elements.as_slice() {
                [IdedExpr { expr: Expr::Ident(name), .. }] if *name == comprehension.iter_var => {
                    Some((Looking::Out, cond))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// A dotted name, if the expression is one.
pub(super) fn spelt(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", spelt(&select.operand)?, select.field)),
        _ => None,
    }
}
