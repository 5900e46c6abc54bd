//! What each source says of a candidate: its score against the best of that source, and its rank.

use super::set;
use crate::nouns::{Feature as F, Vector};
use crate::store::{Candidate, place};

/// Where the log of a relative score begins to bend: a fiftieth of the best still tells.
const BEND: f32 = 50.0;

/// Place, relative score, 1/rank.
const RELATIVE_AND_RANK: [(usize, F, F); 9] = [
    (place::BOUGHT, F::BoughtRelative, F::BoughtRank),
    (place::CARTED, F::CartedRelative, F::CartedRank),
    (place::VIEWED, F::ViewedRelative, F::ViewedRank),
    (place::NEXT, F::NextRelative, F::NextRank),
    (place::KNN, F::KnnRelative, F::KnnRank),
    (place::KNN_WHOLE, F::WholeRelative, F::WholeRank),
    (place::TWO_HOPS, F::TwoHopsRelative, F::TwoHopsRank),
    (place::USER, F::UserRelative, F::UserRank),
    (place::TASTE, F::TasteRelative, F::TasteRank),
];

/// Sources whose order says more than their score.
const RANK_ONLY: [(usize, F); 5] = [
    (place::COMPLEMENT, F::ComplementRank),
    (place::CATEGORY, F::CategoryRank),
    (place::NEWCOMERS, F::NewcomerRank),
    (place::TRENDING, F::TrendingRank),
    (place::CURATED, F::CuratedRank),
];

/// Bent forms of the strongest scores: a linear scorer cannot bend them itself.
const ROOTS: [(usize, F); 6] = [
    (place::BOUGHT, F::BoughtRoot),
    (place::VIEWED, F::ViewedRoot),
    (place::NEXT, F::NextRoot),
    (place::KNN, F::KnnRoot),
    (place::KNN_WHOLE, F::WholeRoot),
    (place::TASTE, F::TasteRoot),
];
const LOGS: [(usize, F); 5] = [
    (place::BOUGHT, F::BoughtLog),
    (place::VIEWED, F::ViewedLog),
    (place::KNN, F::KnnLog),
    (place::KNN_WHOLE, F::WholeLog),
    (place::USER, F::UserLog),
];

/// The logarithm of voters that counts as 1: some fifty of the five hundred that are asked.
const LOG_VOTERS: f32 = 4.0;

pub(super) fn write(candidate: &Candidate, vector: &mut Vector) {
    if candidate.voters > 0.0 {
        set(vector, F::KnnVoters, candidate.voters.ln_1p() / LOG_VOTERS);
    }
    let relative = |place: usize| candidate.relative[place];
    let rank = |place: usize| match candidate.ranks[place] {
        0 => 0.0,
        rank => 1.0 / f32::from(rank),
    };
    for (place, score, by_rank) in RELATIVE_AND_RANK {
        set(vector, score, relative(place));
        set(vector, by_rank, rank(place));
    }
    RANK_ONLY.into_iter().for_each(|(place, feature)| set(vector, feature, rank(place)));
    ROOTS.into_iter().for_each(|(place, feature)| set(vector, feature, relative(place).sqrt()));
    for (place, feature) in LOGS.into_iter().filter(|&(place, _)| relative(place) > 0.0) {
        set(vector, feature, (1.0 + BEND * relative(place)).ln() / (1.0 + BEND).ln());
    }
}
