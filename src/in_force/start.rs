use super::history::History;
use super::status::{Failure, Wrong};
use super::{HistoryError, Source, Way};
use crate::config::{Loaded, mix, read_stored};
use crate::wire::scalar::rfc3339;
use sidecart_engine::nouns::Timestamp;

/// The config that a server starts with.
#[derive(Debug)]
pub struct Beginning {
    /// The config, and how it came about.
    pub loaded: Loaded,
    /// Where it came from.
    pub source: Source,
    /// Who brought it, if that is known.
    pub who: Option<String>,
    /// Why it is not the one that was in force before the stop, if it should have been.
    pub failure: Option<Failure>,
}

/// Which config a server starts with: whoever came last. What was put or rolled back to goes on to be in force after a
/// restart, with the keys that need one taken from the file; unless the file has changed since.
///
/// # Errors
/// [`HistoryError::Io`] when the history is there and cannot be read.
pub fn at_start(loaded: Loaded, now: Timestamp) -> Result<(Beginning, History), HistoryError> {
    let history = History::open(&loaded.config.data_dir)?;
    let source = if loaded.path.is_some() { Source::File } else { Source::Defaults };
    let mut beginning = Beginning { loaded, source, who: None, failure: None };
    let Some(newest) = history.newest().filter(|newest| newest.source.is_by_hand()) else {
        return Ok((beginning, history));
    };
    let is_by_topic = Way::of(&beginning.loaded.config) == Way::Topic;
    if (newest.source == Source::Topic) != is_by_topic {
        // What one replica was given does not count where all get theirs elsewhere, and the other way round.
        return Ok((beginning, history));
    }
    if newest.digest != beginning.loaded.digest && !is_by_topic {
        tracing::warn!(version = newest.version, "the file has changed since that config was put: the file counts");
        return Ok((beginning, history));
    }
    match stored(&history, &newest.version, &beginning.loaded) {
        Ok(loaded) => {
            (beginning.loaded, beginning.source, beginning.who) = (loaded, newest.source, newest.who.clone());
        }
        Err(errors) => {
            let errors_in_words: Vec<&str> = errors.iter().map(|wrong| wrong.message.as_str()).collect();
            tracing::error!(version = newest.version, errors = ?errors_in_words, "what was put is not taken up again");
            beginning.failure = Some(Failure { at: rfc3339(now), source: newest.source.name(), errors });
        }
    }
    Ok((beginning, history))
}

/// The live keys of a stored config over those of the file.
fn stored(history: &History, version: &str, file: &Loaded) -> Result<Loaded, Vec<Wrong>> {
    let config = history.read(version).map_err(|error| vec![Wrong::whole(error.to_string())])?;
    let read = read_stored("history", &config, &file.overrides).map_err(|errors| Wrong::all(&errors))?;
    let mixed = mix(&read.config, &file.config).map_err(|errors| Wrong::all(&errors))?;
    Ok(Loaded { config: mixed.config, version: mixed.version, ..file.clone() })
}
