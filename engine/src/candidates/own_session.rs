use super::{Source, Workspace};
use crate::nouns::{ReasonCode, Repeats};
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment};

/// What the visit has already come to, newest first, where the placement lets items return.
pub(crate) struct OwnSession;

impl Source for OwnSession {
    fn name(&self) -> &'static str {
        "own_session"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.own_session
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::SeenBefore
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        work.found.clear();
        if moment.request.repeats == Repeats::Allow {
            let browsed = moment.visit.iter().filter(|seen| seen.browsed).take(limit);
            work.found.extend(browsed.map(|seen| (seen.item, 1.0 / (1.0 + seen.age))));
        }
    }

    fn because(&self, _: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        vec![(item, 1.0)]
    }
}
