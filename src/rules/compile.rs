//! The `rules:` of a config, compiled: every rule that is right becomes one of the engine's, and everything that is wrong
//! is told with its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use sidecart_engine::policy::{
    AskList, AskText, Cond, Effect, Kind, List, MAX_RULES, Rule, RuleSet, Scope, Text, When, Zone,
};

use super::lint;
use super::lower::{self, Wrong};
use super::place::Placer;
use super::schedules;
use crate::config::{Common, Config, Fault, Problem, Warning, nearest};

/// What became of a config's rules.
#[derive(Debug)]
pub struct Compiled {
    /// The rules that are right and on.
    pub rules: RuleSet,
    /// All that is wrong; where there is anything, the rules are not to be used.
    pub problems: Vec<Problem>,
    /// What is odd.
    pub warnings: Vec<Warning>,
}

/// A rule and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Path of the rule, such as `rules.compliance.0`.
    pub(super) path: String,
    pub(super) rule: Rule,
    pub(super) enabled: bool,
}

/// Compiles the rules of a config. Depends on nothing but the config: not on the clock, the machine or its time zones.
#[must_use]
pub fn compile(config: &Config, placer: &Placer<'_>) -> Compiled {
    let mut compiler = Compiler {
        config,
        placer,
        problems: Vec::new(),
        rules: Vec::new(),
        zones: BTreeMap::new(),
        ids: BTreeMap::new(),
    };
    compiler.all();
    compiler.pins_apart();
    if compiler.rules.len() > MAX_RULES {
        let says = format!("has {} rules, more than {MAX_RULES}: join some of them", compiler.rules.len());
        compiler.problem("rules", "the config", says);
    }
    let warnings = if compiler.problems.is_empty() { lint::lint(&compiler.rules, placer) } else { Vec::new() };
    let on = compiler.rules.into_iter().filter(|placed| placed.enabled).map(|placed| placed.rule);
    Compiled { rules: RuleSet::new(on.collect(), config.rules.max_boost), problems: compiler.problems, warnings }
}

pub(super) struct Compiler<'a> {
    pub(super) config: &'a Config,
    placer: &'a Placer<'a>,
    problems: Vec<Problem>,
    rules: Vec<Placed>,
    zones: BTreeMap<String, (TimeZone, Arc<Zone>)>,
    /// The path of each id's first rule.
    ids: BTreeMap<String, String>,
}

