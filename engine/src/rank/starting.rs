//! The weights a new shop starts with: rounded means of what the learner found on browsing (two shops) and on baskets
//! (three shops), with a little of each newer source's word added where those shops gave none, for the learner to go on
//! from. They are replaced by what the shop's own visitors teach.

use crate::nouns::{FEATURES, Feature as F, Intent, Vector};
use crate::settings::{CandidateSettings, SourceSettings};

/// Whose word a feature is: its weight follows that source's weight in the settings.
type Of = fn(&CandidateSettings) -> SourceSettings;

/// Feature, weight when browsing, weight with a cart, and whose word it is.
const WEIGHTS: [(F, f32, f32, Option<Of>); 55] = [
    (F::BoughtRelative, 0.8, 0.7, Some(|s| s.bought_together)),
    (F::BoughtRank, 0.2, 0.0, Some(|s| s.bought_together)),
    (F::BoughtRoot, 0.4, 0.7, Some(|s| s.bought_together)),
    (F::BestBuy, 0.8, 1.5, Some(|s| s.bought_together)),
    (F::MeanBuy, 0.0, 0.2, Some(|s| s.bought_together)),
    (F::CartedRelative, 0.6, 0.4, Some(|s| s.carted_together)),
    (F::CartedRank, 0.2, 0.0, Some(|s| s.carted_together)),
    (F::ViewedRelative, 0.7, 0.5, Some(|s| s.viewed_together)),
    (F::ViewedRank, 0.0, 0.0, Some(|s| s.viewed_together)),
    (F::ViewedRoot, 0.8, 0.4, Some(|s| s.viewed_together)),
    (F::ViewedLength, 0.1, -0.2, Some(|s| s.viewed_together)),
    (F::LastVisit, 0.7, 0.7, Some(|s| s.viewed_together)),
    (F::SecondVisit, 0.0, 0.1, Some(|s| s.viewed_together)),
    (F::LastCosine, 1.0, 0.8, Some(|s| s.viewed_together)),
    (F::BestVisit, 0.0, 0.2, Some(|s| s.viewed_together)),
    (F::LinkedShare, 0.6, 0.0, Some(|s| s.viewed_together)),
    (F::KnnRelative, 0.7, 0.7, Some(|s| s.session_knn)),
    (F::KnnRank, 0.0, 0.3, Some(|s| s.session_knn)),
    (F::KnnRoot, 0.9, 0.3, Some(|s| s.session_knn)),
    (F::KnnInVisit, -0.4, 0.0, Some(|s| s.session_knn)),
    (F::KnnLength, -0.4, -0.5, Some(|s| s.session_knn)),
    (F::TwoHopsRelative, 1.0, 0.0, Some(|s| s.two_hops)),
    (F::UserRelative, 0.5, 1.0, Some(|s| s.user_history)),
    (F::UserRank, 0.1, 0.0, Some(|s| s.user_history)),
    (F::UserBought, 0.3, 1.1, Some(|s| s.user_history)),
    (F::UserRecency, 0.3, 0.8, Some(|s| s.user_history)),
    (F::InVisit, 1.1, 0.0, Some(|s| s.own_session)),
    (F::InVisitRecency, 0.4, 0.2, Some(|s| s.own_session)),
    (F::InVisitTimes, 1.2, 0.0, Some(|s| s.own_session)),
    (F::IsLast, -1.7, 0.0, Some(|s| s.own_session)),
    (F::IsSecondLast, 0.4, 0.0, Some(|s| s.own_session)),
    (F::FollowedLast, 1.3, 0.0, Some(|s| s.own_session)),
    (F::PrecededLast, 0.7, 0.0, Some(|s| s.own_session)),
    (F::BestBuyCosine, 0.0, 0.8, Some(|s| s.bought_together)),
    (F::LinkedBuyShare, 0.0, 0.1, Some(|s| s.bought_together)),
    (F::BoughtLog, 0.0, 0.1, Some(|s| s.bought_together)),
    (F::ViewedLog, 0.2, 0.0, Some(|s| s.viewed_together)),
    (F::KnnLog, 0.2, 0.0, Some(|s| s.session_knn)),
    (F::WholeLog, 0.2, 0.0, Some(|s| s.session_knn_whole)),
    (F::UserLog, 0.0, 0.7, Some(|s| s.user_history)),
    (F::TasteRoot, 0.1, 0.1, Some(|s| s.user_taste)),
    (F::NextRoot, 0.0, 0.1, Some(|s| s.transitions)),
    (F::ComplementRank, 0.1, 0.1, Some(|s| s.complements)),
    (F::NewcomerRank, 0.05, 0.05, Some(|s| s.newcomers)),
    (F::CategoryRank, 0.1, 0.1, Some(|s| s.category)),
    (F::CuratedRank, 0.2, 0.2, Some(|s| s.curated)),
    (F::CategoryShare, 0.1, 0.4, None),
    (F::CategoryGiven, 0.4, 1.0, None),
    (F::BrandGiven, 0.2, 0.0, None),
    (F::UserCategory, 0.0, 0.4, None),
    (F::SameCategory, 0.0, 0.2, None),
    (F::SameDepartment, 0.0, 0.2, None),
    (F::PriceRatio, 0.0, -0.3, None),
    (F::LogIdle, -0.8, -0.2, None),
    (F::Rising, 1.3, 0.4, None),
];

