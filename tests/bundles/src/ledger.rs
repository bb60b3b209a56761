//! A ledger of a fictional partnership, in which the key is replaced once.

use std::fs;
use std::io::{Cursor, Seek, Write};
use std::sync::LazyLock;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use dutyledger_bundle::{BundleError, Export, Scope, Writer};
use dutyledger_domain::Country;
use dutyledger_domain::rules;
use dutyledger_domain::streams::area::area_id;
use dutyledger_proofs::tree::{Node, consistency_plan, inclusion_plan};
use dutyledger_proofs::{
    Checkpoint, ConsistencyProof, EarlierKey, Hash, InclusionProof, LastCheckpoint, Note,
    SigningKey,
};
use dutyledger_record::{
    Basis, Draft, EntryId, Envelope, Event, Frontier, LedgerId, ListDigest, OccurredOn, Principal,
    RulePackRef, Standing, Stream, StreamId, StreamType, hex, leaf_hash,
};

use crate::parts::Parts;
use crate::repository;

const LEDGER: &str = "01931c2e-5a00-7000-8000-000000000001";
/// How many entries the first key signed for last.
const LAST_OF_FIRST: usize = 12;

/// The schemas of events, which are the same for every bundle.
static SCHEMAS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let folder = repository().join("schemas/events");
    let mut schemas: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            (format!("events/{name}"), fs::read_to_string(&path).unwrap())
        })
        .collect();
    schemas.sort();
    let adopted = "events/checkpoint-key-adopted.v1.json";
    if !schemas.iter().any(|(name, _)| name == adopted) {
        schemas.push((adopted.to_owned(), "{\"type\": \"object\"}\n".to_owned()));
    }
    // An event that only a later program knows.
    schemas.push((
        "events/strategy-renewed.v1.json".to_owned(),
        "{}\n".to_owned(),
    ));
    schemas
});

/// A key of the ledger, by its number. Its seed is no secret: nothing but the vectors is signed by it.
#[must_use]
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(LEDGER, &[number; 32]).unwrap()
}

/// The ledger, entry by entry.
#[derive(Clone)]
pub struct Story {
    /// The leaf data of each entry.
    pub entries: Vec<String>,
    /// The streams, in the order they were opened.
    versions: Vec<(Stream, u64)>,
}

fn uuid(number: u32) -> Uuid {
    format!("01931c2e-5a00-7000-8000-{number:012x}")
        .parse()
        .unwrap()
}

fn ledger() -> LedgerId {
    LEDGER.parse().unwrap()
}

fn stream(kind: &'static str, id: StreamId) -> Stream {
    Stream::new(StreamType::of(kind), id)
}

impl Story {
    /// The partnership it is about.
    #[must_use]
    pub fn partnership() -> StreamId {
        StreamId::new(uuid(2))
    }

