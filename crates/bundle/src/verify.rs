//! Checks a bundle, and derives again what it says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Seek};

use chrono::{DateTime, Utc};
use serde_json::Value;

use dutyledger_domain::StreamKind;
use dutyledger_domain::streams::{LedgerStream, Strategy};
use dutyledger_proofs::tree::{verify_consistency, verify_inclusion};
use dutyledger_proofs::{
    Checkpoint, CheckpointError, ConsistencyProof, EarlierKey, Hash, InclusionProof,
    LastCheckpoint, Note, NoteError, PROOF_BYTES_MAX, TrustError, TrustedKeys, VerifierKey,
};
use dutyledger_record::{
    ENTRY_BYTES_MAX, Frontier, LedgerId, Record, RulePackRef, Stream, StreamId, leaf_hash, unhex,
};

use crate::container::Container;
use crate::documents::{DOCUMENTS, is_another};
use crate::failure::{Failure, Kind};
use crate::figures::{
    DERIVATION, KINDS_MAX, Of, Tally, Texts, UNNAMED, adopted_pack, adopts_pack, figures, is_read,
    no_pack,
};
use crate::manifest::{
    CHECKPOINT, ENTRIES, ENTRIES_BYTES_MAX, ENTRIES_MAX, EVENTS, FIGURES, FILE_BYTES_MAX,
    FILES_MAX, MANIFEST, MANIFEST_BYTES_MAX, Manifest, PACKS, REPORT, Scope, consistency_name,
    consistency_size, inclusion_name, inclusion_position, pack_name, schema_name,
};
use crate::report::report;

/// The digests of everything released with this program.
const RELEASED: &str = include_str!("../../../schemas/released.sha256");
/// The most streams a ledger may have here: each takes some 40 bytes of memory.
const STREAMS_MAX: usize = 4_000_000;
/// The most bytes of the name of a stream's type, and of an event.
const STREAM_TYPE_BYTES_MAX: usize = 64;
const EVENT_TYPE_BYTES_MAX: usize = 128;
/// The most that a partnership's strategies may be times its entries: each strategy is looked at as all of
/// the entries were on the day it was adopted. Nobody has vouched for any of them when that is done, where
/// no key is given.
const STRATEGIES_BY_ENTRIES_MAX: u64 = 2_000_000;
/// The most keys a ledger may have had, and the most rule packs it may have adopted.
const KEYS_MAX: usize = 1_000;

/// What whoever checks has from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The ledger's key, from somebody trusted. Without it nothing says whose bundle it is.
    pub key: Option<VerifierKey>,
    /// Keys it replaced since the bundle was made.
    pub earlier: Vec<EarlierKey>,
    /// A checkpoint of the ledger kept from another time.
    pub checkpoint: Option<Note>,
    /// Proofs that one checkpoint goes on from another.
    pub consistency: Vec<ConsistencyProof>,
}

/// A bundle that agrees with itself, and with what was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The ledger.
    pub ledger_id: LedgerId,
    /// The partnership, where it is of one.
    pub partnership: Option<StreamId>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// The key that signed it.
    pub key: VerifierKey,
    /// Whether that key was given from outside. If not, anybody may have made the bundle.
    pub confirmed: bool,
    /// How many entries it has.
    pub entries: u64,
    /// The figures, derived again.
    pub figures: Value,
}

/// An entry that replaces the ledger's key.
struct Adopted {
    position: u64,
    key: VerifierKey,
    replaces: Option<EarlierKey>,
}

/// What entries say as they come, whoever reads or writes them.
pub(crate) struct Fold {
    scope: Scope,
    ledger: LedgerId,
    checkpoint: Checkpoint,
    tree: Frontier,
    watched: BTreeMap<u64, Hash>,
    position: u64,
    leaf: Hash,
    entries: u64,
    bytes: u64,
    strategies: u64,
    recorded_at: Option<DateTime<Utc>>,
    versions: HashMap<u128, u64>,
    tally: Tally,
    texts: Texts,
    adopted: Vec<Adopted>,
    packs: Vec<(RulePackRef, String)>,
    schemas: BTreeSet<(String, u32)>,
}

