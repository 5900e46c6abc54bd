//! What is odd about rules that can be used: they can never act, always act, come too late, or are said twice.

use std::collections::BTreeMap;

use sidecart_engine::nouns::Timestamp;
use sidecart_engine::policy::{Cond, Effect, List, Num, Order, Rule, Scope, Text};

use super::compile::Placed;
use super::place::Placer;
use crate::config::Warning;

/// Every rule with something odd about it.
pub(super) fn lint(rules: &[Placed], placer: &Placer<'_>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (place, placed) in rules.iter().enumerate().filter(|(_, placed)| placed.enabled) {
        let earlier = rules[..place].iter().filter(|placed| placed.enabled);
        let rule = &placed.rule;
        let says =
            never(rule).or_else(|| empties(rule)).or_else(|| weighs_nothing(rule)).or_else(|| shadowed(rule, earlier));
        if let Some(says) = says {
            warnings.push(Warning::Rule { rule: rule.id.to_string(), at: placer.at(&placed.path), says });
        }
    }
    warnings
}

/// Warnings of rules whose schedule is over, as of `now`.
pub fn past<'a>(rules: impl Iterator<Item = &'a Rule>, now: Timestamp) -> Vec<String> {
    let over = rules.filter(|rule| rule.scope.schedule.until.is_some_and(|until| until <= now));
    over.map(|rule| rule.id.to_string()).collect()
}

fn never(rule: &Rule) -> Option<String> {
    let parts: Vec<&Cond> = rule.when.parts().collect();
    if parts.iter().any(|part| matches!(part, Cond::Const(false))) {
        return Some("can never act: its condition is always false".into());
    }
    contradiction(&parts).map(|field| format!("can never act: its conditions on {field} contradict one another"))
}

fn empties(rule: &Rule) -> Option<String> {
    if rule.effect != Effect::Deny || !rule.when.is_always() {
        return None;
    }
    Some(match rule.scope.placements.as_slice() {
        [] => "forbids every item everywhere: answers are empty while it holds".into(),
        names => format!("forbids every item at {}: answers are empty there while it holds", names.join(", ")),
    })
}

fn weighs_nothing(rule: &Rule) -> Option<String> {
    match rule.effect {
        Effect::Weigh(1.0) => Some("changes nothing: its factor is 1".into()),
        Effect::Weigh(_) if !rule.when.parts().any(Cond::reads_item) => {
            Some("changes nothing: it weighs all items alike, give it a condition on `item`".into())
        }
        _ => None,
    }
}

/// A rule before it does the same wherever this one would.
fn shadowed<'a>(rule: &Rule, mut earlier: impl Iterator<Item = &'a Placed>) -> Option<String> {
    let wider = |other: &Rule| {
        let same = matches!((&other.effect, &rule.effect), (Effect::Deny, Effect::Deny));
        // It asks for no more than this one does.
        same && within(&rule.scope, &other.scope)
            && other.when.parts().all(|part| rule.when.parts().any(|own| own == part))
    };
    let other = earlier.find(|other| wider(&other.rule))?;
    Some(format!("never adds anything: `{}` forbids all that it forbids", other.rule.id))
}

fn within(narrow: &Scope, wide: &Scope) -> bool {
    let list = |narrow: &[String], wide: &[String]| {
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|name| wide.contains(name)))
    };
    let (a, b) = (&narrow.schedule, &wide.schedule);
    let from = b.from.is_none_or(|wide| a.from.is_some_and(|narrow| narrow >= wide));
    let until = b.until.is_none_or(|wide| a.until.is_some_and(|narrow| narrow <= wide));
    let days = b.days == 0 || b.days == a.days;
    let hours = b.minutes.is_none() || (b.minutes == a.minutes && a.zone == b.zone);
    list(&narrow.placements, &wide.placements)
        && list(&narrow.segments, &wide.segments)
        && from
        && until
        && days
        && hours
}

/// A field on which the parts, which must all hold, cannot.
fn contradiction(parts: &[&Cond]) -> Option<String> {
    let mut bounds: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in parts {
        if let Some((field, low, high)) = interval(part) {
            let bound = bounds.entry(field.clone()).or_insert((f64::NEG_INFINITY, f64::INFINITY));
            *bound = (bound.0.max(low), bound.1.min(high));
            if bound.0 > bound.1 {
                return Some(field);
            }
        }
        if let Some((field, allowed)) = allowed(part) {
            let both = match texts.get(&field) {
                Some(before) => before.iter().filter(|text| allowed.contains(text)).cloned().collect(),
                None => allowed,
            };
            if both.is_empty() {
                return Some(field);
            }
            texts.insert(field, both);
        }
    }
    None
}

