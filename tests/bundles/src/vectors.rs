//! The vectors: what each is made of, what it is checked with, and how that ends.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use dutyledger_bundle::Kind;
use dutyledger_proofs::{Note, SigningKey};
use dutyledger_record::hex;

use crate::archive::{
    renamed, stored, two_directories, with_broken_end, with_comment, with_compressed, with_gap,
    with_hidden, with_size, without_end, zipped,
};
use crate::forged::{Forged, no_point};
use crate::ledger::{Story, key};
use crate::parts::Parts;

/// A bundle, what it is checked with, and how that ends.
pub struct Vector {
    /// Its name.
    pub name: &'static str,
    /// What was done to it.
    pub about: &'static str,
    /// The file of the bundle.
    pub bundle: String,
    /// The trusted key.
    pub key: Option<String>,
    /// Keys that were replaced since: key, size and root.
    pub earlier: Vec<String>,
    /// The file of a checkpoint kept from another time.
    pub checkpoint: Option<String>,
    /// Files of proofs that one checkpoint goes on from another.
    pub consistency: Vec<String>,
    /// The exit code.
    pub code: u8,
    /// Whether a reader that knows nothing of the duty comes to the same.
    pub independent: bool,
}

impl Vector {
    /// Its line in the index.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let checks = Kind::ALL.iter().find(|kind| kind.code() == self.code);
        json!({
            "about": self.about,
            "bundle": self.bundle,
            "checkpoint": self.checkpoint,
            "checks": checks.map_or("all", |kind| kind.name()),
            "code": self.code,
            "consistency": self.consistency,
            "earlier_key": self.earlier,
            "independent": self.independent,
            "name": self.name,
            "trusted_key": self.key,
        })
    }
}

struct Making {
    files: BTreeMap<String, Vec<u8>>,
    vectors: Vec<Vector>,
}

impl Making {
    /// A vector checked with the current key.
    fn add(
        &mut self,
        name: &'static str,
        about: &'static str,
        bundle: Vec<u8>,
        code: u8,
    ) -> &mut Vector {
        let file = format!("{name}.zip");
        self.files.insert(file.clone(), bundle);
        self.again(name, about, &file, code)
    }

    /// A vector of a bundle that is there already.
    fn again(
        &mut self,
        name: &'static str,
        about: &'static str,
        file: &str,
        code: u8,
    ) -> &mut Vector {
        self.vectors.push(Vector {
            name,
            about,
            bundle: file.to_owned(),
            key: Some(key(2).verifier().to_string()),
            earlier: Vec::new(),
            checkpoint: None,
            consistency: Vec::new(),
            code,
            independent: true,
        });
        self.vectors.last_mut().unwrap()
    }

    fn tampered(
        &mut self,
        name: &'static str,
        about: &'static str,
        parts: Parts,
        kind: Kind,
    ) -> &mut Vector {
        self.add(name, about, parts.zipped(), kind.code())
    }

    /// A proof in which two hashes changed places.
    fn wrong_proof(&mut self, name: &str, of: &str) -> String {
        let text = String::from_utf8(self.files[of].clone()).unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        lines.swap(1, 2);
        self.file(name, &(lines.join("\n") + "\n"))
    }

    fn file(&mut self, name: &str, text: &impl ToString) -> String {
        let bytes = text.to_string().into_bytes();
        self.files.insert(name.to_owned(), bytes);
        name.to_owned()
    }
}

fn replaced(story: &Story, size: usize) -> String {
    let first = story.first_key();
    format!("{} {size} {}", first.key, hex(&story.root(size)))
}

/// Every vector, and the files they are made of.
#[must_use]
pub fn vectors() -> (Vec<Vector>, BTreeMap<String, Vec<u8>>) {
    let mut m = Making {
        files: BTreeMap::new(),
        vectors: Vec::new(),
    };
    let story = Story::told();
    let size = story.entries.len();
    let good = story.bundle(size, &key(2), &[12, 5]);
    let one = story.bundle_of_partnership(&key(2), &[12, 5]);
    let (ledger, partnership) = (Parts::of(&good), Parts::of(&one));
    as_it_is(&mut m, &story, good, one);
    edited(&mut m, &story, &ledger);
    inserted(&mut m, &story, &ledger);
    from_later(&mut m, &story, &partnership);
    keys(&mut m, &story, &ledger);
    weak_points(&mut m, &story, &ledger);
    proofs(&mut m, &ledger, &partnership);
    written_oddly(&mut m, &ledger);
    read_alike(&mut m, &story, &ledger);
    to_hurt(&mut m, &ledger, &partnership);
    overlapping(&mut m, &ledger);
    laid_oddly(&mut m, &ledger);
    too_large(&mut m, &ledger, &partnership);
    odd_and_too_large(&mut m, &ledger, &partnership);
    other_files(&mut m, &ledger);
    (m.vectors, m.files)
}

/// A bundle as it was written when `schemas/record.md` had other words and there were fewer events and
/// rule packs.
const EARLIER: &[u8] = include_bytes!("../earlier/whole-ledger.zip");

/// A bundle of a partnership whose figures were derived as they are today. Where it comes to something
/// else, raise `DERIVATION` in `crates/bundle/src/figures.rs`: this one then ends with the code of another
/// derivation, and one of the new derivation is put beside it.
const DERIVED: &[u8] = include_bytes!("../earlier/derivation-2.zip");

fn as_it_is(m: &mut Making, story: &Story, good: Vec<u8>, one: Vec<u8>) {
    let unconfirmed = Kind::Unconfirmed.code();
    m.add(
        "earlier-edition",
        "a whole ledger, written by an earlier version of the program with documents of another edition",
        EARLIER.to_vec(),
        0,
    );
    m.add(
        "derivation-2",
        "a partnership, whose figures were derived as the program still derives them",
        DERIVED.to_vec(),
        0,
    );
    m.add(
        "ledger",
        "a whole ledger, in which the key was replaced once",
        good,
        0,
    );
    let no_key = m.again(
        "no-key",
        "nobody says whose key to trust",
        "ledger.zip",
        unconfirmed,
    );
    no_key.key = None;
    m.add(
        "partnership",
        "one partnership of it, with inclusion proofs",
        one,
        0,
    );
    // A checkpoint somebody kept from before the key was replaced.
    let kept = m.file("kept.checkpoint", &story.checkpoint(5, &key(1)));
    for (name, file) in [
        ("kept-checkpoint", "ledger.zip"),
        ("kept-checkpoint-partnership", "partnership.zip"),
    ] {
        let about = "the ledger goes on from a checkpoint kept from before";
        m.again(name, about, file, 0).checkpoint = Some(kept.clone());
    }
    let kept = m.file("kept-7.checkpoint", &story.checkpoint(7, &key(1)));
    let about = "nothing shows that the ledger goes on from a checkpoint kept from before";
    m.again(
        "nothing-shows",
        about,
        "partnership.zip",
        Kind::Consistency.code(),
    )
    .checkpoint = Some(kept.clone());
    let size = story.entries.len();
    let proof = story.consistency(7, size, &story.checkpoint(size, &key(2)));
    let proof = m.file("from-7.consistency", &proof);
    let about = "a proof from elsewhere shows that it goes on from a checkpoint kept from before";
    let shown = m.again("proof-from-elsewhere", about, "partnership.zip", 0);
    shown.checkpoint = Some(kept.clone());
    shown.consistency = vec![proof.clone()];
    let wrong = m.wrong_proof("from-7-wrong.consistency", "from-7.consistency");
    let about = "a proof from elsewhere that does not hold shows nothing";
    let not_shown = m.again(
        "proof-wrong",
        about,
        "partnership.zip",
        Kind::Consistency.code(),
    );
    not_shown.checkpoint = Some(kept.clone());
    not_shown.consistency = vec![wrong.clone()];
    let about = "a proof that does not hold stands before one that does";
    let shown = m.again("proof-behind-another", about, "partnership.zip", 0);
    shown.checkpoint = Some(kept);
    shown.consistency = vec![wrong, proof];
    let proof = story.consistency(5, size, &story.checkpoint(size, &key(2)));
    m.file("from-5.consistency", &proof);
    let wrong = m.wrong_proof("from-5-wrong.consistency", "from-5.consistency");
    m.files.remove("from-5.consistency");
    let about = "a proof from elsewhere does not hold, and the one in the bundle does";
    let shown = m.again("proof-in-the-bundle", about, "partnership.zip", 0);
    shown.checkpoint = Some("kept.checkpoint".to_owned());
    shown.consistency = vec![wrong];
}

