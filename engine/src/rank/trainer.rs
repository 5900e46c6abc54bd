use std::collections::BTreeMap;

use super::guard::{Guard, Verdict};
use super::lesson::{Basis, Lesson};
use super::linear::Linear;
use super::scorer::Scorer;
use crate::nouns::{FEATURES, Feature, GATES, Gate, Hidden, Intent, Learned, Model, UNITS};
use crate::settings::CandidateSettings;

/// Largest weight, either way: a runaway update must not take the ranking with it.
const MAX_WEIGHT: f32 = 50.0;
/// First gradients are not trusted fully: AdaGrad's sums of squares start here. Those of gated weights, which start at
/// nothing and are many, less so.
const CAUTIOUS: Scorer = Scorer {
    linear: Linear { weights: [1e-2; FEATURES], gates: [[1.0; FEATURES]; GATES] },
    hidden: Hidden {
        inputs: [[0.1; UNITS]; FEATURES],
        gates: [[0.1; UNITS]; GATES],
        bias: [0.1; UNITS],
        output: [0.1; UNITS],
    },
};
/// Share of the learning rate at which the gated weights of baskets move: there are fewer orders than looks to learn
/// from.
const BASKET_GATES: f32 = 0.3;
/// Lists over which the share found is a mean; those before fade by 1/e per so many.
const FOUND_LISTS: u32 = 2_000;

/// The online learner: listwise softmax over the candidates of one request, by AdaGrad.
///
/// Loss = -log P(target | list) with P = softmax of the scores (Cao et al., ICML 2007, top one), steps scaled per
/// feature by the root of their summed squares (Duchi et al., JMLR 2011).
#[derive(Debug, Clone)]
pub struct Trainer {
    learners: [Learner; Intent::ALL.len()],
    /// Room for the scores of one list.
    scores: Vec<f32>,
}

#[derive(Debug, Clone)]
struct Learner {
    scorer: Scorer,
    /// AdaGrad's sums of squares, weight by weight.
    squares: Scorer,
    lessons: u64,
    found: Found,
    guard: Guard,
}

