use serde::{Deserialize, Serialize};

use crate::nouns::{HOUR_MS, Learned, Model, PastModel, Timestamp};

/// Models of before that are kept, to go back to.
const KEPT: usize = 24;
/// Time between two of them, at least. Milliseconds.
const APART_MS: i64 = HOUR_MS;

/// The scorer's model in force, and some of those before it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Models {
    now: Model,
    /// The same, as the scorer reads it.
    #[serde(skip)]
    learned: Learned,
    since: Timestamp,
    /// Oldest first, an hour apart at least, whatever the pace of publishing.
    past: Vec<PastModel>,
}

impl Models {
    /// Takes a newly published model; whether it is newer than the one in force.
    pub(crate) fn take(&mut self, model: &Model, at: Timestamp) -> bool {
        if model.version <= self.now.version {
            return false;
        }
        let old = PastModel { since: self.since, model: std::mem::replace(&mut self.now, model.clone()) };
        let apart = self.past.last().is_none_or(|last| old.since.since_ms(last.since) >= APART_MS);
        // Whatever somebody froze is kept: it was chosen.
        if old.model.version > 0 && (apart || old.model.frozen) {
            if self.past.len() >= KEPT {
                self.past.remove(0);
            }
            self.past.push(old);
        }
        self.since = at;
        self.read();
        true
    }

    /// Makes the model in force readable for the scorer: to be called once a state has been read back.
    pub(crate) fn read(&mut self) {
        self.learned = Learned::of(&self.now);
    }

    /// The model in force.
    pub(crate) fn now(&self) -> &Model {
        &self.now
    }

    /// The model in force, as the scorer reads it.
    pub(crate) fn learned(&self) -> &Learned {
        &self.learned
    }

    /// When the model in force came into force.
    pub(crate) fn since(&self) -> Timestamp {
        self.since
    }

    /// Those before it that are kept, oldest first.
    pub(crate) fn past(&self) -> &[PastModel] {
        &self.past
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_an_hour_apart_are_kept_and_old_versions_refused() {
        let mut models = Models::default();
        let minute = HOUR_MS / 60;
        for version in 1..=600 {
            let model = Model { version, ..Model::default() };
            assert!(models.take(&model, Timestamp(version as i64 * minute)));
            assert!(!models.take(&model, Timestamp(0)));
        }
        let versions: Vec<u64> = models.past().iter().map(|past| past.model.version).collect();
        assert_eq!(versions, [1, 61, 121, 181, 241, 301, 361, 421, 481, 541]);
        assert_eq!((models.now().version, models.since()), (600, Timestamp(600 * minute)));
        for version in 601..=5_000 {
            models.take(&Model { version, frozen: true, ..Model::default() }, Timestamp(0));
        }
        assert_eq!(models.past().len(), KEPT);
    }
}
