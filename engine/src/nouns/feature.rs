/// Declares the features once: their places, names and number.
macro_rules! features {
    ($($place:ident = $name:literal),+ $(,)?) => {
        /// Places of the features in a [`Vector`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Feature { $($place),+ }

        impl Feature {
            /// All features, in order of place.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$place),+];

            /// The name in explanations and reports.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$place => $name),+ }
            }
        }
    };
}

features! {
    BoughtRelative = "bought_relative",
    BoughtRank = "bought_rank",
    CartedRelative = "carted_relative",
    CartedRank = "carted_rank",
    ViewedRelative = "viewed_relative",
    ViewedRank = "viewed_rank",
    KnnRelative = "knn_relative",
    KnnRank = "knn_rank",
    KnnVoters = "knn_voters",
    NextRelative = "next_relative",
    NextRank = "next_rank",
    NextRoot = "next_root",
    WholeRelative = "knn_whole_relative",
    WholeRank = "knn_whole_rank",
    WholeRoot = "knn_whole_root",
    TwoHopsRelative = "two_hops_relative",
    TwoHopsRank = "two_hops_rank",
    UserRelative = "user_relative",
    UserRank = "user_rank",
    TasteRelative = "taste_relative",
    TasteRank = "taste_rank",
    TasteRoot = "taste_root",
    ComplementRank = "complement_rank",
    NewcomerRank = "newcomer_rank",
    CategoryRank = "category_rank",
    TrendingRank = "trending_rank",
    CuratedRank = "curated_rank",
    BoughtRoot = "bought_root",
    ViewedRoot = "viewed_root",
    KnnRoot = "knn_root",
    BoughtLog = "bought_log",
    ViewedLog = "viewed_log",
    KnnLog = "knn_log",
    WholeLog = "knn_whole_log",
    UserLog = "user_log",
    LastNext = "p_next_given_last",
    LastVisit = "p_given_last",
    SecondVisit = "p_given_second",
    LastCosine = "cosine_last",
    BestVisit = "p_given_best",
    LinkedShare = "linked_share",
    BestBuy = "p_buy_given_best",
    MeanBuy = "p_buy_mean",
    BestBuyCosine = "buy_cosine_best",
    LinkedBuyShare = "linked_buy_share",
    CompanyWanted = "company_wanted",
    CompanyLike = "company_like_last",
    CategoryGiven = "p_category_given",
    BrandGiven = "p_brand_given",
    LogBought = "log_bought",
    LogCount = "log_count",
    LogTrend = "log_trend",
    Rising = "rising",
    LogIdle = "log_idle_hours",
    InVisit = "in_visit",
    InVisitRecency = "in_visit_recency",
    InVisitTimes = "in_visit_times",
    IsLast = "is_last",
    IsSecondLast = "is_second_last",
    FollowedLast = "followed_last",
    PrecededLast = "preceded_last",
    SameCategory = "same_category",
    CategoryShare = "category_share",
    SameDepartment = "same_department",
    SameBrand = "same_brand",
    PriceRatio = "log_price_ratio",
    UserBought = "user_bought",
    UserRecency = "user_recency",
    UserLooked = "user_looked",
    UserLookedRecency = "user_looked_recency",
    UserCategory = "user_category",
    UserBrand = "user_brand",
    UserPrice = "user_price_ratio",
    KnnWhole = "knn_x_knn_whole",
    KnnNext = "knn_x_next",
    WholeLength = "knn_whole_x_log_length",
    KnnInVisit = "knn_x_in_visit",
    KnnLength = "knn_x_log_length",
    ViewedLength = "viewed_x_log_length",
}

/// Number of features.
pub(crate) const FEATURES: usize = Feature::ALL.len();

/// One candidate's features.
pub(crate) type Vector = [f32; FEATURES];
