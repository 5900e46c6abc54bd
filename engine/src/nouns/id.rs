use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest identifier accepted, in bytes. Long enough for a URN or a UUID with a prefix, short enough that a
/// million of them stay small.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text cannot be an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty or only white space.
    #[error("is empty: give a text of 1 to {MAX_ID_BYTES} bytes")]
    Empty,
    /// The text is longer than [`MAX_ID_BYTES`].
    #[error("is {0} bytes long: at most {MAX_ID_BYTES} are allowed")]
    TooLong(usize),
    /// The text holds a control character, such as a line break.
    #[error("holds the control character U+{0:04X}: remove it")]
    Control(u32),
}

fn checked(text: &str) -> Result<Box<str>, IdError> {
    if text.trim().is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong(text.len()));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(IdError::Control(c as u32)),
        None => Ok(text.into()),
    }
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a text of 1 to [`MAX_ID_BYTES`] bytes without control characters.
            ///
            /// # Errors
            /// [`IdError`] says what is wrong with the text.
            pub fn new(text: &str) -> Result<Self, IdError> {
                checked(text).map(Self)
            }

            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

identifiers! {
    /// Names an event once and for all; applying it twice equals applying it once.
    EventId,
    /// Names an item (a product variant that can be put in a cart).
    ItemId,
    /// Names a visit; a shop's session cookie.
    SessionId,
    /// Names a known shopper, pseudonymously.
    UserId,
    /// Names a device or browser before its shopper is known.
    AnonymousId,
    /// Names an order; the lines of one order may arrive in several events.
    OrderId,
    /// Names a place in the shop where answers are shown: `pdp`, `cart`, `checkout`, ...
    PlacementId,
    /// Names one answered request.
    RequestId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_visible_text() {
        assert_eq!(ItemId::new("SKU-1").map(|id| id.to_string()), Ok("SKU-1".into()));
        assert_eq!(ItemId::new("  "), Err(IdError::Empty));
        assert_eq!(ItemId::new("a\nb"), Err(IdError::Control(10)));
        assert_eq!(ItemId::new(&"x".repeat(129)), Err(IdError::TooLong(129)));
        assert!(ItemId::new(&"x".repeat(128)).is_ok());
    }
}
