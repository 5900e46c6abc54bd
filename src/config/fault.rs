//! What can be wrong with a config, in words: the value, the place, the remedy.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::wire::scalar::clip;

/// Errors listed at most; a file with more is of another format, and the first ones show which.
pub const MAX_PROBLEMS: usize = 100;

/// Known keys named at most in one message; a longer list hides its point.
const MAX_KNOWN: usize = 16;

/// Where a value stands. Displayed with a leading space, to follow the value in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// In a file.
    File {
        /// Its name, as it was given.
        name: Arc<str>,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// In an environment variable of this name.
    Env(String),
    /// In a flag of this name.
    Flag(&'static str),
    /// Nowhere in particular.
    Nowhere,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, " at {name}:{line}:{column}"),
            Self::Env(name) => write!(f, " in the environment variable `{name}`"),
            Self::Flag(name) => write!(f, " in the flag `{name}`"),
            Self::Nowhere => Ok(()),
        }
    }
}

/// What is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A key that no section has.
    UnknownKey {
        /// The key as written.
        key: String,
        /// The known key most like it.
        near: Option<String>,
        /// The keys that would be known there.
        known: Vec<String>,
    },
    /// A key that must be there and is not.
    MissingKey(String),
    /// A key that stands twice in one map.
    DuplicateKey {
        /// The key.
        key: String,
        /// The line of its first mention.
        first_line: usize,
    },
    /// A value of the wrong type, form or range.
    Value {
        /// The value as written, clipped, in backticks; or "a list", "a map", "nothing".
        shown: String,
        /// What is wrong, and the remedy: "is below 1: give 1 to 100".
        says: String,
    },
    /// A `${NAME}` whose variable is not set and that has no default.
    Unset(String),
    /// A `${` that is no `${NAME}` or `${NAME:-default}`.
    Reference(String),
    /// A `${` in a document that came over the network.
    NoReferences(String),
    /// Two values that do not go together.
    Conflict {
        /// The value at the place.
        shown: String,
        /// What is wrong, and the remedy: "is shorter than `b` (24h): give at least 24h".
        says: String,
    },
    /// Not YAML, or YAML that a config has no use for: what, and the remedy.
    Yaml(String),
}

/// A fault, its key and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// Path of the key, such as `server.listen`; empty where there is none.
    pub key: String,
    /// Where.
    pub at: At,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: path, at, fault } = self;
        match fault {
            Fault::UnknownKey { key, near: Some(near), .. } => {
                write!(f, "unknown key `{key}`{at}: did you mean `{near}`?")
            }
            Fault::UnknownKey { key, known, .. } => write!(f, "unknown key `{key}`{at}: {}", known_keys(known)),
            Fault::MissingKey(key) => write!(f, "missing key `{key}`{at}: it has no default, give it a value"),
            Fault::DuplicateKey { key, first_line } => {
                write!(f, "duplicate key `{key}`{at}: it stands in line {first_line} already, remove one of them")
            }
            Fault::Value { shown, says } | Fault::Conflict { shown, says } if path.is_empty() => {
                write!(f, "{shown}{at} {says}")
            }
            Fault::Value { shown, says } | Fault::Conflict { shown, says } => {
                write!(f, "{shown} for `{path}`{at} {says}")
            }
            Fault::Unset(name) => {
                write!(f, "unset variable `{name}`{at}: set it, or give a default by `${{{name}:-default}}`")
            }
            Fault::Reference(text) => {
                write!(f, "broken reference `{text}`{at}: write `${{NAME}}` or `${{NAME:-default}}`, ")?;
                f.write_str("and `$${` for the characters themselves")
            }
            Fault::NoReferences(text) => {
                write!(f, "reference in `{}`{at}: references are replaced in files only, ", clip(text))?;
                f.write_str("give the value itself")
            }
            Fault::Yaml(says) => write!(f, "invalid YAML{at}: {says}"),
        }
    }
}

fn known_keys(known: &[String]) -> String {
    let more = if known.len() > MAX_KNOWN { ", ..." } else { "" };
    let list: Vec<String> = known.iter().take(MAX_KNOWN).map(|key| format!("`{key}`")).collect();
    format!("known here are {}{more}", list.join(", "))
}

/// The candidate most like `word`, if any is like it enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    /// Below this Jaro-Winkler likeness a suggestion is more often puzzling than helpful.
    const LIKE: f64 = 0.8;
    let word = word.to_lowercase();
    let scored = candidates.map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= LIKE).map(|(_, candidate)| candidate.to_owned())
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    /// The file could not be read at all.
    #[error("cannot read the config `{}`: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        why: String,
    },
    /// The file, the environment or the flags hold errors: all of them, in the order of their places.
    #[error("{}", listed(.0, *.1))]
    Invalid(Vec<Problem>, usize),
}

impl ConfigErrors {
    /// All problems found, at most [`MAX_PROBLEMS`] of them.
    pub(super) fn invalid(mut problems: Vec<Problem>) -> Self {
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        problems.truncate(MAX_PROBLEMS);
        Self::Invalid(problems, more)
    }
}

fn listed(problems: &[Problem], more: usize) -> String {
    let mut lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}
