use std::path::PathBuf;
use std::sync::Arc;

use super::history::HistoryError;
use super::status::{Failure, Status, Wrong};
use super::{Changing, InForce, Keeper, Source};
use crate::access::Keys;
use crate::config::{self, Config, ConfigErrors, Difference, Loaded, Mixed};
use crate::metrics::ConfigChange;
use crate::wire::scalar::rfc3339;

/// What came of a change.
#[derive(Debug)]
pub enum Changed {
    /// Another config is in force.
    Applied(Arc<InForce>),
    /// It says what is in force already.
    Unchanged,
}

/// Why a config was not taken up. What was in force is in force.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It is wrong.
    #[error(transparent)]
    Invalid(#[from] ConfigErrors),
    /// Another one is in force than the caller thinks.
    #[error("the config in force is `{in_force}`, not `{expected}`: read it again, and change that one")]
    Precondition {
        /// The version in force.
        in_force: String,
        /// The version that the caller has seen.
        expected: String,
    },
    /// It changes keys that need a restart.
    #[error("{} a restart: set {} in the file, or give the values that run", named(.0), if .0.len() == 1 { "it" } else { "them" })]
    RestartRequired(Vec<String>),
    /// It would change one of several replicas.
    #[error(
        "with `events.log: kafka` and `events.config: file` one replica would differ from the others: change the file of \
         all, or set `events.config: topic`"
    )]
    ByFile,
    /// A file or a signal does not count where the config comes by a topic.
    #[error("the config of all replicas comes by the topic (`events.config: topic`): put it, to any of them")]
    ByTopic,
    /// It does not fit into a message.
    #[error(
        "the config has {bytes} bytes: at most {most} can be sent to all replicas, shorten it or set `events.config: file`"
    )]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        most: usize,
    },
    /// There is nothing to go back to.
    #[error("nothing to go back to: only the config in force is in the history")]
    NothingBefore,
    /// The history cannot be read or written.
    #[error(transparent)]
    History(#[from] HistoryError),
}

fn named(keys: &[String]) -> String {
    let listed: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    format!("{} {}", listed.join(", "), if keys.len() == 1 { "needs" } else { "need" })
}

/// What would come of a config.
#[derive(Debug)]
pub struct Verdict {
    /// The config as it would be in force, or everything that is wrong with it.
    pub outcome: Result<Mixed, Vec<Wrong>>,
    /// What would change.
    pub differences: Vec<Difference>,
    /// Likely mistakes that would not stop it.
    pub warnings: Vec<String>,
}

impl Keeper {
    /// Takes the file up if it has changed since it was last read; `None`: it has not.
    pub fn follow_file(&self) -> Option<Result<Changed, ChangeError>> {
        let path = self.file.as_ref()?;
        let mut changing = self.changing.lock();
        let digest = config::digest_of(path);
        if digest == changing.digest {
            return None;
        }
        changing.digest = digest;
        if self.is_by_topic() {
            tracing::warn!("the file has changed; {}; its other keys count with the next start", ChangeError::ByTopic);
            return None;
        }
        Some(self.read_file(&mut changing))
    }