fn edited(m: &mut Making, story: &Story, ledger: &Parts) {
    let entries = ledger.entries();
    let changed = story
        .with(13, "llanfair.example", "elsewhere.example")
        .entries;
    let about = "an entry was edited";
    m.tampered(
        "edited",
        about,
        ledger.clone().with_entries(&changed),
        Kind::Digest,
    );
    let about = "an entry was edited, and the manifest with it";
    let parts = ledger.clone().with_entries(&changed).listed_anew();
    m.tampered("edited-and-listed", about, parts, Kind::Root);

    let mut rest = entries.clone();
    rest.remove(7);
    let parts = ledger.clone().with_entries(&rest).listed_anew();
    m.tampered("deleted", "an entry was deleted", parts, Kind::Order);

    let mut longer = story.clone();
    let own = serde_json::from_str::<Value>(&entries[2]).unwrap();
    let area = serde_json::from_value(own["stream"].clone()).unwrap();
    longer.add(
        &area,
        "AuthorityRecorded",
        json!({
            "authority": "01931c2e-5a00-7000-8000-000000000004", "capacity": "local_authority",
            "from": "2023-01-31", "from_assumed": true,
        }),
    );
    let parts = ledger.clone().with_entries(&longer.entries).listed_anew();
    m.tampered(
        "inserted",
        "an entry was added at the end",
        parts,
        Kind::Order,
    );
    let mut twice = entries.clone();
    twice.insert(5, entries[4].clone());
    let parts = ledger.clone().with_entries(&twice).listed_anew();
    m.tampered("twice", "an entry is there twice", parts, Kind::Order);

    let mut swapped = entries.clone();
    swapped.swap(9, 10);
    let parts = ledger.clone().with_entries(&swapped).listed_anew();
    m.tampered(
        "reordered",
        "two entries changed places",
        parts,
        Kind::Order,
    );
    let parts = ledger.clone().with_entries(&entries[..12]).listed_anew();
    m.tampered(
        "truncated",
        "the last entries are missing",
        parts,
        Kind::Order,
    );
    let parts = ledger
        .clone()
        .with_manifest(|manifest| manifest["entries"] = 14.into());
    m.tampered(
        "miscounted",
        "the manifest counts other entries",
        parts,
        Kind::Order,
    );
    let parts = ledger
        .clone()
        .with_text(
            "entries.jsonl",
            "\"version\":3,\"warnings\"",
            "\"version\":4,\"warnings\"",
        )
        .listed_anew();
    m.tampered(
        "version-skipped",
        "a stream's versions have a gap",
        parts,
        Kind::Order,
    );
    let other = "01931c2e-5a00-7000-8000-00000000000f";
    let parts = ledger
        .clone()
        .with_text("checkpoint", "01931c2e-5a00-7000-8000-000000000001", other)
        .listed_anew();
    m.tampered(
        "other-ledger",
        "the checkpoint is of another ledger",
        parts,
        Kind::Checkpoint,
    );
    let parts = ledger
        .clone()
        .with_text("checkpoint", "\n15\n", "\n9007199254740992\n")
        .listed_anew();
    m.tampered(
        "large-checkpoint",
        "the checkpoint has more entries than there can be",
        parts,
        Kind::Checkpoint,
    );
    let parts = ledger
        .clone()
        .with_text("checkpoint", "\n15\n", "\n015\n")
        .listed_anew();
    m.tampered(
        "no-checkpoint",
        "the checkpoint is not written as one",
        parts,
        Kind::Checkpoint,
    );

    let schema = "schemas/events/area-registered.v1.json";
    let parts = ledger
        .clone()
        .with_text(schema, "AreaRegistered", "AreaRegisterd");
    m.tampered(
        "schema",
        "a schema is not the one listed",
        parts.clone(),
        Kind::Digest,
    );
    let about = "a schema is not the one released, and the manifest lists it";
    m.tampered("schema-listed", about, parts.listed_anew(), Kind::Released)
        .independent = false;
    let pack = "rule-packs/enacted-2022.r2.json";
    let parts = ledger.clone().with_text(pack, "must", "may").listed_anew();
    let about = "a rule pack is not the one the ledger adopted";
    m.tampered("rule-pack", about, parts, Kind::Released);
    let parts = ledger.clone().without(pack).listed_anew();
    let about = "a rule pack the ledger adopted is missing";
    m.tampered("rule-pack-missing", about, parts, Kind::Released);
    let schema = ledger.clone().without(schema).listed_anew();
    let about = "the schema of an event is missing";
    m.tampered("schema-missing", about, schema, Kind::Released);
    let parts = ledger
        .clone()
        .with_text("figures.json", "\"corrections\":0", "\"corrections\":1")
        .listed_anew();
    m.tampered("figures", "the figures were altered", parts, Kind::Figures)
        .independent = false;
    let parts = ledger
        .clone()
        .with_text("report.html", "15 entries", "14 entries")
        .listed_anew();
    m.tampered("report", "the report was altered", parts, Kind::Report)
        .independent = false;
    // Neither signed nor listed: the manifest is the manifest's own word.
    let derived = |by: Value| {
        let other = ledger.clone();
        other.with_manifest(|manifest| manifest["derivation"] = by)
    };
    let about = "another release derived the figures and the report";
    m.tampered(
        "derived-otherwise",
        about,
        derived(json!(3)),
        Kind::OtherDerivation,
    )
    .independent = false;
    let first = Parts::of(EARLIER).with_text(
        "figures.json",
        "\"administrative\":6",
        "\"administrative\":7",
    );
    let about =
        "a bundle of version 1, which names no derivation, has other figures than the program's";
    let parts = first.listed_anew();
    m.tampered(
        "derived-by-the-unnamed",
        about,
        parts,
        Kind::OtherDerivation,
    )
    .independent = false;
    for (name, about, by) in [
        ("derived-by-none", "the derivation is 0", json!(0)),
        ("derived-by-null", "the derivation is null", Value::Null),
        (
            "derived-by-a-large-number",
            "the derivation is more than 32 bits",
            json!(1_u64 << 32),
        ),
    ] {
        m.tampered(name, about, derived(by), Kind::Container);
    }
    let unnamed = ledger.clone().with_manifest(|manifest| {
        if let Some(members) = manifest.as_object_mut() {
            members.remove("derivation");
        }
    });
    let about = "a bundle of version 2 names no derivation";
    m.tampered("derivation-missing", about, unnamed, Kind::Container);
    let first = ledger
        .clone()
        .with_manifest(|manifest| manifest["version"] = json!(1));
    let about = "a bundle of version 1 names a derivation";
    m.tampered("derivation-in-version-1", about, first, Kind::Container);
}