/// What they said.
pub(crate) struct Folded {
    pub(crate) tally: Tally,
    pub(crate) rules: RulePackRef,
    pub(crate) texts: Texts,
    pub(crate) packs: Vec<(RulePackRef, String)>,
    adopted: Vec<Adopted>,
    pub(crate) schemas: BTreeSet<(String, u32)>,
    watched: BTreeMap<u64, Hash>,
}

impl Fold {
    pub(crate) fn new(scope: Scope, ledger: LedgerId, checkpoint: Checkpoint) -> Self {
        Self {
            scope,
            ledger,
            checkpoint,
            tree: Frontier::empty(),
            watched: BTreeMap::new(),
            position: 0,
            leaf: Hash::default(),
            entries: 0,
            bytes: 0,
            strategies: 0,
            recorded_at: None,
            versions: HashMap::new(),
            tally: Tally::default(),
            texts: Texts::new(),
            adopted: Vec::new(),
            packs: Vec::new(),
            schemas: BTreeSet::new(),
        }
    }

    /// Keeps the root at a size, if the entries come by it.
    fn watch(&mut self, size: u64) {
        self.watched.insert(size, Hash::default());
    }

    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// When the last entry was recorded.
    pub(crate) fn recorded_at(&self) -> Option<DateTime<Utc>> {
        self.recorded_at
    }

    pub(crate) fn add(&mut self, leaf_data: &str) -> Result<(), Failure> {
        let at = self.position + 1;
        let record = Record::verify(leaf_data)
            .map_err(|e| Failure::new(Kind::Entry, format!("the entry after {}: {e}", at - 1)))?;
        check_words(&record)?;
        let order = |what: &str| {
            Err(Failure::new(
                Kind::Order,
                format!("position {}: {what}", record.position),
            ))
        };
        if record.ledger_id != self.ledger {
            return order("it is of another ledger");
        }
        let follows = match self.scope {
            Scope::Ledger => record.position == at,
            // The ledger's opening comes first: its rule pack and its keys are told there.
            Scope::Partnership(_) => record.position >= at && (at > 1 || record.position == 1),
        };
        if !follows || record.position > self.checkpoint.size {
            return order("it is out of turn");
        }
        if self
            .recorded_at
            .is_some_and(|last| record.recorded_at < last)
        {
            return order("it was recorded before the one before it");
        }
        let event = record.event.event_type.as_str();
        if record.position == 1 && event != "LedgerOpened" {
            return order("the first entry does not open a ledger");
        }
        let stream = &record.entry.stream;
        let version = self.versions.entry(stream_key(stream)).or_default();
        *version += 1;
        if record.entry.version != *version {
            return order("its version comes out of turn");
        }
        if self.versions.len() > STREAMS_MAX {
            return Err(Failure::new(Kind::TooLarge, "it has too many streams"));
        }
        self.position = record.position;
        self.entries += 1;
        self.recorded_at = Some(record.recorded_at);
        self.leaf = leaf_hash(leaf_data);
        self.schemas
            .insert((event.to_owned(), record.event.schema_version));
        if self.schemas.len() > KINDS_MAX {
            return Err(Failure::new(
                Kind::TooLarge,
                "it has too many kinds of event",
            ));
        }
        let unread =
            |what: &str| Failure::new(Kind::Entry, format!("position {}: {what}", record.position));
        if adopts_pack(&record) {
            let pack = adopted_pack(&record).ok_or_else(|| unread("its rule pack"))?;
            self.packs.push(pack);
        }
        if stream.stream_type.as_str() == LedgerStream::NAME && event == "CheckpointKeyAdopted" {
            let adopted = Adopted::read(&record).ok_or_else(|| unread("its key"))?;
            self.adopted.push(adopted);
        }
        if self.adopted.len().max(self.packs.len()) > KEYS_MAX {
            return Err(Failure::new(
                Kind::TooLarge,
                "it has too many keys or packs",
            ));
        }
        self.tally.add(&record)?;
        match self.scope {
            Scope::Ledger => {
                self.tally.name(&record)?;
                self.tree.push(self.leaf);
                if let Some(root) = self.watched.get_mut(&self.tree.size()) {
                    *root = self.tree.root();
                }
            }
            Scope::Partnership(_) => {
                self.bytes += leaf_data.len() as u64 + 1;
                if self.bytes > ENTRIES_BYTES_MAX || self.entries > ENTRIES_MAX {
                    return Err(Failure::new(Kind::TooLarge, ENTRIES));
                }
                let opens =
                    stream.stream_type.as_str() == Strategy::NAME && record.entry.version == 1;
                self.strategies += u64::from(opens);
                if self.strategies * self.entries > STRATEGIES_BY_ENTRIES_MAX {
                    let what = "it has too many strategies for so many entries";
                    return Err(Failure::new(Kind::TooLarge, what));
                }
                // Parsed it takes some fifteen times its text, and nobody has vouched for it yet.
                if is_read(stream) {
                    let stream = stream.clone();
                    self.texts.entry(stream).or_default().push(leaf_data.into());
                }
            }
        }
        Ok(())
    }

