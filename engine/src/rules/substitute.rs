use super::{Case, Rule};
use crate::nouns::{EventKind, Substitutes};
use crate::store::{ItemIx, Moment, NO_IX, Relation, Row};

/// Pairs expected by chance and seen, as many of each, that are added to what was counted: what rests on less says
/// little.
const PRIOR: f32 = 2.0;
/// Views of each of the two items below which nothing is known of how they are looked at.
const LEAST_VIEWS: f32 = 3.0;

/// Not an item that stands in for one in the cart: of the same narrowest category, and looked at together more than
/// bought together, each compared with chance. Purchases alone cannot tell a substitute from a complement.
pub(crate) struct Substitute;

impl Substitute {
    /// The cart's item that it would stand in for, and how much more the two are looked at than bought together: the
    /// difference of the log lifts.
    fn of(case: &Case<'_>) -> Option<(ItemIx, f32)> {
        let moment = case.moment;
        if moment.request.arrangement.substitutes == Substitutes::Allow || case.facts.category == NO_IX {
            return None;
        }
        let alike = |&&item: &&ItemIx| moment.state.catalog.facts(item).category == case.facts.category;
        let excess = |&item: &ItemIx| Some((item, excess(moment, item, case.item)?));
        moment.cart.iter().filter(alike).filter_map(excess).find(|&(_, excess)| excess > 0.0)
    }
}

impl Rule for Substitute {
    fn id(&self) -> &'static str {
        "substitute"
    }

    fn denies(&self, case: &Case<'_>) -> bool {
        Self::of(case).is_some()
    }

    fn why(&self, case: &Case<'_>) -> String {
        let Some((item, excess)) = Self::of(case) else { return String::new() };
        let (item, factor) = (case.moment.state.catalog.id_text(item), excess.exp());
        format!("stands in for {item} of the cart: looked at together {factor:.1} times as much as bought together")
    }
}

/// Log co-view lift less log co-purchase lift of two items; `None` where either was hardly looked at, as in a shop that
/// sends no views, or where `a` was never bought or carted with anything.
fn excess(moment: &Moment<'_>, a: ItemIx, b: ItemIx) -> Option<f32> {
    let views = |item| moment.lens.counts.of(moment.state.counters.get(item).of(EventKind::View));
    if views(a) < LEAST_VIEWS || views(b) < LEAST_VIEWS {
        return None;
    }
    let bought = log_lift(moment, Relation::Buy, a, b).or_else(|| log_lift(moment, Relation::Cart, a, b));
    Some(log_lift(moment, Relation::Visit, a, b)? - bought?)
}

/// Log of the pair's weight over what it would be if `b` stood as often in `a`'s row as it stands in the relation at
/// large. `None` where `a` has no partners in it.
fn log_lift(moment: &Moment<'_>, relation: Relation, a: ItemIx, b: ItemIx) -> Option<f32> {
    let rows = &moment.state.rows;
    let row = rows.get(relation, a)?;
    let n = |row: &Row| row.n * moment.lens.rows.factor(row.epoch);
    let factor = moment.lens.rows.factor(row.epoch);
    let all = row.weights.iter().sum::<f32>() * factor;
    let total = n(rows.total(relation));
    if all <= 0.0 || total <= 0.0 {
        return None;
    }
    let seen = row.weight(b) * factor;
    let expected = all * rows.get(relation, b).map_or(0.0, n) / total;
    Some(((seen + PRIOR) / (expected + PRIOR)).ln())
}
