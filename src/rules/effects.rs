//! From each kind of rule to the condition under which it acts.

use std::sync::Arc;

use sidecart_engine::nouns::ItemId;
use sidecart_engine::policy::{
    AskList, AskNumber, AskText, Attr, CapBy, Cond, Effect, ItemList, ItemNumber, ItemText, Kind, List, Math, Num,
    Order, Subject, Text, Whose,
};

use super::compile::Compiler;
use crate::config::sections::rules::{
    ComplianceRule, CountedBy, EligibilityRule, ExcludeRule, PinRule, RatioTo, Suppressed,
};

fn own(number: ItemNumber) -> Num {
    Num::Item(Subject::Item, number)
}

fn own_text(text: ItemText) -> Text {
    Text::Item(Subject::Item, text)
}

fn not(cond: Cond) -> Cond {
    Cond::Not(Box::new(cond))
}

fn of_category(name: &str) -> Cond {
    Cond::in_list(Text::of(name), List::Item(Subject::Item, ItemList::Categories))
}

impl Compiler<'_> {
    /// All rules of the config, in its order.
    pub(super) fn all(&mut self) {
        let rules = &self.config.rules;
        let deny = Effect::Deny;
        for (index, rule) in rules.compliance.iter().enumerate() {
            let path = format!("rules.compliance.{index}");
            let cond = self.compliance(&path, rule);
            let mut common = rule.common();
            let mut placements = common.placements.to_vec();
            if !rule.deny_placements.is_empty() {
                for (place, name) in rule.deny_placements.iter().enumerate() {
                    self.known_placement(&format!("{path}.deny_placements.{place}"), name);
                }
                placements.retain(|name| rule.deny_placements.contains(name));
                if common.placements.is_empty() {
                    placements.clone_from(&rule.deny_placements);
                }
                common.placements = &placements;
            }
            self.add(&path, &common, Kind::Compliance, cond, deny.clone());
        }
        for (index, rule) in rules.eligibility.rules.iter().enumerate() {
            let path = format!("rules.eligibility.rules.{index}");
            let cond = self.eligibility(&path, rule);
            self.add(&path, &rule.common(), Kind::Eligibility, cond, deny.clone());
        }
        for (index, rule) in rules.suppress.iter().enumerate() {
            let path = format!("rules.suppress.{index}");
            let when = self.condition(&format!("{path}.when"), rule.when.as_deref());
            if rule.what.is_empty() && rule.when.is_none() {
                self.problem(&path, "the rule", "has neither `what` nor `when`: say what is left out");
            }
            let what = rule.what.iter().map(|what| suppressed(*what, rule.times, rule.dismissed_days)).collect();
            let cond = when.map(|when| if rule.what.is_empty() { when } else { Cond::And(vec![when, Cond::Or(what)]) });
            self.add(&path, &rule.common(), Kind::Suppress, cond, deny.clone());
        }
        for (index, rule) in rules.exclude.iter().enumerate() {
            let path = format!("rules.exclude.{index}");
            let cond = self.exclude(&path, rule);
            self.add(&path, &rule.common(), Kind::Exclude, cond, deny.clone());
        }
        self.soft();
    }

    fn soft(&mut self) {
        let rules = &self.config.rules;
        for (index, rule) in rules.boost.iter().enumerate() {
            let path = format!("rules.boost.{index}");
            let cond = self.condition(&format!("{path}.when"), rule.when.as_deref());
            self.add(&path, &rule.common(), Kind::Boost, cond, Effect::Weigh(rule.factor));
        }
        for (index, rule) in rules.bury.iter().enumerate() {
            let path = format!("rules.bury.{index}");
            let cond = self.condition(&format!("{path}.when"), rule.when.as_deref());
            self.add(&path, &rule.common(), Kind::Bury, cond, Effect::Weigh(rule.factor));
        }
        for (index, rule) in rules.caps.iter().enumerate() {
            let path = format!("rules.caps.{index}");
            let cond = self.condition(&format!("{path}.when"), rule.when.as_deref());
            let by = match rule.by {
                CountedBy::Category => CapBy::Category,
                CountedBy::Brand => CapBy::Brand,
                CountedBy::Group => CapBy::Group,
            };
            self.add(&path, &rule.common(), Kind::Cap, cond, Effect::Cap(by, rule.most));
        }
        for (index, rule) in rules.pins.iter().enumerate() {
            self.pin(&format!("rules.pins.{index}"), rule);
        }
        for (index, rule) in rules.curated.iter().enumerate() {
            let path = format!("rules.curated.{index}");
            if rule.items.is_empty() {
                self.problem(&path, "the rule", "has no `items`: give those to show");
            }
            let cond = self.condition(&format!("{path}.when"), rule.when.as_deref());
            self.add(&path, &rule.common(), Kind::Curated, cond, Effect::List(rule.items.clone()));
        }
    }

    fn pin(&mut self, path: &str, rule: &PinRule) {
        let cond = self.condition(&format!("{path}.when"), rule.when.as_deref());
        let Some(item) = rule.item.clone() else {
            return self.problem(path, "the rule", "has no `item`: give the one to pin");
        };
        // Where the placements' own limits are lower, the pin could never stand.
        let limit = |name: &String| self.config.placements.get(name).map_or(usize::MAX, |placement| placement.limit);
        let most = rule.placements.iter().map(limit).max().unwrap_or(usize::MAX);
        if rule.slot > most {
            let says = format!("is beyond the limit of its placements ({most}): give a lower one, or raise the limit");
            self.problem(&format!("{path}.slot"), &format!("`{}`", rule.slot), says);
        }
        self.add(path, &rule.common(), Kind::Pin, cond, Effect::Pin(rule.slot, item));
    }

    fn compliance(&mut self, path: &str, rule: &ComplianceRule) -> Option<Cond> {
        let when = self.condition(&format!("{path}.when"), rule.when.as_deref());
        let mut ways: Vec<(&str, Option<Cond>)> = Vec::new();
        if rule.deny_if.is_some() {
            ways.push(("deny_if", self.condition(&format!("{path}.deny_if"), rule.deny_if.as_deref())));
        }
        if rule.require.is_some() {
            ways.push(("require", self.condition(&format!("{path}.require"), rule.require.as_deref()).map(not)));
        }
        if !rule.deny_pairs.is_empty() {
            ways.push(("deny_pairs", self.pairs(path, &rule.deny_pairs)));
        }
        match (&rule.sum_of, rule.most) {
            (Some(attribute), Some(most)) => ways.push(("sum_of", Some(sum(attribute, most)))),
            (None, None) => {}
            _ => {
                self.problem(path, "the rule", "has one of `sum_of` and `most` alone: give both or none");
                return None;
            }
        }
        if !rule.deny_placements.is_empty() {
            ways.push(("deny_placements", Some(Cond::Const(true))));
        }
        match ways.len() {
            1 => Some(Cond::And(vec![when?, ways.remove(0).1?])),
            0 => {
                let says = "forbids nothing: give `deny_if`, `require`, `deny_pairs`, `sum_of` or `deny_placements`";
                self.problem(path, "the rule", says);
                None
            }
            _ => {
                let names: Vec<String> = ways.iter().map(|(name, _)| format!("`{name}`")).collect();
                self.problem(path, "the rule", format!("has {}: give one of them per rule", names.join(" and ")));
                None
            }
        }
    }

    fn pairs(&mut self, path: &str, pairs: &[Vec<String>]) -> Option<Cond> {
        let in_cart = |name: &str| Cond::in_list(Text::of(name), List::Ask(AskList::CartCategories));
        let mut either = Vec::new();
        for (index, pair) in pairs.iter().enumerate() {
            let [a, b] = pair.as_slice() else {
                let says = format!("has {} categories: give two", pair.len());
                self.problem(&format!("{path}.deny_pairs.{index}"), "the pair", says);
                return None;
            };
            either.push(Cond::And(vec![of_category(a), in_cart(b)]));
            either.push(Cond::And(vec![of_category(b), in_cart(a)]));
        }
        Some(Cond::Or(either))
    }

    fn eligibility(&mut self, path: &str, rule: &EligibilityRule) -> Option<Cond> {
        let when = self.condition(&format!("{path}.when"), rule.when.as_deref());
        let mut lacks = Vec::new();
        let mut all_right = true;
        if rule.require.is_some() {
            match self.condition(&format!("{path}.require"), rule.require.as_deref()) {
                Some(cond) => lacks.push(not(cond)),
                None => all_right = false,
            }
        }
        let mut below = |number, least: Option<f64>| {
            lacks.extend(least.map(|least| Cond::number(own(number), Order::Less, Num::Const(least))));
        };
        below(ItemNumber::Stock, rule.stock_min.map(f64::from));
        below(ItemNumber::MarginPct, rule.margin_floor_pct);
        below(ItemNumber::Margin, rule.margin_floor);
        if let Some(age) = rule.stock_max_age {
            lacks.push(Cond::number(own(ItemNumber::StockAge), Order::Greater, Num::Const(age.ms() as f64 / 1e3)));
        }
        if let Some(attribute) = &rule.ships_to {
            let regions = List::Attr(Attr::new(Whose::Of(Subject::Item), attribute));
            lacks.push(not(Cond::Within(Box::new((Text::Ask(AskText::Region), regions)))));
        }
        if rule.ratio_min.is_some() || rule.ratio_max.is_some() {
            if let (Some(least), Some(most)) = (rule.ratio_min, rule.ratio_max)
                && least > most
            {
                let says = format!("is above `ratio_max` (`{most}`): no price would be right");
                self.problem(&format!("{path}.ratio_min"), &format!("`{least}`"), says);
            }
            lacks.push(off_ratio(rule));
        }
        if lacks.is_empty() && all_right {
            self.problem(
                path,
                "the rule",
                "requires nothing: give `require`, `stock_min`, `margin_floor` or another key",
            );
        }
        all_right.then_some(())?;
        Some(Cond::And(vec![when?, Cond::Or(lacks)]))
    }

    fn exclude(&mut self, path: &str, rule: &ExcludeRule) -> Option<Cond> {
        let when = self.condition(&format!("{path}.when"), rule.when.as_deref());
        let mut named = Vec::new();
        if !rule.items.is_empty() {
            let ids: Vec<&str> = rule.items.iter().map(ItemId::as_str).collect();
            named.push(Cond::item_in(ItemText::Id, &ids));
        }
        if !rule.categories.is_empty() {
            named.push(Cond::Or(rule.categories.iter().map(|name| of_category(name)).collect()));
        }
        if !rule.brands.is_empty() {
            named.push(Cond::And(vec![
                Cond::HasText(own_text(ItemText::Brand)),
                Cond::item_in(ItemText::Brand, &rule.brands),
            ]));
        }
        if !rule.tags.is_empty() {
            let tag = |tag: &String| Cond::in_list(Text::of(tag), List::Item(Subject::Item, ItemList::Tags));
            named.push(Cond::Or(rule.tags.iter().map(tag).collect()));
        }
        if named.is_empty() && rule.when.is_none() {
            self.problem(path, "the rule", "excludes nothing: give `items`, `categories`, `brands`, `tags` or `when`");
            return None;
        }
        let when = when?;
        Some(if named.is_empty() { when } else { Cond::And(vec![when, Cond::Or(named)]) })
    }
}

