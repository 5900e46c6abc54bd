//! A config on its way to all replicas: checked by the one that was given it, in force on each at the same place of the
//! order of all records.

use serde::{Deserialize, Serialize};

use super::{ChangeError, Changed, HistoryError, InForce, Keeper, Source};
use crate::config::events::{ConfigKind, LogKind};
use crate::config::{self, Config, Loaded};

/// The largest config that is sent to a broker: its messages are 2 MiB at most, and JSON escapes what it carries.
const MAX_BYTES: usize = 1 << 20;

/// A config as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Names it by what of it is for all replicas.
    pub version: String,
    /// The whole config, YAML or JSON.
    pub text: String,
    /// The version that it is to take the place of; `None`: whatever is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Who brought it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

/// Who is asked for another config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// This process: it is the only one.
    Alone,
    /// The file of each replica.
    Files,
    /// The topic of the broker.
    Topic,
}

impl Way {
    pub(super) fn of(config: &Config) -> Self {
        match (config.events.log, config.events.config) {
            (LogKind::Embedded, _) => Self::Alone,
            (LogKind::Kafka, ConfigKind::File) => Self::Files,
            (LogKind::Kafka, ConfigKind::Topic) => Self::Topic,
        }
    }
}

impl Keeper {
    /// Whether configs come by the broker's topic, so that one is to be proposed rather than put.
    #[must_use]
    pub fn is_by_topic(&self) -> bool {
        Way::of(&self.now().config) == Way::Topic
    }

    /// Refuses to change one replica alone.
    pub(super) fn refuse_unless_alone(&self) -> Result<(), ChangeError> {
        match Way::of(&self.now().config) {
            Way::Alone => Ok(()),
            Way::Files => Err(ChangeError::ByFile),
            Way::Topic => Err(ChangeError::ByTopic),
        }
    }

    /// Checks a config that came over the network for all replicas, changing nothing.
    ///
    /// # Errors
    /// [`ChangeError`], as for [`Keeper::put`].
    pub fn propose(&self, body: &[u8], expected: Option<String>, who: Option<String>) -> Result<Proposal, ChangeError> {
        let running = self.now();
        if let Some(expected) = expected.as_ref().filter(|expected| **expected != running.version) {
            let (in_force, expected) = (running.version.clone(), expected.clone());
            return Err(ChangeError::Precondition { in_force, expected });
        }
        let checked = config::read_body(body, self.overrides()).map_err(ChangeError::from).and_then(|loaded| {
            let mixed = config::mix(&loaded.config, &running.config)?;
            let text = String::from_utf8_lossy(body).into_owned();
            match mixed.restart_required {
                keys if !keys.is_empty() => Err(ChangeError::RestartRequired(keys)),
                _ if text.len() > MAX_BYTES => Err(ChangeError::TooLarge { bytes: text.len(), most: MAX_BYTES }),
                _ => Ok(Proposal { version: mixed.version, text, expected, who }),
            }
        });
        // What is refused here is told as if it had been put.
        checked.map_err(|error| self.refused(Source::Put, error))
    }

    /// A config of this replica's history, for all replicas.
    ///
    /// # Errors
    /// [`ChangeError`], as for [`Keeper::roll_back`].
    pub fn propose_past(&self, version: Option<&str>, who: Option<String>) -> Result<Proposal, ChangeError> {
        let stored = self.stored(version).map_err(|error| self.refused(Source::Rollback, error))?;
        Ok(Proposal { version: stored.0, text: stored.1.to_string(), expected: None, who })
    }

    fn stored(&self, version: Option<&str>) -> Result<(String, serde_json::Value), ChangeError> {
        let changing = self.changing.lock();
        let version = match version {
            Some(version) => version.to_owned(),
            None => changing.history.before(&self.now().version).ok_or(ChangeError::NothingBefore)?.version.clone(),
        };
        let config = changing.history.read(&version).map_err(|error: HistoryError| ChangeError::from(error))?;
        config::read_stored("history", &config, self.overrides())?;
        Ok((version, config))
    }