    /// Holds the last entry against the checkpoint, and gives its position.
    pub(crate) fn prove_last(&self, hashes: &[Hash]) -> Result<u64, Failure> {
        let Checkpoint { size, root, .. } = &self.checkpoint;
        prove(self.position, &self.leaf, *size, root, hashes)?;
        Ok(self.position)
    }

    pub(crate) fn finish(self) -> Result<Folded, Failure> {
        if self.scope == Scope::Ledger {
            let (found, size) = (self.tree.size(), self.checkpoint.size);
            if found != size {
                return Err(Failure::new(
                    Kind::Order,
                    format!("there are {found} entries, the checkpoint has {size}"),
                ));
            }
            if self.tree.root() != self.checkpoint.root {
                return Err(Failure::new(
                    Kind::Root,
                    "the root of their tree is another",
                ));
            }
        }
        let rules = self.packs.last().map(|(rules, _)| rules.clone());
        Ok(Folded {
            rules: rules.unwrap_or_else(no_pack),
            tally: self.tally,
            texts: self.texts,
            packs: self.packs,
            adopted: self.adopted,
            schemas: self.schemas,
            watched: self.watched,
        })
    }
}

/// What entries are called is kept for as long as they are read, so it is no longer than it may be.
fn check_words(record: &Record) -> Result<(), Failure> {
    let event = record.event.event_type.as_str();
    let stream = record.entry.stream.stream_type.as_str();
    if stream.len() > STREAM_TYPE_BYTES_MAX || event.len() > EVENT_TYPE_BYTES_MAX {
        return Err(Failure::new(
            Kind::TooLarge,
            format!(
                "position {}: the name of its stream's type or of its event",
                record.position
            ),
        ));
    }
    Ok(())
}

/// Streams by a hash of their type and id: what is kept of each is small and of one size.
fn stream_key(stream: &Stream) -> u128 {
    let digest = leaf_hash(&format!("{}\n{}", stream.stream_type, stream.id));
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(key)
}

fn prove(
    position: u64,
    leaf: &Hash,
    size: u64,
    root: &Hash,
    hashes: &[Hash],
) -> Result<(), Failure> {
    verify_inclusion(position - 1, size, leaf, hashes, root)
        .map_err(|e| Failure::new(Kind::Inclusion, format!("position {position}: {e}")))
}

impl Adopted {
    fn read(record: &Record) -> Option<Self> {
        let payload = record.entry.payload.as_object()?;
        let replaces = match payload.get("replaces")? {
            Value::Null => None,
            Value::Object(last) => Some(EarlierKey {
                key: last.get("key")?.as_str()?.parse().ok()?,
                last: LastCheckpoint {
                    size: last.get("size")?.as_u64()?,
                    root: unhex(last.get("root")?.as_str()?.as_bytes())?,
                },
            }),
            _ => return None,
        };
        Some(Self {
            position: record.position,
            key: payload.get("key")?.as_str()?.parse().ok()?,
            replaces,
        })
    }
}

impl Folded {
    /// The keys the ledger says it had before its last one.
    fn earlier(&self) -> impl Iterator<Item = &EarlierKey> {
        self.adopted.iter().filter_map(|a| a.replaces.as_ref())
    }

