use std::collections::BTreeMap;

use super::Linear;
use crate::nouns::{FEATURES, Feature, Intent, Model, Vector};
use crate::settings::CandidateSettings;

/// Largest weight, either way: a runaway update must not take the ranking with it.
const MAX_WEIGHT: f32 = 50.0;
/// First gradients are not trusted fully: AdaGrad's sum of squares starts here.
const CAUTION: f32 = 1e-2;
/// Lists over which the share found is a mean; those before fade by 1/e per so many.
const FOUND_LISTS: u32 = 2_000;

/// One list that was or would have been shown, as its features were at that moment, and what the shopper took.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub(crate) intent: Intent,
    pub(crate) vectors: Vec<Vector>,
    /// Places of what the shopper really did next, each once; empty where the list did not hold it.
    pub(crate) targets: Vec<usize>,
    /// How many items the shopper took, in the list or not; at least 1.
    pub(crate) taken: usize,
}

impl Lesson {
    /// What kind of list it was.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.intent
    }
}

/// The online learner: listwise softmax over the candidates of one request, by AdaGrad.
///
/// Loss = -log P(target | list) with P = softmax of the scores (Cao et al., ICML 2007, top one), steps scaled per
/// feature by the root of their summed squares (Duchi et al., JMLR 2011).
#[derive(Debug, Clone)]
pub struct Trainer {
    learners: [Learner; Intent::ALL.len()],
    version: u64,
    /// Room for the scores of one list.
    scores: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Learner {
    weights: Vector,
    squares: Vector,
    lessons: u64,
    found: Found,
}

/// How much of what shoppers took was in their lists: the plain mean at first, then one that forgets, so that it follows
/// the shop.
#[derive(Debug, Clone, Copy)]
struct Found {
    share: f32,
    lists: u32,
}

impl Found {
    fn of(model: &Model, intent: Intent) -> Self {
        let known = model.found.get(&intent).copied().filter(|share| (0.0..=1.0).contains(share));
        known.map_or(Self { share: 0.0, lists: 0 }, |share| Self { share, lists: FOUND_LISTS })
    }

    fn add(&mut self, share: f32) {
        self.lists = (self.lists + 1).min(FOUND_LISTS);
        self.share += (share - self.share) / self.lists as f32;
    }
}

impl Trainer {
    /// A learner that goes on from a model.
    #[must_use]
    pub fn new(model: &Model, settings: &CandidateSettings) -> Self {
        let learner = |intent| Learner {
            weights: Linear::learned(model, intent, settings).weights,
            squares: [CAUTION; FEATURES],
            lessons: 0,
            found: Found::of(model, intent),
        };
        Self { learners: Intent::ALL.map(learner), version: model.version, scores: Vec::new() }
    }

    /// Lessons taken so far.
    #[must_use]
    pub fn lessons(&self) -> u64 {
        // A list that teaches discovery as well is one lesson.
        let alone = |intent: &Intent| *intent != Intent::Discover;
        Intent::ALL.into_iter().filter(alone).map(|intent| self.learners[intent as usize].lessons).sum()
    }

    /// Learns from one list at a rate (0.05 to warm up, 0.02 when running are good). Whether the weights moved: a list
    /// that did not hold what was taken only tells how often that is so.
    ///
    /// A browsing list teaches twice: as it is and, where what was taken is new to the visit, with all that is not left
    /// out, as a placement that only shows new items would have it.
    pub fn take(&mut self, lesson: &Lesson, rate: f32) -> bool {
        let is_new = |place: usize| lesson.vectors[place][Feature::InVisit as usize] == 0.0;
        let moved = self.learn(lesson.intent, lesson, rate, |_| true);
        if lesson.intent == Intent::Browse && lesson.targets.iter().all(|&target| is_new(target)) {
            self.learn(Intent::Discover, lesson, rate, is_new);
        }
        moved
    }

    /// Learns from those candidates of a list that `counts` names.
    fn learn(&mut self, intent: Intent, lesson: &Lesson, rate: f32, counts: impl Fn(usize) -> bool) -> bool {
        let learner = &mut self.learners[intent as usize];
        learner.found.add(lesson.targets.len() as f32 / lesson.taken.max(1) as f32);
        if lesson.targets.is_empty() {
            return false;
        }
        let linear = Linear { weights: learner.weights };
        let score = |(place, vector)| if counts(place) { linear.score(vector) } else { f32::NEG_INFINITY };
        self.scores.clear();
        self.scores.extend(lesson.vectors.iter().enumerate().map(score));
        softmax(&mut self.scores);
        let share = 1.0 / lesson.targets.len().max(1) as f32;
        for &target in &lesson.targets {
            self.scores[target] -= share;
        }
        learner.step(&self.scores, &lesson.vectors, rate)
    }