/// An entry in the midst of the others, which are renumbered: the more of what is proved is made to
/// fit, the later it is found.
fn inserted(m: &mut Making, story: &Story, ledger: &Parts) {
    let longer = story.with_one_at(8);
    let size = longer.entries.len();
    let parts = ledger.clone().with_entries(&longer.entries);
    m.tampered(
        "inserted-amid",
        "an entry was inserted amid the others, which were renumbered",
        parts.clone().listed_anew(),
        Kind::Order,
    );
    let parts = parts.with_text("checkpoint", "\n15\n", "\n16\n");
    m.tampered(
        "inserted-amid-counted",
        "the same, and the checkpoint counts it",
        parts.listed_anew(),
        Kind::Root,
    );
    // Whoever has no key can only leave the signature as it was.
    let mut unsigned = longer.proven_in(ledger, &key(2));
    let signed = longer.checkpoint(size, &key(2)).to_string();
    let (_, line) = signed.rsplit_once("\n\n").unwrap();
    let was = story.checkpoint(15, &key(2)).to_string();
    let (_, line_was) = was.rsplit_once("\n\n").unwrap();
    for name in [
        "checkpoint",
        "proofs/consistency/5.txt",
        "proofs/consistency/12.txt",
    ] {
        unsigned = unsigned.with_text(name, line, line_was);
    }
    m.tampered(
        "inserted-amid-proven",
        "the same, and root and proofs are those of the entries, but not signed",
        unsigned.listed_anew(),
        Kind::Signature,
    );
    m.tampered(
        "inserted-amid-signed",
        "the same, and signed with the current key: not what the old key's last checkpoint goes on to",
        longer.proven_in(ledger, &key(2)),
        Kind::Consistency,
    );
}

/// Events that a later program records: they are counted, and nothing is derived from them.
fn from_later(m: &mut Making, story: &Story, partnership: &Parts) {
    let later = story.with(13, "\"StrategyPublished\"", "\"StrategyRenewed\"");
    let schema = "schemas/events/strategy-renewed.v1.json";
    // The only entry of that event is the one that is of another now.
    let was = "schemas/events/strategy-published.v1.json";
    let parts = partnership.clone().without(was).with(schema, b"{}\n");
    m.tampered(
        "unknown",
        "an event that only a later program knows, in a partnership's bundle",
        later.proven_in(&parts, &key(2)),
        Kind::Unknown,
    )
    .independent = false;
    let size = later.entries.len();
    m.add(
        "unknown-counted",
        "the same in a whole ledger's, of which nothing is derived but how many there are",
        later.bundle(size, &key(2), &[12, 5]),
        0,
    );
}

/// Files that lie within others, so that little would swell to much.
fn overlapping(m: &mut Making, ledger: &Parts) {
    let (outer, inner) = ("schemas/outer.md", "schemas/within.md");
    let member = stored([(inner, &b"within"[..])]);
    let directory = member.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    // The outer file holds the inner one whole, with its header; the directory points into it.
    let holds = [b"before ", &member[..directory], b" behind"].concat();
    let parts = ledger.clone().with(outer, &holds).with(inner, b"within");
    let bundle = parts.listed_anew().stored();
    let at = bundle
        .windows(holds.len())
        .position(|w| w == holds)
        .unwrap();
    m.add(
        "nested",
        "a file lies within another",
        pointed(bundle, inner, at + b"before ".len()),
        Kind::Container.code(),
    );
    let (one, two) = ("schemas/twin-1.md", "schemas/twin-2.md");
    let parts = ledger.clone().with(one, b"twin").with(two, b"twin");
    let bundle = parts.listed_anew().stored();
    let header = bundle
        .windows(one.len())
        .position(|w| w == one.as_bytes())
        .unwrap();
    m.add(
        "overlapping",
        "two files of the directory are one",
        pointed(bundle, two, header - 30),
        Kind::Container.code(),
    );
}

/// The same ZIP file, its directory saying that a file is somewhere else.
fn pointed(mut bundle: Vec<u8>, name: &str, at: usize) -> Vec<u8> {
    let named = bundle
        .windows(name.len())
        .rposition(|w| w == name.as_bytes());
    let entry = named.unwrap() - 46;
    assert!(bundle[entry..].starts_with(b"PK\x01\x02"));
    let at = u32::try_from(at).unwrap().to_le_bytes();
    bundle[entry + 42..entry + 46].copy_from_slice(&at);
    bundle
}

