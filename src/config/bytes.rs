use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Units as people write them; within each family the largest first, so that the first that divides is the shortest.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// The largest size that can be written: a pebibyte. Larger ones are typing errors.
const MAX: u64 = 1 << 50;

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BytesError {
    /// Not a number with a unit.
    #[error("is not a size: give a whole number of bytes, or one with a unit (`64MiB`, `4GiB`, `8MB`)")]
    Form,
    /// Beyond [`MAX`].
    #[error("is larger than 1024TiB: check the unit")]
    TooLarge,
}

/// A size in bytes; written `64MiB`, `4GiB`, `8MB`, or as a plain number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(u64);

impl Bytes {
    /// So many MiB; clipped to 1024 TiB.
    #[must_use]
    pub const fn from_mib(mib: u64) -> Self {
        let bytes = mib.saturating_mul(1 << 20);
        Self(if bytes > MAX { MAX } else { bytes })
    }

    /// In bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In bytes, as a length in memory.
    #[must_use]
    pub fn len(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Bytes {
    type Err = BytesError;

    fn from_str(text: &str) -> Result<Self, BytesError> {
        let text = text.trim();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = (&text[..digits], text[digits..].trim_start());
        if number.is_empty() {
            return Err(BytesError::Form);
        }
        let scale = match unit {
            "" => 1,
            _ => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or(BytesError::Form)?.1,
        };
        let number: u64 = number.parse().map_err(|_| BytesError::TooLarge)?;
        number.checked_mul(scale).filter(|bytes| *bytes <= MAX).map(Self).ok_or(BytesError::TooLarge)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, scale)| self.0 >= *scale && self.0.is_multiple_of(*scale)) {
            Some((unit, scale)) if *scale > 1 => write!(f, "{}{unit}", self.0 / scale),
            _ => write!(f, "{}", self.0),
        }
    }
}

impl TryFrom<String> for Bytes {
    type Error = BytesError;
    fn try_from(text: String) -> Result<Self, BytesError> {
        text.parse()
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in
            [("64MiB", 64 << 20), ("4GiB", 4 << 30), ("8MB", 8_000_000), ("8 mb", 8_000_000), ("512", 512), ("1b", 1)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "1.5GiB", "-1", "4G", "4 Gigs"] {
            assert_eq!(text.parse::<Bytes>(), Err(BytesError::Form), "{text}");
        }
        assert_eq!("2000TiB".parse::<Bytes>(), Err(BytesError::TooLarge));
        assert_eq!("99999999999999999999".parse::<Bytes>(), Err(BytesError::TooLarge));
    }

    proptest! {
        #[test]
        fn a_written_size_is_read_back_as_it_was(bytes in 0..=MAX) {
            prop_assert_eq!(Bytes(bytes).to_string().parse(), Ok(Bytes(bytes)));
        }
    }
}
