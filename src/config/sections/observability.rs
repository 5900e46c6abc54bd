use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// How much is logged; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What will fail if nothing is done.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// Each request.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name, as filters of log lines take it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Logs and decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Observability {
    /// The form of log lines.
    pub log_format: LogFormat,
    /// How much is logged.
    #[schemars(extend("x-live" = true))]
    pub log_level: LogLevel,
    /// Answers whose making can be looked up (`/v1/decisions/{requestId}`); the oldest leaves first.
    #[schemars(range(min = 0, max = 1_000_000))]
    #[schemars(extend("x-live" = true))]
    pub decisions_kept: usize,
}

impl Default for Observability {
    fn default() -> Self {
        Self { log_format: LogFormat::Text, log_level: LogLevel::Info, decisions_kept: 10_000 }
    }
}