    /// Holds the key of the checkpoint against the keys the ledger adopted, and their last
    /// checkpoints against the checkpoint.
    pub(crate) fn check_keys(
        &self,
        signer: &VerifierKey,
        checkpoint: &Checkpoint,
        consistency: &BTreeMap<u64, Vec<Hash>>,
    ) -> Result<(), Failure> {
        let old = |what: &str| Err(Failure::new(Kind::OldKey, what));
        let mut current: Option<&VerifierKey> = None;
        for adopted in &self.adopted {
            let replaced = adopted.replaces.as_ref();
            if replaced.map(|earlier| &earlier.key) != current {
                return old("an entry replaces another key than the ledger's own");
            }
            if replaced.is_some_and(|earlier| earlier.last.size >= adopted.position) {
                return old("a key's last checkpoint has the entry that replaces it");
            }
            current = Some(&adopted.key);
        }
        if current.is_some_and(|current| current != signer) {
            return old("the ledger has another key than the one that signed the checkpoint");
        }
        for EarlierKey { last, .. } in self.earlier() {
            let proof = consistency.get(&last.size);
            let missing = || Failure::new(Kind::Consistency, format!("from {}", last.size));
            let proof = proof.ok_or_else(missing)?;
            goes_on(last.size, &last.root, checkpoint, proof)?;
        }
        Ok(())
    }
}

fn goes_on(size: u64, root: &Hash, checkpoint: &Checkpoint, proof: &[Hash]) -> Result<(), Failure> {
    verify_consistency(size, root, checkpoint.size, &checkpoint.root, proof)
        .map_err(|e| Failure::new(Kind::Consistency, format!("from {size} entries: {e}")))
}

/// Checks a bundle.
///
/// # Errors
/// The first thing that is wrong, in an order that `schemas/bundle.md` sets out.
pub fn verify(reader: impl Read + Seek, given: &Given) -> Result<Verified, Failure> {
    let mut container = Container::open(reader)?;
    let manifest = Manifest::read(&container.read(MANIFEST, MANIFEST_BYTES_MAX)?)?;
    check_names(&container.names().collect(), &manifest)?;
    for listed in &manifest.files {
        container.check(listed)?;
    }

    let text = container.read(CHECKPOINT, FILE_BYTES_MAX)?;
    let note = Note::parse(&text).map_err(|e| Failure::new(Kind::Checkpoint, e))?;
    let checkpoint =
        Checkpoint::parse(note.text()).map_err(|e| Failure::new(Kind::Checkpoint, e))?;
    if checkpoint.origin != manifest.ledger_id.to_string() {
        return Err(Failure::new(Kind::Checkpoint, "it is of another ledger"));
    }

    let mut fold = Fold::new(manifest.scope(), manifest.ledger_id, checkpoint.clone());
    if let Some(size) = given.checkpoint.as_ref().and_then(size_of) {
        fold.watch(size);
    }
    let leaves = read_entries(&mut container, &mut fold)?;
    if fold.entries() != manifest.entries {
        return Err(Failure::new(
            Kind::Order,
            "the manifest counts other entries",
        ));
    }
    let made_at = manifest.made_at()?;
    if fold.recorded_at().is_some_and(|last| last > made_at) {
        return Err(Failure::new(
            Kind::Order,
            "the last entry was recorded after the bundle was made",
        ));
    }
    let folded = fold.finish()?;
    for (position, leaf) in &leaves {
        let wrong = |what: &dyn ToString| {
            Failure::new(
                Kind::Inclusion,
                format!("position {position}: {}", what.to_string()),
            )
        };
        let name = inclusion_name(*position);
        // There are as many proofs as entries, but they may be called after others.
        if !container.has(&name) {
            return Err(wrong(&"it has no proof"));
        }
        let proof = container.read(&name, PROOF_BYTES_MAX as u64)?;
        let proof = InclusionProof::parse(&proof).map_err(|e| wrong(&e))?;
        if proof.checkpoint != note || proof.index != *position - 1 || proof.extra.is_some() {
            return Err(wrong(&"it is a proof of something else"));
        }
        let Checkpoint { size, root, .. } = &checkpoint;
        prove(*position, leaf, *size, root, &proof.hashes)?;
    }

    let consistency = read_consistency(&mut container, &note)?;
    let keys = trusted(&manifest, given)?;
    let key = signer(&note, &keys, &folded, given)?;
    folded.check_keys(&key, &checkpoint, &consistency)?;
    check_given(&checkpoint, &keys, &folded, &consistency, given)?;
    check_released(&manifest, &folded)?;

    let of = Of {
        scope: manifest.scope(),
        ledger: manifest.ledger_id,
        on: manifest.on,
        known_at: checkpoint.size,
        derivation: manifest.derivation(),
    };
    if ![UNNAMED, DERIVATION].contains(&of.derivation) {
        return Err(Failure::new(
            Kind::OtherDerivation,
            format!(
                "derivation {}, and this program's is {DERIVATION}: check them with the release that \
                 wrote the bundle",
                of.derivation
            ),
        ));
    }
    let (values, text) = figures(&of, &folded.tally, &folded.rules, folded.texts)?;
    let differs = |kind, what| match of.derivation {
        // Nothing says which functions these were: nobody can tell that they are false.
        UNNAMED => Failure::new(
            Kind::OtherDerivation,
            format!(
                "{what} by this program, and version 1 names no derivation: check them with the release \
                 that wrote the bundle"
            ),
        ),
        _ => Failure::new(kind, what),
    };
    if container.read(FIGURES, FILE_BYTES_MAX)? != text.as_bytes() {
        return Err(differs(Kind::Figures, "they come to something else"));
    }
    if container.read(REPORT, FILE_BYTES_MAX)? != report(&values, &checkpoint).as_bytes() {
        return Err(differs(Kind::Report, "it says something else"));
    }
    let partnership = match manifest.scope() {
        Scope::Ledger => None,
        Scope::Partnership(id) => Some(id),
    };
    Ok(Verified {
        ledger_id: manifest.ledger_id,
        partnership,
        checkpoint,
        key,
        confirmed: given.key.is_some(),
        entries: manifest.entries,
        figures: values,
    })
}

