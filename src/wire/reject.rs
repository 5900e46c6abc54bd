use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// Why something was not taken, in a form that a program can branch on. Stable: names never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not JSON.
    BadJson,
    /// Not UTF-8.
    NotUtf8,
    /// JSON of the wrong shape, such as a text where a list belongs.
    BadShape,
    /// A required field is not there.
    MissingField,
    /// `eventType` is none that is known.
    UnknownType,
    /// An instant that is none, or is outside 1990 to 2100.
    BadTime,
    /// Older than `events.allowed_lateness`.
    TooLate,
    /// Further ahead than `events.max_future_skew`.
    InFuture,
    /// An amount that is none: NaN, negative, absurd, or not a number.
    BadPrice,
    /// Not an ISO 4217 code.
    BadCurrency,
    /// Not a whole number in range.
    BadQuantity,
    /// Empty, too long, or with control characters.
    BadId,
    /// A value outside what its field allows.
    BadValue,
    /// More lines, items or elements than allowed.
    TooMany,
    /// The catalogue does not know the item.
    UnknownItem,
    /// No model of that version is kept.
    UnknownModel,
}

impl Code {
    /// The name in JSON and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::NotUtf8 => "not_utf8",
            Self::BadShape => "bad_shape",
            Self::MissingField => "missing_field",
            Self::UnknownType => "unknown_type",
            Self::BadTime => "bad_time",
            Self::TooLate => "too_late",
            Self::InFuture => "in_future",
            Self::BadPrice => "bad_price",
            Self::BadCurrency => "bad_currency",
            Self::BadQuantity => "bad_quantity",
            Self::BadId => "bad_id",
            Self::BadValue => "bad_value",
            Self::TooMany => "too_many",
            Self::UnknownItem => "unknown_item",
            Self::UnknownModel => "unknown_model",
        }
    }
}

/// One thing that was not taken, and what its sender can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Rejection {
    /// The kind of reason.
    pub code: Code,
    /// The field at fault, such as `items[2].price`; `None`: the whole.
    pub field: Option<String>,
    /// What is wrong, ending with the remedy.
    pub problem: String,
}

impl Rejection {
    /// A rejection of the whole.
    #[must_use]
    pub fn whole(code: Code, problem: impl Into<String>) -> Self {
        Self { code, field: None, problem: problem.into() }
    }

    /// A rejection because of one field.
    #[must_use]
    pub fn field(code: Code, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { code, field: Some(field.into()), problem: problem.into() }
    }

    /// A required field that is not there.
    #[must_use]
    pub fn missing(field: impl Into<String>, remedy: &str) -> Self {
        Self::field(Code::MissingField, field, format!("is missing: {remedy}"))
    }

    /// The same rejection, of an element of the list `name`.
    #[must_use]
    pub fn within(mut self, name: &str, index: usize) -> Self {
        self.field = Some(match self.field {
            Some(inner) => format!("{name}[{index}].{inner}"),
            None => format!("{name}[{index}]"),
        });
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "`{field}` {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}
