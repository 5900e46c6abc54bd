use crate::nouns::{Intent, Model};

/// Lists over which the share found is a mean; those before fade by 1/e per so many.
const FOUND_LISTS: u32 = 2_000;

/// How much of what shoppers took was in their lists: the plain mean at first, then one that forgets, so that it follows
/// the shop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// 0..=1; means nothing before the first list.
    pub(super) share: f32,
    lists: u32,
}

impl Found {
    pub(super) fn of(model: &Model, intent: Intent) -> Self {
        let known = model.found.get(&intent).copied().filter(|share| (0.0..=1.0).contains(share));
        known.map_or(Self { share: 0.0, lists: 0 }, |share| Self { share, lists: FOUND_LISTS })
    }

    /// Takes in the share that one list held.
    pub(super) fn add(&mut self, share: f32) {
        self.lists = (self.lists + 1).min(FOUND_LISTS);
        self.share += (share - self.share) / self.lists as f32;
    }

    /// Whether there was a list yet.
    pub(super) fn is_known(&self) -> bool {
        self.lists > 0
    }
}