fn size_of(note: &Note) -> Option<u64> {
    Checkpoint::parse(note.text()).ok().map(|c| c.size)
}

/// The files are those a bundle has, and those the manifest lists, and no others.
pub(crate) fn check_names(names: &BTreeSet<&str>, manifest: &Manifest) -> Result<(), Failure> {
    if names.len() > FILES_MAX {
        return Err(Failure::new(Kind::TooLarge, "it has too many files"));
    }
    let listed: BTreeSet<&str> = manifest.files.iter().map(|f| f.path.as_str()).collect();
    let always = || {
        let documents = DOCUMENTS.iter().map(|(path, _)| *path);
        documents.chain([CHECKPOINT, ENTRIES, FIGURES, REPORT])
    };
    for needed in always() {
        if !listed.contains(needed) {
            return Err(Failure::container(format!("the manifest lacks {needed}")));
        }
    }
    let mut proofs = 0;
    for name in names {
        if inclusion_position(name).is_some() && manifest.scope() != Scope::Ledger {
            proofs += 1;
        } else if *name != MANIFEST && !listed.contains(name) {
            return Err(Failure::container(format!("{name} is not in the manifest")));
        }
    }
    for name in &listed {
        // Which schemas and rule packs there are is known from the entries.
        let known = always().any(|path| path == *name)
            || name.starts_with(EVENTS)
            || name.starts_with(PACKS)
            || consistency_size(name).is_some();
        if !known || !names.contains(*name) {
            return Err(Failure::container(format!("{name} is missing or unknown")));
        }
    }
    if manifest.scope() != Scope::Ledger && proofs != manifest.entries {
        return Err(Failure::new(
            Kind::Inclusion,
            "there are not as many proofs as entries",
        ));
    }
    Ok(())
}

