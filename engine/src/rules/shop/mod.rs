//! The shop's own rules for one request.
//!
//! What does not depend on the candidate is asked once, when the request comes; of what is left, each candidate meets
//! those rules only that its category, brand, labels or attributes call for. A hard rule forbids unless its condition is
//! certainly false; a soft one acts only if its condition is certainly true. Either way, what was missing is counted.

mod ask;
mod eval;
mod lack;
mod row;
mod words;

use ask::Ask;
use eval::Scene;
use lack::Lack;
use row::Row;

use crate::nouns::{ItemId, RuleFault};
use crate::policy::{CapBy, Effect, Index, Rule, RuleSet};
use crate::store::{ItemIx, Moment};

/// What the request alone says of a rule.
#[derive(Debug, Clone, Copy)]
enum State<'a> {
    /// It does not hold for this request, whatever the item.
    Off,
    /// It holds, if the item's part does.
    On,
    /// It holds unless the item's part does not: something of the request is not known.
    Unsure(Lack<'a>),
}

/// How often a rule lacked something, and what it lacked first.
#[derive(Debug, Clone, Copy)]
struct Lacked<'a> {
    rule: u32,
    first: Lack<'a>,
    count: u32,
}

/// A rule that forbids an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Denial<'a> {
    position: u32,
    lack: Option<Lack<'a>>,
}

/// The shop's rules, as they stand for one request.
#[derive(Debug)]
pub(crate) struct Shop<'a> {
    set: &'a RuleSet,
    ask: Ask<'a>,
    states: Vec<State<'a>>,
    row: Row<'a>,
    /// The rules that may concern the item of the row.
    met: Vec<u32>,
    /// Whether any rule that is on forbids, or weighs.
    forbids: bool,
    weighs: bool,
    /// Items denied, by rule.
    denied: Vec<u32>,
    lacked: Vec<Lacked<'a>>,
}

impl<'a> Shop<'a> {
    /// Asks of all rules what depends on the request alone.
    pub(crate) fn new(moment: &'a Moment<'a>) -> Self {
        let set = &*moment.settings.rules.shop;
        let mut shop = Self {
            set,
            ask: Ask::new(moment),
            states: Vec::with_capacity(set.rules().len()),
            row: Row::default(),
            met: Vec::new(),
            forbids: false,
            weighs: false,
            denied: vec![0; set.rules().len()],
            lacked: Vec::new(),
        };
        for (position, rule) in (0..).zip(set.rules()) {
            let state = shop.state(rule);
            match (state, &rule.effect) {
                (State::Off, _) => {}
                (_, Effect::Deny) => shop.forbids = true,
                (State::On, effect) => shop.weighs |= matches!(effect, Effect::Weigh(_)),
                (State::Unsure(lack), _) => shop.count_lack(position, lack),
            }
            shop.states.push(state);
        }
        shop
    }

    fn state(&self, rule: &'a Rule) -> State<'a> {
        let moment = self.ask.moment;
        if !rule.scope.covers(moment.request.placement.as_str(), moment.now) {
            return State::Off;
        }
        let mut lack = None;
        match (&moment.request.shopper.segments, rule.scope.segments.is_empty()) {
            (_, true) => {}
            (None, false) => lack = Some(Lack::Missing("user.segments")),
            (Some(own), false) if own.iter().any(|segment| rule.scope.segments.contains(segment)) => {}
            (Some(_), false) => return State::Off,
        }
        let scene = Scene { ask: &self.ask, zone: rule.zone(), row: None, each: None };
        for part in &rule.when.ask {
            match scene.holds(part) {
                Ok(true) => {}
                Ok(false) => return State::Off,
                Err(other) => lack = lack.or(Some(other)),
            }
        }
        lack.map_or(State::On, State::Unsure)
    }

    fn count_lack(&mut self, rule: u32, lack: Lack<'a>) {
        match self.lacked.iter_mut().find(|lacked| lacked.rule == rule) {
            Some(lacked) => lacked.count += 1,
            None => self.lacked.push(Lacked { rule, first: lack, count: 1 }),
        }
    }

    fn look_up(&mut self, item: ItemIx) -> bool {
        let moment = self.ask.moment;
        match moment.state.catalog.entry(item) {
            Some(entry) => {
                self.row.fill(item, entry, self.set.slots(), moment.now);
                true
            }
            None => false,
        }
    }

    /// The first rule that forbids an item, if any does. What the catalogue does not have is for another rule to deny.
    pub(crate) fn denial(&mut self, item: ItemIx) -> Option<Denial<'a>> {
        if !self.forbids || !self.look_up(item) {
            return None;
        }
        self.meet(self.set.forbidding());
        let denial = self.first_denial()?;
        self.denied[denial.position as usize] += 1;
        if let Some(lack) = denial.lack {
            self.count_lack(denial.position, lack);
        }
        Some(denial)
    }

