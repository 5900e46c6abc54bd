//! Hash maps in saved states: written in order of key, so that equal states give equal bytes.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn serialize<T: Serialize, S: Serializer>(
    map: &FxHashMap<u32, T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| **key);
    entries.serialize(serializer)
}

pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<FxHashMap<u32, T>, D::Error> {
    Ok(Vec::<(u32, T)>::deserialize(deserializer)?.into_iter().collect())
}
