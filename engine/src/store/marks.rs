use super::{ItemIx, Seen};

/// The items of context, to be found again among many items.
pub(crate) struct Marks<'a> {
    context: &'a [Seen],
    /// A bit per hash of an item of context: most others are told to be no such item by it alone.
    bits: [u64; 4],
}

impl<'a> Marks<'a> {
    pub(crate) fn of(context: &'a [Seen]) -> Self {
        let mut bits = [0; 4];
        context.iter().for_each(|seen| bits[(seen.item / 64 % 4) as usize] |= 1 << (seen.item % 64));
        Self { context, bits }
    }

    /// The item's place in the context.
    pub(crate) fn place(&self, item: ItemIx) -> Option<usize> {
        if self.bits[(item / 64 % 4) as usize] >> (item % 64) & 1 == 0 {
            return None;
        }
        self.context.iter().position(|seen| seen.item == item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_told_by_their_places_also_where_hashes_meet() {
        let seen =
            |item| Seen { item, age: 0.0, times: 1, in_cart: false, browsed: true, counted: false, interest: 0.0 };
        let context = [seen(7), seen(300)];
        let marks = Marks::of(&context);
        assert_eq!([7, 300, 7 + 256, 8].map(|item| marks.place(item)), [Some(0), Some(1), None, None]);
    }
}