    /// The model as learned so far, under the next version. Intents without lessons keep what they had.
    pub fn publish(&mut self, model: &Model) -> Model {
        self.version = self.version.max(model.version) + 1;
        let mut next = Model { version: self.version, ..model.clone() };
        for (intent, learner) in Intent::ALL.into_iter().zip(&self.learners) {
            if learner.lessons > 0 {
                next.weights.insert(intent, learner.named());
            }
            if learner.found.lists > 0 {
                next.found.insert(intent, learner.found.share);
            }
        }
        next
    }
}

impl Learner {
    fn named(&self) -> BTreeMap<String, f32> {
        Feature::ALL.iter().map(|&feature| (feature.name().to_owned(), self.weights[feature as usize])).collect()
    }

    /// One step against the gradient: sum over the list of (P - y) x features. Whether it was taken.
    fn step(&mut self, errors: &[f32], vectors: &[Vector], rate: f32) -> bool {
        let mut gradient = [0.0_f32; FEATURES];
        for (error, vector) in errors.iter().zip(vectors) {
            for (sum, value) in gradient.iter_mut().zip(vector) {
                *sum += error * value;
            }
        }
        if gradient.iter().any(|value| !value.is_finite()) {
            return false;
        }
        self.lessons += 1;
        for ((weight, square), slope) in self.weights.iter_mut().zip(&mut self.squares).zip(gradient) {
            *square += slope * slope;
            *weight = (*weight - rate * slope / square.sqrt()).clamp(-MAX_WEIGHT, MAX_WEIGHT);
        }
        true
    }
}

/// Scores to probabilities, without overflow.
fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn list(useful: usize, target: usize) -> Lesson {
        let mut vectors = vec![[0.1; FEATURES]; 5];
        vectors[target][useful] = 1.0;
        Lesson { intent: Intent::Browse, vectors, targets: vec![target], taken: 1 }
    }

    #[test]
    fn what_tells_the_target_gains_weight_and_bounds_hold() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let before = trainer.learners[0].weights[7];
        for round in 0..2_000 {
            trainer.take(&list(7, round % 5), 0.05);
        }
        assert!(trainer.learners[0].weights[7] > before + 0.5);
        for _ in 0..2_000 {
            trainer.take(&list(7, 0), 1e6);
        }
        assert!(trainer.learners[0].weights.iter().all(|weight| weight.abs() <= MAX_WEIGHT));
    }

    #[test]
    fn lists_without_the_item_taken_move_the_share_found_and_nothing_else() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let weights = trainer.learners[0].weights;
        let missed = Lesson { intent: Intent::Browse, vectors: Vec::new(), targets: Vec::new(), taken: 1 };
        assert!(!trainer.take(&missed, 0.05));
        assert_eq!((trainer.learners[0].weights, trainer.lessons()), (weights, 0));
        for _ in 0..3 {
            assert!(trainer.take(&list(7, 2), 0.05));
        }
        let model = trainer.publish(&Model::default());
        assert!((model.found[&Intent::Browse] - 0.75).abs() < 1e-6);
        assert_eq!(model.found.get(&Intent::Basket), None, "no list of this kind was seen");
        let mut next = Trainer::new(&model, &settings);
        next.take(&missed, 0.05);
        let share = next.publish(&model).found[&Intent::Browse];
        assert!(share < 0.75 && share > 0.749, "it goes on from the model, not from nothing: {share}");
    }

    #[test]
    fn a_list_with_a_broken_feature_teaches_nothing() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let before = trainer.learners[0].weights;
        let mut lesson = list(3, 1);
        lesson.vectors[0][0] = f32::NAN;
        trainer.take(&lesson, 0.05);
        assert_eq!(trainer.learners[0].weights, before);
        assert_eq!(trainer.lessons(), 0);
    }

    #[test]
    fn a_published_model_scores_as_its_learner_did() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        trainer.take(&list(7, 2), 0.05);
        let model = trainer.publish(&Model::default());
        assert_eq!(model.version, 1);
        assert_eq!(Linear::learned(&model, Intent::Browse, &settings).weights, trainer.learners[0].weights);
        assert_eq!(
            Linear::learned(&model, Intent::Basket, &settings),
            Linear::learned(&Model::default(), Intent::Basket, &settings)
        );
        assert_eq!(trainer.publish(&model).version, 2);
    }
}
