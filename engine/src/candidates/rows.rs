use super::{Source, Workspace, conditional};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{Factor, ItemIx, MAX_CART, Moment, Relation, Seen};

/// What goes with the items of context, by one relation's co-visitation rows:
/// score(j) = sum over context i of `recency`(i) C_ij / n_i^`alpha`, damped by n_j^`damp`.
pub(crate) struct RowSource {
    name: &'static str,
    relation: Relation,
    reason: ReasonCode,
    /// Exponent of the context item's own count: 1 gives P(j | i); less trusts what is well known more.
    alpha: f32,
    /// Exponent by which a candidate's own count is held against it.
    damp: f32,
    /// Steps in which an item's say falls to 1/e.
    memory: f32,
    settings: fn(&CandidateSettings) -> SourceSettings,
}

/// Bought in one order. The whole cart speaks, all items alike.
pub(crate) static BOUGHT_TOGETHER: RowSource = RowSource {
    name: "bought_together",
    relation: Relation::Buy,
    reason: ReasonCode::BoughtTogether,
    alpha: 1.0,
    damp: 0.0,
    memory: 4.0,
    settings: |settings| settings.bought_together,
};

/// Put into one cart.
pub(crate) static CARTED_TOGETHER: RowSource = RowSource {
    name: "carted_together",
    relation: Relation::Cart,
    reason: ReasonCode::CartedTogether,
    alpha: 1.0,
    damp: 0.0,
    memory: 4.0,
    settings: |settings| settings.carted_together,
};

/// Touched in one visit, near each other.
pub(crate) static VIEWED_TOGETHER: RowSource = RowSource {
    name: "viewed_together",
    relation: Relation::Visit,
    reason: ReasonCode::ViewedTogether,
    alpha: 0.75,
    damp: 0.2,
    memory: 2.5,
    settings: |settings| settings.viewed_together,
};

/// Came right after, or nearly: the short window, forward only.
pub(crate) static TRANSITIONS: RowSource = RowSource {
    name: "transitions",
    relation: Relation::Next,
    reason: ReasonCode::ViewedTogether,
    alpha: 1.0,
    damp: 0.0,
    memory: 1.0,
    settings: |settings| settings.transitions,
};

impl RowSource {
    /// The items that speak, each with its say.
    fn voices<'a>(&'a self, moment: &'a Moment<'_>) -> impl Iterator<Item = (&'a Seen, f32)> + Clone + 'a {
        let say = |seen: &Seen| if seen.in_cart && !seen.browsed { 1.0 } else { (-seen.age / self.memory).exp() };
        let reach = match self.relation {
            Relation::Visit | Relation::Next => moment.settings.candidates.context_items,
            Relation::Cart | Relation::Buy => MAX_CART,
        };
        let in_cart_counts_fully = matches!(self.relation, Relation::Cart | Relation::Buy);
        moment.visit.iter().take(reach).map(move |seen| {
            let whole = in_cart_counts_fully && seen.in_cart;
            (seen, if whole { 1.0 } else { say(seen) })
        })
    }
}

impl Source for RowSource {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        (self.settings)(settings)
    }

    fn reason(&self) -> ReasonCode {
        self.reason
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let rows = &moment.state.rows;
        work.items.begin(moment.state.catalog.numbers());
        rows.fetch(self.relation, self.voices(moment).map(|(seen, _)| seen.item));
        for (seen, say) in self.voices(moment) {
            let Some(row) = rows.get(self.relation, seen.item) else { continue };
            let factor = moment.lens.rows.factor(row.epoch);
            let scale = say * factor / seen.occurrences(row.n * factor).powf(self.alpha);
            work.items.add_row(row, |weight| weight * scale);
        }
        work.leave_out_visit(moment);
        if self.damp > 0.0 {
            let damped = |partner| {
                let wanted =
                    rows.get(self.relation, partner).map_or(0.0, |row| row.n * moment.lens.rows.factor(row.epoch));
                (1.0 + wanted).powf(-self.damp)
            };
            let reads = |partner| rows.get(self.relation, partner).map_or(0, |row| row.n.to_bits());
            work.items.best_weighted(Factor { of: damped, most: 1.0, reads }, limit, &mut work.found);
        } else {
            work.items.best(limit, &mut work.found);
        }
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        self.voices(moment)
            .map(|(of, say)| (of.item, say * conditional(moment, self.relation, of.item, item)))
            .collect()
    }
}
