use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fetch::fetch;

/// Numbers texts in order of first mention.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interner {
    texts: Vec<Box<str>>,
    numbers: FxHashMap<Box<str>, u32>,
}

impl Interner {
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// Has the texts of these numbers fetched, see [`fetch`]: first where each lies, then how it begins.
    pub(crate) fn fetch(&self, numbers: impl Iterator<Item = u32> + Clone) {
        let texts = numbers.map(|number| &self.texts[number as usize]);
        fetch(texts.clone().map(|text| text.len() as u32));
        fetch(texts.map(|text| u32::from(text.as_bytes().first().copied().unwrap_or_default())));
    }

    pub(crate) fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    /// The text's number, a new one if it has none yet.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.get(text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }
}

impl Serialize for Interner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Interner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<Box<str>>::deserialize(deserializer)?;
        let numbers = texts.iter().enumerate().map(|(number, text)| (text.clone(), number as u32)).collect();
        Ok(Self { texts, numbers })
    }
}
