use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a number cannot be an amount of money.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Not a finite number.
    #[error("is not a finite number: give an amount such as 3.49")]
    NotFinite,
    /// Below zero.
    #[error("is negative: give an amount of 0 or more")]
    Negative,
    /// Above what is kept exactly.
    #[error("is above {MAX_MAJOR}: check the unit")]
    TooLarge,
    /// Not an ISO 4217 alphabetic code.
    #[error("`{0}` is not a currency: give three letters such as EUR")]
    Currency(String),
}

/// The largest amount accepted, in major units; far above any price, far below where an `f64` loses cents.
const MAX_MAJOR: f64 = 1e12;

/// An ISO 4217 alphabetic code, such as `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars, the default of a shop that says nothing.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters, checked when parsed")
    }

    /// Digits after the decimal point (ISO 4217): 2 for most, 0 or 3 for some.
    #[must_use]
    pub fn digits(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_alphabetic) => Ok(Self(code.map(|c| c.to_ascii_uppercase()))),
            _ => Err(MoneyError::Currency(text.chars().take(16).collect())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An amount of money: integer minor units (cents) and their currency, never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units, such as cents.
    pub minor: i64,
    /// What they are units of.
    pub currency: Currency,
}

impl Money {
    /// The amount given in major units (`3.49`), rounded to the nearest minor unit.
    ///
    /// # Errors
    /// [`MoneyError`] for NaN, infinities, negative and absurd amounts.
    pub fn from_major(amount: f64, currency: Currency) -> Result<Self, MoneyError> {
        if !amount.is_finite() {
            return Err(MoneyError::NotFinite);
        }
        if amount < 0.0 {
            return Err(MoneyError::Negative);
        }
        if amount > MAX_MAJOR {
            return Err(MoneyError::TooLarge);
        }
        let minor = (amount * f64::from(10_u32.pow(currency.digits()))).round() as i64;
        Ok(Self { minor, currency })
    }

    /// The amount in major units, for display and for ratios.
    #[must_use]
    pub fn major(self) -> f64 {
        self.minor as f64 / f64::from(10_u32.pow(self.currency.digits()))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits() as usize;
        write!(f, "{:.digits$} {}", self.major(), self.currency.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_minor_units() {
        let eur = "eur".parse().expect("a currency");
        assert_eq!(Money::from_major(3.49, eur).map(|m| m.minor), Ok(349));
        assert_eq!(Money::from_major(0.29 * 3.0, eur).map(|m| m.minor), Ok(87));
        assert_eq!(
            Money::from_major(1200.0, "JPY".parse().expect("yen")).map(|m| m.to_string()),
            Ok("1200 JPY".into())
        );
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        assert_eq!(Money::from_major(f64::NAN, Currency::USD), Err(MoneyError::NotFinite));
        assert_eq!(Money::from_major(-0.01, Currency::USD), Err(MoneyError::Negative));
        assert_eq!(Money::from_major(1e13, Currency::USD), Err(MoneyError::TooLarge));
        assert!("euros".parse::<Currency>().is_err());
    }
}
