//! Identifiers kept once each, and small numbers in their place.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use sidecart_engine::nouns::IdError;

/// The number that stands for an absent identifier.
pub const NONE: u32 = u32::MAX;

/// Identifiers of one kind, numbered from 0 in order of first mention.
#[derive(Debug, Clone)]
pub struct Symbols<T> {
    ids: Vec<T>,
    numbers: FxHashMap<T, u32>,
}

impl<T> Default for Symbols<T> {
    fn default() -> Self {
        Self { ids: Vec::new(), numbers: FxHashMap::default() }
    }
}

impl<T: Clone + Eq + Hash + Borrow<str> + TryFrom<String, Error = IdError>> Symbols<T> {
    /// The number of an identifier, new or known.
    ///
    /// # Errors
    /// [`IdError`] where the text is no identifier.
    pub fn intern(&mut self, text: &str) -> Result<u32, IdError> {
        if let Some(&number) = self.numbers.get(text) {
            return Ok(number);
        }
        let id = T::try_from(text.to_owned())?;
        let number = u32::try_from(self.ids.len()).expect("rows are limited far below 2^32");
        self.ids.push(id.clone());
        self.numbers.insert(id, number);
        Ok(number)
    }

    /// The number of a known identifier.
    pub fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The identifier of a number; `None` for [`NONE`].
    pub fn id(&self, number: u32) -> Option<&T> {
        self.ids.get(number as usize)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use sidecart_engine::nouns::ItemId;

    use super::*;

    #[test]
    fn an_id_keeps_its_number() {
        let mut symbols = Symbols::<ItemId>::default();
        assert_eq!(symbols.intern("a"), Ok(0));
        assert_eq!(symbols.intern("b"), Ok(1));
        assert_eq!(symbols.intern("a"), Ok(0));
        assert_eq!(symbols.id(1).map(ItemId::as_str), Some("b"));
        assert_eq!(symbols.id(NONE), None);
        assert_eq!(symbols.intern(""), Err(IdError::Empty));
        assert_eq!(symbols.len(), 2);
    }
}