/// A signature altered, or of another key.
fn keys(m: &mut Making, story: &Story, ledger: &Parts) {
    let size = story.entries.len();
    let signed_by = |key: &SigningKey| {
        let checkpoint = story.checkpoint(size, key).to_string();
        let parts = ledger.clone().with("checkpoint", checkpoint.as_bytes());
        let mut parts = parts.listed_anew();
        for old in [5, 12] {
            let proof = story.consistency(old, size, &story.checkpoint(size, key));
            let name = format!("proofs/consistency/{old}.txt");
            parts = parts.with(&name, proof.to_string().as_bytes());
        }
        let named = key.verifier().to_string();
        parts
            .with_manifest(|manifest| manifest["key"] = named.into())
            .listed_anew()
    };
    let stranger = SigningKey::from_seed(key(2).verifier().name(), &[9; 32]).unwrap();
    m.tampered(
        "signed-by-another",
        "signed with a key of somebody else",
        signed_by(&stranger),
        Kind::Signature,
    );
    let own = stranger.verifier().to_string();
    let about =
        "signed with a key of somebody else, who is believed, but which the ledger never adopted";
    m.again(
        "stranger-believed",
        about,
        "signed-by-another.zip",
        Kind::OldKey.code(),
    )
    .key = Some(own);
    let forged = forged_note(&story.checkpoint(size, &key(2)));
    m.tampered(
        "forged",
        "the signature is not that of the key it names",
        with_checkpoint(ledger, &forged).listed_anew(),
        Kind::Signature,
    );
    // Anybody can write a line in a replaced key's name: it does not change what the other line is.
    let by_old = forged_note(&story.checkpoint(size, &key(1)));
    let (text, line) = by_old.rsplit_once("\n\n").unwrap();
    m.tampered(
        "forged-beside-old",
        "the signature is not that of the key it names, and one in the old key's name is beside it",
        with_checkpoint(ledger, &format!("{forged}{line}")).listed_anew(),
        Kind::Signature,
    );
    let elsewhere = SigningKey::from_seed("elsewhere.example", &[9; 32]).unwrap();
    let signed = Note::sign(format!("{text}\n"), &elsewhere).unwrap();
    let about = "the key of another ledger, which is trusted, signed it, and a signature in the old key's \
                 name is beside it";
    m.tampered(
        "other-name-beside-old",
        about,
        with_checkpoint(ledger, &format!("{signed}{line}")).listed_anew(),
        Kind::Checkpoint,
    )
    .key = Some(elsewhere.verifier().to_string());

    let about = "signed with the old key, after the entry that replaced it";
    m.tampered("old-key", about, signed_by(&key(1)), Kind::OldKey);
    let about = "the same, checked by somebody who still trusts the old key";
    m.again(
        "old-key-believed",
        about,
        "old-key.zip",
        Kind::OldKey.code(),
    )
    .key = Some(key(1).verifier().to_string());

    let early = story.bundle(10, &key(1), &[]);
    let about = "a bundle from before the key was replaced, checked with the key before";
    m.add("early", about, early, 0).key = Some(key(1).verifier().to_string());
    let proof = story.consistency(10, 12, &story.checkpoint(12, &key(1)));
    let proof = m.file("from-10.consistency", &proof);
    let about = "a bundle from before the key was replaced, checked with the current key";
    let now = m.again("early-checked-now", about, "early.zip", 0);
    now.earlier = vec![replaced(story, 12)];
    now.consistency = vec![proof.clone()];
    let wrong = m.wrong_proof("from-10-wrong.consistency", "from-10.consistency");
    let about = "the same, and a proof that does not hold stands before the one that does";
    let now = m.again("early-behind-another", about, "early.zip", 0);
    now.earlier = vec![replaced(story, 12)];
    now.consistency = vec![wrong, proof.clone()];
    let about = "the same, and nothing shows that the old key's last checkpoint goes on from it";
    m.again("early-unproven", about, "early.zip", Kind::OldKey.code())
        .earlier = vec![replaced(story, 12)];
    let about = "the same, where the old key's last checkpoint was an earlier one";
    m.again("early-too-late", about, "early.zip", Kind::OldKey.code())
        .earlier = vec![replaced(story, 9)];
    let fork = story.with(4, "Cyngor", "Gyngor");
    let about = "the old key signed another history, of the time before it was replaced";
    let forged = m.add(
        "early-forged",
        about,
        fork.bundle(10, &key(1), &[]),
        Kind::OldKey.code(),
    );
    forged.earlier = vec![replaced(story, 12)];
    forged.consistency = vec![proof.clone()];
    early_by_newer(m, story, &fork);

    let kept = m.file("forked.checkpoint", &fork.checkpoint(size, &key(2)));
    let about = "the current key signed another history as well";
    for (name, file) in [
        ("forked", "ledger.zip"),
        ("forked-partnership", "partnership.zip"),
    ] {
        m.again(name, about, file, Kind::Forked.code()).checkpoint = Some(kept.clone());
    }
    let kept = m.file("forged-by-old.checkpoint", &fork.checkpoint(10, &key(1)));
    let about = "the old key signed another history, of the time before it was replaced";
    m.again("forged-by-old", about, "ledger.zip", Kind::OldKey.code())
        .checkpoint = Some(kept);
    let kept = m.file("late-by-old.checkpoint", &story.checkpoint(13, &key(1)));
    let about = "the old key signed after its last checkpoint";
    m.again("late-by-old", about, "ledger.zip", Kind::OldKey.code())
        .checkpoint = Some(kept);
    early_by_old(m, story, &proof);
    let kept = m.file("strange.checkpoint", &story.checkpoint(5, &stranger));
    let about = "the checkpoint kept from before is signed by nobody known";
    m.again(
        "kept-by-stranger",
        about,
        "ledger.zip",
        Kind::Signature.code(),
    )
    .checkpoint = Some(kept);
}

/// A note with a letter of its last signature changed.
fn forged_note(note: &Note) -> String {
    let text = note.to_string();
    let at = text.len() - 20;
    let letter = if &text[at..=at] == "A" { "B" } else { "A" };
    format!("{}{letter}{}", &text[..at], &text[at + 1..])
}

/// The same bundle with another checkpoint, and its proofs with that one.
fn with_checkpoint(bundle: &Parts, text: &str) -> Parts {
    let mut parts = bundle.clone().with("checkpoint", text.as_bytes());
    for old in [5, 12] {
        let name = format!("proofs/consistency/{old}.txt");
        let proof = String::from_utf8(parts.0[&name].clone()).unwrap();
        let (head, _) = proof.split_once("\n\n").unwrap();
        parts = parts.with(&name, format!("{head}\n\n{text}").as_bytes());
    }
    parts
}

/// Keys and signatures that lax readers take: with those of small order anybody signs anything.
fn weak_points(m: &mut Making, story: &Story, ledger: &Parts) {
    let now = story.checkpoint(story.entries.len(), &key(2));
    let weak = Forged::by_weak_key(key(2).verifier().name(), now.text());
    let parts = with_checkpoint(ledger, &weak.note)
        .with_manifest(|manifest| manifest["key"] = weak.key.clone().into());
    let about = "the bundle's own key is of small order, so that anybody signs with it";
    m.tampered("weak-key", about, parts.listed_anew(), Kind::Signature)
        .key = None;
    let note = Forged::with_weak_point(&key(2), now.text());
    let about = "the trusted key's signature has a point R of small order";
    let parts = with_checkpoint(ledger, &note).listed_anew();
    m.tampered("weak-signature", about, parts, Kind::Signature);
    let nothing = no_point(key(2).verifier().name());
    let parts = ledger
        .clone()
        .with_manifest(|manifest| manifest["key"] = nothing.clone().into());
    let about = "the bundle's own key is no point, though a trusted one signed it";
    m.tampered("key-no-point", about, parts, Kind::Signature);
    let (first, second) = (key(1).verifier().to_string(), key(2).verifier().to_string());
    for (name, about, position, from, to) in [
        (
            "weak-key-adopted",
            "the ledger adopts a key of small order",
            14,
            &second,
            &weak.key,
        ),
        (
            "no-point-adopted",
            "the ledger adopts a key that is no point",
            2,
            &first,
            &nothing,
        ),
    ] {
        let parts = story.with(position, from, to).proven_in(ledger, &key(2));
        m.tampered(name, about, parts, Kind::Entry);
    }
}

/// A bundle from before the key was replaced, and proofs that were fetched after it was.
fn early_by_newer(m: &mut Making, story: &Story, fork: &Story) {
    let size = story.entries.len();
    let mut from = |name: &str, of: &Story, old, size, by| {
        m.file(
            name,
            &of.consistency(old, size, &of.checkpoint(size, &key(by))),
        )
    };
    let old = from("old-to-newer.consistency", story, 10, size, 2);
    let last = from("last-to-newer.consistency", story, 12, size, 2);
    let other = from("last-to-other.consistency", story, 12, size - 1, 2);
    let forged_old = from("old-to-forged.consistency", fork, 10, size, 1);
    let forged_last = from("last-to-forged.consistency", fork, 12, size, 1);
    let mut add = |name, about, bundle: &str, code, proofs: &[&String]| {
        let vector = m.again(name, about, bundle, code);
        vector.earlier = vec![replaced(story, 12)];
        vector.consistency = proofs.iter().map(|proof| (*proof).clone()).collect();
    };
    let (early, forged, refused) = ("early.zip", "early-forged.zip", Kind::OldKey.code());
    let about = "a bundle from before the key was replaced, and a checkpoint of the current key that \
                 goes on from it and from the old key's last";
    add("early-by-newer", about, early, 0, &[&old, &last]);
    let about = "the same, and nothing shows that it goes on from the old key's last checkpoint";
    add("early-by-half", about, early, refused, &[&old]);
    let about = "the same, and the two proofs are of two checkpoints";
    add("early-by-two", about, early, refused, &[&old, &other]);
    let about = "the old key signed another history, and a newer checkpoint of it";
    let proofs = [&forged_old, &forged_last];
    add("early-forged-newer", about, forged, refused, &proofs);
    let about = "the old key signed another history, which the current key's does not go on from";
    add(
        "early-forged-by-newer",
        about,
        forged,
        refused,
        &[&old, &last],
    );
}

