use super::ItemIx;

/// Number of candidate sources.
pub(crate) const SOURCES: usize = 15;

/// Places of the candidate sources among themselves; the room of the sources keeps its list in this order.
pub(crate) mod place {
    pub(crate) const BOUGHT: usize = 0;
    pub(crate) const CARTED: usize = 1;
    pub(crate) const VIEWED: usize = 2;
    pub(crate) const NEXT: usize = 3;
    pub(crate) const KNN: usize = 4;
    pub(crate) const KNN_WHOLE: usize = 5;
    pub(crate) const TWO_HOPS: usize = 6;
    pub(crate) const USER: usize = 7;
    pub(crate) const TASTE: usize = 8;
    pub(crate) const COMPLEMENT: usize = 10;
    pub(crate) const CATEGORY: usize = 11;
    pub(crate) const NEWCOMERS: usize = 12;
    pub(crate) const TRENDING: usize = 13;
    pub(crate) const CURATED: usize = 14;
}

const EMPTY: u16 = u16::MAX;
/// Candidates taken in at most, as many as places can be told apart: far more than the sources' limits add up to.
const MAX_CANDIDATES: usize = EMPTY as usize;
/// Cap of a relative score: an item of the visit itself may stand above the best of the others.
const MAX_RELATIVE: f32 = 3.0;

/// An item that some source proposes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) item: ItemIx,
    /// Each source's score relative to its best new item, 0 to [`MAX_RELATIVE`]; 0 where it does not propose the item.
    pub(crate) relative: [f32; SOURCES],
    /// Each source's rank, from 1; 0 where it does not propose the item.
    pub(crate) ranks: [u16; SOURCES],
    /// Past visits that speak for it, as if each said as much. >= 0.
    pub(crate) voters: f32,
}

/// The union of what the sources found, each item once.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) candidates: Vec<Candidate>,
    /// Where each item's candidate stands: small numbers, so that those of a hundred thousand items stay near.
    places: Vec<u16>,
    /// Each source's best score, as it says it; 0 where it proposed nothing.
    pub(crate) best: [f32; SOURCES],
}

impl Pool {
    /// Empties the pool and makes room for item numbers below `items`.
    pub(crate) fn begin(&mut self, items: usize) {
        for candidate in self.candidates.drain(..) {
            self.places[candidate.item as usize] = EMPTY;
        }
        self.best = [0.0; SOURCES];
        self.places.resize(items.max(self.places.len()), EMPTY);
    }

    /// Takes in what one source found, best first. Scores are taken relative to `best`; an item for which `is_new` does
    /// not hold takes the rank of the new one after it, so that ranks do not depend on whether such items may return.
    pub(crate) fn add(&mut self, source: usize, found: &[(ItemIx, f32)], best: f32, is_new: impl Fn(ItemIx) -> bool) {
        let mut rank = 1;
        self.best[source] = best;
        for &(item, score) in found {
            let place = self.places[item as usize];
            let place = if place == EMPTY { self.push(item) } else { usize::from(place) };
            let Some(candidate) = self.candidates.get_mut(place) else { continue };
            candidate.relative[source] = (score / best).min(MAX_RELATIVE);
            candidate.ranks[source] = rank;
            rank += u16::from(is_new(item));
        }
    }

    /// The place of an item among the candidates.
    pub(crate) fn place(&self, item: ItemIx) -> Option<usize> {
        self.places.get(item as usize).filter(|&&place| place != EMPTY).map(|&place| usize::from(place))
    }

    /// Keeps the candidates that `keep` wants, in order.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Candidate) -> bool) {
        let places = &mut self.places;
        let mut kept = 0;
        self.candidates.retain(|candidate| {
            let keeps = keep(candidate);
            places[candidate.item as usize] = if keeps { kept } else { EMPTY };
            kept += u16::from(keeps);
            keeps
        });
    }

    /// Cuts the pool to the `limit` candidates of best rank in any source, so that no source crowds out another.
    pub(crate) fn cut(&mut self, limit: usize) {
        if self.candidates.len() <= limit {
            return;
        }
        let standing = |candidate: &Candidate| {
            let best = candidate.ranks.iter().copied().filter(|&rank| rank > 0).min().unwrap_or(u16::MAX);
            (best, candidate.item)
        };
        let mut standings: Vec<_> = self.candidates.iter().map(standing).collect();
        let (_, last, _) = standings.select_nth_unstable(limit.saturating_sub(1));
        let last = *last;
        self.retain(|candidate| standing(candidate) <= last);
    }

    /// The place of a new candidate; that beyond the last if there is no room for it.
    fn push(&mut self, item: ItemIx) -> usize {
        let place = self.candidates.len();
        if place < MAX_CANDIDATES {
            self.candidates.push(Candidate { item, relative: [0.0; SOURCES], ranks: [0; SOURCES], voters: 0.0 });
            self.places[item as usize] = place as u16;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        let mut pool = Pool::default();
        pool.begin(20);
        pool.add(0, &[(1, 4.0), (2, 2.0), (3, 1.0)], 4.0, |_| true);
        pool.add(1, &[(9, 0.5), (2, 0.5)], 0.5, |_| true);
        pool
    }

    #[test]
    fn an_item_that_two_sources_propose_is_one_candidate() {
        let pool = pool();
        assert_eq!(pool.candidates.len(), 4);
        let two = pool.candidates[pool.place(2).expect("proposed")];
        assert_eq!((two.relative[0], two.relative[1]), (0.5, 1.0));
        assert_eq!((two.ranks[0], two.ranks[1]), (2, 2));
    }

    #[test]
    fn cutting_keeps_the_heads_of_all_sources() {
        let mut pool = pool();
        pool.cut(3);
        let items: Vec<_> = pool.candidates.iter().map(|candidate| candidate.item).collect();
        assert_eq!(items, [1, 2, 9]);
        assert_eq!(pool.place(9), Some(2));
        assert_eq!(pool.place(3), None);
        pool.begin(20);
        assert_eq!(pool.place(1), None);
    }
}
