use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Scratch;
use crate::candidates;
use crate::nouns::{
    Cause, Drop, DropReason, Exposure, Feature, Gates, Pick, Reason, ReasonCode, Shown, Slate, Tier, Vector,
};
use crate::policy::CapBy;
use crate::rules::{self, Case, Denial, Rule, Shop};
use crate::store::{Candidate, Facts, ItemIx, Moment, NO_IX, Pool, fetch};

/// Context items named in a reason at most.
const MAX_BECAUSE: usize = 3;

/// What a cap counts by.
type Kind = fn(&Facts) -> u32;
const CATEGORY: Kind = |facts| facts.category;
const BRAND: Kind = |facts| facts.brand;
const GROUP: Kind = |facts| facts.group;

fn kind_of(by: CapBy) -> Kind {
    match by {
        CapBy::Category => CATEGORY,
        CapBy::Brand => BRAND,
        CapBy::Group => GROUP,
    }
}

/// What is noted of an item that the rules have judged.
const DENIED: f32 = 1.0;
const ADMITTED: f32 = 2.0;
/// Added to what is noted of an item that has its place already.
const PINNED: f32 = 1.0;

/// Who put an item into the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A candidate source, by its place.
    Source(usize),
    /// The daily table.
    BatchTable,
    /// The fixed list.
    StaticList,
    /// The long-run bestsellers, when nothing else was left.
    Bestsellers,
    /// Any eligible item of the catalogue, when not even bestsellers were.
    Catalogue,
    /// A rule of the shop that says what stands where.
    Pin,
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Source(place) => candidates::ALL[place].name(),
            Self::BatchTable => "batch_table",
            Self::StaticList => "static_list",
            Self::Bestsellers => "bestsellers",
            Self::Catalogue => "catalogue",
            Self::Pin => "pin",
        }
    }

    fn reason(self, moment: &Moment<'_>, item: ItemIx) -> Reason {
        let (code, mut shares) = match self {
            Self::Source(place) => (candidates::ALL[place].reason(), candidates::ALL[place].because(moment, item)),
            Self::BatchTable => (ReasonCode::ViewedTogether, super::tables::because(moment, item)),
            Self::StaticList | Self::Bestsellers => (ReasonCode::Bestseller, Vec::new()),
            Self::Catalogue => (ReasonCode::Assortment, Vec::new()),
            Self::Pin => (ReasonCode::Pinned, Vec::new()),
        };
        shares.retain(|share| share.1 > 0.0);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let because_of = shares.iter().take(MAX_BECAUSE).map(|&(of, _)| moment.state.catalog.id(of)).collect();
        Reason { code, because_of }
    }
}

/// What the scorer says of an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    pub(super) score: f32,
    /// That it is the next; where the scorer can tell.
    pub(super) probability: Option<f64>,
    /// See [`Pick::propensity`].
    pub(super) propensity: f64,
}

impl Default for Score {
    fn default() -> Self {
        Self::bare(0.0)
    }
}

impl Score {
    /// A figure that orders, and says nothing about chances.
    pub(super) fn bare(score: f32) -> Self {
        Self { score, probability: None, propensity: 1.0 }
    }
}

struct Entry {
    item: ItemIx,
    score: Score,
    origin: Origin,
    features: Option<Vector>,
}

