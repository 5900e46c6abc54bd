use super::{Source, Workspace, conditional};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, Relation, keep_best};

/// Partners of the newest item that are followed one step further.
const FIRST_HOPS: usize = 16;

/// Reached from the newest item over one item in between: score(j) = sum over p of P(p | last) P(j | p). Finds items
/// that were never seen together with the newest one.
pub(crate) struct TwoHops;

impl Source for TwoHops {
    fn name(&self) -> &'static str {
        "two_hops"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.two_hops
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::ViewedTogether
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let rows = &moment.state.rows;
        let hops = first_hops(moment);
        work.items.begin(moment.state.catalog.numbers());
        rows.fetch(Relation::Visit, hops.iter().map(|&(between, _)| between));
        for (between, share) in hops {
            let Some(row) = rows.get(Relation::Visit, between).filter(|row| row.n > 0.0) else { continue };
            work.items.add_row(row, |weight| share * weight / row.n);
        }
        work.leave_out_visit(moment);
        work.items.best(limit, &mut work.found);
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        let Some(last) = moment.last() else { return Vec::new() };
        let share =
            first_hops(moment).iter().map(|&(p, share)| share * conditional(moment, Relation::Visit, p, item)).sum();
        vec![(last, share)]
    }
}

fn first_hops(moment: &Moment<'_>) -> Vec<(ItemIx, f32)> {
    let Some(row) = moment.last().and_then(|last| moment.state.rows.get(Relation::Visit, last)) else {
        return Vec::new();
    };
    let mut hops: Vec<_> = row.partners.iter().zip(&row.weights).map(|(&p, &weight)| (p, weight / row.n)).collect();
    keep_best(&mut hops, FIRST_HOPS);
    hops
}
