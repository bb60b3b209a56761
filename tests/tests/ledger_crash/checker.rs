//! Judges a ledger by what was told of it.

use std::collections::{BTreeMap, BTreeSet};

use dutyledger_ledger::LedgerReader;
use dutyledger_record::{Frontier, leaf_hash};
use dutyledger_tests::{OPENING, number};

use crate::driver::{ENTRIES, Ground, Said, runtime};

/// What was told of each name, by all the drivers of a ledger, in the order of each.
#[derive(Debug, Default)]
pub(crate) struct History {
    told: BTreeMap<u128, Outcome>,
    /// The last position that its driver had told of when each was first asked: it must come after.
    asked_after: BTreeMap<u128, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Unknown,
    Ok(u64, u64),
    Refused,
}

impl History {
    /// Takes in all that a driver said. What it asked and did not answer is unknown.
    pub(crate) fn take(&mut self, said: &[Said]) {
        let mut acknowledged = 0;
        for one in said {
            match *one {
                Said::Ask(name) => {
                    let known = self.told.entry(name).or_insert(Outcome::Unknown);
                    assert_eq!(
                        *known,
                        Outcome::Unknown,
                        "{name} is asked again only if unknown"
                    );
                    self.asked_after.entry(name).or_insert(acknowledged);
                }
                Said::Ok(name, first, last) => {
                    self.told.insert(name, Outcome::Ok(first, last));
                    assert!(
                        self.asked_after[&name] < first,
                        "{name} comes after what had been told when it was asked"
                    );
                    acknowledged = acknowledged.max(last);
                }
                Said::Refused(name) => {
                    // Nobody else has the streams of the others.
                    assert_eq!(name % 4, 3, "{name} lost a race with nobody");
                    self.told.insert(name, Outcome::Refused);
                }
                Said::Stopped(name) => {
                    self.told.insert(name, Outcome::Refused);
                }
                Said::Unknown(_)
                | Said::Opened
                | Said::Failed(_)
                | Said::Serving
                | Said::Down(_)
                | Said::Closed => {}
            }
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        let ok = |outcome: &&Outcome| matches!(outcome, Outcome::Ok(..));
        self.told.values().filter(ok).count()
    }

    /// The names nobody can say anything of.
    pub(crate) fn unknown(&self) -> Vec<u128> {
        let unknown = self
            .told
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Unknown);
        unknown.map(|(name, _)| *name).collect()
    }

    /// Fails unless the ledger is what was told: every acknowledged append there exactly once at the
    /// positions told, nothing that was refused, what is unknown whole or not at all, and nothing
    /// else; positions without gaps, versions without gaps, hashes and roots right.
    pub(crate) fn judge(&self, ground: &Ground) {
        runtime().block_on(self.judge_in(ground));
    }

    /// The same, unless there is no ledger yet: then nothing may have been acknowledged.
    pub(crate) fn judge_if_founded(&self, ground: &Ground) {
        let opened = runtime().block_on(LedgerReader::open(ground.place()));
        match opened {
            Ok(_) => self.judge(ground),
            Err(error) => assert_eq!(self.acknowledged(), 0, "{error}"),
        }
    }

    async fn judge_in(&self, ground: &Ground) {
        let ledger = LedgerReader::open(ground.place()).await.unwrap();
        let roots: BTreeMap<_, _> = ledger
            .roots(0, u32::MAX)
            .await
            .unwrap()
            .into_iter()
            .collect();
        let stored = ledger.read(0, u32::MAX).await.unwrap();
        let head = ledger.last_position().await.unwrap();
        ledger.close().await;

        let mut frontier = Frontier::empty();
        let mut versions = BTreeMap::new();
        let mut found: BTreeMap<u128, Vec<(u64, u128)>> = BTreeMap::new();
        let mut last = None;
        for (entry, position) in stored.iter().zip(1..) {
            let record = entry.record().unwrap();
            assert_eq!(
                (entry.position, record.position),
                (position, position),
                "no gap"
            );
            assert_eq!(entry.leaf_hash, leaf_hash(&entry.leaf_data));
            assert!(last <= Some(record.recorded_at), "no instant goes back");
            last = Some(record.recorded_at);
            frontier.push(entry.leaf_hash);
            if let Some(root) = roots.get(&position) {
                assert_eq!(*root, frontier.root(), "the root at {position}");
            }
            let stream = record.entry.stream.id.uuid();
            let version = versions.entry(stream).or_insert(0);
            *version += 1;
            assert_eq!(record.entry.version, *version);
            let id = number(record.entry.entry_id.uuid());
            if position == 1 {
                assert_eq!(id, OPENING, "the opening is first");
            } else {
                found
                    .entry(id / ENTRIES)
                    .or_default()
                    .push((position, id % ENTRIES));
            }
        }
        assert_eq!(head, stored.len() as u64);
        assert_eq!(
            roots.keys().next_back(),
            Some(&head),
            "the last root is that of the head"
        );
        assert_eq!(roots.get(&head), Some(&frontier.root()));

        for (name, entries) in &found {
            let count = match name % 4 {
                3 => 1,
                more => more + 1,
            };
            let first = entries[0].0;
            let whole: Vec<_> = (first..).zip(0..count).collect();
            assert_eq!(*entries, whole, "{name} is there once and whole");
            let last = entries[entries.len() - 1].0;
            match self.told.get(name) {
                Some(Outcome::Ok(told_first, told_last)) => {
                    assert_eq!(
                        (*told_first, *told_last),
                        (first, last),
                        "{name} is where told"
                    );
                }
                Some(Outcome::Unknown) => {}
                Some(Outcome::Refused) => panic!("{name} is there, and was refused"),
                None => panic!("{name} is there, and nobody asked it"),
            }
            assert!(roots.range(first..).next().is_some());
            // A commit ends with an append, never within one.
            assert!(
                roots.range(first..last).next().is_none(),
                "{name} is in one commit"
            );
        }
        let there: BTreeSet<_> = found.keys().collect();
        for (name, outcome) in &self.told {
            let ok = matches!(outcome, Outcome::Ok(..));
            assert!(
                !ok || there.contains(name),
                "{name} was acknowledged and is not there"
            );
        }
    }
}

#[test]
#[should_panic(expected = "1 comes after what had been told when it was asked")]
fn an_append_that_is_told_before_one_that_was_over_when_it_was_asked_is_found() {
    let said = [
        Said::Ask(0),
        Said::Ask(2),
        Said::Ok(0, 7, 7),
        Said::Ask(1),
        Said::Ok(2, 2, 4),
        Said::Ok(1, 5, 6),
    ];
    History::default().take(&said);
}

#[test]
#[should_panic(expected = "2 lost a race with nobody")]
fn a_refusal_without_a_reason_is_found() {
    let said = [
        Said::Ask(3),
        Said::Refused(3),
        Said::Ask(2),
        Said::Refused(2),
    ];
    History::default().take(&said);
}