    /// The whole story.
    #[must_use]
    pub fn told() -> Self {
        let mut story = Self {
            entries: Vec::new(),
            versions: Vec::new(),
        };
        let own = stream("ledger", StreamId::new(ledger().uuid()));
        let area = stream("area", area_id(Country::Wales, "Llanfair–Môr"));
        let authority = stream("authority", StreamId::new(uuid(4)));
        let partnership = stream("partnership", Self::partnership());
        let strategy = stream("strategy", StreamId::new(uuid(3)));
        // Another partnership, whose entries are in no bundle of the first.
        let other = stream("partnership", StreamId::new(uuid(6)));
        // The revision of the day the vectors were made: what was exported under it verifies for ever.
        let (pack, sha256) = rules::pack(rules::ENACTED, 2).unwrap();
        story.add(
            &own,
            "LedgerOpened",
            json!({
                "ledger_id": ledger(), "mode": "sandbox", "pack": pack.name,
                "revision": pack.revision, "pack_sha256": sha256,
            }),
        );
        story.adopt(&own, 1, None);
        story.add(
            &area,
            "AreaRegistered",
            json!({ "country": "wales", "kind": "district", "name": "Llanfair–Môr" }),
        );
        story.add(
            &authority,
            "AuthorityRegistered",
            json!({
                "body": "Cyngor Llanfair–Môr <Council>", "capacity": "local_authority",
                "devolved_welsh_authority": "Government of Wales Act 2006, s.157A",
                "held_by": "ordinary",
            }),
        );
        story.add(
            &area,
            "AuthorityRecorded",
            json!({
                "authority": authority.id, "capacity": "local_authority",
                "from": "2023-01-31", "from_assumed": true,
            }),
        );
        story.add(
            &partnership,
            "PartnershipProposed",
            json!({
                "name": "Llanfair–Môr \"Safer Together\" & Partners",
                "route": "community_safety_partnership", "route_detail": null,
            }),
        );
        story.add(
            &partnership,
            "PartnershipAreaNamed",
            json!({ "area": area.id }),
        );
        story.add(
            &partnership,
            "ListClosed",
            json!({
                "count": 1, "digest": ListDigest::of(&[area.id]), "item": null, "list": "areas",
                "on": "2024-02-05", "strategy_version": null,
            }),
        );
        story.add(
            &other,
            "PartnershipProposed",
            json!({
                "name": "Elsewhere", "route": "community_safety_partnership", "route_detail": null,
            }),
        );
        story.add(
            &partnership,
            "PartnershipFormed",
            json!({
                "name": "Llanfair–Môr \"Safer Together\" & Partners",
                "route": "community_safety_partnership",
            }),
        );
        story.add(
            &strategy,
            "StrategyDrafted",
            json!({
                "bases": {
                    "crime_and_disorder_act_section_6": false, "section_8": true,
                    "section_9": false,
                },
                "partnership": partnership.id, "title": "Strategy\n2024 to 2027\t\u{1f54a}",
            }),
        );
        story.add(
            &strategy,
            "StrategyAdopted",
            json!({ "decide_by": { "rule": "majority" }, "tally": null, "version": 1 }),
        );
        let last = LastCheckpoint {
            size: LAST_OF_FIRST as u64,
            root: story.root(LAST_OF_FIRST),
        };
        story.add(
            &strategy,
            "StrategyPublished",
            json!({
                "form": "stand_alone", "locator": "https://llanfair.example/strategy", "version": 1,
            }),
        );
        story.adopt(
            &own,
            2,
            Some(EarlierKey {
                key: key(1).verifier().clone(),
                last,
            }),
        );
        story.add(
            &strategy,
            "ReviewCompleted",
            json!({
                "decision": "no_change", "review": uuid(0x20), "scope": "whole", "version": 1,
            }),
        );
        story
    }

    /// The story as it would have gone on under the first key, so that any entry of it may say
    /// something else without a last checkpoint naming what it said.
    #[must_use]
    pub fn under_the_first_key() -> Self {
        let mut story = Self::told();
        let reviewed = story.entries.pop().unwrap();
        story.entries.pop();
        story
            .entries
            .push(reviewed.replacen("\"position\":15,", "\"position\":14,", 1));
        story
    }

    /// The entry that makes a key the ledger's.
    fn adopt(&mut self, own: &Stream, number: u8, replaces: Option<EarlierKey>) {
        let replaces = replaces.map(|earlier| {
            json!({
                "key": earlier.key.to_string(), "root": hex(&earlier.last.root),
                "size": earlier.last.size,
            })
        });
        let key = key(number).verifier().to_string();
        self.add(
            own,
            "CheckpointKeyAdopted",
            json!({ "key": key, "replaces": replaces }),
        );
    }

    /// The first key as it counts after the second took its place.
    #[must_use]
    pub fn first_key(&self) -> EarlierKey {
        EarlierKey {
            key: key(1).verifier().clone(),
            last: LastCheckpoint {
                size: LAST_OF_FIRST as u64,
                root: self.root(LAST_OF_FIRST),
            },
        }
    }

    /// Adds an entry, which happened a week after the one before.
    pub fn add(&mut self, stream: &Stream, event: &str, payload: Value) {
        let position = self.entries.len() as u64 + 1;
        let known = self.versions.iter_mut().find(|(one, _)| one == stream);
        let version = if let Some((_, version)) = known {
            *version += 1;
            *version
        } else {
            self.versions.push((stream.clone(), 1));
            1
        };
        let start: DateTime<Utc> = "2024-01-01T09:30:00.500000Z".parse().unwrap();
        let at = start + Duration::weeks(self.entries.len() as i64);
        let partnerships = match stream.stream_type.as_str() {
            "partnership" => vec![stream.id],
            "strategy" => vec![Self::partnership()],
            _ => Vec::new(),
        };
        let entry = Envelope {
            entry_id: EntryId::new(uuid(0x1000 + u32::try_from(position).unwrap())),
            stream: stream.clone(),
            version,
            standing: Standing {
                basis: if partnerships.is_empty() {
                    Basis::Administrative
                } else {
                    Basis::Decision
                },
                causation_id: None,
                correlation_id: uuid(0x2000),
                corrects: None,
                occurred_on: OccurredOn {
                    assumed: false,
                    date: at.date_naive(),
                },
                on_behalf_of: Vec::new(),
                partnerships,
                past_fact: None,
                principal: Principal::SYSTEM,
                reported: false,
                rests_on: Vec::new(),
                rules: RulePackRef {
                    pack: "enacted-2022".to_owned(),
                    revision: 2,
                },
                source: None,
                warnings: Vec::new(),
            },
            payload,
        };
        let event = Event {
            schema_version: 1,
            event_type: event.to_owned(),
        };
        let draft = Draft::new(ledger(), event, &entry).unwrap();
        self.entries.push(draft.leaf_data(position, at));
    }

