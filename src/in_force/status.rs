use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{At, ConfigErrors, Problem};

/// What is to be known of the newest change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Why the newest change was not taken up; `None`: it was.
    pub failure: Option<Failure>,
    /// Keys in which the newest config differs from what runs, and that need a restart.
    pub restart_required: Vec<String>,
}

/// A config that was not taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConfigFailure)]
pub struct Failure {
    /// When.
    pub at: String,
    /// Where it came from.
    pub source: &'static str,
    /// Everything that is wrong with it.
    pub errors: Vec<Wrong>,
}

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ConfigError)]
pub struct Wrong {
    /// What is wrong, where, and the remedy.
    pub message: String,
    /// Path of the key, if it is one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Wrong {
    /// A fault of the whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), key: None, line: None, column: None }
    }

    /// Everything that is wrong.
    pub fn all(errors: &ConfigErrors) -> Vec<Self> {
        match errors {
            ConfigErrors::Unreadable { .. } => vec![Self::whole(errors.to_string())],
            ConfigErrors::Invalid(problems, more) => {
                let more = (*more > 0).then(|| Self::whole(format!("and {more} more")));
                problems.iter().map(Self::from).chain(more).collect()
            }
        }
    }
}

impl From<&Problem> for Wrong {
    fn from(problem: &Problem) -> Self {
        let (line, column) = match problem.at {
            At::File { line, column, .. } => (Some(line), Some(column)),
            At::Env(_) | At::Flag(_) | At::Nowhere => (None, None),
        };
        let key = Some(problem.key.clone()).filter(|key| !key.is_empty());
        Self { message: problem.to_string(), key, line, column }
    }
}
