//! Bundles: as they come, with files of a good one altered, and of entries that say anything.
//!
//! Bytes altered at random seldom come further than a checksum. So bytes that do not begin as a ZIP
//! file does are taken for steps by which a good bundle is altered: its files, listed anew if the
//! steps say so, or what its entries say, with everything that is proved of them made and signed
//! anew, as only somebody with the key can.

use std::io::Cursor;
use std::sync::LazyLock;

use serde_json::{Value, json};

use dutyledger_bundle::{Given, Verified, verify};
use dutyledger_record::canonical_json;
use dutyledger_test_bundles::{Parts, Story, folder, key};

const MANIFEST: &str = "manifest.json";
/// The most steps taken of one input.
const STEPS_MAX: usize = 8;
/// Names that files are given.
const NAMES: &[&str] = &[
    "../above",
    "schemas/more.md",
    "schemas/events/area-registered.v1.json",
    "rule-packs/enacted-2022.r2.json",
    "proofs/inclusion/1.tlog-proof",
    "proofs/inclusion/9.tlog-proof",
    "proofs/consistency/12.txt",
    "proofs/consistency/18446744073709551615.txt",
    "entries.jsonl",
    "figures.json",
    "checkpoint",
];

static GIVEN: LazyLock<Given> = LazyLock::new(|| Given {
    key: Some(key(2).verifier().clone()),
    ..Given::default()
});

/// The good bundles, apart, and what verifying them comes to.
static GOOD: LazyLock<[(Parts, Verified); 2]> = LazyLock::new(|| {
    ["ledger.zip", "partnership.zip"].map(|name| {
        let bundle = std::fs::read(folder().join(name)).unwrap();
        let verified = verify(Cursor::new(&bundle), &GIVEN).unwrap();
        (Parts::of(&bundle), verified)
    })
});

static STORY: LazyLock<(Story, Vec<Value>)> = LazyLock::new(|| {
    let story = Story::under_the_first_key();
    let entries = story.entries.iter();
    let values = entries.map(|entry| serde_json::from_str(entry).unwrap());
    (story.clone(), values.collect())
});

/// What members are given in place of what they had: everything the entries say anywhere, and more.
static SAID: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut said = vec![
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!(0),
        json!(-1),
        json!(9_007_199_254_740_991_i64),
        json!(""),
        json!("x".repeat(5_000)),
        json!("0001-01-01"),
        json!("9999-12-31"),
        json!("2024-02-29"),
        json!("\u{202e}<script>\u{0}"),
    ];
    for entry in &STORY.1 {
        each_mut(&mut entry.clone(), &mut |value| said.push(value.clone()));
    }
    said.sort_by_key(Value::to_string);
    said.dedup();
    said
});

/// What an input says to do; nothing where it has ended.
struct Steps<'b>(&'b [u8]);

impl Steps<'_> {
    fn next(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() << 8 | self.next()) % n.max(1)
    }
}

/// Reads a bundle: what is verified is what was signed, and what was written is verified.
///
/// # Panics
/// When the reader is wrong.
pub fn bundle(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'P', _)) | None => is_refused_or_good(bytes),
        Some((form, steps)) if form % 3 == 0 => of_altered_entries(Steps(steps)),
        Some((form, steps)) => of_altered_files(form % 2 == 0, Steps(steps)),
    }
}

fn is_refused_or_good(bundle: &[u8]) {
    if let Ok(verified) = verify(Cursor::new(bundle), &GIVEN) {
        let good = GOOD.iter().any(|(_, good)| *good == verified);
        assert!(good, "{verified:?}");
    }
}

fn of_altered_files(listed_anew: bool, mut steps: Steps<'_>) {
    let mut parts = GOOD[steps.next() % GOOD.len()].0.clone();
    for _ in 0..STEPS_MAX {
        if steps.0.is_empty() || parts.0.len() < 2 {
            break;
        }
        let names: Vec<_> = parts.0.keys().cloned().collect();
        let name = &names[steps.below(names.len())];
        let other = parts.0[&names[steps.below(names.len())]].clone();
        // A manifest that is made anew is not altered before.
        if listed_anew && name == MANIFEST {
            continue;
        }
        let mut file = parts.0.remove(name).unwrap_or_default();
        let at = steps.below(file.len() + 1);
        let end = (at + steps.next()).min(file.len());
        match steps.next() % 6 {
            0 if at < file.len() => file[at] ^= 1 << (steps.next() % 8),
            0 => {}
            1 => drop(file.drain(at..end)),
            2 => {
                let count = steps.next().min(steps.0.len());
                let (put, rest) = steps.0.split_at(count);
                drop(file.splice(at..end, put.iter().copied()));
                steps.0 = rest;
            }
            3 => {
                let from = steps.below(other.len() + 1);
                let to = (from + steps.next()).min(other.len());
                drop(file.splice(at..end, other[from..to].iter().copied()));
            }
            4 => {
                let name = NAMES[steps.next() % NAMES.len()];
                parts.0.insert(name.to_owned(), file);
                continue;
            }
            _ => continue,
        }
        parts.0.insert(name.clone(), file);
    }
    if listed_anew {
        parts = parts.listed_anew();
    }
    is_refused_or_good(&parts.zipped());
}

fn of_altered_entries(mut steps: Steps<'_>) {
    let (mut story, mut entries) = STORY.clone();
    for _ in 0..STEPS_MAX {
        if steps.0.is_empty() {
            break;
        }
        let entry = steps.next() % entries.len();
        let mut members = 0;
        each_mut(&mut entries[entry], &mut |_| members += 1);
        let (wanted, with, how) = (
            steps.below(members),
            steps.below(SAID.len()),
            steps.next() % 4,
        );
        let mut place = 0;
        each_mut(&mut entries[entry], &mut |value| {
            if place == wanted {
                alter(value, how, SAID[with].clone());
            }
            place += 1;
        });
    }
    for (entry, text) in entries.iter().zip(&mut story.entries) {
        let Ok(canonical) = canonical_json(entry) else {
            return;
        };
        *text = canonical;
    }
    let signer = key(1);
    let Ok(written) = story.try_bundle_of_partnership(&signer, &[]) else {
        return;
    };
    let given = Given {
        key: Some(signer.verifier().clone()),
        ..Given::default()
    };
    let verified = verify(Cursor::new(written), &given);
    assert!(
        verified.is_ok(),
        "what was written is not verified: {verified:?}"
    );
}

fn alter(value: &mut Value, how: usize, with: Value) {
    match (how, value) {
        (0, Value::Array(items)) => items.push(with),
        (0, Value::Object(members)) => drop(members.insert("more".to_owned(), with)),
        (1, Value::Array(items)) => drop(items.pop()),
        (1, Value::Object(members)) => {
            let first: Option<String> = members.keys().next().cloned();
            let _ = first.and_then(|name| members.remove(&name));
        }
        (2, value) => {
            let old = value.take();
            *value = json!([old, with]);
        }
        (_, value) => *value = with,
    }
}

/// Does something with every value within one, from the inside out.
fn each_mut(value: &mut Value, f: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_mut(item, f)),
        Value::Object(members) => members.values_mut().for_each(|member| each_mut(member, f)),
        _ => {}
    }
    f(value);
}