impl Compiler<'_> {
    /// Notes what is wrong with the value of a key.
    pub(super) fn problem(&mut self, key: &str, shown: &str, says: impl Into<String>) {
        let fault = Fault::Value { shown: shown.to_owned(), says: says.into() };
        self.problems.push(Problem { key: key.to_owned(), at: self.placer.at(key), fault });
    }

    /// Takes in a rule; `cond` is `None` where it is wrong, which has been told.
    pub(super) fn add(&mut self, path: &str, common: &Common<'_>, kind: Kind, cond: Option<Cond>, effect: Effect) {
        self.check_id(path, common);
        let scope = self.scope(path, common);
        let Some(cond) = cond else { return };
        let when = When::new(cond);
        let speaks_of_item = when.parts().any(Cond::reads_item);
        if speaks_of_item && matches!(effect, Effect::Cap(..) | Effect::List(_)) {
            let says = "speaks of `item`, and this kind of rule is asked before there is one: leave `item` out";
            self.problem(&format!("{path}.when"), "the condition", says);
            return;
        }
        let rule = Rule { id: common.id.into(), kind, scope, when, effect, audit: common.audit };
        self.rules.push(Placed { path: path.to_owned(), rule, enabled: common.enabled });
    }

    fn check_id(&mut self, path: &str, common: &Common<'_>) {
        if common.id.is_empty() {
            return self.problem(path, "the rule", "has no `id`: give it one, by which answers and decisions name it");
        }
        if let Some(first) = self.ids.insert(common.id.to_owned(), path.to_owned()) {
            let at = self.placer.at(&format!("{first}.id"));
            let says = format!("is the id of another rule{at} already: give each rule its own");
            self.problem(&format!("{path}.id"), &format!("`{}`", common.id), says);
        }
    }

    fn scope(&mut self, path: &str, common: &Common<'_>) -> Scope {
        for (index, name) in common.placements.iter().enumerate() {
            self.known_placement(&format!("{path}.placements.{index}"), name);
        }
        for (index, name) in common.segments.iter().enumerate() {
            self.known_segment(&format!("{path}.segments.{index}"), name);
        }
        let name = common.time_zone.unwrap_or(&self.config.rules.time_zone).to_owned();
        let (zone, table) = self.zones.entry(name).or_insert_with_key(|name| {
            // An unknown zone has been told of by the checks of the file.
            let zone = schedules::zone(name).unwrap_or(TimeZone::UTC);
            let table = Arc::new(schedules::table(name, &zone));
            (zone, table)
        });
        let schedule = schedules::schedule(common, zone, table.clone());
        if let (Some(from), Some(until)) = (schedule.from, schedule.until)
            && from >= until
        {
            let shown = format!("`{}`", common.until.unwrap_or_default());
            let says = format!("is not after `from` (`{}`): give a later one", common.from.unwrap_or_default());
            self.problem(&format!("{path}.until"), &shown, says);
        }
        Scope { placements: common.placements.to_vec(), segments: common.segments.to_vec(), schedule }
    }

    pub(super) fn known_placement(&mut self, key: &str, name: &str) {
        let known = &self.config.placements;
        if !known.contains_key(name) {
            let says = match nearest(name, known.keys().map(String::as_str)) {
                Some(near) => format!("is not one of `placements`: did you mean `{near}`?"),
                None => "is not one of `placements`: add it there".to_owned(),
            };
            self.problem(key, &format!("`{name}`"), says);
        }
    }

    fn known_segment(&mut self, key: &str, name: &str) {
        let known = &self.config.rules.segments;
        if !known.iter().any(|segment| segment == name) {
            let says = match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("is not one of `rules.segments`: did you mean `{near}`?"),
                None => "is not one of `rules.segments`: add it there".to_owned(),
            };
            self.problem(key, &format!("`{name}`"), says);
        }
    }

    /// The condition of a key; true where there is none. `None`: it is wrong, which has been told.
    pub(super) fn condition(&mut self, key: &str, text: Option<&str>) -> Option<Cond> {
        let Some(text) = text else { return Some(Cond::Const(true)) };
        match lower::condition(text) {
            Ok(cond) => {
                self.known_names(key, &cond);
                Some(cond)
            }
            Err(wrong) => {
                for Wrong { place, shown, says } in wrong {
                    let at = self.placer.within(key, text, place);
                    let fault = Fault::Value { shown, says };
                    self.problems.push(Problem { key: key.to_owned(), at, fault });
                }
                None
            }
        }
    }

    /// Placements and segments that a condition compares with must exist.
    fn known_names(&mut self, key: &str, cond: &Cond) {
        match cond {
            Cond::Not(inner) | Cond::Quantified(_, _, inner) => self.known_names(key, inner),
            Cond::And(parts) | Cond::Or(parts) => parts.iter().for_each(|part| self.known_names(key, part)),
            Cond::Same(sides) => {
                if let (Text::Ask(AskText::Placement), Text::Const(name))
                | (Text::Const(name), Text::Ask(AskText::Placement)) = &**sides
                {
                    self.known_placement(key, name);
                }
            }
            Cond::In(sides) => match &**sides {
                (Text::Ask(AskText::Placement), List::Const(names)) => {
                    names.iter().for_each(|name| self.known_placement(key, name));
                }
                (Text::Const(name), List::Ask(AskList::Segments)) => self.known_segment(key, name),
                _ => {}
            },
            _ => {}
        }
    }

    /// Two pins that want one slot of one answer, where that can be told before there is a request.
    fn pins_apart(&mut self) {
        let pins: Vec<(usize, &Placed)> = self
            .rules
            .iter()
            .filter(|placed| placed.enabled)
            .filter_map(
                |placed| if let Effect::Pin(slot, _) = placed.rule.effect { Some((slot, placed)) } else { None },
            )
            .collect();
        let mut clashes = Vec::new();
        for (place, (slot, later)) in pins.iter().enumerate() {
            let unconditional = |placed: &Placed| placed.rule.when.is_always();
            let clash = pins[..place].iter().find(|(other, earlier)| {
                other == slot
                    && earlier.rule.scope.may_meet(&later.rule.scope)
                    && (unconditional(earlier) || unconditional(later) || earlier.rule.when == later.rule.when)
                    && segments_meet(&earlier.rule.scope, &later.rule.scope)
            });
            if let Some((_, earlier)) = clash {
                let says = format!(
                    "is the slot of the pin `{}` too, and both may hold at once: choose another slot, or let their \
                     placements or times differ",
                    earlier.rule.id
                );
                clashes.push((format!("{}.slot", later.path), format!("`{slot}`"), says));
            }
        }
        for (key, shown, says) in clashes {
            self.problem(&key, &shown, says);
        }
    }
}

/// Whether a shopper of one segment at most may be of both scopes. One of both segments gets the first pin.
fn segments_meet(a: &Scope, b: &Scope) -> bool {
    a.segments.is_empty() || b.segments.is_empty() || a.segments.iter().any(|segment| b.segments.contains(segment))
}
