//! Medians and their spread. A machine that does something else beside disturbs every sample alike, so peers take turns, and ratios are
//! formed within a turn.

use std::fmt;

/// The median of samples, and the quartiles around it.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// A quarter of the samples lies below.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// A quarter of the samples lies above.
    pub high: f64,
}

impl Spread {
    /// Of samples; not a number where there is none.
    ///
    /// ```
    /// use subvm_tables::measure::Spread;
    /// let spread = Spread::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
    /// assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
    /// ```
    #[must_use]
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at =
            |quarter: usize| samples.get(samples.len().saturating_sub(1) * quarter / 4).copied().unwrap_or(f64::NAN);
        Self { low: at(1), median: at(2), high: at(3) }
    }

    /// Of ratios of samples that were taken in the same rounds. Where the divisor was lost to another process, and came out as nothing, the round
    /// does not count.
    #[must_use]
    pub fn of_ratios(samples: &[f64], to: &[f64]) -> Self {
        let ratios = samples.iter().zip(to).map(|(sample, to)| sample / to).filter(|ratio| ratio.is_finite());
        Self::of(ratios.collect())
    }
}

/// As a ratio: the median, and the quartiles in brackets.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        write!(f, "{median:.2} ({low:.2} to {high:.2})")
    }
}

/// Takes `rounds` samples of each of `subjects`, which take turns; every other round in reverse order.
pub fn interleaved<T>(subjects: &mut [T], rounds: usize, mut sample: impl FnMut(&mut T) -> f64) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..rounds {
        for turn in 0..subjects.len() {
            let index = if round % 2 == 0 { turn } else { subjects.len() - 1 - turn };
            let value = sample(&mut subjects[index]);
            samples[index].push(value);
        }
    }
    samples
}

/// Nanoseconds, with as many digits as mean something; microseconds and milliseconds where they are many.
///
/// ```
/// use subvm_tables::measure::nanoseconds;
/// assert_eq!([3.14, 314.15, 31_415.9, 31_415_926.5].map(nanoseconds), ["3.1", "314", "31.4 µs", "31.4 ms"]);
/// ```
#[must_use]
pub fn nanoseconds(value: f64) -> String {
    match value {
        value if value < 100.0 => format!("{value:.1}"),
        value if value < 1e4 => format!("{value:.0}"),
        value if value < 1e5 => format!("{:.1} µs", value / 1e3),
        value if value < 1e7 => format!("{:.0} µs", value / 1e3),
        value => format!("{:.1} ms", value / 1e6),
    }
}
