use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A pseudonym for a session, user, order or event id: 64 bits of its hash. The text itself is not kept. Among ten
/// million live keys the chance that a new one meets another is below 1e-12.
pub(crate) type Key = u64;

/// What an id names; the same text names different things in different name spaces.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Space {
    Session = 1,
    User = 2,
    Anonymous = 3,
    Order = 4,
    Event = 5,
    /// Dice of the exploration.
    Dice = 6,
}

/// The key of `id` in `space`.
pub(crate) fn key(space: Space, id: &str) -> Key {
    xxh3_64_with_seed(id.as_bytes(), space as u64)
}