    /// The same story in which one entry tells something else.
    #[must_use]
    pub fn with(&self, position: usize, from: &str, to: &str) -> Self {
        let mut other = self.clone();
        let entry = &mut other.entries[position - 1];
        assert!(entry.contains(from), "entry {position} does not say {from}");
        *entry = entry.replacen(from, to, 1);
        other
    }

    /// The same story with an area registered at a position, and everything after it renumbered, as
    /// somebody would who makes room.
    #[must_use]
    pub fn with_one_at(&self, position: usize) -> Self {
        let mut other = self.clone();
        let area = stream("area", area_id(Country::Wales, "Pentre Cudd"));
        other.entries.truncate(position - 1);
        other.add(
            &area,
            "AreaRegistered",
            json!({ "country": "wales", "kind": "district", "name": "Pentre Cudd" }),
        );
        for (before, entry) in (position..).zip(&self.entries[position - 1..]) {
            let (from, to) = (
                format!("\"position\":{before},"),
                format!("\"position\":{},", before + 1),
            );
            assert!(entry.contains(&from), "{entry}");
            other.entries.push(entry.replacen(&from, &to, 1));
        }
        other
    }

    fn leaves(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    /// The root of the first entries.
    #[must_use]
    pub fn root(&self, size: usize) -> Hash {
        root(&self.leaves()[..size])
    }

    /// A checkpoint of the first entries.
    #[must_use]
    pub fn checkpoint(&self, size: usize, key: &SigningKey) -> Note {
        let checkpoint = Checkpoint {
            origin: LEDGER.to_owned(),
            size: size as u64,
            root: self.root(size),
        };
        checkpoint.sign(key).unwrap()
    }

    /// That the tree of one size goes on from that of another, with a checkpoint.
    #[must_use]
    pub fn consistency(&self, old: usize, size: usize, checkpoint: &Note) -> ConsistencyProof {
        let plan = consistency_plan(old as u64, size as u64).unwrap();
        ConsistencyProof {
            old: old as u64,
            hashes: plan.complete(hash_of(&self.leaves())).unwrap(),
            checkpoint: checkpoint.clone(),
        }
    }

    /// A bundle of this story, whatever its entries say: one of another of its kind in which
    /// everything that is proved of the entries is made anew, and signed.
    #[must_use]
    pub fn proven_in(&self, bundle: &Parts, key: &SigningKey) -> Parts {
        let size = self.entries.len();
        let checkpoint = self.checkpoint(size, key);
        let mut parts = bundle
            .clone()
            .with("checkpoint", checkpoint.to_string().as_bytes());
        let (mut entries, mut one) = (Vec::new(), false);
        for (index, entry) in self.entries.iter().enumerate() {
            let name = format!("proofs/inclusion/{}.tlog-proof", index + 1);
            if bundle.0.contains_key(&name) {
                let plan = inclusion_plan(index as u64, size as u64).unwrap();
                let proof = InclusionProof {
                    extra: None,
                    index: index as u64,
                    hashes: plan.complete(hash_of(&self.leaves())).unwrap(),
                    checkpoint: checkpoint.clone(),
                };
                parts = parts.with(&name, proof.to_string().as_bytes());
                entries.push(entry.clone());
                one = true;
            }
        }
        if !one {
            entries.clone_from(&self.entries);
        }
        for old in [5, 12] {
            let proof = self.consistency(old, size, &checkpoint).to_string();
            parts = parts.with(&format!("proofs/consistency/{old}.txt"), proof.as_bytes());
        }
        parts.with_entries(&entries).listed_anew()
    }

    /// What a bundle is made with.
    #[must_use]
    pub fn export(scope: Scope, checkpoint: &Note, key: &SigningKey) -> Export {
        Export {
            scope,
            on: NaiveDate::from_ymd_opt(2026, 11, 21).unwrap(),
            exported_at: "2026-11-21T10:00:00Z".parse().unwrap(),
            checkpoint: checkpoint.clone(),
            key: key.verifier().clone(),
            schemas: SCHEMAS.clone(),
        }
    }

    /// A bundle of the first entries, signed by a key.
    #[must_use]
    pub fn bundle(&self, size: usize, key: &SigningKey, proofs_from: &[usize]) -> Vec<u8> {
        let checkpoint = self.checkpoint(size, key);
        let export = Self::export(Scope::Ledger, &checkpoint, key);
        let mut writer = Writer::new(Cursor::new(Vec::new()), export).unwrap();
        for entry in &self.entries[..size] {
            writer.entry(entry).unwrap();
        }
        let proofs: Vec<_> = proofs_from
            .iter()
            .map(|old| self.consistency(*old, size, &checkpoint))
            .collect();
        writer.finish(&proofs).unwrap().into_inner()
    }

    /// A bundle of the partnership: all entries but those of the other one.
    #[must_use]
    pub fn bundle_of_partnership(&self, key: &SigningKey, proofs_from: &[usize]) -> Vec<u8> {
        self.try_bundle_of_partnership(key, proofs_from).unwrap()
    }

    /// The same, where the entries may be such that none is written.
    ///
    /// # Errors
    /// When it would not be verified.
    pub fn try_bundle_of_partnership(
        &self,
        key: &SigningKey,
        proofs_from: &[usize],
    ) -> Result<Vec<u8>, BundleError> {
        let size = self.entries.len();
        let checkpoint = self.checkpoint(size, key);
        let scope = Scope::Partnership(Self::partnership());
        let export = Self::export(scope, &checkpoint, key);
        let mut writer = Writer::new(Cursor::new(Vec::new()), export)?;
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.contains("\"Elsewhere\"") {
                continue;
            }
            let plan = inclusion_plan(index as u64, size as u64).unwrap();
            let hashes = plan.complete(hash_of(&self.leaves())).unwrap();
            writer.proven_entry(entry, hashes)?;
        }
        let proofs: Vec<_> = proofs_from
            .iter()
            .map(|old| self.consistency(*old, size, &checkpoint))
            .collect();
        Ok(writer.finish(&proofs)?.into_inner())
    }
}

