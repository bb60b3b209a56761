//! Random histories, compared with the smallest thing that could be called a ledger.

use std::collections::HashMap;

use crate::support::{Place, append, part, stream};
use dutyledger_ledger::{AppendError, Idempotency, Receipt};
use proptest::prelude::*;

/// An append: streams, each with an expected version and a number of entries, and perhaps an
/// idempotency key with a digest.
#[derive(Clone, Debug)]
struct Step {
    streams: Vec<(u128, u64, u64)>,
    name: Option<(u8, u8)>,
}

/// Steps whose expected versions are by how much they are wrong: most are right.
fn step() -> impl Strategy<Value = Step> {
    let wrong = prop_oneof![6 => Just(0u64), 1 => 1..3u64];
    let streams = prop::collection::btree_map(1..4u128, (wrong, 0..4u64), 0..3);
    let name = prop::option::weighted(0.4, (0..3u8, 0..2u8));
    (streams, name).prop_map(|(streams, name)| Step {
        streams: streams
            .into_iter()
            .map(|(n, (wrong, count))| (n, wrong, count))
            .collect(),
        name,
    })
}

/// What a ledger does, in as few words as possible.
#[derive(Default)]
struct Model {
    entries: Vec<(u128, u64)>,
    names: HashMap<u8, (u8, u64, u64)>,
}

impl Model {
    fn version(&self, n: u128) -> u64 {
        self.entries.iter().filter(|(of, _)| *of == n).count() as u64
    }

    /// The first and the last position and whether they are repeated.
    fn append(&mut self, step: &Step) -> Result<(u64, u64, bool), AppendError> {
        if let Some((key, digest)) = step.name
            && let Some(&(known, first, last)) = self.names.get(&key)
        {
            let same = known == digest;
            return if same {
                Ok((first, last, true))
            } else {
                Err(AppendError::IdempotencyMismatch)
            };
        }
        for &(n, expected, _) in &step.streams {
            let actual = self.version(n);
            if actual != expected {
                return Err(AppendError::Conflict {
                    stream: stream(n),
                    expected,
                    actual,
                });
            }
        }
        let before = self.head();
        for &(n, expected, count) in &step.streams {
            self.entries
                .extend((expected + 1..=expected + count).map(|version| (n, version)));
        }
        let (first, last) = (self.head().min(before + 1), self.head());
        if let Some((key, digest)) = step.name {
            self.names.insert(key, (digest, first, last));
        }
        Ok((first, last, false))
    }

    /// The opening is at position 1.
    fn head(&self) -> u64 {
        1 + self.entries.len() as u64
    }
}

async fn compare(rounds: Vec<Vec<Step>>) {
    let place = Place::new();
    let mut ledger = place.open().await;
    let mut model = Model::default();
    let mut entry = 1_000;
    for round in rounds {
        // Spawned in order on one thread, a round queues in order and shares batches.
        let mut answers = Vec::new();
        for mut step in round {
            let mut parts = Vec::new();
            for (n, expected, count) in &mut step.streams {
                *expected += model.version(*n);
                parts.push(part(*n, *expected, *count, entry));
                entry += 10;
            }
            let mut asked = append(parts);
            asked.idempotency = step.name.map(|(key, digest)| Idempotency {
                scope: "model".into(),
                key: key.to_string(),
                digest: [digest; 32],
                lasting: false,
            });
            let expected = model.append(&step);
            let ledger = ledger.clone();
            let answer = tokio::spawn(async move { ledger.append(asked).await });
            answers.push((step, expected, answer));
        }
        for (step, expected, answer) in answers {
            let answer = answer.await.unwrap();
            let answer = answer.map(
                |Receipt {
                     first_position,
                     last_position,
                     replayed,
                     ..
                 }| { (first_position, last_position, replayed) },
            );
            assert_eq!(answer, expected, "{step:?}");
        }
        assert_eq!(ledger.head(), model.head());
        ledger.close().await;
        ledger = place.open().await;
    }
    let stored = ledger.read(1, u32::MAX).await.unwrap();
    let found: Vec<_> = stored
        .iter()
        .map(|stored| {
            let record = stored.record().unwrap();
            (
                record.entry.stream.id.uuid().as_u128(),
                record.entry.version,
            )
        })
        .collect();
    assert_eq!(found, model.entries);
    for n in 1..4 {
        assert_eq!(
            ledger.stream_version(&stream(n)).await.unwrap(),
            model.version(n)
        );
    }
    ledger.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_ledger_behaves_like_its_model(
        rounds in prop::collection::vec(prop::collection::vec(step(), 1..12), 1..4)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(rounds));
    }
}
