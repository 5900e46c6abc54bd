//! Where candidates come from: one file per source, each with its own idea of what goes with the moment, and this list
//! of them. Sources never talk to one another; the ranker weighs what they say.

mod accumulator;
mod category;
mod complements;
mod curated;
mod newcomers;
mod own_session;
mod rows;
mod session_knn;
mod sums;
mod tally;
mod trending;
mod two_hops;
mod user_history;
mod user_taste;

pub(crate) use accumulator::Accumulator;
pub(crate) use curated::{listed, paired};

use crate::nouns::ReasonCode;
use crate::settings::{CandidateSettings, SourceSettings};
use crate::store::{ItemIx, Moment, Relation, SOURCES};

/// Working memory of the sources, reused from request to request.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) items: Accumulator,
    /// What session-kNN works with.
    survey: session_knn::Survey,
    /// What the source at hand has found: (item, score), at most its limit, best first.
    pub(crate) found: Vec<(ItemIx, f32)>,
}

impl Workspace {
    /// Prepares for the next request.
    pub(crate) fn begin(&mut self) {
        self.survey.is_done = false;
        self.found.clear();
    }

    /// How many past visits speak for an item in session-kNN, as if each said as much; 0 where it was not asked.
    pub(crate) fn voters(&self, item: ItemIx) -> f32 {
        if self.survey.is_done { self.survey.voters(item) } else { 0.0 }
    }

    /// Takes the items of the visit out of what is being summed up. The visit's own events have just drawn them
    /// together, which says nothing about what others do; where they may return, they come by their own source.
    pub(crate) fn leave_out_visit(&mut self, moment: &Moment<'_>) {
        for seen in &moment.visit {
            self.items.clear(seen.item);
        }
    }
}

/// Something that proposes items for a moment.
pub(crate) trait Source: Sync {
    /// The name in the config, in answers and in metrics.
    fn name(&self) -> &'static str;

    /// Its switch and bounds.
    fn settings(&self, settings: &CandidateSettings) -> SourceSettings;

    /// The reason its items carry.
    fn reason(&self) -> ReasonCode;

    /// Whether it argues from the shopper's own context, rather than from what everybody wants.
    fn is_contextual(&self) -> bool {
        true
    }

    /// Puts what it finds into `work.found`: at most `limit` items with positive scores, best first.
    fn collect(&self, moment: &Moment<'_>, limit: usize, work: &mut Workspace);

    /// The items of context its score for `item` rests on, with their shares of it. Only called for items shown.
    fn because(&self, moment: &Moment<'_>, item: ItemIx) -> Vec<(ItemIx, f32)>;
}

/// All sources, in the order of [`crate::store::place`]. The cheap and telling ones come first: when time runs out, what has been found stands.
pub(crate) static ALL: [&dyn Source; SOURCES] = [
    &rows::BOUGHT_TOGETHER,
    &rows::CARTED_TOGETHER,
    &rows::VIEWED_TOGETHER,
    &rows::TRANSITIONS,
    &session_knn::NEAR,
    &session_knn::WHOLE,
    &two_hops::TwoHops,
    &user_history::UserHistory,
    &user_taste::UserTaste,
    &own_session::OwnSession,
    &complements::Complements,
    &category::Category,
    &newcomers::NewArrivals,
    &trending::Trending,
    &curated::CuratedChoice,
];

/// P(j | i) of a relation: C_ij / n_i, 0 where nothing is known. At most about 1 for visits, more for baskets of many.
pub(crate) fn conditional(moment: &Moment<'_>, relation: Relation, i: ItemIx, j: ItemIx) -> f32 {
    moment.state.rows.get(relation, i).map_or(0.0, |row| row.conditional(j))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place;

    #[test]
    fn every_place_names_its_source() {
        let named = [
            (place::BOUGHT, "bought_together"),
            (place::CARTED, "carted_together"),
            (place::VIEWED, "viewed_together"),
            (place::NEXT, "transitions"),
            (place::KNN, "session_knn"),
            (place::KNN_WHOLE, "session_knn_whole"),
            (place::TWO_HOPS, "two_hops"),
            (place::USER, "user_history"),
            (place::TASTE, "user_taste"),
            (place::COMPLEMENT, "complements"),
            (place::CATEGORY, "category"),
            (place::NEWCOMERS, "newcomers"),
            (place::TRENDING, "trending"),
            (place::CURATED, "curated"),
        ];
        for (place, name) in named {
            assert_eq!(ALL[place].name(), name);
        }
    }

    #[test]
    fn every_source_is_switched_by_its_name() {
        for source in ALL {
            let mut settings = CandidateSettings::default();
            for other in ALL {
                settings.source_mut(other.name()).expect("a source of the settings").weight = 1.0;
            }
            settings.source_mut(source.name()).expect("a source of the settings").weight = 0.0;
            let off: Vec<&str> =
                ALL.iter().filter(|other| other.settings(&settings).weight == 0.0).map(|other| other.name()).collect();
            assert_eq!(off, [source.name()]);
        }
        assert!(CandidateSettings::default().source_mut("astrology").is_none());
    }
}
