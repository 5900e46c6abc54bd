//! Single JSON values, read leniently: shops send ids as numbers and numbers as text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sidecart_engine::nouns::{Currency, IdError, Money, MoneyError, Timestamp};

use super::reject::{Code, Rejection};
use super::scalar::{self, ScalarError};

/// The highest age anyone is verified for; the oldest person lived to 122.
const MAX_AGE: u8 = 150;

/// A JSON value that should be a single one. `null` is read as absent by the `Option` around it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// No single value: `an object` or `a list`.
    Shape(&'static str),
}

impl fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&scalar::clip(text)),
            Self::Whole(n) => write!(f, "{n}"),
            Self::Number(n) => f.write_str(&scalar::clip(&n.to_string())),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Shape(shape) => f.write_str(shape),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(flag))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        // Ids above i64::MAX exist (hashes); as text they keep all digits.
        Ok(i64::try_from(n).map_or_else(|_| Scalar::Text(n.to_string().into()), Scalar::Whole))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(n))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Shape("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Shape("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Shape("an object"))
    }
}

/// How many fields of an object nobody reads: they are ignored, so that foreign producers work, and counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unknown(pub u32);

impl<'de> Deserialize<'de> for Unknown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = Unknown;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unknown, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Unknown(count))
            }
        }
        deserializer.deserialize_map(Count)
    }
}

/// Reads `null` as `Some(None)` where an absent field is `None`: a patch clears what it sets to null.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The text of an id, or why it is none. Whole numbers count as their decimal digits.
pub fn id<T>(field: &str, value: &Scalar<'_>, parse: impl Fn(&str) -> Result<T, IdError>) -> Result<T, Rejection> {
    let refuse = |problem: String| Rejection::field(Code::BadId, field, problem);
    match value {
        Scalar::Text(text) => parse(text).map_err(|error| refuse(error.to_string())),
        Scalar::Whole(n) => parse(&n.to_string()).map_err(|error| refuse(error.to_string())),
        other => Err(refuse(format!("is `{other}`, which is no id: give a text or a whole number"))),
    }
}

/// A text of at most `max` bytes.
pub fn text(field: &str, value: Scalar<'_>, max: usize) -> Result<String, Rejection> {
    let text = match value {
        Scalar::Text(text) => text.into_owned(),
        Scalar::Shape(shape) => {
            return Err(Rejection::field(Code::BadShape, field, format!("is {shape}: give a text")));
        }
        other => other.to_string(),
    };
    if text.len() > max {
        let problem = format!("is {} bytes long: at most {max} are allowed", text.len());
        return Err(Rejection::field(Code::BadValue, field, problem));
    }
    Ok(text)
}

/// An instant.
pub fn time(field: &str, value: &Scalar<'_>) -> Result<Timestamp, Rejection> {
    let read = match value {
        Scalar::Text(text) => scalar::timestamp(text),
        Scalar::Whole(ms) => scalar::timestamp_ms(*ms),
        Scalar::Number(ms) if ms.is_finite() => scalar::timestamp_ms(*ms as i64),
        other => Err(ScalarError::Time(other.to_string())),
    };
    read.map_err(|error| Rejection::field(Code::BadTime, field, error.to_string()))
}

/// An amount of money.
pub fn money(field: &str, value: &Scalar<'_>, currency: Currency) -> Result<Money, Rejection> {
    let read = match value {
        Scalar::Text(text) => scalar::money(text, currency),
        Scalar::Whole(n) => from_major(*n as f64, value, currency),
        Scalar::Number(n) => from_major(*n, value, currency),
        other => Err(ScalarError::Number(other.to_string())),
    };
    read.map_err(|error| Rejection::field(Code::BadPrice, field, error.to_string()))
}

fn from_major(amount: f64, value: &Scalar<'_>, currency: Currency) -> Result<Money, ScalarError> {
    Money::from_major(amount, currency).map_err(|error| ScalarError::Money(value.to_string(), error))
}

/// A currency.
pub fn currency(field: &str, value: &Scalar<'_>) -> Result<Currency, Rejection> {
    let refuse = |problem: String| Rejection::field(Code::BadCurrency, field, problem);
    match value {
        Scalar::Text(text) => text.trim().parse().map_err(|error: MoneyError| refuse(error.to_string())),
        other => Err(refuse(format!("is `{other}`, which is no currency: give three letters such as EUR"))),
    }
}

/// Units, 1 to [`sidecart_engine::nouns::MAX_QUANTITY`].
pub fn quantity(field: &str, value: &Scalar<'_>) -> Result<u32, Rejection> {
    scalar::quantity(&value.to_string()).map_err(|error| Rejection::field(Code::BadQuantity, field, error.to_string()))
}

/// Units on hand, 0 to `u32::MAX`. A negative figure, as oversold shops send it, counts as none on hand.
pub fn stock(field: &str, value: &Scalar<'_>) -> Result<u32, Rejection> {
    let figure = match value {
        Scalar::Whole(n) => Some(*n as f64),
        Scalar::Number(n) => Some(*n),
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    match figure {
        Some(units) if units <= f64::from(u32::MAX) => Ok(units.max(0.0) as u32),
        _ => {
            let problem = format!("is `{value}`, which is no stock figure: give a whole number of units, 0 or more");
            Err(Rejection::field(Code::BadQuantity, field, problem))
        }
    }
}

/// An age in years.
pub fn age(field: &str, value: &Scalar<'_>) -> Result<u8, Rejection> {
    let years = match value {
        Scalar::Whole(n) => u8::try_from(*n).ok(),
        Scalar::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    years.filter(|years| *years <= MAX_AGE).ok_or_else(|| {
        let problem = format!("is `{value}`, which is no age: give whole years, such as 18");
        Rejection::field(Code::BadValue, field, problem)
    })
}

/// `true` or `false`, also as text or as 1 and 0.
pub fn flag(field: &str, value: &Scalar<'_>) -> Result<bool, Rejection> {
    match value {
        Scalar::Flag(flag) => Ok(*flag),
        Scalar::Whole(1) => Ok(true),
        Scalar::Whole(0) => Ok(false),
        Scalar::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Scalar::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(Rejection::field(Code::BadValue, field, format!("is `{other}`: give true or false"))),
    }
}
