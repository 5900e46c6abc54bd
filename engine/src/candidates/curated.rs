use super::{Source, Workspace};
use crate::nouns::{ItemId, ReasonCode};
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment};

/// The placement name of lists that hold everywhere.
const ANYWHERE: &str = "*";

/// What the shop chose: pairs for the items of context, then the placement's list.
pub(crate) struct CuratedChoice;

impl Source for CuratedChoice {
    fn name(&self) -> &'static str {
        "curated"
    }

    fn settings(&self, settings: &CandidateSettings) -> SourceSettings {
        settings.curated
    }

    fn reason(&self) -> ReasonCode {
        ReasonCode::Curated
    }

    fn is_contextual(&self) -> bool {
        false
    }

    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace) {
        work.found.clear();
        for item in paired(moment).chain(listed(moment)) {
            if work.found.len() >= limit {
                break;
            }
            if !work.found.iter().any(|&(other, _)| other == item) {
                let rank = work.found.len() as f32;
                work.found.push((item, 1.0 / (1.0 + rank)));
            }
        }
    }

    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        let id = moment.state.catalog.id(item);
        let speaks = |of: &ItemIx| pairs_of(moment, *of).contains(&id);
        moment.recent().iter().map(|seen| seen.item).filter(speaks).map(|of| (of, 1.0)).collect()
    }
}

fn pairs_of<'a>(moment: &'a Moment<'_>, of: ItemIx) -> &'a [ItemId] {
    let pairs = &moment.settings.curated.pairs;
    if pairs.is_empty() { &[] } else { pairs.get(moment.state.catalog.id_text(of)).map_or(&[], Vec::as_slice) }
}

/// The curated partners of the context's items, newest item first.
pub(crate) fn paired<'a>(moment: &'a Moment<'_>) -> impl Iterator<Item = ItemIx> + 'a {
    let ids = moment.recent().iter().flat_map(|seen| pairs_of(moment, seen.item));
    ids.filter_map(|id| moment.state.catalog.number(id.as_str()))
}

/// The lists that rules chose for the context, the placement's list, then the one that holds everywhere.
pub(crate) fn listed<'a>(moment: &'a Moment<'_>) -> impl Iterator<Item = ItemIx> + 'a {
    let lists = &moment.settings.curated.lists;
    let named = [lists.get(moment.request.placement.as_str()), lists.get(ANYWHERE)];
    let chosen = moment.lists.iter().copied().flatten();
    let ids = chosen.chain(named.into_iter().flatten().flatten());
    ids.filter_map(|id| moment.state.catalog.number(id.as_str()))
}
