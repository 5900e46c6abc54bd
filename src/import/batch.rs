//! Records on their way, one JSON object per line.

use serde::Serialize;

/// Records per request at most: a group commit's worth, and a rejection list that stays whole.
const MAX_RECORDS: usize = 1_000;
/// Bytes per request at most; well below the default `server.max_body`.
const MAX_BYTES: usize = 2 << 20;

/// A batch of records with where each came from.
#[derive(Debug)]
pub struct Batch<T> {
    lines: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    origins: Vec<T>,
}

impl<T: Copy> Batch<T> {
    /// An empty batch.
    pub fn new() -> Self {
        Self { lines: Vec::new(), ends: Vec::new(), origins: Vec::new() }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// It has no JSON form.
    pub fn push(&mut self, record: &impl Serialize, origin: T) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut self.lines, record)?;
        self.lines.push(b'\n');
        self.ends.push(self.lines.len());
        self.origins.push(origin);
        Ok(())
    }

    /// Whether it should be sent.
    pub fn is_full(&self) -> bool {
        self.len() >= MAX_RECORDS || self.lines.len() >= MAX_BYTES
    }

    /// Records in it.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The records as lines.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Where the record at a place came from.
    pub fn origin(&self, place: usize) -> Option<T> {
        self.origins.get(place).copied()
    }

    /// Its first and its second half.
    pub fn halves(mut self) -> (Self, Self) {
        let middle = self.len() / 2;
        let cut = if middle == 0 { 0 } else { self.ends[middle - 1] };
        let second = Self {
            lines: self.lines.split_off(cut),
            ends: self.ends.split_off(middle).into_iter().map(|end| end - cut).collect(),
            origins: self.origins.split_off(middle),
        };
        (self, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_hold_the_same_records_in_order() {
        let mut batch = Batch::new();
        for number in 0..5 {
            batch.push(&number, number).expect("serialises");
        }
        let (first, second) = batch.halves();
        assert_eq!((first.lines(), second.lines()), (&b"0\n1\n"[..], &b"2\n3\n4\n"[..]));
        assert_eq!((first.origin(1), second.origin(0), second.origin(3)), (Some(1), Some(2), None));
        let (third, fourth) = second.halves();
        assert_eq!((third.lines(), fourth.lines()), (&b"2\n"[..], &b"3\n4\n"[..]));
    }

    #[test]
    fn a_batch_is_full_by_records() {
        let mut batch = Batch::new();
        for number in 0..MAX_RECORDS {
            assert!(!batch.is_full());
            batch.push(&number, ()).expect("serialises");
        }
        assert!(batch.is_full());
    }
}
