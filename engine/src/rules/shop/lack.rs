use std::borrow::Cow;

use crate::policy::{Attr, Subject, Whose};

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
            Self::Attribute(attr) => format!("{} is unknown", attr_name(attr)).into(),
            Self::WrongKind(attr, wanted) => format!("{} is not {wanted}", attr_name(attr)).into(),
            Self::Fault(what) => what.into(),
        }
    }
}

/// The attribute as conditions spell it.
pub(super) fn attr_name(attr: &Attr) -> String {
    let whose = match attr.whose {
        Whose::Of(Subject::Item) => "item",
        Whose::Of(Subject::Each) => "each",
        Whose::User => "user",
    };
    format!("{whose}.attributes.{}", attr.name)
}
