//! One file, read row by row into whatever takes the rows.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::DataError;
use super::columns::{Column, Layout, Mapping};
use super::delimited;
use super::json;
use super::lines::Lines;
use super::open::{Source, open};
use super::parquet;
use super::reject::{Reason, Rejections};
use super::row::Fields;

/// Column names remembered for error messages; no file of events has more.
const MAX_NAMES: usize = 1_000;

/// What reading needs and gathers, over all files.
#[derive(Debug, Default)]
pub struct Reading {
    /// Other names of columns.
    pub mapping: Mapping,
    /// Column names found anywhere.
    pub seen: BTreeSet<String>,
    /// Rows not taken.
    pub rejections: Rejections,
}

/// What becomes of each row: taken, refused, or enough of them.
pub type Taken = Result<std::ops::ControlFlow<()>, Reason>;

struct Pass<'r, 't> {
    path: PathBuf,
    name: String,
    reading: &'r mut Reading,
    take: &'t mut dyn FnMut(&dyn Fields, u64) -> Taken,
}

/// A file's name for messages.
pub fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Reads a file: every row goes to `take` with its line number; rows that it refuses are noted.
///
/// # Errors
/// [`DataError`] where the file as a whole cannot be read.
pub fn read(
    path: &Path,
    required: &[Column],
    reading: &mut Reading,
    take: &mut dyn FnMut(&dyn Fields, u64) -> Taken,
) -> Result<(), DataError> {
    let mut pass = Pass { path: path.to_owned(), name: name_of(path), reading, take };
    match open(path)? {
        Source::Delimited(text) => pass.delimited(text, required),
        Source::Json(text) => pass.json(text),
        Source::Parquet(file) => pass.parquet(file, required),
    }
}

impl Pass<'_, '_> {
    fn delimited(&mut self, text: Box<dyn BufRead>, required: &[Column]) -> Result<(), DataError> {
        let mut rows = delimited::Rows::new(text).map_err(|source| self.broken(0, source))?;
        let header = match rows.next_row().map_err(|source| self.broken(0, source))? {
            Some((_, Ok(cells))) => cells.iter().map(str::to_owned).collect(),
            Some((line, Err(reason))) => {
                return Err(self.broken(line, std::io::Error::other(reason)));
            }
            None => return Err(DataError::Empty(self.path.clone())),
        };
        let layout = self.layout(header, required)?;
        while let Some((line, row)) = rows.next_row().map_err(|source| self.broken(rows.number(), source))? {
            let taken = row.and_then(|cells| match cells.len() {
                found if found == layout.width() => {
                    (self.take)(&delimited::Row { cells: &cells, layout: &layout }, line)
                }
                found => Err(Reason::Width { found, expected: layout.width() }),
            });
            if self.note(line, taken) {
                break;
            }
        }
        Ok(())
    }

    fn json(&mut self, text: Box<dyn BufRead>) -> Result<(), DataError> {
        let mapping = self.reading.mapping.clone();
        let mut lines = Lines::new(text);
        while let Some(line) = lines.next_line().map_err(|source| self.broken(lines.number(), source))? {
            let taken = match &line.bytes {
                None => Err(Reason::TooLong),
                Some(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => continue,
                Some(bytes) => json::parse(bytes).and_then(|object| {
                    self.see(object.keys().map(String::as_str));
                    json::Row::new(&object, &mapping).and_then(|row| (self.take)(&row, line.number))
                }),
            };
            if self.note(line.number, taken) {
                break;
            }
        }
        Ok(())
    }

    fn parquet(&mut self, file: std::fs::File, required: &[Column]) -> Result<(), DataError> {
        let path = self.path.clone();
        let broken = |source| DataError::Parquet { path: path.clone(), source };
        let table = parquet::Table::open(file).map_err(broken)?;
        let layout = self.layout(table.header(), required)?;
        for (row, record) in table.rows().map_err(broken)?.enumerate() {
            let record = record.map_err(broken)?;
            let number = row as u64 + 1;
            let taken = (self.take)(&parquet::Row::new(&record, &layout), number);
            if self.note(number, taken) {
                break;
            }
        }
        Ok(())
    }

    fn layout(&mut self, header: Vec<String>, required: &[Column]) -> Result<Layout, DataError> {
        self.see(header.iter().map(String::as_str));
        let layout = Layout::of(&header, &self.reading.mapping);
        match required.iter().find(|&&column| layout.place(column).is_none()) {
            Some(&column) => Err(DataError::MissingColumn { path: self.path.clone(), column, present: header }),
            None => Ok(layout),
        }
    }

    fn see<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            if self.reading.seen.len() < MAX_NAMES && !self.reading.seen.contains(name) {
                self.reading.seen.insert(name.to_owned());
            }
        }
    }

    /// Notes a refusal; says whether enough was read.
    fn note(&mut self, line: u64, taken: Taken) -> bool {
        match taken {
            Ok(flow) => flow.is_break(),
            Err(reason) => {
                self.reading.rejections.add(&self.name, line, &reason);
                false
            }
        }
    }

    fn broken(&self, line: u64, source: std::io::Error) -> DataError {
        DataError::Read { path: self.path.clone(), line, source }
    }
}
