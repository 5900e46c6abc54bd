use super::found::Found;
use super::learner::Learner;
use super::lesson::{Basis, Lesson};
use super::scorer::Scorer;
use crate::nouns::{Feature, Gate, Intent, Learned, Model};
use crate::settings::CandidateSettings;

/// Share of the learning rate at which the gated weights of baskets move: there are fewer orders than looks to learn
/// from.
const BASKET_GATES: f32 = 0.3;

/// The online learner: listwise softmax over the candidates of one request, by AdaGrad.
///
/// Loss = -log P(target | list) with P = softmax of the scores (Cao et al., ICML 2007, top one), steps scaled per
/// feature by the root of their summed squares (Duchi et al., JMLR 2011). What ranks is the mean of where the steps ended
/// lately.
#[derive(Debug, Clone)]
pub struct Trainer {
    learners: [Learner; Intent::ALL.len()],
    found: [Found; Intent::ALL.len()],
    /// Room for the scores of one list.
    scores: Vec<f32>,
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

impl Trainer {
    /// A learner that goes on from a model.
    #[must_use]
    pub fn new(model: &Model, settings: &CandidateSettings) -> Self {
        let learned = Learned::of(model);
        let learner = |intent| {
            let scorer = Scorer::learned(&learned, intent, settings);
            if learned.get(intent).is_some() { Learner::taught(scorer) } else { Learner::untaught(scorer) }
        };
        let found = Intent::ALL.map(|intent| Found::of(model, intent));
        Self { learners: Intent::ALL.map(learner), found, scores: Vec::new() }
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
        Intent::ALL.into_iter().zip(&self.learners).zip(&self.found).map(|((intent, learner), found)| Course {
            intent,
            loss: learner.guard.loss,
            excess: learner.guard.excess(),
            found: found.is_known().then_some(found.share),
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
                self.found[intent as usize].add(lesson.targets.len() as f32 / lesson.taken.max(1) as f32);
                1.0
            }
            Basis::Exposure(weight) => weight,
        };
        if lesson.targets.is_empty() {
            return false;
        }
        let mut loss_of = |scorer: &Scorer| {
            scorer.given(&lesson.gates).scores(&lesson.vectors, &mut self.scores);
            let left_out = self.scores.iter_mut().enumerate().filter(|(place, _)| !counts(*place));
            left_out.for_each(|(_, score)| *score = f32::NEG_INFINITY);
            softmax(&mut self.scores);
            loss(&self.scores, &lesson.targets)
        };
        if lesson.basis == Basis::Organic {
            let good = loss_of(&learner.guard.good);
            let published = loss_of(learner.published());
            learner.guard.watch(published, good);
        }
        // The step is made from where the learner stands; its probabilities stay in `scores`.
        loss_of(&learner.scorer);
        let share = 1.0 / lesson.targets.len().max(1) as f32;
        for &target in &lesson.targets {
            self.scores[target] -= share;
        }
        self.scores.iter_mut().for_each(|error| *error *= weight);
        let gate_rate = if intent.has_cart() { BASKET_GATES * rate } else { rate };
        learner.step(&self.scores, lesson, [rate, gate_rate])
    }

    /// The model as learned so far, as the version after `model`, which is in force. Intents without lessons keep what they
    /// had; one whose weights have become worse than its last good ones gets those back, and goes on from them.
    pub fn publish(&mut self, model: &Model) -> Model {
        let mut next = Model { version: model.version + 1, ..model.clone() };
        next.gate_names = Gate::ALL.iter().map(|gate| gate.name().to_owned()).collect();
        for (intent, learner) in Intent::ALL.into_iter().zip(&mut self.learners) {
            learner.judge();
            if learner.lessons > 0 {
                next.weights.insert(intent, learner.named());
                next.gates.insert(intent, learner.named_gates());
                next.hidden.insert(intent, learner.named_hidden());
            }
        }
        let found = Intent::ALL.into_iter().zip(&self.found).filter(|(_, found)| found.is_known());
        next.found.extend(found.map(|(intent, found)| (intent, found.share)));
        next
    }
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
    use std::collections::BTreeMap;

    use super::super::learner::MAX_WEIGHT;
    use super::super::linear::Linear;
    use super::*;
    use crate::nouns::{FEATURES, GATES, Gates};
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
        let weights = |trainer: &Trainer| trainer.learners[0].published().linear.weights;
        let before = weights(&trainer)[7];
        for round in 0..2_000 {
            trainer.take(&list(7, round % 5), 0.05);
        }
        assert!(weights(&trainer)[7] > before + 0.5);
        for _ in 0..2_000 {
            trainer.take(&list(7, 0), 1e6);
        }
        assert!(weights(&trainer).iter().all(|weight| weight.abs() <= MAX_WEIGHT));
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
        let good = *trainer.learners[0].published();
        // Wherever its steps have led it; at a rate of 0 it stays there.
        let linear = Linear::ungated(good.linear.weights.map(|weight| -weight - 9.0));
        trainer.learners[0].scorer = Scorer { linear, hidden: good.hidden };
        for round in 0..400 {
            trainer.take(&list(7, round % 5), 0.0);
        }
        assert_ne!(*trainer.learners[0].published(), good);
        let model = trainer.publish(&Model::default());
        let course = trainer.courses().next().expect("of browsing");
        assert_eq!(course.rollbacks, 1);
        let learner = &trainer.learners[0];
        assert!(*learner.published() == good && learner.scorer == good, "as it was before");
        let published = Linear::learned(&Learned::of(&model), Intent::Browse, &settings);
        assert!(published.weights.iter().zip(good.linear.weights).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn a_trainer_that_goes_on_from_a_model_keeps_near_it_at_first() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        for round in 0..500 {
            trainer.take(&list(7, round % 5), 0.05);
        }
        let model = trainer.publish(&Model::default());
        // As after a start, or where the model is another replica's: its own sums of squares are gone, so that its first
        // steps are the largest.
        let mut next = Trainer::new(&model, &settings);
        next.take(&list(9, 3), 0.05);
        let farthest = |scorer: &Scorer| {
            let ours = scorer.linear.weights.into_iter().zip(trainer.learners[0].published().linear.weights);
            ours.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let learner = &next.learners[0];
        assert!(farthest(&learner.scorer) > 0.02, "{}", farthest(&learner.scorer));
        assert!(farthest(learner.published()) < 1e-3, "{}", farthest(learner.published()));
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
            trainer.learners[0].scorer.linear.weights[7] - before
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
    fn a_published_model_scores_as_the_mean_of_its_learner() {
        let settings = Settings::default().candidates;
        let mut trainer = Trainer::new(&Model::default(), &settings);
        let gated = Lesson { gates: [0.5; GATES], ..list(7, 2) };
        for _ in 0..100 {
            trainer.take(&gated, 0.05);
        }
        let model = trainer.publish(&Model::default());
        assert_eq!(model.version, 1);
        let of = |model: &Model, intent| Scorer::learned(&Learned::of(model), intent, &settings);
        let (published, own) = (of(&model, Intent::Browse), trainer.learners[0].published());
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
