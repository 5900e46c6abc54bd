//! Why a data file cannot be read at all. Single bad rows are no errors: see [`super::Rejections`].

use std::path::PathBuf;

use super::columns::{Column, nearest};
use super::store::MAX_EVENTS;

/// Why a data file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The `--map` is not understood.
    #[error("--map: {0}")]
    Map(String),
    /// A name in the `--map` is no column of any file.
    #[error(
        "--map {}={theirs}: no file has a column `{theirs}`: {}",
        ours.name(),
        match nearest(theirs, seen.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("there are {}", seen.join(", ")),
        }
    )]
    UnusedMap {
        /// The column it was to be.
        ours: Column,
        /// The name not found.
        theirs: String,
        /// The names found.
        seen: Vec<String>,
    },
    /// The file cannot be opened.
    #[error("cannot open `{}`: {source}: check the path", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be read to its end.
    #[error("cannot read `{}` after line {line}: {source}: the file may be cut off or damaged", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The last line that was read.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The folder has no file of that name.
    #[error(
        "`{}` has no events file: name it events.csv, events.tsv, events.jsonl or events.parquet (.gz allowed), or give the file itself",
        .0.display()
    )]
    NoEvents(PathBuf),
    /// Not a byte in it.
    #[error("`{}` is empty: give a file with a header and at least one event", .0.display())]
    Empty(PathBuf),
    /// A header and nothing that could be used.
    #[error("no event could be read from {0}: see the rejected rows, or give a file with at least one event")]
    NoRows(String),
    /// An encoding that spreadsheets like.
    #[error("`{}` is UTF-16: save it as UTF-8", .0.display())]
    Utf16(PathBuf),
    /// A column that every file needs is not there.
    #[error(
        "`{}` has no column `{}`: it has {}: say which one it is with --map {}={}",
        .path.display(), .column.name(), present.join(", "), .column.name(),
        nearest(.column.name(), present.iter().map(String::as_str)).unwrap_or("NAME")
    )]
    MissingColumn {
        /// Which file.
        path: PathBuf,
        /// Which column.
        column: Column,
        /// The columns it has.
        present: Vec<String>,
    },
    /// Not a Parquet file that can be read.
    #[error("cannot read `{}` as Parquet: {source}: write it with snappy, zstd or gzip, or as CSV", .path.display())]
    Parquet {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: ::parquet::errors::ParquetError,
    },
    /// The split says nothing usable.
    #[error("`{}`: {why}: write {{\"cut\": \"2026-01-31T00:00:00Z\"}} or remove the file", .path.display())]
    Split {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// More events than can be held.
    #[error("more than {MAX_EVENTS} events: split the data, or take a part of it with --max-events")]
    TooMany,
}
