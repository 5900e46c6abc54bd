//! Finding and opening files; their form is told from their first bytes, not from their names.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sidecart_engine::nouns::Timestamp;

use super::DataError;
use super::lines::Lines;
use crate::wire::scalar;

/// Names tried in a folder, after `events` and `catalog`, in this order.
const ENDINGS: [&str; 10] =
    [".csv.gz", ".csv", ".tsv.gz", ".tsv", ".jsonl.gz", ".jsonl", ".ndjson.gz", ".ndjson", ".parquet", ".txt.gz"];
/// The longest `split.json` read, in bytes.
const MAX_SPLIT_BYTES: u64 = 1 << 20;
/// How much of a text is looked at to tell its form.
const BUFFER_BYTES: usize = 1 << 16;

/// An opened file, by its form.
pub enum Source {
    /// CSV or TSV.
    Delimited(Box<dyn BufRead>),
    /// JSON Lines.
    Json(Box<dyn BufRead>),
    /// Parquet.
    Parquet(File),
}

/// The file of that stem in a folder, if there is one.
pub fn find(folder: &Path, stem: &str) -> Option<PathBuf> {
    ENDINGS.iter().map(|ending| folder.join(format!("{stem}{ending}"))).find(|path| path.is_file())
}

/// Opens a file.
///
/// # Errors
/// [`DataError::Open`], [`DataError::Empty`], [`DataError::Utf16`].
pub fn open(path: &Path) -> Result<Source, DataError> {
    let failed = |source| DataError::Open { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    if magic == b"PAR1" {
        return Ok(Source::Parquet(file));
    }
    let mut text = unzipped(file, &magic);
    let head = text.fill_buf().map_err(failed)?;
    if head.is_empty() {
        return Err(DataError::Empty(path.to_owned()));
    }
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return Err(DataError::Utf16(path.to_owned()));
    }
    if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        text.consume(3);
    }
    let first = text.fill_buf().map_err(failed)?.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    Ok(if first == Some(b'{') { Source::Json(text) } else { Source::Delimited(text) })
}

/// The lines of a text file, gzipped or not.
///
/// # Errors
/// What opening it says.
pub fn lines(path: &Path) -> std::io::Result<Lines<Box<dyn BufRead>>> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&mut file).take(2).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(Lines::new(unzipped(file, &magic)))
}

fn unzipped(file: File, magic: &[u8]) -> Box<dyn BufRead> {
    if magic.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(BufReader::new(file))))
    } else {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, file))
    }
}

/// The cut in a folder's `split.json`; `None` without such a file.
///
/// # Errors
/// [`DataError::Split`].
pub fn split(folder: &Path) -> Result<Option<Timestamp>, DataError> {
    let path = folder.join("split.json");
    let Ok(file) = File::open(&path) else { return Ok(None) };
    let failed = |why: String| DataError::Split { path: path.clone(), why };
    let split: serde_json::Value =
        serde_json::from_reader(file.take(MAX_SPLIT_BYTES)).map_err(|error| failed(error.to_string()))?;
    let cut = match split.get("cut") {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Number(number)) => number.to_string(),
        _ => return Err(failed("there is no `cut`".into())),
    };
    scalar::timestamp(&cut).map(Some).map_err(|error| failed(error.to_string()))
}
