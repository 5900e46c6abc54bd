use crate::nouns::{Exposure, Gates, Intent, ItemId, Vector};

/// The most that one shown item counts for, however unlikely it was shown: 1 / propensity is clipped here.
const MAX_WEIGHT: f64 = 10.0;

/// One list that was or would have been shown, as its features were at that moment, and what the shopper took.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub(crate) intent: Intent,
    pub(crate) vectors: Vec<Vector>,
    pub(crate) gates: Gates,
    /// Places of what the shopper really did next, each once; empty where the list did not hold it.
    pub(crate) targets: Vec<usize>,
    /// How many items the shopper took, in the list or not; at least 1.
    pub(crate) taken: usize,
    /// What it rests on.
    pub(crate) basis: Basis,
}

/// What a lesson rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Basis {
    /// Something that the shopper did, against all candidates of that moment, shown or not.
    Organic,
    /// A click in an answer, against the others of it; counts so many times.
    Exposure(f32),
}

impl Lesson {
    /// What kind of list it was.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.intent
    }

    /// What a click on an item of an answer teaches: it was wanted more than the others, and it counts the more, the less
    /// likely it was to be shown (inverse propensity, clipped at 10). `None` where there was no other, or where the item
    /// was not among those that had been scored.
    #[must_use]
    pub fn of_click(exposure: &Exposure, clicked: &ItemId) -> Option<Self> {
        let target = exposure.shown.iter().position(|shown| shown.item == *clicked)?;
        if exposure.shown.len() < 2 {
            return None;
        }
        let weight = (1.0 / exposure.shown[target].propensity.max(f64::MIN_POSITIVE)).min(MAX_WEIGHT);
        Some(Self {
            intent: exposure.intent?,
            vectors: exposure.shown.iter().map(|shown| shown.vector).collect(),
            gates: exposure.gates,
            targets: vec![target],
            taken: 1,
            basis: Basis::Exposure(weight as f32),
        })
    }

    /// Whether it is of a click in an answer.
    #[must_use]
    pub fn is_exposure(&self) -> bool {
        self.basis != Basis::Organic
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nouns::{FEATURES, Shown};

    #[test]
    fn a_click_counts_by_the_inverse_of_its_chance_and_at_most_ten_times() {
        let item = |name: &str| ItemId::new(name).expect("an id");
        let shown = |name, propensity| Shown { item: item(name), vector: [0.0; FEATURES], propensity };
        let exposure = Exposure {
            intent: Some(Intent::Basket),
            gates: Gates::default(),
            shown: vec![shown("a", 1.0), shown("b", 0.5), shown("c", 0.001)],
        };
        let basis = |name: &str| Lesson::of_click(&exposure, &item(name)).map(|lesson| lesson.basis);
        assert_eq!(basis("a"), Some(Basis::Exposure(1.0)));
        assert_eq!(basis("b"), Some(Basis::Exposure(2.0)));
        assert_eq!(basis("c"), Some(Basis::Exposure(10.0)));
        assert_eq!(basis("d"), None);
        let alone = Exposure { shown: vec![shown("a", 1.0)], ..exposure.clone() };
        assert!(Lesson::of_click(&alone, &item("a")).is_none(), "nothing was passed over");
    }
}
