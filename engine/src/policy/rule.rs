use std::sync::Arc;

use super::expr::Cond;
use super::schedule::Schedule;
use super::zone::Zone;
use crate::nouns::{ItemId, Timestamp};

/// What kind of rule: the order in which rules are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What the law or the shop's policy forbids.
    Compliance,
    /// What an item must have.
    Eligibility,
    /// What this shopper is not to be shown now.
    Suppress,
    /// What is not to be recommended at all.
    Exclude,
    /// What counts more.
    Boost,
    /// What counts less.
    Bury,
    /// How many of a kind.
    Cap,
    /// What stands where.
    Pin,
    /// What the shop chose for a context.
    Curated,
}

/// Where, for whom and when a rule holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// At these placements; empty: at all.
    pub placements: Vec<String>,
    /// For shoppers of one of these segments; empty: for all.
    pub segments: Vec<String>,
    /// At these times.
    pub schedule: Schedule,
}

impl Scope {
    /// Whether it holds at that placement and instant, segments aside.
    #[must_use]
    pub fn covers(&self, placement: &str, now: Timestamp) -> bool {
        let here = self.placements.is_empty() || self.placements.iter().any(|name| name == placement);
        here && self.schedule.holds(now)
    }

    /// Whether two rules may hold for one request, as far as their scopes tell.
    #[must_use]
    pub fn may_meet(&self, other: &Self) -> bool {
        let meet = |a: &[String], b: &[String]| a.is_empty() || b.is_empty() || a.iter().any(|name| b.contains(name));
        // A shopper may be of several segments.
        meet(&self.placements, &other.placements) && self.schedule.may_meet(&other.schedule)
    }
}

/// A condition in parts that must all hold: those that are the same for all candidates of a request, and the others,
/// cheap ones first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct When {
    pub(crate) ask: Vec<Cond>,
    pub(crate) item: Vec<Cond>,
}

impl When {
    /// The parts of a condition.
    #[must_use]
    pub fn new(cond: Cond) -> Self {
        let (mut item, ask): (Vec<_>, Vec<_>) = cond.conjuncts().into_iter().partition(Cond::reads_item);
        item.sort_by_key(|cond| (cond.loops(), cond.size()));
        Self { ask, item }
    }

    /// Whether it holds for every request and item, whatever is known.
    #[must_use]
    pub fn is_always(&self) -> bool {
        self.ask.is_empty() && self.item.is_empty()
    }

    /// All parts.
    pub fn parts(&self) -> impl Iterator<Item = &Cond> {
        self.ask.iter().chain(&self.item)
    }

    pub(crate) fn parts_mut(&mut self) -> impl Iterator<Item = &mut Cond> {
        self.ask.iter_mut().chain(&mut self.item)
    }
}

/// What a cap counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapBy {
    /// The narrowest category.
    Category,
    /// The brand.
    Brand,
    /// The group of variants.
    Group,
}

/// What a rule does where its condition holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The item is not shown. A hard rule: it forbids unless its condition is certainly false.
    Deny,
    /// The item's likelihood counts times this factor; above 0.
    Weigh(f64),
    /// At most so many of a kind.
    Cap(CapBy, usize),
    /// The item stands at that place of the answer, from 1, if no hard rule forbids it.
    Pin(usize, ItemId),
    /// These items come first among those that the shop chose.
    List(Vec<ItemId>),
}

/// A rule of the shop.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id, unique among the shop's rules.
    pub id: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    /// Where, for whom and when.
    pub scope: Scope,
    /// What it asks.
    pub when: When,
    /// What it does.
    pub effect: Effect,
    /// Whether every decision that it touches is kept.
    pub audit: bool,
}

impl Rule {
    /// A rule that holds everywhere and always.
    #[must_use]
    pub fn new(id: &str, kind: Kind, cond: Cond, effect: Effect) -> Self {
        Self { id: id.into(), kind, scope: Scope::default(), when: When::new(cond), effect, audit: false }
    }

    /// The time zone in which it reads the clock.
    pub(crate) fn zone(&self) -> &Zone {
        &self.scope.schedule.zone
    }
}