/// A bundle from before the key was replaced, and checkpoints of the same key kept from other times: that
/// it signed the bundle makes it count no further. `last` shows that its last one goes on from the bundle.
fn early_by_old(m: &mut Making, story: &Story, last: &str) {
    let turned = story.with(11, "\"section_9\":false", "\"section_9\":true");
    let mut from_10 = |name, of: &Story, size| {
        m.file(
            name,
            &of.consistency(10, size, &of.checkpoint(size, &key(1))),
        )
    };
    let to_late = from_10("from-10-to-late.consistency", story, 13);
    let to_turned = from_10("from-10-to-turned.consistency", &turned, 11);
    let to_11 = from_10("from-10-to-11.consistency", story, 11);
    let from_11 = story.consistency(11, 12, &story.checkpoint(12, &key(1)));
    let from_11 = m.file("from-11.consistency", &from_11);
    let kept_turned = m.file("turned-by-old.checkpoint", &turned.checkpoint(11, &key(1)));
    let kept_11 = m.file("kept-11.checkpoint", &story.checkpoint(11, &key(1)));
    let refused = Kind::OldKey.code();
    for (name, about, kept, proofs, code) in [
        (
            "early-forged-by-old",
            "the old key signed the bundle, and another history of the same time",
            "forged-by-old.checkpoint",
            vec![last],
            refused,
        ),
        (
            "early-late-by-old",
            "the old key signed the bundle, and what goes on from it after its last checkpoint",
            "late-by-old.checkpoint",
            vec![last, &to_late],
            refused,
        ),
        (
            "early-turned-by-old",
            "the old key signed the bundle, and what goes on from it another way than its last checkpoint",
            &kept_turned,
            vec![last, &to_turned, &from_11],
            refused,
        ),
        (
            "early-kept-unproven",
            "nothing shows that the old key's last checkpoint goes on from another one it signed",
            &kept_11,
            vec![last, &to_11],
            refused,
        ),
        (
            "early-kept",
            "the old key signed the bundle, and what its last checkpoint goes on from as well",
            &kept_11,
            vec![last, &to_11, &from_11],
            0,
        ),
    ] {
        let vector = m.again(name, about, "early.zip", code);
        vector.earlier = vec![replaced(story, 12)];
        vector.checkpoint = Some(kept.to_owned());
        vector.consistency = proofs.into_iter().map(str::to_owned).collect();
    }
}

fn proofs(m: &mut Making, ledger: &Parts, partnership: &Parts) {
    let name = "proofs/inclusion/6.tlog-proof";
    let other = partnership.0["proofs/inclusion/8.tlog-proof"].clone();
    let parts = partnership.clone().with(name, &other);
    m.tampered(
        "proof-of-another",
        "an entry has the proof of another",
        parts,
        Kind::Inclusion,
    );
    let text = String::from_utf8(partnership.0[name].clone()).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.swap(2, 3);
    let swapped = lines.join("\n") + "\n";
    let parts = partnership.clone().with(name, swapped.as_bytes());
    m.tampered(
        "proof-reordered",
        "the hashes of a proof changed places",
        parts,
        Kind::Inclusion,
    );
    lines.swap(2, 3);
    lines.remove(3);
    let short = lines.join("\n") + "\n";
    let parts = partnership.clone().with(name, short.as_bytes());
    m.tampered(
        "proof-short",
        "a proof lacks a hash",
        parts,
        Kind::Inclusion,
    );
    let parts = partnership.clone().without(name);
    m.tampered(
        "proof-missing",
        "an entry has no proof",
        parts,
        Kind::Inclusion,
    );
    // There are as many proofs as entries.
    let own = partnership.0[name].clone();
    let elsewhere = partnership.clone().without(name);
    let parts = elsewhere
        .clone()
        .with("proofs/inclusion/9.tlog-proof", &own);
    m.tampered(
        "proof-elsewhere",
        "an entry's proof is called after another position",
        parts,
        Kind::Inclusion,
    );
    let beyond = "99999999999999999999";
    for (name, about, position) in [
        (
            "proof-of-position-0",
            "an entry's proof is called after a position there is none of",
            "0",
        ),
        (
            "proof-of-a-large-position",
            "an entry's proof is called after a position of more than 64 bits",
            beyond,
        ),
    ] {
        let path = format!("proofs/inclusion/{position}.tlog-proof");
        let parts = elsewhere.clone().with(&path, &own);
        m.tampered(name, about, parts, Kind::Container);
    }
    let long = [&own[..], &vec![b'\n'; 150_000]].concat();
    let parts = partnership.clone().with(name, &long);
    m.tampered(
        "proof-long",
        "a proof is longer than any may be",
        parts,
        Kind::TooLarge,
    );
    let changed: Vec<_> = partnership
        .entries()
        .iter()
        .map(|entry| entry.replacen("Cyngor", "Gyngor", 1))
        .collect();
    let parts = partnership.clone().with_entries(&changed).listed_anew();
    m.tampered(
        "edited-in-partnership",
        "an entry was edited, and the manifest with it",
        parts,
        Kind::Inclusion,
    );
    let mut entries = partnership.entries();
    entries.remove(6);
    let parts = partnership
        .clone()
        .with_entries(&entries)
        .without("proofs/inclusion/7.tlog-proof")
        .listed_anew();
    m.tampered(
        "gap-in-stream",
        "an entry and its proof are missing",
        parts,
        Kind::Order,
    );

    let own: Vec<_> = partnership
        .entries()
        .into_iter()
        .filter(|entry| !entry.contains("\"type\":\"ledger\""))
        .collect();
    let mut parts = partnership.clone().with_entries(&own);
    for position in [1, 2, 14] {
        parts = parts.without(&format!("proofs/inclusion/{position}.tlog-proof"));
    }
    m.tampered(
        "no-ledger-stream",
        "the ledger's own stream, with its keys, is left out",
        parts.listed_anew(),
        Kind::Order,
    );

    let name = "proofs/consistency/12.txt";
    let parts = ledger.clone().without(name).listed_anew();
    let about = "nothing shows that the ledger goes on from the old key's last checkpoint";
    m.tampered("consistency-missing", about, parts, Kind::Consistency);
    let other = String::from_utf8(ledger.0["proofs/consistency/5.txt"].clone()).unwrap();
    let other = other.replacen("old 5\n", "old 12\n", 1);
    let parts = ledger.clone().with(name, other.as_bytes()).listed_anew();
    m.tampered(
        "consistency-wrong",
        "a consistency proof is another's",
        parts,
        Kind::Consistency,
    );
    let path = format!("proofs/consistency/{beyond}.txt");
    let parts = ledger.clone().with(&path, other.as_bytes()).listed_anew();
    let about = "a consistency proof is called after a size of more than 64 bits";
    m.tampered("consistency-of-a-large-size", about, parts, Kind::Container);
}

