//! Several consumers of one stream as one, in the order of the stream.

use std::collections::VecDeque;

use crate::pull::{Pull, PullError, Taken};

/// How many messages are taken from a consumer at once.
const BATCH: usize = 500;

/// Consumers, and what was taken of each and not given out yet.
pub(super) struct Merge {
    pulls: Vec<(Pull, VecDeque<Taken>)>,
}

impl Merge {
    pub(super) fn new(pulls: Vec<Pull>) -> Self {
        let pulls = pulls.into_iter().map(|pull| (pull, VecDeque::new()));
        Self {
            pulls: pulls.collect(),
        }
    }

    /// The next messages, in the order of the stream; none where there are none.
    ///
    /// A message is given out once it is certain that no consumer has an earlier one. That is known
    /// of a consumer which gave a later one itself, and of one that had nothing when it was asked
    /// after the message was already in hand.
    pub(super) async fn round(&mut self) -> Result<Vec<Taken>, PullError> {
        self.fill().await?;
        let last = |taken: &VecDeque<Taken>| taken.back().map(|taken| taken.sequence);
        let Some(in_hand) = self.pulls.iter().filter_map(|(_, taken)| last(taken)).max() else {
            return Ok(Vec::new());
        };
        if self.pulls.len() > 1 {
            self.fill().await?;
        }
        let lasts = self.pulls.iter().filter_map(|(_, taken)| last(taken));
        let certain = lasts.min().unwrap_or(in_hand).min(in_hand);
        let mut given = Vec::new();
        for (_, taken) in &mut self.pulls {
            while taken.front().is_some_and(|taken| taken.sequence <= certain) {
                given.extend(taken.pop_front());
            }
        }
        given.sort_by_key(|taken| taken.sequence);
        // Filters may overlap.
        given.dedup_by_key(|taken| taken.sequence);
        Ok(given)
    }

    /// Asks those of whom nothing is in hand.
    async fn fill(&mut self) -> Result<(), PullError> {
        for (pull, taken) in &mut self.pulls {
            if taken.is_empty() {
                taken.extend(pull.take(BATCH).await?);
            }
        }
        Ok(())
    }
}