/// The same where nothing is known of the visit, of which no shop's browsing tells: what is wanted lately, as likely as it
/// was come to (the weight undoes the feature's scale), unless the shopper's own past says more or the shop chose. What has
/// just come into the catalogue counts as if it had been come to 1.7 times.
const ARRIVING: [(F, f32, Option<Of>); 9] = [
    (F::LogTrend, 8.0, None),
    (F::UserRelative, 2.0, Some(|s| s.user_history)),
    (F::UserRecency, 1.0, Some(|s| s.user_history)),
    (F::UserBought, 1.0, Some(|s| s.user_history)),
    (F::UserLog, 0.7, Some(|s| s.user_history)),
    (F::TasteRoot, 0.5, Some(|s| s.user_taste)),
    (F::UserCategory, 0.4, None),
    (F::NewcomerRank, 1.0, Some(|s| s.newcomers)),
    (F::CuratedRank, 20.0, Some(|s| s.curated)),
];

/// The starting weights of an intent. A source's weight in the settings, against its default, scales its own word; that of
/// a source which is off by default does so by itself.
pub(super) fn weights(intent: Intent, settings: &CandidateSettings) -> Vector {
    let usual = CandidateSettings::default();
    let mut weights = [0.0; FEATURES];
    let mut set = |feature, weight, of| weights[feature as usize] = scale(of, &usual, settings) * weight;
    if intent == Intent::Arrive {
        ARRIVING.into_iter().for_each(|(feature, weight, of)| set(feature, weight, of));
    } else {
        for (feature, browse, basket, of) in WEIGHTS {
            set(feature, if intent.has_cart() { basket } else { browse }, of);
        }
    }
    weights
}

/// By how much the settings, against the usual ones, scale a source's word.
fn scale(of: Option<Of>, usual: &CandidateSettings, settings: &CandidateSettings) -> f32 {
    of.map_or(1.0, |of| match of(usual).weight {
        off if off <= 0.0 => of(settings).weight,
        weight => of(settings).weight / weight,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_word_follows_its_weight_even_if_it_is_off_by_default() {
        let word = |weight| {
            let mut settings = CandidateSettings::default();
            settings.session_knn_whole.weight = weight;
            settings.session_knn.weight *= weight;
            let weights = weights(Intent::Browse, &settings);
            assert!(weights.iter().all(|weight| weight.is_finite()));
            [F::WholeLog, F::KnnRoot].map(|feature| weights[feature as usize])
        };
        assert_eq!(word(0.0), [0.0, 0.0]);
        assert!(word(1.0).into_iter().all(|weight| weight > 0.0));
    }
}
