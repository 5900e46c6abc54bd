use super::{Source, Workspace, conditional};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, Relation, keep_best};

/// Past purchases that speak, the most frequent and newest of them.
const VOICES: usize = 24;

/// What goes with the user's own past purchases: score(j) = sum over bought i of count(i) P(j | i), by orders.
pub(crate) struct UserTaste;

impl Source for UserTaste {
    fn name(&self) -> &'static str {
        "user_taste"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.user_taste
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::GoesWithPurchases
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        let rows = &moment.state.rows;
        let voices = voices(moment);
        work.items.begin(moment.state.catalog.numbers());
        for &(item, count) in &voices {
            let Some(row) = rows.get(Relation::Buy, item).filter(|row| row.n > 0.0) else { continue };
            // A pair met once among few orders says little: one more order without it tempers that.
            let factor = moment.lens.rows.factor(row.epoch);
            let scale = count * factor / (row.n * factor + 1.0);
            work.items.add_row(row, |weight| weight * scale);
        }
        work.leave_out_visit(moment);
        work.items.best(limit, &mut work.found);
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        let share = |(of, count)| (of, count * conditional(moment, Relation::Buy, of, item));
        voices(moment).into_iter().map(share).collect()
    }
}

fn voices(moment: &Moment<'_>) -> Vec<(ItemIx, f32)> {
    let Some(profile) = moment.profile() else { return Vec::new() };
    let mut voices: Vec<_> =
        profile.bought.iter().map(|(item, count, _)| (item, moment.lens.users.of(count))).collect();
    keep_best(&mut voices, VOICES);
    voices
}
