//! Figures by the number of a category or brand, summed up once per request and looked up for each candidate.

/// Sums by number.
#[derive(Debug, Default)]
pub(super) struct Shares(Vec<(u32, f32)>);

impl Shares {
    /// Sums up what is told of each number, and puts each sum into its final form. Sums do not depend on the order of
    /// the parts.
    pub(super) fn of(mut parts: Vec<(u32, f32)>, form: impl Fn(f32) -> f32) -> Self {
        parts.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        parts.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0.0 };
            same
        });
        parts.iter_mut().for_each(|part| part.1 = form(part.1));
        Self(parts)
    }

    /// The figure of a number, 0 where nothing was told of it.
    pub(super) fn get(&self, number: u32) -> f32 {
        self.0.binary_search_by_key(&number, |&(of, _)| of).map_or(0.0, |place| self.0[place].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_by_number_in_whatever_order() {
        let parts = [(7, 0.3), (2, 0.5), (7, 0.1), (2, 0.1)];
        let mut turned = parts;
        turned.reverse();
        for parts in [parts, turned] {
            let shares = Shares::of(parts.to_vec(), |sum| sum * 10.0);
            assert!((shares.get(2) - 6.0).abs() < 1e-6 && (shares.get(7) - 4.0).abs() < 1e-6);
            assert_eq!(shares.get(3), 0.0);
        }
    }
}
