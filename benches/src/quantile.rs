//! Medians and percentiles of many measurements.

/// The smallest value that at least this share of the sorted values does not exceed; the type's default without values.
pub fn quantile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Median and 99th percentile of how long something took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Times {
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, in milliseconds.
    pub p99_ms: f64,
}

impl Times {
    /// Of these, in milliseconds and any order.
    pub fn of(mut milliseconds: Vec<f64>) -> Self {
        milliseconds.sort_unstable_by(f64::total_cmp);
        Self {
            p50_ms: quantile(&milliseconds, 0.5),
            p99_ms: quantile(&milliseconds, 0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| quantile(&values, share)), [50, 99, 100]);
        assert_eq!(quantile::<u64>(&[], 0.5), 0);
        let times = Times::of((1..=100).rev().map(f64::from).collect());
        assert_eq!(
            times,
            Times {
                p50_ms: 50.0,
                p99_ms: 99.0
            }
        );
    }
}
