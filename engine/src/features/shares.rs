//! Figures by the number of a category or brand, summed up once per request and looked up for each candidate.

/// Sums by number.
#[derive(Debug, Default)]
pub(super) struct Shares(Vec<(u32, f32)>);

impl Shares {
    /// Sums up what is told of each number, none of it negative, and puts each sum into its final form. Sums do not depend
    /// on the order of the parts.
    pub(super) fn of(parts: impl Iterator<Item = (u32, f32)>, form: impl Fn(f32) -> f32) -> Self {
        // Number and part as one integer: nothing is sorted faster.
        let mut parts: Vec<u64> =
            parts.map(|(number, part)| u64::from(number) << 32 | u64::from(part.to_bits())).collect();
        parts.sort_unstable();
        let number = |part: u64| (part >> 32) as u32;
        let sums = parts.chunk_by(|&a, &b| number(a) == number(b)).map(|parts| {
            let mut values = parts.iter().map(|&part| f32::from_bits(part as u32));
            let first = values.next().unwrap_or_default();
            (number(parts[0]), form(values.fold(first, |sum, value| sum + value)))
        });
        Self(sums.collect())
    }

    /// The figure of a number, 0 where nothing was told of it.
    pub(super) fn get(&self, number: u32) -> f32 {
        self.0.binary_search_by_key(&number, |&(of, _)| of).map_or(0.0, |place| self.0[place].1)
    }
}

/// Which numbers will be asked for, a bit for those that are alike modulo 1,024: few others pass.
#[derive(Debug, Default)]
pub(super) struct Asked([u64; 16]);

impl Asked {
    pub(super) fn of(numbers: impl Iterator<Item = u32>) -> Self {
        let mut asked = Self::default();
        numbers.for_each(|number| asked.0[(number / 64 % 16) as usize] |= 1 << (number % 64));
        asked
    }

    /// Whether it may be asked for: holds for each that is.
    pub(super) fn may_hold(&self, number: u32) -> bool {
        self.0[(number / 64 % 16) as usize] >> (number % 64) & 1 == 1
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
            let shares = Shares::of(parts.into_iter(), |sum| sum * 10.0);
            assert!((shares.get(2) - 6.0).abs() < 1e-6 && (shares.get(7) - 4.0).abs() < 1e-6);
            assert_eq!(shares.get(3), 0.0);
        }
    }

    #[test]
    fn what_is_asked_for_passes_and_few_others_do() {
        let asked = Asked::of([3, 70, u32::MAX].into_iter());
        assert!([3, 70, u32::MAX].into_iter().all(|number| asked.may_hold(number)));
        assert_eq!((0..1023).filter(|&number| asked.may_hold(number)).count(), 2);
    }
}
