use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidecart_engine::nouns::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// The longest span that can be written: a hundred years. Longer ones are typing errors, and would overflow instants.
const MAX_MS: i64 = 36_525 * DAY_MS;

/// Units as people write them, longest first.
const UNITS: [(&str, i64); 5] = [("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", SECOND_MS), ("ms", 1)];

/// From here on a span of whole days is written in days; below, `48h` reads better than `2d`.
const DAYS_FROM_MS: i64 = 7 * DAY_MS;

/// Why a text is no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Not numbers with units.
    #[error("is not a duration: give numbers with units (`250ms`, `30s`, `15m`, `1h30m`, `7d`)")]
    Form,
    /// A number alone.
    #[error("has no unit: give one of `ms`, `s`, `m`, `h`, `d`, such as `30s`")]
    NoUnit,
    /// Longer than a hundred years.
    #[error("is longer than 100 years: check the unit")]
    TooLong,
}

/// A length of time, in whole milliseconds; written `250ms`, `30s`, `15m`, `1h30m`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(i64);

impl Span {
    /// So many milliseconds; clipped to 0..=100 years.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(if ms < 0 {
            0
        } else if ms > MAX_MS {
            MAX_MS
        } else {
            ms
        })
    }

    /// So many seconds; clipped to 0..=100 years.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self::from_ms(seconds.saturating_mul(SECOND_MS))
    }

    /// In milliseconds; 0 or more.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0.unsigned_abs())
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(SpanError::Form);
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let unit_len = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
            let (number, unit) = (&rest[..digits], &rest[digits..digits + unit_len]);
            rest = &rest[digits + unit_len..];
            total = total.saturating_add(part(number, unit, rest.is_empty() && total == 0)?);
        }
        if total > MAX_MS { Err(SpanError::TooLong) } else { Ok(Self(total)) }
    }
}

/// One number with its unit, in milliseconds. `alone`: nothing else was written.
fn part(number: &str, unit: &str, alone: bool) -> Result<i64, SpanError> {
    if number.is_empty() {
        return Err(SpanError::Form);
    }
    let number: i64 = number.parse().map_err(|_| SpanError::TooLong)?;
    match UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, ms)) => Ok(number.saturating_mul(*ms)),
        None if unit.is_empty() && alone => Err(SpanError::NoUnit),
        None => Err(SpanError::Form),
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0;
        if left >= DAYS_FROM_MS && left % DAY_MS == 0 {
            return write!(f, "{}d", left / DAY_MS);
        }
        if left == 0 {
            return f.write_str("0s");
        }
        for (name, ms) in UNITS.iter().filter(|(name, _)| *name != "d") {
            if left >= *ms {
                write!(f, "{}{name}", left / ms)?;
                left %= ms;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("90m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
        ] {
            assert_eq!(text.parse(), Ok(Span(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_refused_with_its_remedy() {
        assert_eq!("30".parse::<Span>(), Err(SpanError::NoUnit));
        for text in ["", "m", "30 m", "1.5h", "-3s", "3w", "1h30", "ten"] {
            assert_eq!(text.parse::<Span>(), Err(SpanError::Form), "{text}");
        }
        assert_eq!("36526d".parse::<Span>(), Err(SpanError::TooLong));
        assert_eq!("99999999999999999999s".parse::<Span>(), Err(SpanError::TooLong));
    }

    #[test]
    fn spans_are_written_in_the_unit_people_would_choose() {
        for text in ["250ms", "1s500ms", "30s", "15m", "1h30m", "24h", "48h", "28d", "0s"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn a_written_span_is_read_back_as_it_was(ms in 0..=MAX_MS) {
            prop_assert_eq!(Span(ms).to_string().parse(), Ok(Span(ms)));
        }
    }
}