/// An answer in the making. Nothing enters it but through the rules.
pub(super) struct Draft<'a> {
    moment: &'a Moment<'a>,
    entries: Vec<Entry>,
    /// The shop's own rules, as they stand for the request.
    pub(super) shop: Shop<'a>,
    /// The shop's own caps.
    caps: Vec<(CapBy, usize, &'a str)>,
    /// What is pinned: slot from 1, the entry, the rule's id. By slot.
    pins: Vec<(usize, Entry, &'a str)>,
    suppressed: BTreeMap<Cow<'static, str>, u32>,
    dropped: Vec<Drop>,
    considered: u32,
    /// The gates of the list that was scored.
    pub(super) gates: Gates,
    /// The rung the answer is of, and why it is not of the highest.
    pub(super) tier: Tier,
    pub(super) degraded: Option<Cause>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(moment: &'a Moment<'a>) -> Self {
        let shop = Shop::new(moment);
        Self {
            moment,
            caps: shop.caps(),
            shop,
            pins: Vec::new(),
            entries: Vec::with_capacity(moment.request.limit.min(64)),
            suppressed: BTreeMap::new(),
            dropped: Vec::new(),
            considered: 0,
            gates: Gates::default(),
            tier: Tier::Full,
            degraded: None,
        }
    }

    /// Slots that are still free.
    pub(super) fn free(&self) -> usize {
        self.moment.request.limit.saturating_sub(self.entries.len() + self.pins.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.free() == 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Has what the rules read of each candidate fetched, see [`fetch`].
    pub(super) fn fetch(&self, pool: &Pool) {
        let facts = |candidate: &Candidate| self.moment.state.catalog.facts(candidate.item).category;
        fetch(pool.candidates.iter().map(facts));
    }

    /// Asks the rules once per item and request; whether the item may be shown and was not judged before.
    pub(super) fn admits(&mut self, item: ItemIx, scratch: &mut Scratch) -> bool {
        if scratch.judged.get(item).is_some() {
            return false;
        }
        self.considered += 1;
        let passed = self.passes(item);
        scratch.judged.add(item, if passed { ADMITTED } else { DENIED });
        passed
    }

    /// Whether the item was judged in this request, passed, and has no place yet.
    pub(super) fn has_admitted(item: ItemIx, scratch: &Scratch) -> bool {
        scratch.judged.get(item) == Some(ADMITTED)
    }

    /// Asks the built-in rules and the shop's own.
    fn passes(&mut self, item: ItemIx) -> bool {
        let case = Case::new(self.moment, item);
        if let Some(rule) = rules::verdict(&case) {
            self.deny(&case, rule);
            return false;
        }
        match self.shop.denial(item) {
            None => true,
            Some(denial) => {
                self.deny_by_shop(item, denial);
                false
            }
        }
    }

    fn deny(&mut self, case: &Case<'_>, rule: &'static dyn Rule) {
        *self.suppressed.entry(rule.id().into()).or_default() += 1;
        if self.moment.request.explain {
            let reason = DropReason { rule: rule.id().into(), why: rule.why(case) };
            self.drop_item(case.item, Some(reason), None);
        }
    }

    /// The rule keeps count itself.
    fn deny_by_shop(&mut self, item: ItemIx, denial: Denial<'a>) {
        if self.moment.request.explain {
            let rule = self.shop.rule_id(denial).to_owned().into();
            let reason = DropReason { rule, why: self.shop.why(denial) };
            self.drop_item(item, Some(reason), None);
        }
    }

    /// Puts the pinned items that the rules admit onto their slots. Comes first: a pinned item competes for no other.
    pub(super) fn pin(&mut self, scratch: &mut Scratch) {
        for (slot, item, rule) in self.shop.pins() {
            if slot <= self.moment.request.limit && !self.is_full() && self.admits(item, scratch) {
                let entry = Entry { item, score: Score::default(), origin: Origin::Pin, features: None };
                self.pins.push((slot, entry, rule));
                scratch.judged.add(item, PINNED);
            }
        }
    }

    fn drop_item(&mut self, item: ItemIx, reason: Option<DropReason>, score: Option<f32>) {
        let item_id = self.moment.state.catalog.id(item);
        self.dropped.push(Drop { item_id, reason, score: score.map(f64::from) });
    }

    /// Puts an admitted item next, unless there are enough of its kind; one for which there is no slot left was
    /// outscored.
    pub(super) fn place(&mut self, item: ItemIx, score: Score, origin: Origin, features: Option<&Vector>) {
        if let Some((rule, most)) = self.cap(item).filter(|_| !self.is_full()) {
            *self.suppressed.entry(rule.clone()).or_default() += 1;
            if self.moment.request.explain {
                let why = format!("{most} of its kind are in the answer already");
                self.drop_item(item, Some(DropReason { rule, why }), Some(score.score));
            }
        } else if !self.is_full() {
            let features = features.copied();
            self.entries.push(Entry { item, score, origin, features });
        } else if self.moment.request.explain {
            self.drop_item(item, None, Some(score.score));
        }
    }

    /// The cap that an item would break.
    fn cap(&self, item: ItemIx) -> Option<(Cow<'static, str>, usize)> {
        let arrangement = &self.moment.request.arrangement;
        let own = self.moment.state.catalog.facts(item);
        let caps = [
            ("category_cap", arrangement.per_category, CATEGORY),
            ("brand_cap", arrangement.per_brand, BRAND),
            ("group_cap", arrangement.per_group, GROUP),
        ];
        let of_placement = caps.into_iter().find_map(|(rule, most, kind)| {
            let most = most?;
            self.has_enough(own, most, kind).then_some((Cow::Borrowed(rule), most))
        });
        of_placement.or_else(|| {
            let broken = self.caps.iter().find(|(by, most, _)| self.has_enough(own, *most, kind_of(*by)));
            broken.map(|&(_, most, rule)| (Cow::Owned(rule.to_owned()), most))
        })
    }

    /// Whether the answer has as many of the item's kind as it may.
    fn has_enough(&self, own: &Facts, most: usize, kind: Kind) -> bool {
        let own = kind(own);
        if own == NO_IX {
            return false;
        }
        let placed = self.entries.iter().chain(self.pins.iter().map(|pin| &pin.1));
        placed.filter(|entry| kind(self.moment.state.catalog.facts(entry.item)) == own).count() >= most
    }

    /// Puts the items that the rules admit into the free slots.
    pub(super) fn fill(&mut self, items: impl Iterator<Item = ItemIx>, origin: Origin, scratch: &mut Scratch) {
        for item in items {
            if self.is_full() {
                return;
            }
            if self.admits(item, scratch) {
                self.place(item, Score::default(), origin, None);
            }
        }
    }

    /// The entries in order, each pin on its slot, or right after what there is where that is less.
    fn in_order(&mut self) -> Vec<(Entry, Option<&'a str>)> {
        let mut entries = std::mem::take(&mut self.entries).into_iter();
        let mut pins = std::mem::take(&mut self.pins).into_iter().peekable();
        let mut order = Vec::with_capacity(self.moment.request.limit.min(64));
        loop {
            let pin = pins.next_if(|pin| pin.0 <= order.len() + 1);
            let next = pin.map(|(_, entry, rule)| (entry, Some(rule)));
            let next = next.or_else(|| entries.next().map(|entry| (entry, None)));
            match next.or_else(|| pins.next().map(|(_, entry, rule)| (entry, Some(rule)))) {
                Some(next) => order.push(next),
                None => return order,
            }
        }
    }

    /// The answer: every item before the rules once more, then put into words.
    pub(super) fn finish(mut self) -> Slate {
        let moment = self.moment;
        let entries = self.in_order();
        moment.state.catalog.fetch_ids(entries.iter().map(|(entry, _)| entry.item));
        let mut picks = Vec::with_capacity(entries.len());
        let mut exposure =
            Exposure { intent: Some(moment.intent()), gates: self.gates, shown: Vec::with_capacity(entries.len()) };
        let mut audited = false;
        for (entry, pinned_by) in entries {
            if !self.passes(entry.item) {
                continue;
            }
            let mut pick = pick(moment, &entry, picks.len() as u32 + 1);
            exposure.shown.extend(entry.features.map(|vector| Shown {
                item: pick.item_id.clone(),
                vector,
                propensity: pick.propensity,
            }));
            if moment.request.explain || self.shop.audits_weights() {
                let boosts = self.shop.boosts(entry.item);
                audited |= boosts.iter().any(|(rule, _)| self.shop.audits(rule));
                pick.boosts = boosts.into_iter().map(|(rule, factor)| (rule.to_owned(), factor)).collect();
            }
            audited |= pinned_by.is_some_and(|rule| self.shop.audits(rule));
            pick.pinned_by = pinned_by.map(str::to_owned);
            picks.push(pick);
        }
        for (rule, count) in self.shop.denied() {
            audited |= self.shop.audits(rule);
            *self.suppressed.entry(Cow::Owned(rule.to_owned())).or_default() += count;
        }
        let catalog = &moment.state.catalog;
        let age = |at| moment.now.since_ms(at).max(0);
        Slate {
            tier: if picks.is_empty() { Tier::Empty } else { self.tier },
            picks,
            degraded: self.degraded,
            suppressed: self.suppressed,
            faults: self.shop.faults(),
            audited,
            considered: self.considered,
            dropped: self.dropped,
            context: moment.visit.iter().rev().map(|seen| catalog.id(seen.item)).collect(),
            cart: moment.cart.iter().map(|&item| catalog.id(item)).collect(),
            model_version: moment.state.model().version,
            exposure,
            feature_age_ms: moment.session.map(|session| age(session.last_at)),
        }
    }
}

fn pick(moment: &Moment<'_>, entry: &Entry, rank: u32) -> Pick {
    Pick {
        item_id: moment.state.catalog.id(entry.item),
        rank,
        score: f64::from(entry.score.score),
        probability: entry.score.probability,
        propensity: entry.score.propensity,
        source: entry.origin.name(),
        reason: entry.origin.reason(moment, entry.item),
        boosts: Vec::new(),
        pinned_by: None,
        features: entry.features.as_ref().filter(|_| moment.request.explain).map(named).unwrap_or_default(),
    }
}

/// The features that say anything, by name.
fn named(vector: &Vector) -> Vec<(&'static str, f32)> {
    let all = Feature::ALL.iter().map(|&feature| (feature.name(), vector[feature as usize]));
    all.filter(|&(_, value)| value != 0.0).collect()
}
