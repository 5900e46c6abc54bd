//! Bounded reading of text files, line by line.

use std::collections::VecDeque;
use std::io::{BufRead, Read, Result};

/// The longest line read, in bytes. An order of a thousand lines fits; a broken file does not fill the memory.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// A line, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// Without its line break; `None`: longer than [`MAX_LINE_BYTES`], and skipped.
    pub bytes: Option<Vec<u8>>,
}

/// The lines of a text. Lines can be handed back, to be read again.
pub struct Lines<R> {
    input: R,
    read: u64,
    returned: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`.
    pub fn new(input: R) -> Self {
        Self { input, read: 0, returned: VecDeque::new() }
    }

    /// Lines read so far.
    pub fn number(&self) -> u64 {
        self.read
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// What reading the input says.
    pub fn next_line(&mut self) -> Result<Option<Line>> {
        if let Some(line) = self.returned.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        if self.read_until_break(&mut bytes)? == 0 {
            return Ok(None);
        }
        self.read += 1;
        if bytes.last() != Some(&b'\n') && bytes.len() > MAX_LINE_BYTES {
            self.skip_rest_of_line()?;
            return Ok(Some(Line { number: self.read, bytes: None }));
        }
        while matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        Ok(Some(Line { number: self.read, bytes: Some(bytes) }))
    }

    /// Hands lines back: they are the next to be read, in the order given.
    pub fn give_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.returned.push_front(line);
        }
    }

    fn read_until_break(&mut self, into: &mut Vec<u8>) -> Result<usize> {
        (&mut self.input).take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', into)
    }

    fn skip_rest_of_line(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if self.read_until_break(&mut bytes)? == 0 || bytes.last() == Some(&b'\n') {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_beyond_the_limit_is_skipped_and_the_next_is_read() {
        let mut text = vec![b'x'; 3 * MAX_LINE_BYTES];
        text.extend_from_slice(b"\nnext\r\nlast");
        let mut lines = Lines::new(&text[..]);
        assert_eq!(lines.next_line().expect("reads"), Some(Line { number: 1, bytes: None }));
        assert_eq!(lines.next_line().expect("reads"), Some(Line { number: 2, bytes: Some(b"next".to_vec()) }));
        assert_eq!(lines.next_line().expect("reads"), Some(Line { number: 3, bytes: Some(b"last".to_vec()) }));
        assert_eq!(lines.next_line().expect("reads"), None);
    }

    #[test]
    fn lines_handed_back_are_read_again_in_order() {
        let mut lines = Lines::new(&b"a\nb\nc\n"[..]);
        let mut two = Vec::new();
        two.extend(lines.next_line().expect("reads"));
        two.extend(lines.next_line().expect("reads"));
        lines.give_back(two);
        let rest: Vec<u64> = std::iter::from_fn(|| lines.next_line().expect("reads")).map(|line| line.number).collect();
        assert_eq!(rest, [1, 2, 3]);
    }
}
