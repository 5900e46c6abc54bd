use super::{Source, Workspace};
use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment};

/// What everybody wants lately.
pub(crate) struct Trending;

impl Source for Trending {
    fn name(&self) -> &'static str {
        "trending"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.trending
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::Trending
    }

    fn is_contextual(&self) -> bool {
        false
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        work.found.clear();
        let ranked = (1_u16..).zip(moment.state.leaders.trending.items().take(limit));
        work.found.extend(ranked.map(|(rank, item)| (item, 1.0 / (4.0 + f32::from(rank)))));
    }

    fn because(&self, _: &Moment<'_>, _: ItemIx) -> Vec<(ItemIx, f32)> {
        Vec::new()
    }
}
