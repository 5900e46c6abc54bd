//! Figures summed by session, which is what they are resampled by.

use super::metrics::{METRICS, measure};

/// Sums of figures over the queries of each cluster. A cluster is a session: its queries are not independent.
#[derive(Debug, Clone)]
pub struct Tally {
    cut_offs: Vec<usize>,
    /// One row per cluster: the number of queries, then the sums.
    sums: Vec<f64>,
    width: usize,
}

impl Tally {
    /// Nothing counted yet, for so many clusters.
    pub fn new(cut_offs: &[usize], clusters: usize) -> Self {
        let width = 1 + cut_offs.len() * METRICS.len();
        Self { cut_offs: cut_offs.to_vec(), sums: vec![0.0; width * clusters], width }
    }

    /// Counts one answer.
    pub fn add(&mut self, cluster: u32, answer: &[u32], targets: &[u32]) {
        let row = &mut self.sums[cluster as usize * self.width..][..self.width];
        row[0] += 1.0;
        measure(answer, targets, &self.cut_offs, &mut row[1..]);
    }

    /// The rows: the number of queries, then the sums.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.sums.chunks_exact(self.width)
    }

    /// Fields per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Answers counted.
    pub fn queries(&self) -> u64 {
        self.rows().map(|row| row[0] as u64).sum()
    }

    /// Names of the figures, in the order of a row.
    pub fn names(&self) -> Vec<String> {
        self.cut_offs.iter().flat_map(|k| METRICS.iter().map(move |metric| format!("{metric}@{k}"))).collect()
    }
}

/// Which items were ever recommended among the first k, and by how many sessions: one, or more.
#[derive(Debug, Clone)]
pub struct Coverage {
    k: usize,
    owner: Vec<u32>,
}

/// Never recommended.
const NOBODY: u32 = u32::MAX;
/// Recommended in more than one session.
const MANY: u32 = u32::MAX - 1;

impl Coverage {
    /// Nothing recommended yet.
    pub fn new(k: usize) -> Self {
        Self { k, owner: Vec::new() }
    }

    /// Notes one answer.
    pub fn add(&mut self, cluster: u32, answer: &[u32]) {
        for &item in answer.iter().take(self.k) {
            let place = item as usize;
            if place >= self.owner.len() {
                self.owner.resize(place + 1, NOBODY);
            }
            let owner = &mut self.owner[place];
            *owner = match *owner {
                NOBODY => cluster,
                same if same == cluster => cluster,
                _ => MANY,
            };
        }
    }

    /// The share of `items` ever recommended, with the half-width of its 95% interval by the jackknife over sessions
    /// (Efron and Stein, 1981). A bootstrap would draw fewer distinct sessions and so underrate a union.
    pub fn share(&self, items: usize, clusters: usize) -> (f64, f64) {
        if items == 0 || clusters == 0 {
            return (0.0, 0.0);
        }
        let covered = self.owner.iter().filter(|&&owner| owner != NOBODY).count();
        let mut alone = vec![0.0; clusters];
        for &owner in self.owner.iter().filter(|&&owner| owner != NOBODY && owner != MANY) {
            alone[owner as usize] += 1.0;
        }
        let n = clusters as f64;
        let mean = alone.iter().sum::<f64>() / n;
        let variance = alone.iter().map(|lost| (lost - mean) * (lost - mean)).sum::<f64>() * (n - 1.0) / n;
        (covered as f64 / items as f64, 1.96 * variance.sqrt() / items as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_kept_by_session_and_named_by_cut_off() {
        let mut tally = Tally::new(&[1, 2], 2);
        tally.add(0, &[5, 6], &[6]);
        tally.add(1, &[5, 6], &[5]);
        tally.add(1, &[5, 6], &[7]);
        assert_eq!(tally.queries(), 3);
        assert_eq!(tally.names()[..2], ["hr@1", "mrr@1"]);
        assert_eq!(tally.names()[4..6], ["hr@2", "mrr@2"]);
        let rows: Vec<&[f64]> = tally.rows().collect();
        assert_eq!((rows[0][0], rows[0][1], rows[0][5], rows[0][6]), (1.0, 0.0, 1.0, 0.5));
        assert_eq!((rows[1][0], rows[1][1], rows[1][5], rows[1][6]), (2.0, 1.0, 1.0, 1.0));
    }

    #[test]
    fn coverage_counts_each_item_once_and_only_the_first_k() {
        let mut coverage = Coverage::new(2);
        coverage.add(0, &[1, 2, 3]);
        coverage.add(1, &[2, 1]);
        let (share, half) = coverage.share(10, 2);
        assert!((share - 0.2).abs() < 1e-12);
        assert_eq!(half, 0.0, "no session is alone with an item");
        coverage.add(1, &[4, 5]);
        let (share, half) = coverage.share(10, 2);
        assert!((share - 0.4).abs() < 1e-12);
        assert!(half > 0.0);
        assert_eq!(Coverage::new(5).share(0, 0), (0.0, 0.0));
    }
}