    /// Collects the rules of an index that may concern the item of the row, each once, in order.
    fn meet(&mut self, index: &Index) {
        self.met.clear();
        let Some(item) = self.row.item else { return };
        self.met.extend(&index.others);
        for group in &index.thresholds {
            self.met.extend(group.open(self.row.number(group.number)).iter().map(|(_, position)| position));
        }
        self.met.extend(index.ids.of(item.id.as_str()));
        if !index.brands.is_empty() {
            let rules = item.brand.as_deref().map_or(&*index.brands.all, |brand| index.brands.of(brand));
            self.met.extend(rules);
        }
        if !index.leaves.is_empty() {
            let rules = item.category_path.last().map_or(&*index.leaves.all, |leaf| index.leaves.of(leaf));
            self.met.extend(rules);
        }
        if !index.categories.is_empty() && item.category_path.is_empty() {
            self.met.extend(&index.categories.all);
        }
        item.category_path.iter().for_each(|name| self.met.extend(index.categories.of(name)));
        item.tags.iter().for_each(|tag| self.met.extend(index.tags.of(tag)));
        for (slot, rules) in &index.attributes {
            if self.row.attributes.get(*slot as usize).is_some_and(Option::is_some) {
                self.met.extend(rules);
            }
        }
        self.met.sort_unstable();
        self.met.dedup();
    }