fn written_oddly(m: &mut Making, ledger: &Parts) {
    let adopted = format!("\"key\":\"{}\"", key(2).verifier());
    let replaced = format!("\"replaces\":{{\"key\":\"{}\"", key(1).verifier());
    for (name, about, from, to) in [
        (
            "duplicate-member",
            "an entry has a member twice",
            "\"reported\":false,",
            "\"reported\":false,\"reported\":false,",
        ),
        (
            "fraction",
            "an entry has a number with a fraction",
            "\"schema_version\":1,",
            "\"schema_version\":1.0,",
        ),
        (
            "exponent",
            "an entry has a number with an exponent",
            "\"schema_version\":1,",
            "\"schema_version\":1e0,",
        ),
        (
            "large-number",
            "an entry has a number beyond 2^53",
            "\"revision\":2}",
            "\"revision\":9007199254740993}",
        ),
        (
            "large-position",
            "an entry's position is the largest number of 64 bits",
            "\"position\":15,",
            "\"position\":18446744073709551615,",
        ),
        (
            "large-year",
            "an entry was recorded in a year of five digits",
            "\"recorded_at\":\"2024-04-08",
            "\"recorded_at\":\"+12024-04-08",
        ),
        (
            "minus-zero",
            "an entry has the number -0",
            "\"count\":1,",
            "\"count\":-0,",
        ),
        (
            "white-space",
            "an entry has white space between its members",
            "\"corrects\":null",
            "\"corrects\": null",
        ),
        (
            "escaped",
            "an entry escapes a character that need not be",
            "Llanfair–Môr",
            "Llanfair\\u2013Môr",
        ),
        (
            "member-missing",
            "an entry lacks a member",
            "\"causation_id\":null,",
            "",
        ),
        (
            "other-format",
            "an entry is of another format",
            "\"format\":1,",
            "\"format\":2,",
        ),
        (
            "key-a-number",
            "the ledger adopts a number for a key",
            adopted.as_str(),
            "\"key\":5",
        ),
        (
            "replaced-key-a-number",
            "the ledger replaces a number for a key",
            replaced.as_str(),
            "\"replaces\":{\"key\":5",
        ),
    ] {
        let parts = ledger
            .clone()
            .with_text("entries.jsonl", from, to)
            .listed_anew();
        m.tampered(name, about, parts, Kind::Entry);
    }
    let text = String::from_utf8(ledger.0["manifest.json"].clone()).unwrap();
    let twice = text.replacen("\"version\":2", "\"version\":2,\"version\":2", 1);
    let parts = ledger.clone().with("manifest.json", twice.as_bytes());
    m.tampered(
        "manifest-member-twice",
        "the manifest has a member twice",
        parts,
        Kind::Container,
    );
    let dated = text.replacen("2026-11-21T10:00:00.000000Z", "yesterday", 1);
    let parts = ledger.clone().with("manifest.json", dated.as_bytes());
    m.tampered(
        "manifest-undated",
        "the manifest says no instant",
        parts,
        Kind::Container,
    );
    let on = "\"on\":\"2026-11-21\"";
    for (name, about, made, date, kind) in [
        (
            "dated-after-made",
            "the figures are as true on a day after the bundle was made",
            "2026-11-20T22:59:59.999999Z",
            "2026-11-21",
            Kind::Container,
        ),
        (
            "dated-far-away",
            "the figures are as true on a day in a year of five digits",
            "2026-11-21T10:00:00.000000Z",
            "+12026-11-21",
            Kind::Container,
        ),
        (
            "made-before-entries",
            "the bundle says it was made before its last entry was recorded",
            "2024-04-08T09:30:00.499999Z",
            "2024-04-08",
            Kind::Order,
        ),
    ] {
        let other = text.replacen("2026-11-21T10:00:00.000000Z", made, 1);
        let other = other.replacen(on, &format!("\"on\":\"{date}\""), 1);
        let parts = ledger.clone().with("manifest.json", other.as_bytes());
        m.tampered(name, about, parts, kind);
    }
    // In summer the day has come in London.
    let in_london = text.replacen(
        "2026-11-21T10:00:00.000000Z",
        "2026-11-20T23:00:00.000000Z",
        1,
    );
    let parts = ledger.clone().with("manifest.json", in_london.as_bytes());
    let about = "the bundle was made an hour before the day of its figures, as it may be in summer";
    m.add("made-at-midnight", about, parts.zipped(), 0);
    let at = text.find("\"sha256\":\"").unwrap() + 10;
    let capital = [
        &text[..at],
        &text[at..at + 64].to_uppercase(),
        &text[at + 64..],
    ]
    .concat();
    let parts = ledger.clone().with("manifest.json", capital.as_bytes());
    m.tampered(
        "manifest-digest",
        "the manifest has a digest in capital letters",
        parts,
        Kind::Container,
    );
    let spaced = text.replacen(':', ": ", 1);
    let parts = ledger.clone().with("manifest.json", spaced.as_bytes());
    m.tampered(
        "manifest-not-canonical",
        "the manifest is not in the canonical form",
        parts,
        Kind::Container,
    );
}

/// What readers of JSON differ in, each by its own bounds and habits: `schemas/record.md` says of all of it
/// what an entry may hold.
fn read_alike(m: &mut Making, story: &Story, ledger: &Parts) {
    let size = story.entries.len();
    let lists = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (within, beyond) = (lists(125), lists(126));
    let deepest = format!("\"scope\":{within}");
    for (name, about, position, from, to) in [
        (
            "called-like-a-year",
            "a text begins as a year with a sign does",
            13,
            "https://llanfair.example/strategy",
            "-2024-25 plan",
        ),
        (
            "deepest-entry",
            "an entry nests 127 deep, as deep as it may",
            15,
            "\"scope\":\"whole\"",
            deepest.as_str(),
        ),
    ] {
        let other = story.with(position, from, to);
        m.add(name, about, other.bundle(size, &key(2), &[12, 5]), 0);
    }
    let detail = |value: &str| format!("\"route_detail\":{value}");
    for (name, about, from, to) in [
        (
            "signed-year",
            "an entry holds a date of a year of five digits, as programs write them",
            "\"route_detail\":null",
            detail("\"+12024-04-08\""),
        ),
        (
            "signed-instant",
            "an entry holds an instant of a year before 0, as programs write them",
            "\"route_detail\":null",
            detail("[{\"at\":\"-0044-03-15T09:30:00.500000Z\"}]"),
        ),
        (
            "deeper-entry",
            "an entry nests 128 deep",
            "\"route_detail\":null",
            detail(&beyond),
        ),
        (
            "large-schema-version",
            "the version of an event's schema is more than 32 bits",
            "\"schema_version\":1,",
            "\"schema_version\":4294967296,".to_owned(),
        ),
        (
            "large-revision",
            "the revision of a rule pack is more than 32 bits",
            "\"revision\":2},\"source\"",
            "\"revision\":4294967296},\"source\"".to_owned(),
        ),
        (
            "leap-second",
            "an entry was recorded in the sixty-first second of a minute",
            "\"recorded_at\":\"2024-04-08T09:30:00.",
            "\"recorded_at\":\"2024-04-08T09:30:60.".to_owned(),
        ),
        (
            "name-kept-by-a-reader",
            "a member has the name by which a reader of JSON marks a text that it leaves as it is",
            "\"route_detail\":null",
            detail("{\"$serde_json::private::RawValue\":\"[1,2]\"}"),
        ),
        (
            "name-behind-another",
            "the same, behind a member with a plain name",
            "\"route_detail\":null",
            detail("{\"#\":1,\"$serde_json::private::RawValue\":\"[1,2]\"}"),
        ),
    ] {
        let parts = ledger.clone().with_text("entries.jsonl", from, &to);
        m.tampered(name, about, parts.listed_anew(), Kind::Entry);
    }
    let made = "2026-11-21T10:00:60.000000Z";
    let parts = ledger
        .clone()
        .with_manifest(|manifest| manifest["exported_at"] = made.into());
    let about = "the bundle was made in the sixty-first second of a minute";
    m.tampered("made-in-a-leap-second", about, parts, Kind::Container);
}

