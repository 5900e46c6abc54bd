use super::{Source, Workspace};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Marks, Moment};

/// What a look counts against a purchase in the user's own history.
const LOOK: f32 = 0.2;

/// What the user has bought (or looked at) before, by decayed count.
pub(crate) struct UserHistory;

impl Source for UserHistory {
    fn name(&self) -> &'static str {
        "user_history"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.user_history
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::BoughtBefore
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        work.found.clear();
        let Some(profile) = moment.profile() else { return };
        work.items.begin(moment.state.catalog.numbers());
        for (item, count, _) in profile.bought.iter() {
            work.items.add(item, moment.lens.users.of(count));
        }
        // Looks of this very visit are no history: where its events have not arrived, they are not in it either.
        let marks = Marks::of(&moment.visit);
        for (item, count, _) in profile.seen.iter().filter(|&(item, ..)| marks.place(item).is_none()) {
            work.items.add(item, LOOK * moment.lens.users.of(count));
        }
        work.items.best(limit, &mut work.found);
    }

    fn because(&self, _: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        vec![(item, 1.0)]
    }
}