    /// Brings a proposal into force at its place of the order. Its keys that need a restart are nobody's: each replica has
    /// its own.
    ///
    /// # Errors
    /// [`ChangeError`]; what was in force stays.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "without a broker there is no topic"))]
    pub fn take(&self, proposal: &Proposal) -> Result<Changed, ChangeError> {
        let mut changing = self.changing.lock();
        let running = self.now();
        let outcome = if Way::of(&running.config) == Way::Topic {
            superseded(proposal, &running, changing.has_taken).and_then(|()| {
                let Loaded { config, .. } = config::read_body(proposal.text.as_bytes(), self.overrides())?;
                let changed = self.take_up(&mut changing, &config, Source::Topic, proposal.who.clone())?;
                changing.has_taken = true;
                self.status.lock().restart_required.clear();
                Ok(changed)
            })
        } else {
            Err(ChangeError::ByFile)
        };
        self.note(Source::Topic, outcome)
    }
}

/// Another one came between, by the same topic. What is in force from a replica's own file says nothing of the others.
fn superseded(proposal: &Proposal, running: &InForce, has_taken: bool) -> Result<(), ChangeError> {
    match &proposal.expected {
        Some(expected) if has_taken && *expected != running.version => {
            Err(ChangeError::Precondition { in_force: running.version.clone(), expected: expected.clone() })
        }
        _ => Ok(()),
    }
}

#[cfg(all(test, feature = "kafka"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::in_force::{Beginning, History};
    use crate::metrics::Metrics;

    const BASE: &str = "events: {log: kafka, config: topic}\nkafka: {brokers: ['b:1']}\n";

    fn keeper(folder: &std::path::Path) -> Keeper {
        let loaded = config::load_text(BASE).expect("a config");
        let beginning = Beginning { loaded, source: Source::File, who: None, failure: None };
        let history = History::open(folder).expect("a history");
        Keeper::new(beginning, history, Vec::new(), Arc::new(Metrics::new()), Arc::new(SystemClock))
    }

    fn limit(keeper: &Keeper) -> usize {
        keeper.now().config.placement("cart").limit
    }

    fn body(limit: usize) -> String {
        format!("{BASE}placements: {{cart: {{limit: {limit}}}}}\n")
    }

    #[test]
    fn all_replicas_take_the_same_of_proposals_that_were_made_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (asked, other) = (keeper(folder.path()), keeper(&folder.path().join("other")));
        let begun = asked.now().version.clone();
        let proposal = |limit| asked.propose(body(limit).as_bytes(), Some(begun.clone()), None).expect("right");
        let (first, second) = (proposal(5), proposal(6));
        for replica in [&asked, &other] {
            assert!(replica.take(&first).is_ok());
            assert!(
                matches!(replica.take(&second), Err(ChangeError::Precondition { .. })),
                "it has not seen the first"
            );
            assert!(
                replica.take(&Proposal { text: "placements: {cart: {limit: x}}".into(), ..first.clone() }).is_err()
            );
            assert_eq!((limit(replica), &replica.now().version), (5, &first.version));
        }
        assert!(matches!(asked.put(body(7).as_bytes(), None, None), Err(ChangeError::ByTopic)), "not alone");
    }

    #[test]
    fn what_a_replica_needs_a_restart_for_stays_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let keeper = keeper(folder.path());
        let proposal = Proposal { version: "v".into(), text: body(5), expected: None, who: None };
        let elsewhere = format!("{}data_dir: /elsewhere\n", body(5));
        assert!(keeper.take(&Proposal { text: elsewhere.clone(), ..proposal }).is_ok());
        assert_eq!(limit(&keeper), 5);
        assert_eq!(keeper.now().config.data_dir, Config::default().data_dir);
        assert!(keeper.status().restart_required.is_empty());
        let refused = keeper.propose(elsewhere.as_bytes(), None, None);
        assert!(matches!(refused, Err(ChangeError::RestartRequired(_))), "who puts it is told: {refused:?}");
    }
}
