//! CSV and TSV: one row at a time, so that a row that cannot be read costs only itself.

use std::borrow::Cow;
use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::columns::{Column, Layout};
use super::lines::{Line, Lines, MAX_LINE_BYTES};
use super::reject::Reason;
use super::row::Fields;

/// Lines that one row may span, by line breaks within quotes. More are taken for a quote that was never closed.
const MAX_ROW_LINES: usize = 64;

/// The fields of one row.
#[derive(Debug, Default)]
pub struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    /// Fields in the row.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field at a place, from 0, without the white space around it.
    pub fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        Some(self.text[start..end].trim())
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

/// A row under its header.
pub struct Row<'a> {
    /// The fields.
    pub cells: &'a Cells,
    /// Where the columns stand.
    pub layout: &'a Layout,
}

impl Fields for Row<'_> {
    fn text(&self, column: Column) -> Option<Cow<'_, str>> {
        let text = self.cells.get(self.layout.place(column)?)?;
        (!text.is_empty()).then_some(Cow::Borrowed(text))
    }
}

/// The rows of a CSV or TSV text.
pub struct Rows<R> {
    lines: Lines<R>,
    parser: Reader,
}

impl<R: BufRead> Rows<R> {
    /// The rows of `input`, whose delimiter is told from its first line: the most frequent of `,`, TAB, `;` and `|`.
    ///
    /// # Errors
    /// What reading the input says.
    pub fn new(input: R) -> std::io::Result<Self> {
        let mut lines = Lines::new(input);
        let first = lines.next_line()?;
        let delimiter = first.as_ref().and_then(|line| line.bytes.as_deref()).map_or(b',', sniff);
        lines.give_back(first.into_iter().collect());
        let parser = ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        Ok(Self { lines, parser })
    }

    /// Lines read so far.
    pub fn number(&self) -> u64 {
        self.lines.number()
    }

    /// The next row and the number of its first line; `None` at the end. Blank lines are passed over.
    ///
    /// # Errors
    /// What reading the input says; a row that is none is an inner error.
    pub fn next_row(&mut self) -> std::io::Result<Option<(u64, Result<Cells, Reason>)>> {
        loop {
            let Some(line) = self.lines.next_line()? else { return Ok(None) };
            let number = line.number;
            match &line.bytes {
                None => return Ok(Some((number, Err(Reason::TooLong)))),
                Some(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {}
                Some(_) => return Ok(Some((number, self.row_from(line)?))),
            }
        }
    }

    fn row_from(&mut self, first: Line) -> std::io::Result<Result<Cells, Reason>> {
        let mut bytes = first.bytes.unwrap_or_default();
        let mut more = Vec::new();
        loop {
            if let Some(cells) = parse(&mut self.parser, &bytes) {
                return Ok(cells);
            }
            let next = if more.len() < MAX_ROW_LINES { self.lines.next_line()? } else { None };
            match next {
                Some(Line { number, bytes: Some(next) }) if bytes.len() + next.len() < MAX_LINE_BYTES => {
                    bytes.push(b'\n');
                    bytes.extend_from_slice(&next);
                    more.push(Line { number, bytes: Some(next) });
                }
                other => {
                    more.extend(other);
                    self.lines.give_back(more);
                    return Ok(Err(Reason::OpenQuote));
                }
            }
        }
    }
}

fn sniff(header: &[u8]) -> u8 {
    let count = |delimiter: u8| header.iter().filter(|&&byte| byte == delimiter).count();
    let mut best = b',';
    for delimiter in *b"\t;|" {
        if count(delimiter) > count(best) {
            best = delimiter;
        }
    }
    best
}

/// Parses the bytes of one row; `None`: a quote is still open at their end.
fn parse(parser: &mut Reader, bytes: &[u8]) -> Option<Result<Cells, Reason>> {
    parser.reset();
    let mut output = vec![0; bytes.len() + 1];
    let mut ends = vec![0; bytes.len() + 2];
    let (_, read, written, fields) = parser.read_record(bytes, &mut output, &mut ends);
    debug_assert_eq!(read, bytes.len(), "the output is as long as the input");
    let (result, _, more, last) = parser.read_record(b"\n", &mut output[written..], &mut ends[fields..]);
    if !matches!(result, ReadRecordResult::Record) {
        return None;
    }
    output.truncate(written + more);
    ends.truncate(fields + last);
    Some(match String::from_utf8(output) {
        Ok(text) if ends.iter().all(|&end| text.is_char_boundary(end)) => Ok(Cells { text, ends }),
        _ => Err(Reason::NotUtf8),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, String>)> {
        let mut rows = Rows::new(text).expect("reads");
        std::iter::from_fn(|| rows.next_row().expect("reads"))
            .map(|(number, row)| {
                (number, row.map(|cells| cells.iter().map(str::to_owned).collect()).map_err(|e| e.heading()))
            })
            .collect()
    }

    fn ok(number: u64, cells: &[&str]) -> (u64, Result<Vec<String>, String>) {
        (number, Ok(cells.iter().map(|&cell| cell.to_owned()).collect()))
    }

    #[test]
    fn the_delimiter_is_told_from_the_header() {
        for delimiter in [",", "\t", ";", "|"] {
            let text = format!("a{delimiter}b\n1{delimiter}2\n");
            assert_eq!(read(text.as_bytes()), [ok(1, &["a", "b"]), ok(2, &["1", "2"])]);
        }
    }

    #[test]
    fn quoted_fields_hold_delimiters_quotes_and_line_breaks() {
        let text = b"a,b\n\"x,\"\"y\"\"\",\"two\nlines\"\n3,4\n";
        assert_eq!(read(text), [ok(1, &["a", "b"]), ok(2, &["x,\"y\"", "two\nlines"]), ok(4, &["3", "4"])]);
    }

    #[test]
    fn an_open_quote_costs_one_row() {
        let text = b"a,b\n\"open,1\n2,3\n4,5";
        assert_eq!(
            read(text),
            [ok(1, &["a", "b"]), (2, Err("open quote".into())), ok(3, &["2", "3"]), ok(4, &["4", "5"])]
        );
    }

    #[test]
    fn a_row_that_is_not_utf8_costs_one_row() {
        let text = b"a,b\n\xff\xfe,1\n2,3";
        assert_eq!(read(text), [ok(1, &["a", "b"]), (2, Err("not UTF-8".into())), ok(3, &["2", "3"])]);
    }

    #[test]
    fn blank_lines_are_passed_over_and_empty_fields_kept() {
        assert_eq!(read(b"a,b,c\r\n\r\n,,\r\n"), [ok(1, &["a", "b", "c"]), ok(3, &["", "", ""])]);
    }
}
