use std::collections::BTreeMap;

use super::Scratch;
use crate::candidates;
use crate::nouns::{
    Cause, Drop, DropReason, Exposure, Feature, Gates, Pick, Reason, ReasonCode, Shown, Slate, Tier, Vector,
};
use crate::rules::{self, Case, Rule};
use crate::store::{Facts, ItemIx, Moment, NO_IX};

/// Context items named in a reason at most.
const MAX_BECAUSE: usize = 3;

/// What a cap counts by.
type Kind = fn(&Facts) -> u32;
const CATEGORY: Kind = |facts| facts.category;
const BRAND: Kind = |facts| facts.brand;
const GROUP: Kind = |facts| facts.group;

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
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::Source(place) => candidates::ALL[place].name(),
            Self::BatchTable => "batch_table",
            Self::StaticList => "static_list",
            Self::Bestsellers => "bestsellers",
            Self::Catalogue => "catalogue",
        }
    }

    fn reason(self, moment: &Moment<'_>, item: ItemIx) -> Reason {
        let (code, mut shares) = match self {
            Self::Source(place) => (candidates::ALL[place].reason(), candidates::ALL[place].because(moment, item)),
            Self::BatchTable => (ReasonCode::ViewedTogether, super::tables::because(moment, item)),
            Self::StaticList | Self::Bestsellers => (ReasonCode::Bestseller, Vec::new()),
            Self::Catalogue => (ReasonCode::Assortment, Vec::new()),
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
    suppressed: BTreeMap<&'static str, u32>,
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
        Self {
            moment,
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
        self.moment.request.limit.saturating_sub(self.entries.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.free() == 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Asks the rules once per item and request; whether the item may be shown and was not judged before.
    pub(super) fn admits(&mut self, item: ItemIx, scratch: &mut Scratch) -> bool {
        if scratch.judged.get(item).is_some() {
            return false;
        }
        scratch.judged.add(item, 1.0);
        self.considered += 1;
        let case = Case::new(self.moment, item);
        match rules::verdict(&case) {
            None => true,
            Some(rule) => {
                self.deny(&case, rule);
                false
            }
        }
    }

    fn deny(&mut self, case: &Case<'_>, rule: &'static dyn Rule) {
        *self.suppressed.entry(rule.id()).or_default() += 1;
        if self.moment.request.explain {
            let reason = DropReason { rule: rule.id(), why: rule.why(case) };
            self.drop_item(case.item, Some(reason), None);
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
            *self.suppressed.entry(rule).or_default() += 1;
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
    fn cap(&self, item: ItemIx) -> Option<(&'static str, usize)> {
        let arrangement = &self.moment.request.arrangement;
        let facts = |item| self.moment.state.catalog.facts(item);
        let own = *facts(item);
        let caps = [
            ("category_cap", arrangement.per_category, CATEGORY),
            ("brand_cap", arrangement.per_brand, BRAND),
            ("group_cap", arrangement.per_group, GROUP),
        ];
        caps.into_iter().find_map(|(rule, most, kind)| {
            let (most, own) = (most?, kind(&own));
            let of_kind = self.entries.iter().filter(|entry| kind(facts(entry.item)) == own).count();
            (own != NO_IX && of_kind >= most).then_some((rule, most))
        })
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

    /// The answer: every item before the rules once more, then put into words.
    pub(super) fn finish(mut self) -> Slate {
        let moment = self.moment;
        let mut picks = Vec::with_capacity(self.entries.len());
        let mut exposure = Exposure {
            intent: Some(moment.intent()),
            gates: self.gates,
            shown: Vec::with_capacity(self.entries.len()),
        };
        for entry in std::mem::take(&mut self.entries) {
            let case = Case::new(moment, entry.item);
            match rules::verdict(&case) {
                Some(rule) => self.deny(&case, rule),
                None => {
                    let pick = pick(moment, &entry, picks.len() as u32 + 1);
                    exposure.shown.extend(entry.features.map(|vector| Shown {
                        item: pick.item_id.clone(),
                        vector,
                        propensity: pick.propensity,
                    }));
                    picks.push(pick);
                }
            }
        }
        let catalog = &moment.state.catalog;
        let age = |at| moment.now.since_ms(at).max(0);
        Slate {
            tier: if picks.is_empty() { Tier::Empty } else { self.tier },
            picks,
            degraded: self.degraded,
            suppressed: self.suppressed,
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
        features: entry.features.as_ref().filter(|_| moment.request.explain).map(named).unwrap_or_default(),
    }
}

/// The features that say anything, by name.
fn named(vector: &Vector) -> Vec<(&'static str, f32)> {
    let all = Feature::ALL.iter().map(|&feature| (feature.name(), vector[feature as usize]));
    all.filter(|&(_, value)| value != 0.0).collect()
}
