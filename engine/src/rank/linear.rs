use crate::nouns::{FEATURES, Feature, Intent, Model, Vector};
use crate::settings::CandidateSettings;

/// A linear scorer: score = sum of weight x feature.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub(crate) weights: Vector,
}

impl Linear {
    /// The weights to start with: the sources' own weights from the settings on what each source says, and small ones,
    /// set by hand, on what holds whatever the source.
    pub(crate) fn starting(settings: &CandidateSettings) -> Self {
        use Feature as F;
        let mut weights = [0.0; FEATURES];
        let mut set = |feature: Feature, weight: f32| weights[feature as usize] = weight;
        for (source, relative, rank, root) in [
            (settings.bought_together, F::BoughtRelative, F::BoughtRank, Some(F::BoughtRoot)),
            (settings.carted_together, F::CartedRelative, F::CartedRank, None),
            (settings.viewed_together, F::ViewedRelative, F::ViewedRank, Some(F::ViewedRoot)),
            (settings.session_knn, F::KnnRelative, F::KnnRank, Some(F::KnnRoot)),
            (settings.two_hops, F::TwoHopsRelative, F::TwoHopsRank, None),
            (settings.user_history, F::UserRelative, F::UserRank, None),
        ] {
            set(relative, source.weight);
            set(rank, 0.3 * source.weight);
            if let Some(root) = root {
                set(root, 0.5 * source.weight);
            }
        }
        set(F::CategoryRank, settings.category.weight);
        set(F::TrendingRank, settings.trending.weight);
        set(F::CuratedRank, settings.curated.weight);
        set(F::LastVisit, settings.viewed_together.weight);
        set(F::LastCosine, settings.viewed_together.weight);
        set(F::BestVisit, 0.3 * settings.viewed_together.weight);
        set(F::BestBuy, settings.bought_together.weight);
        set(F::InVisitRecency, 0.2);
        set(F::UserBought, 0.5 * settings.user_history.weight);
        set(F::UserRecency, 0.5 * settings.user_history.weight);
        set(F::CategoryShare, 0.1);
        set(F::LogTrend, 0.1);
        Self { weights }
    }

    /// The scorer of an intent as learned. Where nothing is learned, or not a finite number: the starting weights.
    pub(crate) fn learned(model: &Model, intent: Intent, settings: &CandidateSettings) -> Self {
        let mut linear = Self::starting(settings);
        if let Some(learned) = model.weights.get(&intent) {
            for &feature in Feature::ALL {
                if let Some(&weight) = learned.get(feature.name()).filter(|weight| weight.is_finite()) {
                    linear.weights[feature as usize] = weight;
                }
            }
        }
        linear
    }

    /// The score of one candidate. Not finite only if a feature is not.
    pub(crate) fn score(&self, vector: &Vector) -> f32 {
        self.weights.iter().zip(vector).map(|(weight, value)| weight * value).sum()
    }
}
