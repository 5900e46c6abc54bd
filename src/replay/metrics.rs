//! How good one answer was.

/// Metrics per cut-off, in the order in which [`measure`] gives them.
pub const METRICS: [&str; 4] = ["hr", "mrr", "recall", "ndcg"];

/// Measures an answer against what was to be found, for each cut-off k: hit rate (any target among the first k),
/// reciprocal rank of the first target among them (0 if none), recall (targets among them / targets) and NDCG with
/// binary gain (Järvelin and Kekäläinen, TOIS 2002). All in 0..=1. `targets` are distinct and not empty.
///
/// The figures are added to `into`, [`METRICS`] of them per cut-off.
pub fn measure(answer: &[u32], targets: &[u32], cut_offs: &[usize], into: &mut [f64]) {
    for (&k, into) in cut_offs.iter().zip(into.chunks_exact_mut(METRICS.len())) {
        let (mut found, mut first, mut gain) = (0_u32, None, 0.0);
        for (place, item) in answer.iter().take(k).enumerate() {
            if targets.contains(item) {
                found += 1;
                first.get_or_insert(place + 1);
                gain += discount(place);
            }
        }
        let Some(first) = first else { continue };
        let ideal: f64 = (0..k.min(targets.len())).map(discount).sum();
        into[0] += 1.0;
        into[1] += 1.0 / first as f64;
        into[2] += f64::from(found) / targets.len() as f64;
        into[3] += gain / ideal;
    }
}

fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &[u32], targets: &[u32], k: usize) -> [f64; 4] {
        let mut values = [0.0; 4];
        measure(answer, targets, &[k], &mut values);
        values
    }

    fn close(found: [f64; 4], expected: [f64; 4]) {
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn one_target_at_rank_three() {
        close(of(&[9, 8, 7, 6], &[7], 5), [1.0, 1.0 / 3.0, 1.0, 0.5]);
        close(of(&[9, 8, 7, 6], &[7], 2), [0.0; 4]);
        close(of(&[7], &[7], 20), [1.0; 4]);
    }

    #[test]
    fn two_of_three_targets_at_ranks_one_and_three() {
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
        close(of(&[1, 5, 2, 6], &[1, 2, 3], 4), [1.0, 1.0, 2.0 / 3.0, 1.5 / ideal]);
        close(of(&[1, 5, 2, 6], &[1, 2, 3], 1), [1.0, 1.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn an_empty_answer_is_worth_nothing() {
        close(of(&[], &[1], 20), [0.0; 4]);
    }

    #[test]
    fn figures_of_several_answers_and_cut_offs_add_up() {
        let mut values = [0.0; 8];
        measure(&[1, 2], &[2], &[1, 2], &mut values);
        measure(&[2, 1], &[2], &[1, 2], &mut values);
        assert_eq!(values[..2], [1.0, 1.0]);
        assert_eq!(values[4..6], [2.0, 1.5]);
    }
}
