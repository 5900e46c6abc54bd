//! Why a replay cannot be run or cannot say anything.

use std::path::PathBuf;

use sidecart_engine::nouns::{IdError, Timestamp};

use super::asked::MAX_LAGS;
use crate::wire::scalar::rfc3339;

/// Why a replay cannot be run or cannot say anything.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No event was read.
    #[error("`{0}` has no usable event: see the rejected rows above, or give a file with events")]
    NoEvents(String),
    /// Nothing lies before the cut, so there is nothing to learn from.
    #[error(
        "no event lies before the cut at {}: the data begin at {}: set --cut between {} and {}",
        rfc3339(*.cut), rfc3339(*.first), rfc3339(*.first), rfc3339(*.last)
    )]
    NothingBefore {
        /// The cut.
        cut: Timestamp,
        /// The first event.
        first: Timestamp,
        /// The last event.
        last: Timestamp,
    },
    /// The protocol found nothing to score.
    #[error("nothing to score after the cut at {}: {hint}", rfc3339(*.cut))]
    NoQueries {
        /// The cut.
        cut: Timestamp,
        /// What the protocol needs.
        hint: &'static str,
    },
    /// Two options that exclude each other.
    #[error("{0}")]
    Usage(&'static str),
    /// A baseline that has nothing to count.
    #[error(
        "`conditional` counts what is bought together, and the data have no purchase: leave it out of --strategies"
    )]
    NoPurchases,
    /// The training part has no last window to search on.
    #[error(
        "the training part, {} to {}, has no last window with events before it: set a later --cut, or another --window",
        rfc3339(*.first), rfc3339(*.end)
    )]
    NoWindow {
        /// Its first event.
        first: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// Nothing to rank.
    #[error("the training part has one item alone, and nothing to choose between: give data with several items")]
    TooFewItems,
    /// Chance cannot be told from gain.
    #[error(
        "only {found} sessions are asked in from {} on, and of fewer than {least} no gain can be told from chance: \
         give more data, or a longer --window",
        rfc3339(*.from)
    )]
    TooFewSessions {
        /// How many there are.
        found: usize,
        /// How many there must be.
        least: usize,
        /// Where the window begins.
        from: Timestamp,
    },
    /// No such figure.
    #[error("--metric `{given}` is unknown: give one of {known}")]
    Metric {
        /// As given.
        given: String,
        /// Those there are.
        known: String,
    },
    /// Each lag needs an engine of its own.
    #[error(
        "{0} different lags need as many engines: give at most {MAX_LAGS} in --model-lag and --context-lag together"
    )]
    TooManyLags(usize),
    /// The pairs cannot be read.
    #[error("cannot read pairs from `{}`: {source}: check the path", .path.display())]
    Pairs {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of the pairs is none.
    #[error("`{}` line {line}: {why}: write item ids with spaces between, a TAB, and the next item", .path.display())]
    Pair {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong.
        why: PairFault,
    },
}

/// What is wrong with a line of a pairs file.
#[derive(Debug, thiserror::Error)]
pub enum PairFault {
    /// No TAB.
    #[error("there is no TAB")]
    NoTab,
    /// Nothing before the TAB.
    #[error("the prefix is empty")]
    NoPrefix,
    /// Not UTF-8, or too long.
    #[error("the line is too long or not UTF-8")]
    NoText,
    /// Not an identifier.
    #[error("`{0}` {1}")]
    Id(String, IdError),
}