    /// Takes the file up, changed or not: what was put since does not count any more.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn reload_file(&self) -> Result<Changed, ChangeError> {
        let mut changing = self.changing.lock();
        if self.is_by_topic() {
            tracing::warn!("{}", ChangeError::ByTopic);
            return Err(ChangeError::ByTopic);
        }
        changing.digest = self.file.as_deref().and_then(config::digest_of);
        self.read_file(&mut changing)
    }

    fn read_file(&self, changing: &mut Changing) -> Result<Changed, ChangeError> {
        let source = if self.file.is_some() { Source::File } else { Source::Defaults };
        let read = self.refuse_empty().and_then(|()| config::load(self.file.as_deref(), &self.overrides));
        let read = read.map_err(ChangeError::from);
        let outcome = read.and_then(|Loaded { config, warnings, digest, .. }| {
            changing.digest = digest;
            warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            self.take_up(changing, &config, source, None)
        });
        self.note(source, outcome)
    }

    /// An empty file is a valid config, but under a running server it is one that is just being written.
    fn refuse_empty(&self) -> Result<(), ConfigErrors> {
        let empty = |path: &&PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
        match self.file.as_ref().filter(empty) {
            None => Ok(()),
            Some(path) => {
                let why = "it is empty: for all defaults write `{}` into it".to_owned();
                Err(ConfigErrors::Unreadable { path: path.clone(), why })
            }
        }
    }

    /// Takes up a config that came over the network. It must not change keys that need a restart: who sends it would
    /// wait for what does not come.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn put(&self, body: &[u8], expected: Option<&str>, who: Option<String>) -> Result<Changed, ChangeError> {
        self.refuse_unless_alone()?;
        let mut changing = self.changing.lock();
        let running = self.now();
        if let Some(expected) = expected.filter(|expected| *expected != running.version) {
            let (in_force, expected) = (running.version.clone(), expected.to_owned());
            return Err(ChangeError::Precondition { in_force, expected });
        }
        let read = config::read_body(body, &self.overrides).map_err(ChangeError::from);
        let outcome = read.and_then(|loaded| {
            let mixed = config::mix(&loaded.config, &running.config)?;
            if !mixed.restart_required.is_empty() {
                return Err(ChangeError::RestartRequired(mixed.restart_required));
            }
            self.take_up(&mut changing, &loaded.config, Source::Put, who)
        });
        self.note(Source::Put, outcome)
    }

    /// Goes back to a config that was in force, or to the one before. Keys that need a restart stay as they run.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub fn roll_back(&self, version: Option<&str>, who: Option<String>) -> Result<Changed, ChangeError> {
        self.refuse_unless_alone()?;
        let mut changing = self.changing.lock();
        let outcome = self.bring_back(&mut changing, version, who);
        self.note(Source::Rollback, outcome)
    }

    fn bring_back(
        &self,
        changing: &mut Changing,
        version: Option<&str>,
        who: Option<String>,
    ) -> Result<Changed, ChangeError> {
        let history = &changing.history;
        let version = match version {
            Some(version) => version.to_owned(),
            None => history.before(&self.now().version).ok_or(ChangeError::NothingBefore)?.version.clone(),
        };
        let stored = history.read(&version)?;
        let loaded = config::read_stored("history", &stored, &self.overrides)?;
        self.take_up(changing, &loaded.config, Source::Rollback, who)
    }

    /// What would come of a config, changing nothing.
    #[must_use]
    pub fn judge(&self, body: &[u8]) -> Verdict {
        let running = self.now();
        let judged = config::read_body(body, &self.overrides).and_then(|loaded| {
            let differences = config::differences(&running.config, &loaded.config);
            let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
            Ok((config::mix(&loaded.config, &running.config)?, differences, warnings))
        });
        match judged {
            Ok((mixed, differences, warnings)) => Verdict { outcome: Ok(mixed), differences, warnings },
            Err(errors) => Verdict { outcome: Err(Wrong::all(&errors)), differences: Vec::new(), warnings: Vec::new() },
        }
    }

    /// Lays the live keys on what runs, writes the result down, swaps it in, and tells the followers.
    pub(super) fn take_up(
        &self,
        changing: &mut Changing,
        wanted: &Config,
        source: Source,
        who: Option<String>,
    ) -> Result<Changed, ChangeError> {
        let running = self.now();
        let Mixed { config, version, restart_required } = config::mix(wanted, &running.config)?;
        self.status.lock().restart_required = restart_required;
        if version == running.version {
            return Ok(Changed::Unchanged);
        }
        let (settings, keys) = (Arc::new(config.settings()), Keys::of(&config.access));
        let next = Arc::new(InForce {
            mapping: config.events.mapping.compiled(),
            config,
            version,
            settings,
            keys,
            since: self.clock.now(),
            source,
            who,
        });
        match changing.history.add(&next, changing.digest.clone()) {
            Ok(()) => {}
            // Who put it was promised that it survives a restart. The file does by itself, and so does the topic: there all
            // replicas must take the same.
            Err(error) if source.is_by_hand() && source != Source::Topic => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "the config is not in the history"),
        }
        self.now.store(Arc::clone(&next));
        self.followers.iter().for_each(|follower| follower(&next));
        Ok(Changed::Applied(next))
    }

    /// Counts, logs and keeps a refusal.
    pub(super) fn refused(&self, source: Source, error: ChangeError) -> ChangeError {
        match self.note(source, Err(error)) {
            Err(error) => error,
            Ok(_) => unreachable!("a refusal stays one"),
        }
    }

    /// Counts and logs what came of a change, and keeps it for `GET /v1/config`.
    pub(super) fn note(&self, source: Source, outcome: Result<Changed, ChangeError>) -> Result<Changed, ChangeError> {
        let mut status = self.status.lock();
        let (failure, label) = match &outcome {
            Ok(Changed::Applied(next)) => {
                let restart = status.restart_required.join(", ");
                tracing::info!(version = next.version, source = source.name(), restart, "config in force");
                (None, "applied")
            }
            Ok(Changed::Unchanged) => {
                if !status.restart_required.is_empty() {
                    tracing::warn!(keys = ?status.restart_required, "these keys of the config need a restart");
                }
                (None, "unchanged")
            }
            Err(error) => {
                tracing::error!(%error, source = source.name(), "config not taken up, the one before stays in force");
                (Some(self.failure(source, error)), "rejected")
            }
        };
        // Counted before it can be read: whoever sees a failure finds it in the metrics.
        self.metrics.config_changes.get_or_create(&ConfigChange { source: source.name(), outcome: label }).inc();
        status.failure = failure;
        outcome
    }

    fn failure(&self, source: Source, error: &ChangeError) -> Failure {
        let errors = match error {
            ChangeError::Invalid(errors) => Wrong::all(errors),
            error => vec![Wrong::whole(error.to_string())],
        };
        Failure { at: rfc3339(self.clock.now()), source: source.name(), errors }
    }
}

impl Status {
    /// Whether the newest config that was given is in force, all of it.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.failure.is_none()
    }
}