/// The entries of a ledger of any length, nearly all of one kind, by their positions.
pub fn of_one_kind() -> impl Fn(usize) -> String {
    let told = Story::told();
    // Between the first entries and the rest only positions and versions differ.
    move |position| match position {
        1 => told.entries[0].clone(),
        2 => told.entries[2].replacen("\"position\":3,", "\"position\":2,", 1),
        _ => {
            let at = format!("\"position\":{position},");
            let version = format!("\"version\":{},", position - 1);
            let text = told.entries[4].replacen("\"position\":5,", &at, 1);
            let text = text.replacen("\"version\":2,", &version, 1);
            text.replacen("2024-01-29T", "2024-12-29T", 1)
        }
    }
}

/// Writes a bundle of a ledger of so many entries, nearly all of one kind.
#[must_use]
pub fn large<W: Write + Seek>(out: W, entries: usize) -> W {
    let entry = of_one_kind();
    let mut tree = Frontier::empty();
    (1..=entries).for_each(|position| tree.push(leaf_hash(&entry(position))));
    let checkpoint = Checkpoint {
        origin: LEDGER.to_owned(),
        size: entries as u64,
        root: tree.root(),
    };
    let signed = checkpoint.sign(&key(1)).unwrap();
    let export = Story::export(Scope::Ledger, &signed, &key(1));
    let mut writer = Writer::new(out, export).unwrap();
    (1..=entries).for_each(|position| writer.entry(&entry(position)).unwrap());
    writer.finish(&[]).unwrap()
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::empty();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

fn hash_of(leaves: &[Hash]) -> impl Fn(Node) -> Result<Hash, ()> {
    |node| {
        let start = usize::try_from(node.index << node.level).unwrap();
        Ok(root(&leaves[start..start + (1 << node.level)]))
    }
}