/// Folds the entries line by line; of a partnership's, gives each leaf hash.
fn read_entries<R: Read + Seek>(
    container: &mut Container<R>,
    fold: &mut Fold,
) -> Result<Vec<(u64, Hash)>, Failure> {
    let mut lines = BufReader::with_capacity(64 * 1024, container.stream(ENTRIES)?);
    let (mut line, mut leaves) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        // No more of a line is read than an entry may have.
        let mut one = (&mut lines).take(ENTRY_BYTES_MAX as u64 + 2);
        one.read_until(b'\n', &mut line)
            .map_err(|e| Failure::container(format!("{ENTRIES}: {e}")))?;
        if line.is_empty() {
            return Ok(leaves);
        }
        let entry = |what: &str| {
            Failure::new(
                Kind::Entry,
                format!("the entry after position {}: {what}", fold.position),
            )
        };
        let Some(text) = line.strip_suffix(b"\n") else {
            return Err(entry("its line does not end, or is too long"));
        };
        let text = str::from_utf8(text).map_err(|_| entry("it is not UTF-8"))?;
        fold.add(text)?;
        if fold.scope != Scope::Ledger {
            leaves.push((fold.position, fold.leaf));
        }
    }
}

fn read_consistency<R: Read + Seek>(
    container: &mut Container<R>,
    note: &Note,
) -> Result<BTreeMap<u64, Vec<Hash>>, Failure> {
    let names: Vec<String> = container
        .names()
        .filter(|name| consistency_size(name).is_some())
        .map(str::to_owned)
        .collect();
    let mut proofs = BTreeMap::new();
    for name in names {
        let wrong = |what: &dyn ToString| Failure::new(Kind::Consistency, what.to_string());
        let text = container.read(&name, PROOF_BYTES_MAX as u64)?;
        let proof = ConsistencyProof::parse(&text).map_err(|e| wrong(&e))?;
        if proof.checkpoint != *note || consistency_name(proof.old) != name {
            return Err(wrong(&"it is a proof of something else"));
        }
        proofs.insert(proof.old, proof.hashes);
    }
    Ok(proofs)
}

fn signature(what: impl Display) -> Failure {
    Failure::new(Kind::Signature, what)
}

/// The keys given; of a bundle for which none is, the one it names.
fn trusted(manifest: &Manifest, given: &Given) -> Result<TrustedKeys, Failure> {
    let named: VerifierKey = manifest.key.parse().map_err(signature)?;
    let current = given.key.clone().unwrap_or(named);
    TrustedKeys::new(current, given.earlier.clone()).map_err(signature)
}

/// The trusted key that signed the checkpoint.
fn signer(
    note: &Note,
    keys: &TrustedKeys,
    folded: &Folded,
    given: &Given,
) -> Result<VerifierKey, Failure> {
    match keys.accept(note, &given.consistency) {
        Ok(accepted) => Ok(accepted.key),
        Err(
            e @ (TrustError::Outlived { .. } | TrustError::Forked | TrustError::Unproven { .. }),
        ) => Err(Failure::new(Kind::OldKey, e)),
        Err(TrustError::Checkpoint(e @ CheckpointError::Origin { .. })) => {
            Err(Failure::new(Kind::Checkpoint, e))
        }
        Err(e @ TrustError::Checkpoint(CheckpointError::Note(NoteError::Unknown))) => {
            // A key the ledger itself says was replaced is no unknown one. Where a trusted key is named,
            // whatever else stands there says nothing: anybody can write a line in a replaced key's name.
            let old = note.signed_by(folded.earlier().map(|earlier| &earlier.key));
            Err(match old {
                Ok(_) | Err(NoteError::Forged(_)) => Failure::new(
                    Kind::OldKey,
                    "a key that was replaced signed the checkpoint",
                ),
                Err(_) => signature(e),
            })
        }
        Err(e) => Err(signature(e)),
    }
}

