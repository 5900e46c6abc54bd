/// Declares the gates once: their places, names and number.
macro_rules! gates {
    ($($(#[doc = $doc:literal])* $place:ident = $name:literal),+ $(,)?) => {
        /// What is true of a whole list of candidates, and decides how much each feature says: P(next | last) says much
        /// where the last item is well known, visits alike say much where they agree.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Gate { $($(#[doc = $doc])* $place),+ }

        impl Gate {
            /// All gates, in order of place.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$place),+];

            /// The name in exported models.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$place => $name),+ }
            }
        }
    };
}

gates! {
    /// Distinct items of the visit.
    Length = "visit_length",
    /// How often the newest item was met.
    Support = "last_support",
    /// How strongly the visits alike vote for their best.
    Agreement = "knn_agreement",
    /// How often the visit came back to items.
    Returns = "returns",
    /// Orders of the shopper.
    Orders = "orders",
    /// How strongly the context goes with its best partner.
    Affinity = "viewed_best",
    /// Candidates in the list.
    Breadth = "breadth",
}

/// Number of gates.
pub(crate) const GATES: usize = Gate::ALL.len();

/// How far each gate is open for one list; about 0 for a usual list, within -2..=2.
pub(crate) type Gates = [f32; GATES];
