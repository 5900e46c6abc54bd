//! Single values as text: instants, amounts, quantities. Shared by HTTP bodies and by data files.

use jiff::civil::DateTime;
use sidecart_engine::nouns::{Currency, MAX_QUANTITY, Money, MoneyError, Timestamp};

/// The earliest instant accepted anywhere: 1990-01-01. What claims to be older has a broken clock or a wrong unit.
pub const EARLIEST: Timestamp = Timestamp(631_152_000_000);
/// The latest instant accepted anywhere: 2100-01-01.
pub const LATEST: Timestamp = Timestamp(4_102_444_800_000);

/// Why a text is not the value it should be. The message starts with the value and ends with the remedy; the caller
/// puts the field and the place before it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScalarError {
    /// Neither RFC 3339 nor epoch time.
    #[error("`{0}` is not a time: give RFC 3339 (2026-11-23T10:00:00Z) or milliseconds since 1970")]
    Time(String),
    /// Outside [`EARLIEST`]..[`LATEST`].
    #[error("`{0}` is outside 1990 to 2100: check the unit (milliseconds since 1970) and the sender's clock")]
    TimeRange(String),
    /// Not a number.
    #[error("`{0}` is not a number: give an amount such as 3.49")]
    Number(String),
    /// A number that is no price.
    #[error("`{0}` {1}")]
    Money(String, MoneyError),
    /// Not a whole number in range.
    #[error("`{0}` is not a quantity: give a whole number from 1 to {MAX_QUANTITY}")]
    Quantity(String),
}

/// Reads an instant: RFC 3339 with an offset, the same without one (then UTC; a space may stand for the `T`), a bare
/// date, or epoch time in milliseconds (12 or more digits) or seconds (fewer, a fraction allowed).
///
/// # Errors
/// [`ScalarError::Time`], [`ScalarError::TimeRange`].
pub fn timestamp(text: &str) -> Result<Timestamp, ScalarError> {
    let text = text.trim();
    let at = epoch(text).or_else(|| calendar(text)).ok_or_else(|| ScalarError::Time(clip(text)))?;
    in_range(at, text)
}

/// Checks an instant given as milliseconds since 1970.
///
/// # Errors
/// [`ScalarError::TimeRange`].
pub fn timestamp_ms(ms: i64) -> Result<Timestamp, ScalarError> {
    in_range(Timestamp(ms), &ms.to_string())
}

fn in_range(at: Timestamp, text: &str) -> Result<Timestamp, ScalarError> {
    if at < EARLIEST || at > LATEST { Err(ScalarError::TimeRange(clip(text))) } else { Ok(at) }
}

fn epoch(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let whole = digits.split('.').next().unwrap_or_default();
    let value: f64 = text.parse().ok()?;
    Some(Timestamp(if whole.len() >= 12 { value as i64 } else { (value * 1000.0).round() as i64 }))
}

fn calendar(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(at.as_millisecond()));
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let civil: DateTime = text.parse().ok()?;
    let at = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(at.timestamp().as_millisecond()))
}

/// Writes an instant as RFC 3339 in UTC.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

/// Reads an amount in major units.
///
/// # Errors
/// [`ScalarError::Number`], [`ScalarError::Money`].
pub fn money(text: &str, currency: Currency) -> Result<Money, ScalarError> {
    let text = text.trim();
    let amount: f64 = text.parse().map_err(|_| ScalarError::Number(clip(text)))?;
    Money::from_major(amount, currency).map_err(|error| ScalarError::Money(clip(text), error))
}

/// Reads a quantity. Fractions, as weighed goods have them, count as one unit when below one and are cut otherwise.
///
/// # Errors
/// [`ScalarError::Quantity`].
pub fn quantity(text: &str) -> Result<u32, ScalarError> {
    let text = text.trim();
    let value: f64 = text.parse().map_err(|_| ScalarError::Quantity(clip(text)))?;
    if !value.is_finite() || value <= 0.0 || value > f64::from(MAX_QUANTITY) {
        return Err(ScalarError::Quantity(clip(text)));
    }
    Ok((value as u32).max(1))
}

/// At most 40 characters of a value, for an error message.
pub fn clip(text: &str) -> String {
    const MAX: usize = 40;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_usual_form() {
        let noon = Ok(Timestamp(1_767_268_800_000));
        for text in [
            "2026-01-01T12:00:00Z",
            "2026-01-01T13:00:00+01:00",
            "2026-01-01 12:00:00",
            "2026-01-01 12:00:00 UTC",
            "1767268800000",
            "1767268800",
            "1767268800.0",
        ] {
            assert_eq!(timestamp(text), noon, "{text}");
        }
        assert_eq!(timestamp("2026-01-01"), Ok(Timestamp(1_767_225_600_000)));
    }

    #[test]
    fn instants_out_of_range_or_form_are_refused() {
        assert!(matches!(timestamp("1970-01-01T00:00:00Z"), Err(ScalarError::TimeRange(_))));
        assert!(matches!(timestamp("2101-01-01T00:00:00Z"), Err(ScalarError::TimeRange(_))));
        assert!(matches!(timestamp("yesterday"), Err(ScalarError::Time(_))));
        assert!(matches!(timestamp(""), Err(ScalarError::Time(_))));
        assert!(matches!(timestamp_ms(0), Err(ScalarError::TimeRange(_))));
    }

    #[test]
    fn amounts_and_quantities_are_finite_and_positive() {
        assert_eq!(money("3.49", Currency::USD).map(|m| m.minor), Ok(349));
        assert!(matches!(money("NaN", Currency::USD), Err(ScalarError::Money(..))));
        assert!(matches!(money("cheap", Currency::USD), Err(ScalarError::Number(_))));
        assert_eq!(quantity("2"), Ok(2));
        assert_eq!(quantity("0.4"), Ok(1));
        assert!(quantity("0").is_err());
        assert!(quantity("-3").is_err());
        assert!(quantity("NaN").is_err());
    }
}
