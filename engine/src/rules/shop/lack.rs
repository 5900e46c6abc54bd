use std::borrow::Cow;

use crate::policy::Attr;

/// Why a condition is neither true nor false.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lack<'a> {
    /// This field is not known.
    Missing(&'static str),
    /// The attribute is not known.
    Attribute(&'a Attr),
    /// The attribute is of another kind than the condition needs.
    WrongKind(&'a Attr, &'static str),
    /// It cannot be computed.
    Fault(&'static str),
}

impl Lack<'_> {
    /// In words: what is missing or wrong.
    pub(crate) fn words(self) -> Cow<'static, str> {
        match self {
            Self::Missing(field) => format!("{field} is unknown").into(),
            Self::Attribute(attr) => format!("{} is unknown", attr.name()).into(),
            Self::WrongKind(attr, wanted) => format!("{} is not {wanted}", attr.name()).into(),
            Self::Fault(what) => what.into(),
        }
    }
}
