use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts those inside and lets no more in than a limit, which may be another one each time: it is a live key of the
/// config. Never waits.
#[derive(Debug, Default)]
pub struct Gate(AtomicUsize);

/// One that is inside, until it is dropped.
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// Lets one in, unless `limit` are inside.
    pub fn enter(&self, limit: usize) -> Option<Pass<'_>> {
        let more = |inside| (inside < limit).then_some(inside + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Pass(self))
    }

    /// How many are inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_inside_and_a_lower_one_counts_at_once() {
        let gate = Gate::default();
        let passes: Vec<_> = (0..5).map_while(|_| gate.enter(3)).collect();
        assert_eq!((passes.len(), gate.inside()), (3, 3));
        drop(passes);
        let _one = gate.enter(1).expect("all have left");
        assert!(gate.enter(1).is_none());
        assert!(gate.enter(2).is_some());
    }
}
