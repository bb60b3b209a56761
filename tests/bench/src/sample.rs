//! One measurement, and what many of them come to.

use std::time::Duration;

/// What one cell came to in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Commands, rows or entries a second.
    pub(crate) rate: f64,
    /// Half the answers took no longer than this.
    pub(crate) p50: Option<Duration>,
    /// All but one in a hundred took no longer than this.
    pub(crate) p99: Option<Duration>,
    /// How long after the last answer the last notification was received.
    pub(crate) behind: Option<Duration>,
    /// The most memory the process had that did it, in bytes.
    pub(crate) peak: Option<u64>,
    /// What else was counted, to be shown where the figure stands out.
    pub(crate) counted: Option<String>,
}

/// Which figure of a sample is held against another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    Rate,
    P50,
    P99,
    Peak,
}

impl Figure {
    /// The figure, where the sample has it; times in seconds.
    pub(crate) fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Rate => Some(sample.rate),
            Self::P50 => sample.p50.map(|time| time.as_secs_f64()),
            Self::P99 => sample.p99.map(|time| time.as_secs_f64()),
            Self::Peak => sample.peak.map(|bytes| bytes as f64),
        }
    }
}

impl Sample {
    /// From what was answered while it counted; each answer stands for `rows`.
    pub(crate) fn of(mut latencies: Vec<Duration>, rows: usize, time: Duration) -> Self {
        latencies.sort_unstable();
        Self {
            rate: (latencies.len() * rows) as f64 / time.as_secs_f64(),
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
            ..Self::default()
        }
    }

    /// From how many there were and how long it took.
    pub(crate) fn through(count: u64, time: Duration) -> Self {
        Self {
            rate: count as f64 / time.as_secs_f64(),
            ..Self::default()
        }
    }
}

fn percentile(sorted: &[Duration], hundredths: usize) -> Option<Duration> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last * hundredths).div_ceil(100)).copied()
}

/// The middle one of some numbers, or the mean of the two in the middle.
pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let above = *sorted.get(sorted.len() / 2)?;
    let below = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(below, above))
}

/// The least and the greatest of some numbers.
pub(crate) fn bounds(numbers: &[f64]) -> Option<(f64, f64)> {
    let least = numbers.iter().copied().min_by(f64::total_cmp)?;
    let greatest = numbers.iter().copied().max_by(f64::total_cmp)?;
    Some((least, greatest))
}

/// How far some numbers lie apart: (max - min) / median.
pub(crate) fn spread(numbers: &[f64]) -> Option<f64> {
    let (least, greatest) = bounds(numbers)?;
    Some((greatest - least) / median(numbers)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 100.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_99th_percentile_of_few_is_the_greatest() {
        let millis: Vec<_> = (1..=10).map(Duration::from_millis).collect();
        assert_eq!(percentile(&millis, 99), Some(Duration::from_millis(10)));
        assert_eq!(percentile(&millis, 0), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