    fn first_denial(&self) -> Option<Denial<'a>> {
        let denial = |&position: &u32| self.denies(position).map(|lack| Denial { position, lack });
        self.met.iter().find_map(denial)
    }

    /// Whether a rule forbids the item of the row: `None` if not, else what it lacked, if anything.
    fn denies(&self, position: u32) -> Option<Option<Lack<'a>>> {
        let mut lack = match self.states[position as usize] {
            State::Off => return None,
            State::On => None,
            State::Unsure(lack) => Some(lack),
        };
        let rule = &self.set.rules()[position as usize];
        let scene = self.scene(rule);
        for part in &rule.when.item {
            match scene.holds(part) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(other) => lack = lack.or(Some(other)),
            }
        }
        Some(lack)
    }

    fn scene(&self, rule: &'a Rule) -> Scene<'_, 'a> {
        Scene { ask: &self.ask, zone: rule.zone(), row: Some(&self.row), each: None }
    }

    /// The id of the rule behind a denial.
    pub(crate) fn rule_id(&self, denial: Denial<'a>) -> &'a str {
        &self.set.rules()[denial.position as usize].id
    }

    /// The values behind a denial of the item that was just asked about, in words.
    pub(crate) fn why(&self, denial: Denial<'a>) -> String {
        let rule = &self.set.rules()[denial.position as usize];
        match denial.lack {
            Some(lack) => lack.words().into_owned(),
            None => words::values(rule.when.parts(), &self.scene(rule)),
        }
    }

    /// Whether any boost or bury may change scores.
    pub(crate) fn weighs(&self) -> bool {
        self.weighs
    }

    /// What an item's likelihood counts times: the product of all boosts and buries that hold, within bounds.
    pub(crate) fn weight(&mut self, item: ItemIx) -> f64 {
        if !self.weighs || !self.look_up(item) {
            return 1.0;
        }
        self.meet(self.set.weighing());
        let mut weight = 1.0;
        for place in 0..self.met.len() {
            let position = self.met[place];
            match self.weighing(position) {
                Some(Ok(factor)) => weight *= factor,
                Some(Err(lack)) => self.count_lack(position, lack),
                None => {}
            }
        }
        weight.clamp(1.0 / self.set.max_boost(), self.set.max_boost())
    }

    /// The boosts and buries of an item: rule and factor.
    pub(crate) fn boosts(&mut self, item: ItemIx) -> Vec<(&'a str, f64)> {
        if !self.weighs || !self.look_up(item) {
            return Vec::new();
        }
        self.meet(self.set.weighing());
        let id = |position: u32| -> &'a str { &self.set.rules()[position as usize].id };
        let factor = |&position: &u32| self.weighing(position)?.ok().map(|factor| (id(position), factor));
        self.met.iter().filter_map(factor).collect()
    }

    /// The factor of a rule that is on and weighs the item of the row; `None` where it does not.
    fn weighing(&self, position: u32) -> Option<Result<f64, Lack<'a>>> {
        let Effect::Weigh(factor) = self.set.rules()[position as usize].effect else { return None };
        if !matches!(self.states[position as usize], State::On) {
            return None;
        }
        match self.certainly(position) {
            Ok(true) => Some(Ok(factor)),
            Ok(false) => None,
            Err(lack) => Some(Err(lack)),
        }
    }

    /// Whether the item's part of a soft rule is true for the item of the row.
    fn certainly(&self, position: u32) -> Result<bool, Lack<'a>> {
        let rule = &self.set.rules()[position as usize];
        let mut lack = None;
        for part in &rule.when.item {
            match self.scene(rule).holds(part) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(other) => lack = lack.or(Some(other)),
            }
        }
        lack.map_or(Ok(true), Err)
    }

    /// The rules of one effect that are on for this request.
    fn on<T>(&self, effect: impl Fn(&'a Effect) -> Option<T>) -> Vec<(u32, T)> {
        let on = (0..).zip(&self.states).filter(|(_, state)| matches!(state, State::On));
        let set = self.set;
        on.filter_map(|(position, _): (u32, _)| Some((position, effect(&set.rules()[position as usize].effect)?)))
            .collect()
    }

    /// The pins that are on: slot from 1, item, rule's id. An item that the catalogue does not have is no pin, and is
    /// counted; nor is the second pin of a slot.
    pub(crate) fn pins(&mut self) -> Vec<(usize, ItemIx, &'a str)> {
        let moment = self.ask.moment;
        let mut pins: Vec<(usize, ItemIx, &'a str)> = Vec::new();
        let pinned = |effect: &'a Effect| if let Effect::Pin(slot, item) = effect { Some((*slot, item)) } else { None };
        for (position, (slot, item)) in self.on(pinned) {
            let id: &'a str = &self.set.rules()[position as usize].id;
            match moment.state.catalog.number(item.as_str()).filter(|&ix| moment.state.catalog.facts(ix).known) {
                None => self.count_lack(position, Lack::Missing("the pinned item")),
                Some(_) if pins.iter().any(|pin| pin.0 == slot) => {
                    self.count_lack(position, Lack::Fault("another pin has the slot"));
                }
                Some(ix) => {
                    self.look_up(ix);
                    match self.certainly(position) {
                        Ok(true) => pins.push((slot, ix, id)),
                        Ok(false) => {}
                        Err(lack) => self.count_lack(position, lack),
                    }
                }
            }
        }
        pins.sort_by_key(|pin| pin.0);
        pins
    }

    /// The caps that are on, tightest first: what they count by, how many, rule's id.
    pub(crate) fn caps(&self) -> Vec<(CapBy, usize, &'a str)> {
        let cap = |effect: &'a Effect| if let Effect::Cap(by, most) = effect { Some((*by, *most)) } else { None };
        let id = |position: u32| -> &'a str { &self.set.rules()[position as usize].id };
        self.on(cap).into_iter().map(|(position, (by, most))| (by, most, id(position))).collect()
    }

    /// How often each rule forbade.
    pub(crate) fn denied(&self) -> impl Iterator<Item = (&'a str, u32)> + '_ {
        let set = self.set;
        let counted = set.rules().iter().zip(&self.denied).filter(|(_, count)| **count > 0);
        counted.map(|(rule, &count)| (&*rule.id, count))
    }

    /// What rules lacked.
    pub(crate) fn faults(&self) -> Vec<RuleFault> {
        let fault = |lacked: &Lacked<'_>| {
            let rule = &self.set.rules()[lacked.rule as usize];
            RuleFault {
                rule: rule.id.to_string(),
                why: lacked.first.words().into_owned(),
                count: lacked.count,
                denied: rule.effect == Effect::Deny,
            }
        };
        self.lacked.iter().map(fault).collect()
    }

    /// Whether the rule of that id asks for its decisions to be kept.
    pub(crate) fn audits(&self, id: &str) -> bool {
        self.set.rules().iter().any(|rule| rule.audit && &*rule.id == id)
    }

    /// Whether any boost or bury that is on asks for its decisions to be kept.
    pub(crate) fn audits_weights(&self) -> bool {
        self.weighs && self.set.rules().iter().any(|rule| rule.audit && matches!(rule.effect, Effect::Weigh(_)))
    }
}

/// The lists that the shop chose for this context, in the order of its rules.
pub(crate) fn curated<'a>(moment: &Moment<'a>) -> Vec<&'a [ItemId]> {
    let rules = moment.settings.rules.shop.rules();
    if !rules.iter().any(|rule| matches!(rule.effect, Effect::List(_))) {
        return Vec::new();
    }
    let on = Shop::new(moment).on(|effect| matches!(effect, Effect::List(_)).then_some(()));
    let list = |(position, ()): (u32, ())| match &rules[position as usize].effect {
        Effect::List(items) => Some(items.as_slice()),
        _ => None,
    };
    on.into_iter().filter_map(list).collect()
}