/// Sum of an attribute over the cart and the item is above `most`. Items without the attribute have none of it.
fn sum(attribute: &str, most: f64) -> Cond {
    let own = || Attr::new(Whose::Of(Subject::Item), attribute);
    let sum = Num::Math(Math::Add, Box::new((Num::CartSum(Arc::from(attribute)), Num::Attr(own()))));
    Cond::And(vec![Cond::HasAttr(own()), Cond::number(sum, Order::Greater, Num::Const(most))])
}

/// The price is not within its ratio to another, where there is another; of another currency is not, either.
fn off_ratio(rule: &EligibilityRule) -> Cond {
    let (to, there_is) = match rule.ratio_to {
        RatioTo::CartTotal => (AskNumber::CartTotal, AskNumber::CartSize),
        RatioTo::CartMin => (AskNumber::CartMin, AskNumber::CartSize),
        RatioTo::CartMax => (AskNumber::CartMax, AskNumber::CartSize),
        RatioTo::Context => (AskNumber::ContextPrice, AskNumber::ContextPrice),
    };
    let part = |share: f64| Num::Math(Math::Multiply, Box::new((Num::Ask(to), Num::Const(share))));
    let price = || own(ItemNumber::Price);
    let mut off = Vec::new();
    off.extend(rule.ratio_min.map(|least| Cond::number(price(), Order::Less, part(least))));
    off.extend(rule.ratio_max.map(|most| Cond::number(price(), Order::Greater, part(most))));
    if rule.ratio_to == RatioTo::Context {
        return Cond::And(vec![Cond::HasNumber(Num::Ask(there_is)), Cond::Or(off)]);
    }
    off.push(not(Cond::same(own_text(ItemText::Currency), Text::Ask(AskText::CartCurrency))));
    Cond::And(vec![Cond::number(Num::Ask(there_is), Order::Greater, Num::Const(0.0)), Cond::Or(off)])
}

fn suppressed(what: Suppressed, times: u16, days: f64) -> Cond {
    match what {
        // An item of no group has no variants.
        Suppressed::VariantsOfCart => Cond::And(vec![
            Cond::HasText(own_text(ItemText::Group)),
            Cond::in_list(own_text(ItemText::Group), List::Ask(AskList::CartGroups)),
        ]),
        Suppressed::ShownWithoutClick => Cond::number(Num::Shown, Order::AtLeast, Num::Const(f64::from(times))),
        Suppressed::Dismissed => Cond::number(Num::Dismissed, Order::Less, Num::Const(days)),
        Suppressed::RemovedThisSession => Cond::in_list(own_text(ItemText::Id), List::Ask(AskList::Removed)),
    }
}