fn to_hurt(m: &mut Making, ledger: &Parts, partnership: &Parts) {
    let deep = "[".repeat(200_000);
    let parts = ledger.clone().with("manifest.json", deep.as_bytes());
    m.tampered(
        "deep-manifest",
        "the manifest nests 200,000 deep",
        parts,
        Kind::Container,
    );
    let nested = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let parts = ledger
        .clone()
        .with_text(
            "entries.jsonl",
            "\"route_detail\":null",
            &format!("\"route_detail\":{nested}"),
        )
        .listed_anew();
    m.tampered(
        "deep-entry",
        "an entry nests 20,000 deep",
        parts,
        Kind::Entry,
    );
    let long = format!("\"route_detail\":\"{}\"", "x".repeat(3_000_000));
    let parts = ledger
        .clone()
        .with_text("entries.jsonl", "\"route_detail\":null", &long)
        .listed_anew();
    m.tampered(
        "long-entry",
        "an entry has three million letters",
        parts,
        Kind::Entry,
    );
    let parts = ledger
        .clone()
        .with("HOW-TO-VERIFY.txt", &vec![b' '; 40_000_000]);
    m.tampered(
        "swelling",
        "a file swells far beyond what the manifest lists",
        parts.clone(),
        Kind::Digest,
    );
    // Whoever reads no more than is listed does not come to what is broken.
    let how_to = "HOW-TO-VERIFY.txt";
    let short = ledger.clone().with_manifest(|manifest| {
        let files = manifest["files"].as_array_mut().unwrap();
        let how_to = files.iter_mut().find(|file| file["path"] == how_to);
        how_to.unwrap()["bytes"] = 10.into();
    });
    m.add(
        "broken-behind-what-is-listed",
        "a file goes on beyond what the manifest lists, and is broken there",
        with_broken_end(&short.zipped(), &ledger.0[how_to]),
        Kind::Digest.code(),
    );
    let about = "a file is larger than any may be, and the manifest lists it";
    m.tampered(
        "swelling-listed",
        about,
        parts.listed_anew(),
        Kind::TooLarge,
    );
    let parts = ledger.clone().with("manifest.json", &vec![b' '; 5_000_000]);
    m.tampered(
        "swelling-manifest",
        "the manifest is larger than it may be",
        parts,
        Kind::TooLarge,
    );
    // No manifest lists the proofs, so nothing but their own bound stops the reading.
    let proof = "proofs/inclusion/6.tlog-proof";
    let parts = partnership.clone().with(proof, &vec![b'\n'; 1_000_000]);
    m.tampered(
        "swelling-proof",
        "a proof is larger than it may be",
        parts,
        Kind::TooLarge,
    );
    let proof = "proofs/consistency/12.txt";
    let parts = ledger.clone().with(proof, &vec![b'\n'; 1_000_000]);
    m.tampered(
        "swelling-consistency",
        "a proof that the manifest lists is larger than it may be",
        parts.listed_anew(),
        Kind::TooLarge,
    );

    for (name, about, path) in [
        ("path-up", "a file lies above the bundle", "../above.txt"),
        (
            "path-absolute",
            "a file has an absolute path",
            "/etc/above.txt",
        ),
        (
            "path-backslash",
            "a file has a path of another system",
            "..\\above.txt",
        ),
        ("path-hidden", "a file is hidden", "schemas/.hidden"),
        (
            "unlisted",
            "a file is not in the manifest",
            "schemas/more.txt",
        ),
    ] {
        let parts = ledger.clone().with(path, b"x");
        m.tampered(name, about, parts, Kind::Container);
    }
    let parts = ledger.clone().without("schemas/record.md");
    m.tampered(
        "file-missing",
        "a file the manifest lists is missing",
        parts,
        Kind::Container,
    );
    let whole = ledger.zipped();
    m.add(
        "cut",
        "the file was cut off",
        whole[..whole.len() / 2].to_vec(),
        Kind::Container.code(),
    );
    m.add(
        "trailing",
        "something follows the file",
        [&whole[..], b"more"].concat(),
        Kind::Container.code(),
    );
    m.add(
        "empty",
        "the file is empty",
        Vec::new(),
        Kind::Container.code(),
    );
    let nothing = zipped([]);
    m.add(
        "nothing-in-it",
        "a ZIP file of no files",
        nothing,
        Kind::Container.code(),
    );
    // The directory names a file twice: the name of one is changed to that of another of its length.
    let files = ledger.clone().with("schemas/other_.md", b"other");
    let twice = renamed(&files.zipped(), "schemas/other_.md", "schemas/bundle.md");
    m.add(
        "file-twice",
        "a file is there twice",
        twice,
        Kind::Container.code(),
    );
}

/// Files that are not the ones every bundle has, or that nothing in the entries asks for.
fn other_files(m: &mut Making, ledger: &Parts) {
    let how_to = "HOW-TO-VERIFY.txt";
    for (name, about, path, from, to) in [
        (
            "how-to",
            "what says how to verify it was altered",
            how_to,
            "Do not take it",
            "You may take it",
        ),
        (
            "document",
            "a specification was altered",
            "schemas/proofs.md",
            "must",
            "may",
        ),
    ] {
        let parts = ledger.clone().with_text(path, from, to).listed_anew();
        m.tampered(name, about, parts, Kind::Released);
    }
    let parts = ledger.clone().without("schemas/proofs.md").listed_anew();
    let about = "a specification is missing";
    m.tampered("document-missing", about, parts, Kind::Container);
    for (name, about, path) in [
        (
            "schema-of-nothing",
            "there is a schema of an event that is not in the entries",
            "schemas/events/strategy-forgotten.v1.json",
        ),
        (
            "rule-pack-of-nothing",
            "there is a rule pack the ledger never adopted",
            "rule-packs/enacted-2022.r3.json",
        ),
        (
            "other-document",
            "there is a document no bundle has",
            "schemas/READ-ME-FIRST.md",
        ),
    ] {
        let parts = ledger.clone().with(path, b"{}").listed_anew();
        m.tampered(name, about, parts, Kind::Container);
    }
}

