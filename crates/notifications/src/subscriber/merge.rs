//! Several consumers of one stream as one, in the order of the stream.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::pull::{PullError, Taken};

/// How many messages are taken from a consumer at once.
const BATCH: usize = 500;
/// How long after a message was taken from one consumer another that has nothing is believed to have
/// nothing before it. A server counts what a consumer has yet to get a moment after it has stored it,
/// and in a cluster each consumer may be on a server of its own.
const GRACE: Duration = Duration::from_millis(100);

/// What messages are taken from.
pub(super) trait Source {
    /// At most `limit` messages, in the order of the stream; fewer where there are no more.
    async fn take(&mut self, limit: usize) -> Result<Vec<Taken>, PullError>;
}

/// Sources, and what was taken of each and not given out yet.
pub(super) struct Merge<S> {
    pulls: Vec<Pulled<S>>,
}

struct Pulled<S> {
    source: S,
    /// With the instant each was taken.
    taken: VecDeque<(Taken, Instant)>,
    /// When it was last asked and had nothing more.
    asked: Option<Instant>,
}

impl<S: Source> Merge<S> {
    pub(super) fn new(sources: Vec<S>) -> Self {
        let pulled = |source| Pulled {
            source,
            taken: VecDeque::new(),
            asked: None,
        };
        Self {
            pulls: sources.into_iter().map(pulled).collect(),
        }
    }

    /// The next messages, in the order of the stream; none where there are none.
    ///
    /// A message is given out once no consumer is believed to have an earlier one: it gave a later
    /// one itself, or had nothing when it was asked [`GRACE`] after the message was in hand.
    pub(super) async fn round(&mut self) -> Result<Vec<Taken>, PullError> {
        loop {
            self.fill().await?;
            if self.pulls.iter().all(|pulled| pulled.taken.is_empty()) {
                return Ok(Vec::new());
            }
            let given = self.give(self.certain());
            if !given.is_empty() {
                return Ok(given);
            }
            tokio::time::sleep(GRACE).await;
        }
    }

    /// Up to which sequence no consumer has anything that is not in hand.
    fn certain(&self) -> u64 {
        let up_to = |pulled: &Pulled<S>| match pulled.taken.back() {
            Some((last, _)) => last.sequence,
            None => {
                let all = self.pulls.iter().flat_map(|pulled| &pulled.taken);
                let settled = all.filter(|(_, at)| pulled.asked.is_some_and(|a| a >= *at + GRACE));
                settled.map(|(taken, _)| taken.sequence).max().unwrap_or(0)
            }
        };
        self.pulls.iter().map(up_to).min().unwrap_or(0)
    }

    fn give(&mut self, certain: u64) -> Vec<Taken> {
        let mut given = Vec::new();
        for pulled in &mut self.pulls {
            let taken = &mut pulled.taken;
            while taken.front().is_some_and(|(t, _)| t.sequence <= certain) {
                given.extend(taken.pop_front().map(|(taken, _)| taken));
            }
        }
        given.sort_by_key(|taken| taken.sequence);
        // Filters may overlap.
        given.dedup_by_key(|taken| taken.sequence);
        given
    }

    /// Asks those of whom nothing is in hand.
    async fn fill(&mut self) -> Result<(), PullError> {
        for pulled in &mut self.pulls {
            if pulled.taken.is_empty() {
                let asked = Instant::now();
                let taken = pulled.source.take(BATCH).await?;
                let now = Instant::now();
                pulled
                    .taken
                    .extend(taken.into_iter().map(|taken| (taken, now)));
                pulled.asked = Some(asked);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use async_nats::HeaderMap;

    use super::*;

    /// A consumer to which messages come at instants.
    struct Comes(VecDeque<(Instant, u64)>);

    impl Source for Comes {
        async fn take(&mut self, limit: usize) -> Result<Vec<Taken>, PullError> {
            let mut all = Vec::new();
            while all.len() < limit
                && let Some((at, _)) = self.0.front()
                && *at <= Instant::now()
            {
                all.extend(self.0.pop_front().map(|(_, sequence)| Taken {
                    sequence,
                    subject: String::new(),
                    headers: HeaderMap::new(),
                    data: String::new(),
                }));
            }
            Ok(all)
        }
    }

    fn sequences(taken: &[Taken]) -> Vec<u64> {
        taken.iter().map(|taken| taken.sequence).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_consumer_that_is_told_late_of_an_earlier_message_is_waited_for() {
        let begin = Instant::now();
        let late = begin + GRACE * 9 / 10;
        let mut merge = Merge::new(vec![
            Comes([(begin, 8), (begin, 10)].into()),
            Comes([(begin, 7), (late, 9)].into()),
        ]);
        let mut all = Vec::new();
        while all.len() < 4 {
            all.extend(sequences(&merge.round().await.unwrap()));
        }
        assert_eq!(all, [7, 8, 9, 10]);
        assert!(merge.round().await.unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_consumer_waits_for_nobody() {
        let begin = Instant::now();
        let mut merge = Merge::new(vec![Comes([(begin, 1), (begin, 5)].into())]);
        assert_eq!(sequences(&merge.round().await.unwrap()), [1, 5]);
        assert_eq!(Instant::now(), begin);
    }

    #[tokio::test(start_paused = true)]
    async fn what_two_filters_let_through_is_given_once() {
        let begin = Instant::now();
        let mut merge = Merge::new(vec![
            Comes([(begin, 1), (begin, 2)].into()),
            Comes([(begin, 2), (begin, 3)].into()),
        ]);
        let mut all = sequences(&merge.round().await.unwrap());
        all.extend(sequences(&merge.round().await.unwrap()));
        assert_eq!(all, [1, 2, 3]);
    }
}