/// How the learning of one intent goes: for metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Which intent.
    pub intent: Intent,
    /// Recent mean of -ln P(what was taken), over lists that held it, before learning from each; `None`: no list yet.
    pub loss: Option<f64>,
    /// The same less that of the last good weights, in nats. Below 0: it has learned something since; above: it drifts.
    pub excess: f64,
    /// Recent share of what was taken that the lists held; `None`: no list yet. 0..=1.
    pub found: Option<f32>,
    /// How often the last good weights had to be brought back.
    pub rollbacks: u64,
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
        let learned = Learned::of(model);
        let learner = |intent| {
            let scorer = Scorer::learned(&learned, intent, settings);
            let (found, guard) = (Found::of(model, intent), Guard::of(scorer));
            Learner { scorer, squares: CAUTIOUS, lessons: 0, found, guard }
        };
        Self { learners: Intent::ALL.map(learner), scores: Vec::new() }
    }

    /// Lessons taken so far.
    #[must_use]
    pub fn lessons(&self) -> u64 {
        // A list that teaches discovery as well is one lesson.
        let alone = |intent: &Intent| *intent != Intent::Discover;
        Intent::ALL.into_iter().filter(alone).map(|intent| self.learners[intent as usize].lessons).sum()
    }

    /// How the learning of each intent goes.
    pub fn courses(&self) -> impl Iterator<Item = Course> + '_ {
        Intent::ALL.into_iter().zip(&self.learners).map(|(intent, learner)| Course {
            intent,
            loss: learner.guard.loss,
            excess: learner.guard.excess(),
            found: (learner.found.lists > 0).then_some(learner.found.share),
            rollbacks: learner.guard.rollbacks,
        })
    }

    /// Learns from one list at a rate (0.05 is good). Whether the weights moved: a list
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
        let weight = match lesson.basis {
            Basis::Organic => {
                learner.found.add(lesson.targets.len() as f32 / lesson.taken.max(1) as f32);
                1.0
            }
            Basis::Exposure(weight) => weight,
        };
        if lesson.targets.is_empty() {
            return false;
        }
        let mut loss_of = |scorer: &Scorer| {
            let given = scorer.given(&lesson.gates);
            let score = |(place, vector)| if counts(place) { given.score(vector) } else { f32::NEG_INFINITY };
            self.scores.clear();
            self.scores.extend(lesson.vectors.iter().enumerate().map(score));
            softmax(&mut self.scores);
            loss(&self.scores, &lesson.targets)
        };
        if lesson.basis == Basis::Organic {
            let good = loss_of(&learner.guard.good);
            learner.guard.watch(loss_of(&learner.scorer), good);
        } else {
            loss_of(&learner.scorer);
        }
        let share = 1.0 / lesson.targets.len().max(1) as f32;
        for &target in &lesson.targets {
            self.scores[target] -= share;
        }
        self.scores.iter_mut().for_each(|error| *error *= weight);
        let gate_rate = if intent == Intent::Basket { BASKET_GATES * rate } else { rate };
        learner.step(&self.scores, lesson, [rate, gate_rate])
    }

    /// The model as learned so far, as the version after `model`, which is in force. Intents without lessons keep what they had; one whose
    /// weights have become worse than its last good ones gets those back, and goes on from them.
    pub fn publish(&mut self, model: &Model) -> Model {
        let mut next = Model { version: model.version + 1, ..model.clone() };
        next.gate_names = Gate::ALL.iter().map(|gate| gate.name().to_owned()).collect();
        for (intent, learner) in Intent::ALL.into_iter().zip(&mut self.learners) {
            if learner.guard.judge(&mut learner.scorer) == Verdict::Worse {
                learner.squares = CAUTIOUS;
            }
            if learner.lessons > 0 {
                next.weights.insert(intent, learner.named());
                next.gates.insert(intent, learner.named_gates());
                next.hidden.insert(intent, learner.scorer.hidden.layer(rounded));
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
        let named =
            |&feature: &Feature| (feature.name().to_owned(), rounded(self.scorer.linear.weights[feature as usize]));
        Feature::ALL.iter().map(named).collect()
    }

    fn named_gates(&self) -> BTreeMap<String, Vec<f32>> {
        let of = |feature: Feature| self.scorer.linear.gates.iter().map(move |gate| rounded(gate[feature as usize]));
        Feature::ALL.iter().map(|&feature| (feature.name().to_owned(), of(feature).collect())).collect()
    }

    /// One step against the gradient: sum over the list of (P - y) x features, for gated weights times their gate. At
    /// the rates of weights and of gated weights. Whether it was taken.
    fn step(&mut self, errors: &[f32], lesson: &Lesson, [rate, gate_rate]: [f32; 2]) -> bool {
        let mut gradient = [0.0_f32; FEATURES];
        for (error, vector) in errors.iter().zip(&lesson.vectors) {
            for (sum, value) in gradient.iter_mut().zip(vector) {
                *sum += error * value;
            }
        }
        let slope = self.scorer.hidden.slope(&lesson.gates, &lesson.vectors, errors);
        if gradient.iter().chain(&lesson.gates).any(|value| !value.is_finite()) || !slope.is_finite() {
            return false;
        }
        self.lessons += 1;
        let (linear, squares) = (&mut self.scorer.linear, &mut self.squares.linear);
        descend(&mut linear.weights, &mut squares.weights, &gradient, 1.0, rate);
        for ((gated, squares), &open) in linear.gates.iter_mut().zip(&mut squares.gates).zip(&lesson.gates) {
            descend(gated, squares, &gradient, open, gate_rate);
        }
        let (hidden, squares) = (&mut self.scorer.hidden, &mut self.squares.hidden);
        descend(&mut hidden.output, &mut squares.output, &slope.output, 1.0, rate);
        descend(&mut hidden.bias, &mut squares.bias, &slope.bias, 1.0, rate);
        for ((row, squares), &open) in hidden.gates.iter_mut().zip(&mut squares.gates).zip(&lesson.gates) {
            descend(row, squares, &slope.bias, open, rate);
        }
        descend(
            hidden.inputs.as_flattened_mut(),
            squares.inputs.as_flattened_mut(),
            slope.inputs.as_flattened(),
            1.0,
            rate,
        );
        true
    }
}

/// AdaGrad's step along `open` x gradient.
fn descend(weights: &mut [f32], squares: &mut [f32], gradient: &[f32], open: f32, rate: f32) {
    for ((weight, square), slope) in weights.iter_mut().zip(squares).zip(gradient) {
        let slope = slope * open;
        *square += slope * slope;
        *weight = (*weight - rate * slope / square.sqrt()).clamp(-MAX_WEIGHT, MAX_WEIGHT);
    }
}

/// To four digits after the point: a published model is a record of the log, and its digits are most of its length.
fn rounded(weight: f32) -> f32 {
    (weight * 1e4).round() / 1e4
}

/// Mean of -ln P over the targets, in nats.
fn loss(probabilities: &[f32], targets: &[usize]) -> f64 {
    let of = |&target: &usize| -f64::from(probabilities[target].max(f32::MIN_POSITIVE)).ln();
    targets.iter().map(of).sum::<f64>() / targets.len().max(1) as f64
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
    use crate::nouns::Gates;
    use crate::settings::Settings;

    fn list(useful: usize, target: usize) -> Lesson {
        let mut vectors = vec![[0.1; FEATURES]; 5];
        vectors[target][useful] = 1.0;
        Lesson {
            intent: Intent::Browse,
            vectors,
            gates: Gates::default(),
            targets: vec![target],
            taken: 1,
            basis: Basis::Organic,
        }
    }

    #[test]
    fn what_tells_the_target_gains_weight_and_bounds_hold() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let before = trainer.learners[0].scorer.linear.weights[7];
        for round in 0..2_000 {
            trainer.take(&list(7, round % 5), 0.05);
        }
        assert!(trainer.learners[0].scorer.linear.weights[7] > before + 0.5);
        for _ in 0..2_000 {
            trainer.take(&list(7, 0), 1e6);
        }
        assert!(trainer.learners[0].scorer.linear.weights.iter().all(|weight| weight.abs() <= MAX_WEIGHT));
    }

    #[test]
    fn lists_without_the_item_taken_move_the_share_found_and_nothing_else() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let weights = trainer.learners[0].scorer;
        let missed = Lesson {
            intent: Intent::Browse,
            vectors: Vec::new(),
            gates: Gates::default(),
            targets: Vec::new(),
            taken: 1,
            basis: Basis::Organic,
        };
        assert!(!trainer.take(&missed, 0.05));
        assert_eq!((trainer.learners[0].scorer, trainer.lessons()), (weights, 0));
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
    fn a_learner_gone_astray_publishes_its_last_good_weights() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let good = trainer.learners[0].scorer;
        // Steps far too large, on lists that contradict one another.
        for round in 0..400 {
            trainer.take(&list(7, round % 5), 50.0);
            trainer.take(&list(8, (round + 1) % 5), 50.0);
        }
        assert_ne!(trainer.learners[0].scorer, good);
        let linear = Linear::ungated(good.linear.weights.map(|weight| -weight - 9.0));
        trainer.learners[0].scorer = Scorer { linear, hidden: good.hidden };
        for round in 0..400 {
            trainer.take(&list(7, round % 5), 0.0);
        }
        let model = trainer.publish(&Model::default());
        let course = trainer.courses().next().expect("of browsing");
        assert_eq!(course.rollbacks, 1);
        assert!(trainer.learners[0].scorer == good, "as it was before");
        let published = Linear::learned(&Learned::of(&model), Intent::Browse, &settings);
        assert!(published.weights.iter().zip(good.linear.weights).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn a_click_teaches_by_its_weight_and_says_nothing_of_what_lists_hold() {
        let settings = Settings::default().candidates;
        let moved = |weight| {
            let mut trainer = Trainer::new(&Model::default(), &settings);
            let before = trainer.learners[0].scorer.linear.weights[7];
            let lesson = Lesson { basis: Basis::Exposure(weight), ..list(7, 2) };
            assert!(trainer.take(&lesson, 0.05));
            assert_eq!(trainer.publish(&Model::default()).found, BTreeMap::new());
            trainer.learners[0].squares.linear.weights[7] - CAUTIOUS.linear.weights[7]
                + (trainer.learners[0].scorer.linear.weights[7] - before).max(0.0)
        };
        assert!(moved(1.0) > 0.0 && moved(3.0) > moved(1.0));
    }

    #[test]
    fn a_list_with_a_broken_feature_teaches_nothing() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let before = trainer.learners[0].scorer;
        let mut lesson = list(3, 1);
        lesson.vectors[0][0] = f32::NAN;
        trainer.take(&lesson, 0.05);
        assert_eq!(trainer.learners[0].scorer, before);
        assert_eq!(trainer.lessons(), 0);
    }

    #[test]
    fn a_published_model_scores_as_its_learner_did() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let gated = Lesson { gates: [0.5; GATES], ..list(7, 2) };
        for _ in 0..100 {
            trainer.take(&gated, 0.05);
        }
        let model = trainer.publish(&Model::default());
        assert_eq!(model.version, 1);
        let of = |model: &Model, intent| Scorer::learned(&Learned::of(model), intent, &settings);
        let (published, own) = (of(&model, Intent::Browse), &trainer.learners[0].scorer);
        assert!(own.linear.gates[0][7] > 0.01, "{}", own.linear.gates[0][7]);
        let list = &gated.vectors;
        assert!(own.given(&gated.gates).combined(&list[2]) > own.given(&gated.gates).combined(&list[1]) + 0.01);
        for gates in [Gates::default(), [0.5; GATES], [-2.0; GATES]] {
            let (published, own) = (published.given(&gates), own.given(&gates));
            assert!(list.iter().all(|vector| (published.score(vector) - own.score(vector)).abs() < 5e-3));
        }
        assert_eq!(of(&model, Intent::Basket), of(&Model::default(), Intent::Basket));
        assert_eq!(trainer.publish(&model).version, 2);
    }
}
