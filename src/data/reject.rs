//! Rows that were not taken, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use sidecart_engine::nouns::{EventKind, IdError, MAX_LINES};

use super::columns::{Column, nearest};
use super::lines::MAX_LINE_BYTES;
use crate::wire::scalar::{ScalarError, clip};

/// Rejected rows that are reported one by one; the rest are counted. Enough to see the pattern, few enough to read.
pub const SHOWN: usize = 20;

/// Why a row was not taken. Each starts with the column and the value where there is one, and ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The row's shape is not the header's.
    #[error("the row has {found} fields, the header has {expected}: check delimiters and quotes")]
    Width {
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A quoted field does not end.
    #[error("a quote is opened and not closed: close it, or double the quotes inside the field")]
    OpenQuote,
    /// Not UTF-8.
    #[error("the row is not UTF-8: convert the file to UTF-8")]
    NotUtf8,
    /// Longer than a row may be.
    #[error("the row is longer than {MAX_LINE_BYTES} bytes: split it")]
    TooLong,
    /// Not JSON, or not an object.
    #[error("the line is no JSON object: {0}")]
    Json(String),
    /// A required column is empty or absent.
    #[error("`{}` is missing: give every row one", .0.name())]
    Missing(Column),
    /// Not an identifier.
    #[error("`{name}` {1}", name = .0.name())]
    Id(Column, IdError),
    /// Not the value it should be.
    #[error("`{name}`: {1}", name = .0.name())]
    Value(Column, ScalarError),
    /// A flag that is neither true nor false.
    #[error("`{name}`: `{1}` is no yes or no: give true or false", name = .0.name())]
    Flag(Column, String),
    /// Not a whole number in range.
    #[error("`{name}`: `{1}` is no whole number from 0 to {2}", name = .0.name())]
    Whole(Column, String, u32),
    /// Not a kind of event.
    #[error("`event_type`: `{0}` is unknown: {remedy}", remedy = type_remedy(.0))]
    UnknownType(String),
    /// More items than an event may carry, or none.
    #[error("`items` holds {0} lines: give 1 to {MAX_LINES}")]
    Lines(usize),
}

fn type_remedy(given: &str) -> String {
    match nearest(given, EventKind::ALL.iter().map(|kind| kind.name())) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("give one of {}", EventKind::ALL.map(EventKind::name).join(", ")),
    }
}

impl Reason {
    /// The heading under which it is counted.
    pub fn heading(&self) -> String {
        match self {
            Self::Width { .. } => "wrong number of fields".into(),
            Self::OpenQuote => "open quote".into(),
            Self::NotUtf8 => "not UTF-8".into(),
            Self::TooLong => "too long".into(),
            Self::Json(_) => "not JSON".into(),
            Self::Missing(column) => format!("missing {}", column.name()),
            Self::Value(column, ScalarError::TimeRange(_)) => format!("{} out of range", column.name()),
            Self::Id(column, _) | Self::Value(column, _) | Self::Flag(column, _) | Self::Whole(column, ..) => {
                format!("bad {}", column.name())
            }
            Self::UnknownType(_) => "unknown event_type".into(),
            Self::Lines(_) => "bad items".into(),
        }
    }
}

/// One rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// In which file.
    pub file: String,
    /// At which line, from 1; the header is a line. In Parquet: the row.
    pub line: u64,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// All rejected rows: the first [`SHOWN`] in full, the rest by count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rejections {
    /// How many.
    pub total: u64,
    /// How many under each heading.
    pub by_reason: BTreeMap<String, u64>,
    /// The first of them.
    pub first: Vec<Rejected>,
}

impl Rejections {
    /// Counts one more.
    pub fn add(&mut self, file: &str, line: u64, reason: &Reason) {
        self.add_as(&reason.heading(), Rejected { file: file.to_owned(), line, reason: reason.to_string() });
    }

    /// Counts one more under a given heading.
    pub fn add_as(&mut self, heading: &str, rejected: Rejected) {
        self.total += 1;
        *self.by_reason.entry(clip(heading)).or_default() += 1;
        if self.first.len() < SHOWN {
            self.first.push(rejected);
        }
    }

    /// These and then others.
    pub fn and(mut self, others: &Self) -> Self {
        self.total += others.total;
        for (reason, count) in &others.by_reason {
            *self.by_reason.entry(reason.clone()).or_default() += count;
        }
        self.first.extend(others.first.iter().take(SHOWN.saturating_sub(self.first.len())).cloned());
        self
    }

    /// The report in words, one line each; empty if nothing was rejected.
    pub fn lines(&self) -> Vec<String> {
        if self.total == 0 {
            return Vec::new();
        }
        let mut lines: Vec<String> = self.first.iter().map(|rejected| format!("rejected {rejected}")).collect();
        let unseen = self.total - self.first.len() as u64;
        if unseen > 0 {
            lines.push(format!("... and {unseen} more"));
        }
        let counts: Vec<String> = self.by_reason.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        lines.push(format!("rejected {} rows: {}", self.total, counts.join(", ")));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_twenty_are_told_and_all_are_counted() {
        let mut rejections = Rejections::default();
        for line in 0..25 {
            rejections.add("events.csv", line + 2, &Reason::Missing(Column::SessionId));
        }
        rejections.add("events.csv", 99, &Reason::UnknownType("purchas".into()));
        let lines = rejections.lines();
        assert_eq!(lines.len(), SHOWN + 2);
        assert_eq!(lines[0], "rejected events.csv:2: `session_id` is missing: give every row one");
        assert_eq!(lines[SHOWN], "... and 6 more");
        assert_eq!(lines[SHOWN + 1], "rejected 26 rows: 25 missing session_id, 1 unknown event_type");
        let twice = rejections.clone().and(&rejections);
        assert_eq!((twice.total, twice.first.len(), twice.by_reason["missing session_id"]), (52, SHOWN, 50));
    }

    #[test]
    fn an_unknown_type_names_the_likely_one() {
        let close = Reason::UnknownType("purchas".into()).to_string();
        assert_eq!(close, "`event_type`: `purchas` is unknown: did you mean `purchase`?");
        assert!(Reason::UnknownType("zzz".into()).to_string().contains("give one of view, add_to_cart"));
    }
}