/// The closed interval that a comparison with a constant leaves to a number.
fn interval(cond: &Cond) -> Option<(String, f64, f64)> {
    let (order, sides, negated) = match cond {
        Cond::Number(order, sides) => (*order, sides, false),
        Cond::Not(inner) => match &**inner {
            Cond::Number(order, sides) => (*order, sides, true),
            _ => return None,
        },
        _ => return None,
    };
    let (num, order, than) = match &**sides {
        (Num::Const(than), num) => (num, order.turned(), *than),
        (num, Num::Const(than)) => (num, order, *than),
        _ => return None,
    };
    if matches!(num, Num::Count(..) | Num::Math(..) | Num::Size(_)) {
        return None;
    }
    let (up, down) = (than.next_up(), than.next_down());
    let (low, high) = match (order, negated) {
        (Order::Equal, false) | (Order::Unequal, true) => (than, than),
        (Order::Less, false) | (Order::AtLeast, true) => (f64::NEG_INFINITY, down),
        (Order::AtMost, false) | (Order::Greater, true) => (f64::NEG_INFINITY, than),
        (Order::Greater, false) | (Order::AtMost, true) => (up, f64::INFINITY),
        (Order::AtLeast, false) | (Order::Less, true) => (than, f64::INFINITY),
        (Order::Unequal, false) | (Order::Equal, true) => return None,
    };
    Some((format!("`{}`", num.name()?), low, high))
}

/// The texts that a comparison leaves to a field with one value.
fn allowed(cond: &Cond) -> Option<(String, Vec<String>)> {
    match cond {
        Cond::Same(sides) => match &**sides {
            (Text::Const(_), Text::Const(_)) => None,
            (Text::Const(text), field) | (field, Text::Const(text)) => {
                Some((format!("`{}`", field.name()?), vec![text.to_string()]))
            }
            _ => None,
        },
        Cond::In(sides) => match &**sides {
            (Text::Const(_), _) => None,
            (field, List::Const(texts)) => {
                Some((format!("`{}`", field.name()?), texts.iter().map(ToString::to_string).collect()))
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load_text;

    fn warnings(rules: &str) -> Vec<String> {
        let loaded = load_text(&format!("rules:\n{rules}")).expect("a valid config");
        loaded.warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rule_that_can_never_act_is_warned_of() {
        assert_eq!(
            warnings(
                "  exclude:\n    - {id: a, when: item.price > 5 && item.price < 4}\n    - {id: b, when: \"item.brand == 'A' && item.brand in ['B', 'C']\"}\n    - {id: c, when: 1 > 2}\n    - {id: d, when: item.price >= 5 && item.price <= 5}"
            ),
            [
                "rule `a` at shop.yaml:3:7 can never act: its conditions on `item.price` contradict one another",
                "rule `b` at shop.yaml:4:7 can never act: its conditions on `item.brand` contradict one another",
                "rule `c` at shop.yaml:5:7 can never act: its condition is always false",
            ]
        );
    }

    #[test]
    fn a_rule_that_another_makes_superfluous_is_warned_of() {
        let found = warnings(
            "  exclude:\n    - {id: wide, when: item.price > 5}\n    - {id: narrow, when: item.price > 5 && item.stock < 3, placements: [cart]}\n    - {id: other, when: item.price > 6}",
        );
        assert_eq!(found, ["rule `narrow` at shop.yaml:4:7 never adds anything: `wide` forbids all that it forbids"]);
    }

    #[test]
    fn a_rule_that_forbids_everything_or_changes_nothing_is_warned_of() {
        let found = warnings(
            "  exclude:\n    - {id: all, when: 2 > 1, placements: [cart]}\n    - {id: off, when: 2 > 1, enabled: false}\n  boost:\n    - {id: one, when: item.price > 1, factor: 1}\n    - {id: alike, when: cart.size > 1, factor: 2}",
        );
        assert_eq!(
            found,
            [
                "rule `all` at shop.yaml:3:7 forbids every item at cart: answers are empty there while it holds",
                "rule `one` at shop.yaml:6:7 changes nothing: its factor is 1",
                "rule `alike` at shop.yaml:7:7 changes nothing: it weighs all items alike, give it a condition on `item`",
            ]
        );
    }

    #[test]
    fn a_schedule_that_is_over_is_told_by_the_clock() {
        let text =
            "rules: {exclude: [{id: old, tags: [x], until: 2026-01-01}, {id: new, tags: [x], until: 2027-01-01}]}";
        let rules = load_text(text).expect("a valid config").config.settings().rules.shop;
        // 2026-06-01
        let now = sidecart_engine::nouns::Timestamp(1_780_272_000_000);
        assert_eq!(super::past(rules.rules().iter(), now), ["old"]);
    }
}