/// Names and sizes that would take more memory than there is need for.
fn too_large(m: &mut Making, ledger: &Parts, partnership: &Parts) {
    let area = "\"type\":\"area\"},\"version\":1,";
    let stream = |kind: &str| area.replacen("area", kind, 1);
    let proposed = "\"type\":\"PartnershipProposed\"";
    let event = proposed.replacen("Proposed", &"Proposed".repeat(16), 1);
    let pack = "\"pack\":\"enacted-2022\",\"pack_sha256\"";
    let (large, entry) = (Kind::TooLarge, Kind::Entry);
    for (name, about, from, to, kind) in [
        (
            "long-stream-type",
            "the name of a stream's type is longer than any may be",
            area,
            stream(&"a".repeat(65)),
            large,
        ),
        (
            "long-event-type",
            "the name of an event is longer than any may be",
            proposed,
            event,
            large,
        ),
        (
            "odd-stream-type",
            "the name of a stream's type is no lower-case words",
            area,
            stream("Area"),
            entry,
        ),
        (
            "odd-rule-pack",
            "the rule pack adopted is called what no file may be",
            pack,
            pack.replacen("enacted", "../enacted", 1),
            entry,
        ),
    ] {
        let parts = ledger.clone().with_text("entries.jsonl", from, &to);
        m.tampered(name, about, parts.listed_anew(), kind);
    }
    for (name, parts) in [
        ("long-entries", ledger),
        ("long-entries-of-one", partnership),
    ] {
        let parts = parts.clone().with_manifest(|manifest| {
            let files = manifest["files"].as_array_mut().unwrap();
            let entries = files.iter_mut().find(|f| f["path"] == "entries.jsonl");
            entries.unwrap()["bytes"] = (128 * 1024 * 1024 + 1).into();
        });
        let about = "the manifest lists more bytes of entries than so many can have";
        m.tampered(name, about, parts, large);
    }
}

/// Manifests with two things wrong, or an id of another form: the form of all of it comes first.
fn odd_and_too_large(m: &mut Making, ledger: &Parts, partnership: &Parts) {
    let mut listed = |name, about, change: &dyn Fn(&mut Value)| {
        let parts = ledger.clone().with_manifest(|manifest| {
            manifest["files"][0]["bytes"] = (1_u64 << 40).into();
            change(&mut manifest["files"]);
        });
        m.tampered(name, about, parts, Kind::Container);
    };
    listed(
        "too-large-before-a-bad-digest",
        "the manifest lists a file larger than any may be, and another with no digest",
        &|files| files[1]["sha256"] = "x".into(),
    );
    listed(
        "too-large-before-a-bad-path",
        "the manifest lists a file larger than any may be, and another with a hidden path",
        &|files| files[1]["path"] = "HOW-TO-VERIFY.txt/.x".into(),
    );
    listed(
        "too-large-with-a-bad-path",
        "the manifest lists a file larger than any may be, and with a path above the bundle",
        &|files| files[0]["path"] = "../above.txt".into(),
    );
    let id = "01931c2e-5a00-7000-8000-000000000001";
    for (name, about, parts, member, other) in [
        (
            "ledger-id-of-no-version",
            "the ledger's id is a UUID of no version",
            ledger,
            "ledger_id",
            id.replacen("-7000-", "-0000-", 1),
        ),
        (
            "ledger-id-of-another-version",
            "the ledger's id is a UUIDv4",
            ledger,
            "ledger_id",
            id.replacen("-7000-", "-4000-", 1),
        ),
        (
            "ledger-id-of-another-variant",
            "the ledger's id is a UUID of another variant",
            ledger,
            "ledger_id",
            id.replacen("-8000-", "-c000-", 1),
        ),
        (
            "partnership-of-another-version",
            "the partnership's id is a UUIDv4",
            partnership,
            "partnership",
            id.replacen("-7000-", "-4000-", 1),
        ),
        (
            "partnership-of-another-variant",
            "the partnership's id is a UUID of another variant",
            partnership,
            "partnership",
            id.replacen("-8000-", "-c000-", 1),
        ),
    ] {
        let parts = parts
            .clone()
            .with_manifest(|manifest| manifest[member] = other.into());
        m.tampered(name, about, parts, Kind::Container);
    }
}

/// Archives that some readers find other files in.
fn laid_oddly(m: &mut Making, ledger: &Parts) {
    let whole = ledger.zipped();
    let changed = ledger.clone().with("report.html", b"Nothing is overdue.");
    for (name, about, bundle) in [
        (
            "two-directories",
            "the end says where one directory is, and stands behind another",
            two_directories(&whole, &changed.listed_anew().zipped()),
        ),
        (
            "leading",
            "something stands before the first file",
            with_gap(&whole, 0, b"before"),
        ),
        (
            "gap",
            "something stands between two files",
            with_gap(&whole, 1, b"between"),
        ),
        (
            "hidden",
            "bytes stand behind what a file is unpacked from, and are said to be of it",
            with_hidden(&whole, b"hidden"),
        ),
        (
            "unended",
            "what a file is unpacked from does not say that it ends",
            without_end(&whole),
        ),
        (
            "commented",
            "the directory has a comment on a file",
            with_comment(&whole, b"a comment"),
        ),
        (
            "smaller",
            "a file is said to be smaller than it is unpacked",
            with_size(&whole, -1),
        ),
        (
            "larger",
            "a file is said to be larger than it is unpacked",
            with_size(&whole, 1),
        ),
        (
            "far-away",
            "a file is said to go on farther behind the end than any system looks for",
            with_compressed(&whole, 1 << 62),
        ),
        (
            "farther-away",
            "a file is said to go on for more bytes than numbers with a sign count",
            with_compressed(&whole, 1 << 63),
        ),
    ] {
        m.add(name, about, bundle, Kind::Container.code());
    }
}

/// What readers of bundles, checkpoints and proofs are tried with, by the folder of their kind.
#[must_use]
pub fn corpora() -> BTreeMap<String, Vec<u8>> {
    let story = Story::told();
    let size = story.entries.len();
    let now = story.checkpoint(size, &key(2));
    let mut files = BTreeMap::new();
    for (size, number) in [(0, 1), (1, 1), (5, 1), (12, 1), (size, 2)] {
        let checkpoint = story.checkpoint(size, &key(number)).to_string();
        files.insert(format!("checkpoint/{size}"), checkpoint.into_bytes());
    }
    let both = story.checkpoint(size, &key(1)).to_string();
    let second = now.to_string();
    let (_, line) = second.rsplit_once("\n\n").unwrap();
    files.insert(
        "checkpoint/signed-twice".to_owned(),
        (both + line).into_bytes(),
    );
    for old in [0, 1, 7, 12, size] {
        let proof = story.consistency(old, size, &now).to_string();
        files.insert(format!("proof/consistency-{old}"), proof.into_bytes());
    }
    let parts = Parts::of(&story.bundle_of_partnership(&key(2), &[12]));
    for position in [1, 6, size] {
        let proof = &parts.0[&format!("proofs/inclusion/{position}.tlog-proof")];
        files.insert(format!("proof/inclusion-{position}"), proof.clone());
    }
    let extra = String::from_utf8(files["proof/inclusion-6"].clone()).unwrap();
    let extra = extra.replacen("index", "extra YmVzaWRl\nindex", 1);
    files.insert("proof/inclusion-extra".to_owned(), extra.into_bytes());
    let ledger = Parts::of(&story.bundle(size, &key(2), &[12, 5]));
    let partnership = Parts::of(&story.bundle_of_partnership(&key(2), &[12, 5]));
    for (name, parts) in [("ledger", ledger), ("partnership", partnership)] {
        files.insert(format!("bundle/{name}"), parts.zipped());
    }
    files
}
