//! Rows as our append writes them, made from one that it wrote.

use chrono::{DateTime, Utc};
use dutyledger_record::{Frontier, Record, format_instant, leaf_hash};
use dutyledger_test_nation::Random;
use uuid::Uuid;

use crate::Fallible;

/// The scope that our operator's idempotency keys are in.
pub(crate) const SCOPE: &str = "operator";
/// The stream type of the rows.
pub(crate) const STREAM_TYPE: &str = "authority";
/// The event of the rows.
pub(crate) const EVENT_TYPE: &str = "AuthorityAmended";

/// Leaf data of ours, taken apart around what differs from entry to entry.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// What stands before, between and after the six values.
    fixed: [String; 7],
}

/// What differs from entry to entry.
#[derive(Clone, Copy, Debug)]
struct Values {
    correlation_id: Uuid,
    entry_id: Uuid,
    position: u64,
    recorded_at: DateTime<Utc>,
    stream_id: Uuid,
    version: u64,
}

impl Values {
    /// As text, in the order of the canonical form.
    fn texts(&self) -> [String; 6] {
        [
            self.correlation_id.to_string(),
            self.entry_id.to_string(),
            self.position.to_string(),
            format_instant(self.recorded_at),
            self.stream_id.to_string(),
            self.version.to_string(),
        ]
    }
}

impl Template {
    /// Takes leaf data apart.
    pub(crate) fn of(leaf_data: &str) -> Fallible<Self> {
        let record = Record::verify(leaf_data)?;
        let values = Values {
            correlation_id: record.entry.standing.correlation_id,
            entry_id: record.entry.entry_id.uuid(),
            position: record.position,
            recorded_at: record.recorded_at,
            stream_id: record.entry.stream.id.uuid(),
            version: record.entry.version,
        };
        // Each value is looked for behind the name of its member, which has only numbers, ids and
        // other members before it that the format fixes.
        let members = [
            "\"correlation_id\":\"",
            "\"entry_id\":\"",
            ",\"position\":",
            ",\"recorded_at\":\"",
            ",\"stream\":{",
            ",\"version\":",
        ];
        let mut fixed: [String; 7] = std::array::from_fn(|_| String::new());
        let mut from = 0;
        for (at, (member, text)) in members.iter().zip(values.texts()).enumerate() {
            let begins = leaf_data[from..]
                .find(member)
                .map(|found| from + found + member.len())
                .and_then(|after| Some(after + leaf_data[after..].find(&text)?))
                .ok_or_else(|| format!("the leaf data has no {member}"))?;
            leaf_data[from..begins].clone_into(&mut fixed[at]);
            from = begins + text.len();
        }
        leaf_data[from..].clone_into(&mut fixed[6]);
        let template = Self { fixed };
        if template.with(&values) != leaf_data {
            return Err("the leaf data does not come together again".into());
        }
        Ok(template)
    }

    fn with(&self, values: &Values) -> String {
        let mut text =
            String::with_capacity(self.fixed.iter().map(String::len).sum::<usize>() + 200);
        for (fixed, value) in self.fixed.iter().zip(values.texts()) {
            text.push_str(fixed);
            text.push_str(&value);
        }
        text.push_str(&self.fixed[6]);
        text
    }
}

/// What one append writes.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) position: u64,
    pub(crate) entry_id: Uuid,
    pub(crate) stream_id: Uuid,
    pub(crate) version: u64,
    pub(crate) leaf_data: String,
    pub(crate) leaf_hash: [u8; 32],
    pub(crate) key: String,
    pub(crate) digest: [u8; 32],
}

/// Makes rows over streams of its own, one after the other.
pub(crate) struct Rows {
    template: Template,
    random: Random,
    streams: Vec<(Uuid, u64)>,
    next: usize,
    /// The tree over all entries, where hashes are to be right.
    tree: Option<Frontier>,
}

impl Rows {
    /// Rows with hashes that are as long as right ones.
    pub(crate) fn new(template: &Template, streams: usize) -> Self {
        let mut random = random();
        let opened = DateTime::UNIX_EPOCH;
        let streams = (0..streams.max(1)).map(|_| (uuid_of(&mut random, opened), 0));
        let streams = streams.collect();
        Self {
            template: template.clone(),
            random,
            streams,
            next: 0,
            tree: None,
        }
    }

    /// Rows with right hashes, after the entries of a tree.
    pub(crate) fn hashed(template: &Template, streams: usize, tree: Frontier) -> Self {
        Self {
            tree: Some(tree),
            ..Self::new(template, streams)
        }
    }

    /// How many streams there are.
    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The next row.
    pub(crate) fn row(&mut self, position: u64, recorded_at: DateTime<Utc>) -> Row {
        let at = self.next % self.streams.len();
        self.next += 1;
        let (stream_id, version) = &mut self.streams[at];
        *version += 1;
        let (stream_id, version) = (*stream_id, *version);
        let entry_id = uuid_of(&mut self.random, recorded_at);
        let leaf_data = self.template.with(&Values {
            correlation_id: uuid_of(&mut self.random, recorded_at),
            entry_id,
            position,
            recorded_at,
            stream_id,
            version,
        });
        let leaf_hash = match &mut self.tree {
            None => self.random.bytes(),
            Some(tree) => {
                let hash = leaf_hash(&leaf_data);
                tree.push(hash);
                hash
            }
        };
        Row {
            position,
            entry_id,
            stream_id,
            version,
            leaf_data,
            leaf_hash,
            key: uuid(&mut self.random).to_string(),
            digest: self.random.bytes(),
        }
    }

    /// The frontier and the root after a position.
    pub(crate) fn tree(&mut self, position: u64) -> (Vec<u8>, [u8; 32]) {
        match &self.tree {
            Some(tree) => (tree.to_bytes(), tree.root()),
            None => (
                vec![0; 32 * position.count_ones() as usize],
                self.random.bytes(),
            ),
        }
    }
}

/// Random numbers that nobody relies on, others each time.
pub(crate) fn random() -> Random {
    use std::hash::{BuildHasher, RandomState};
    Random::seeded(RandomState::new().hash_one(0))
}

/// A UUIDv4.
pub(crate) fn uuid(random: &mut Random) -> Uuid {
    uuid::Builder::from_random_bytes(random.bytes()).into_uuid()
}

/// A UUIDv7.
fn uuid_of(random: &mut Random, instant: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(instant.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}
