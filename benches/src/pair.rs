//! Two sides compared, and the spread of a comparison over rounds.

/// A value of both sides. Where the product is compared with itself, `bare` is the reference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair<T> {
    /// The bare crates.
    pub bare: T,
    /// fanout and sender.
    pub product: T,
}

impl<T> Pair<Vec<T>> {
    /// One number of every round of both sides.
    pub fn each(&self, number: impl Fn(&T) -> f64) -> Pair<Vec<f64>> {
        Pair {
            bare: self.bare.iter().map(&number).collect(),
            product: self.product.iter().map(&number).collect(),
        }
    }
}

impl Pair<Vec<f64>> {
    /// The product's median divided by the bare one; smallest and largest are those of the rounds taken pair by pair.
    pub fn ratio(&self) -> Spread {
        let pairs: Vec<f64> = self
            .product
            .iter()
            .zip(&self.bare)
            .map(|(product, bare)| product / bare)
            .collect();
        Spread {
            median: self.product().median / self.bare().median,
            ..Spread::of(&pairs)
        }
    }

    /// The bare side.
    pub fn bare(&self) -> Spread {
        Spread::of(&self.bare)
    }

    /// The product.
    pub fn product(&self) -> Spread {
        Spread::of(&self.product)
    }
}

/// Median, smallest and largest of some rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub smallest: f64,
    /// The largest.
    pub largest: f64,
}

impl Spread {
    /// Of these rounds; NaN without any.
    pub fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            at(middle.saturating_sub(1)).midpoint(at(middle))
        } else {
            at(middle)
        };
        Self {
            median,
            smallest: at(0),
            largest: at(sorted.len().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_medians_and_its_spread_of_pairs() {
        let rounds = Pair {
            bare: vec![1.0, 2.0, 4.0],
            product: vec![2.0, 3.0, 2.0],
        };
        assert_eq!(
            rounds.ratio(),
            Spread {
                median: 1.0,
                smallest: 0.5,
                largest: 2.0
            }
        );
        assert_eq!(
            Spread::of(&[3.0, 1.0]),
            Spread {
                median: 2.0,
                smallest: 1.0,
                largest: 3.0
            }
        );
        assert!(Spread::of(&[]).median.is_nan());
    }
}
