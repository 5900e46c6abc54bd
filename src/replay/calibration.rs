//! Whether the probabilities that the engine gives come true.

use serde::Serialize;

/// Edges of the bins: predicted probabilities span orders of magnitude, so the bins do.
const EDGES: [f64; 11] = [0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
/// Probabilities are taken to be at least this far from 0 and 1 where their logarithm is taken.
const CAUTION: f64 = 1e-6;

/// Shown items of about the same predicted probability.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Predicted at least this.
    pub from: f64,
    /// Predicted less than this; the last bin has 1 in it too.
    pub to: f64,
    /// Items.
    pub items: u64,
    /// Mean predicted probability.
    pub predicted: f64,
    /// The share of them that was the next item.
    pub happened: f64,
    /// Lower end of its 95% interval (Wilson, 1927), which takes items for independent.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How well predicted probabilities match what happened, over the items that the live strategy showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Items shown with a probability.
    pub items: u64,
    /// Items shown without one, as no candidate source had them: they are left out.
    pub unscored: u64,
    /// Mean predicted probability.
    pub predicted: f64,
    /// The share that was the next item.
    pub happened: f64,
    /// Expected calibration error: mean over items of |predicted - happened| of their bin (Naeini et al., AAAI 2015).
    pub ece: f64,
    /// Mean squared error of the probabilities (Brier, 1950).
    pub brier: f64,
    /// Mean negative log-likelihood, in nats.
    pub log_loss: f64,
    /// The log loss of predicting `happened` for every item: what a forecast without knowledge of the item scores.
    pub log_loss_of_base_rate: f64,
    /// The bins that have items.
    pub bins: Vec<Bin>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    items: u64,
    predicted: f64,
    happened: f64,
}

/// Counts predictions and what became of them.
#[derive(Debug, Clone, Default)]
pub struct Reliability {
    bins: [Sums; EDGES.len() - 1],
    squares: f64,
    log_loss: f64,
    unscored: u64,
}

impl Reliability {
    /// Counts one shown item. `happened` is 1 for the next item and 0 for any other; where one of n targets is as good
    /// as the other, 1/n.
    pub fn add(&mut self, predicted: Option<f64>, happened: f64) {
        let Some(predicted) = predicted else {
            self.unscored += 1;
            return;
        };
        let place = EDGES[1..EDGES.len() - 1].partition_point(|&edge| edge <= predicted);
        let bin = &mut self.bins[place];
        bin.items += 1;
        bin.predicted += predicted;
        bin.happened += happened;
        self.squares += (predicted - happened).powi(2);
        self.log_loss += log_loss(predicted, happened);
    }

    /// What was found; `None` where no item had a probability.
    pub fn report(&self) -> Option<Calibration> {
        let items: u64 = self.bins.iter().map(|bin| bin.items).sum();
        if items == 0 {
            return None;
        }
        let n = items as f64;
        let happened = self.bins.iter().map(|bin| bin.happened).sum::<f64>() / n;
        Some(Calibration {
            items,
            unscored: self.unscored,
            predicted: self.bins.iter().map(|bin| bin.predicted).sum::<f64>() / n,
            happened,
            ece: self.bins.iter().map(|bin| (bin.predicted - bin.happened).abs()).sum::<f64>() / n,
            brier: self.squares / n,
            log_loss: self.log_loss / n,
            log_loss_of_base_rate: log_loss(happened, happened),
            bins: self.bins.iter().zip(EDGES.windows(2)).filter(|(sums, _)| sums.items > 0).map(bin).collect(),
        })
    }
}

fn log_loss(predicted: f64, happened: f64) -> f64 {
    let predicted = predicted.clamp(CAUTION, 1.0 - CAUTION);
    -(happened * predicted.ln() + (1.0 - happened) * (1.0 - predicted).ln())
}

fn bin((sums, edges): (&Sums, &[f64])) -> Bin {
    const Z: f64 = 1.96;
    let n = sums.items as f64;
    let happened = sums.happened / n;
    let middle = (happened + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (happened * (1.0 - happened) / n + Z * Z / (4.0 * n * n)).sqrt();
    Bin {
        from: edges[0],
        to: edges[1],
        items: sums.items,
        predicted: sums.predicted / n,
        happened,
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::seeded::Seeded;
    use super::*;

    fn of(predictions: impl Iterator<Item = (f64, f64)>) -> Calibration {
        let mut reliability = Reliability::default();
        predictions.for_each(|(predicted, happened)| reliability.add(Some(predicted), happened));
        reliability.report().expect("predictions")
    }

    #[test]
    fn each_prediction_falls_into_the_bin_that_holds_it() {
        let found = of([0.0, 0.0005, 0.001, 0.15, 0.2, 0.999, 1.0].into_iter().map(|predicted| (predicted, 0.0)));
        let bins: Vec<(f64, f64, u64)> = found.bins.iter().map(|bin| (bin.from, bin.to, bin.items)).collect();
        assert_eq!(bins, [(0.0, 0.001, 2), (0.001, 0.002, 1), (0.1, 0.2, 1), (0.2, 0.5, 1), (0.5, 1.0, 2)]);
    }

    #[test]
    fn what_comes_true_as_often_as_said_has_no_error() {
        let mut draw = Seeded::new(3, 0);
        let found = of((0..200_000).map(|n| {
            let percent = [1, 4, 15, 60][n % 4];
            (f64::from(percent) / 100.0, f64::from(u8::from(draw.below(100) < percent as usize)))
        }));
        assert!(found.ece < 0.003, "{found:?}");
        assert!(found.bins.iter().all(|bin| bin.low <= bin.happened && bin.happened <= bin.high));
        assert!(found.log_loss < 0.8 * found.log_loss_of_base_rate, "{found:?}");
    }

    #[test]
    fn what_is_promised_and_does_not_come_is_an_error() {
        let found = of((0..100).map(|n| (0.3, f64::from(u8::from(n % 10 == 0)))));
        assert!((found.ece - 0.2).abs() < 1e-12);
        assert!((found.brier - (0.1 * 0.49 + 0.9 * 0.09)).abs() < 1e-12);
        assert_eq!((found.items, found.unscored, found.bins.len()), (100, 0, 1));
        assert!(found.bins[0].low > 0.05 && found.bins[0].high < 0.18, "{found:?}");
    }

    #[test]
    fn without_probabilities_there_is_nothing_to_say() {
        let mut reliability = Reliability::default();
        reliability.add(None, 1.0);
        assert_eq!(reliability.report(), None);
    }
}