/// Holds a checkpoint kept from another time against the bundle.
fn check_given(
    checkpoint: &Checkpoint,
    keys: &TrustedKeys,
    folded: &Folded,
    consistency: &BTreeMap<u64, Vec<Hash>>,
    given: &Given,
) -> Result<(), Failure> {
    let Some(note) = &given.checkpoint else {
        return Ok(());
    };
    let earlier: Vec<&EarlierKey> = folded.earlier().chain(keys.earlier()).collect();
    let known = earlier.iter().map(|earlier| &earlier.key);
    let (other, signed) =
        Checkpoint::open(note, known.chain([keys.current()])).map_err(signature)?;
    // A key that was replaced is an earlier one here too where it signed the bundle's checkpoint.
    let current = signed.contains(&keys.current());
    let furthest = earlier
        .iter()
        .filter(|earlier| signed.contains(&&earlier.key))
        .map(|earlier| earlier.last.size)
        .max();
    if !current && furthest.is_none_or(|last| other.size > last) {
        return Err(Failure::new(
            Kind::OldKey,
            "a key that was replaced signed the checkpoint given after its last one",
        ));
    }
    if other.size > checkpoint.size {
        // What goes on from the bundle may still be what that key's last checkpoint does not go on from.
        let old = |e| Failure::new(Kind::OldKey, e);
        keys.accept(note, &given.consistency).map_err(old)?;
    }
    let (small, large) = if other.size <= checkpoint.size {
        (&other, checkpoint)
    } else {
        (checkpoint, &other)
    };
    let watched = folded.watched.get(&other.size);
    let known = watched
        .filter(|root| **root != Hash::default())
        .or_else(|| (small.size == large.size).then_some(&checkpoint.root));
    let Some(root) = known else {
        // Who hands over a proof that does not hold has shown nothing, least of all a fork.
        let outside = given.consistency.iter().filter(|proof| {
            proof.old == small.size && size_of(&proof.checkpoint) == Some(large.size)
        });
        let inside = consistency.get(&small.size).filter(|_| large == checkpoint);
        let none = Vec::new();
        let trivial = (small.size == 0).then_some(&none);
        let mut proofs = outside
            .map(|proof| &proof.hashes)
            .chain(inside)
            .chain(trivial);
        let shown = proofs.any(|proof| {
            verify_consistency(small.size, &small.root, large.size, &large.root, proof).is_ok()
        });
        if shown {
            return Ok(());
        }
        return Err(Failure::new(
            Kind::Consistency,
            format!(
                "nothing shows whether {} entries go on from {}: give a proof",
                large.size, small.size
            ),
        ));
    };
    match (*root == other.root, current) {
        (true, _) => Ok(()),
        (false, true) => Err(Failure::new(
            Kind::Forked,
            "the ledger does not go on from it",
        )),
        (false, false) => Err(Failure::new(
            Kind::OldKey,
            "a key that was replaced signed a checkpoint the ledger does not go on from",
        )),
    }
}

/// Every event has its schema and every pack its file, as released or as the ledger adopted it, and
/// there are no others: what nobody checked is not handed over as checked.
pub(crate) fn check_released(manifest: &Manifest, folded: &Folded) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new(Kind::Released, what));
    let listed = manifest.files.iter();
    let listed: BTreeMap<&str, &str> = listed
        .map(|file| (file.path.as_str(), file.sha256.as_str()))
        .collect();
    let packs = folded.packs.iter();
    let mut needed: BTreeSet<String> = packs
        .map(|(pack, _)| pack_name(&pack.pack, pack.revision))
        .collect();
    let schemas = folded.schemas.iter();
    needed.extend(schemas.map(|(event, version)| schema_name(event, *version)));
    if let Some(path) = needed
        .iter()
        .find(|path| !listed.contains_key(path.as_str()))
    {
        return wrong(format!("{path} is missing"));
    }
    for file in &manifest.files {
        let of_entries = file.path.starts_with(EVENTS) || file.path.starts_with(PACKS);
        if of_entries && !needed.contains(&file.path) {
            return Err(Failure::container(format!(
                "{} is of nothing in the entries",
                file.path
            )));
        }
        let released = RELEASED
            .lines()
            .filter_map(|line| line.split_once("  "))
            .find(|(_, path)| *path == file.path);
        if released.is_some_and(|(digest, _)| digest != file.sha256)
            || is_another(&file.path, &file.sha256)
        {
            return wrong(format!("{} is not the one released", file.path));
        }
    }
    for (pack, sha256) in &folded.packs {
        let path = pack_name(&pack.pack, pack.revision);
        if listed.get(path.as_str()) != Some(&sha256.as_str()) {
            return wrong(format!("{path} is not the one the ledger adopted"));
        }
    }
    Ok(())
}
