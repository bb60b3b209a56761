//! Whatever reads what others hand over is given texts and bundles altered at random, beginning with
//! those in `tests/corpus` and `tests/vectors`. Nothing panics, and nothing altered is taken for what
//! it was made of. How long depends on `DUTYLEDGER_TEST_SIZE`: three minutes for all of it when long.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};

use dutyledger_bundle::{Given, Kind, Verified, verify};
use dutyledger_proofs::{Checkpoint, ConsistencyProof, InclusionProof, Note};
use dutyledger_test_bundles::{Parts, folder, key, long, repository};

/// A source of choices that is the same in every run: splitmix64.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap()
    }
}

/// Alters bytes in one to four places: another byte, a piece cut out, a piece of the same or of
/// another text put in, or what numbers and lines are often wrong with.
fn altered(seed: &[u8], others: &[Vec<u8>], choices: &mut Choices) -> Vec<u8> {
    const ODD: &[&[u8]] = &[
        b"\n",
        b"\n\n",
        b"\0",
        b"\r\n",
        b"-1",
        b"18446744073709551615",
        b"18446744073709551616",
        b"=",
        b"+",
        b" ",
        b"\xff",
        b"\xe2\x80\x94 ",
        b"0",
        b"PK\x05\x06",
        b"PK\x01\x02",
        b"\xff\xff\xff\xff",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=choices.below(4) {
        let at = choices.below(bytes.len() + 1);
        let end = (at + choices.below(40)).min(bytes.len());
        match choices.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << choices.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let odd = ODD[choices.below(ODD.len())];
                drop(bytes.splice(at..at, odd.iter().copied()));
            }
            3 => {
                let odd = ODD[choices.below(ODD.len())];
                drop(bytes.splice(at..end, odd.iter().copied()));
            }
            4 => {
                let other = &others[choices.below(others.len())];
                let from = choices.below(other.len());
                let to = (from + choices.below(200)).min(other.len());
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn files(folder: &Path, most: u64) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap())
        .filter(|file| file.metadata().unwrap().len() <= most)
        .map(|file| file.path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Gives every file of a corpus, and then altered ones, until the time is up.
fn drive(corpus: &[Vec<u8>], seconds: u64, mut check: impl FnMut(&[u8])) {
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|bytes| check(bytes));
    let time = Duration::from_secs(if long() { seconds } else { 2 });
    let (began, mut choices) = (Instant::now(), Choices(7));
    while began.elapsed() < time {
        let seed = &corpus[choices.below(corpus.len())];
        check(&altered(seed, corpus, &mut choices));
    }
}

#[test]
fn no_checkpoint_makes_its_reader_panic_and_none_is_read_as_another() {
    let corpus = files(&repository().join("tests/corpus/checkpoint"), u64::MAX);
    let (first, second) = (key(1), key(2));
    drive(&corpus, 30, |bytes| {
        let Ok(note) = Note::parse(bytes) else { return };
        assert_eq!(note.to_string().as_bytes(), bytes);
        if let Ok((checkpoint, _)) = Checkpoint::open(&note, [first.verifier(), second.verifier()])
        {
            let as_is = corpus.iter().any(|whole| {
                let whole = Note::parse(whole).map(|note| note.text().to_owned());
                whole.as_deref() == Ok(note.text())
            });
            assert!(as_is, "{checkpoint:?} was never signed");
        }
    });
}

#[test]
fn no_proof_makes_its_reader_panic_and_none_is_read_as_another() {
    let corpus = files(&repository().join("tests/corpus/proof"), u64::MAX);
    drive(&corpus, 30, |bytes| {
        if let Ok(proof) = InclusionProof::parse(bytes) {
            assert_eq!(proof.to_string().as_bytes(), bytes);
        }
        if let Ok(proof) = ConsistencyProof::parse(bytes) {
            assert_eq!(proof.to_string().as_bytes(), bytes);
        }
    });
}

/// The bundles that verify, taken apart, and what is verified of them.
fn good() -> (Given, Vec<Parts>, Vec<Verified>) {
    let given = Given {
        key: Some(key(2).verifier().clone()),
        ..Given::default()
    };
    let whole =
        ["ledger.zip", "partnership.zip"].map(|name| fs::read(folder().join(name)).unwrap());
    let verified = whole
        .iter()
        .map(|bundle| verify(Cursor::new(bundle), &given).unwrap());
    let verified = verified.collect();
    (
        given,
        whole.iter().map(|b| Parts::of(b)).collect(),
        verified,
    )
}

#[test]
fn no_bundle_makes_its_reader_panic_and_what_is_verified_was_signed() {
    // Those that swell when they are unpacked take their time, and are tried as vectors.
    let corpus = files(&folder(), 80_000);
    let (given, _, good) = good();
    let mut found = 0;
    drive(&corpus, 60, |bytes| {
        if let Ok(verified) = verify(Cursor::new(bytes), &given) {
            assert!(good.contains(&verified), "{verified:?}");
            found += 1;
        }
    });
    assert!(
        found >= good.len(),
        "the corpus holds no bundle that verifies"
    );
}

/// Nearly all that is altered in a ZIP file is found by its checksums. So files are altered in it, and
/// listed as whoever tampers would list them.
#[test]
fn no_file_of_a_bundle_makes_its_reader_panic_and_what_is_verified_was_signed() {
    let (given, parts, good) = good();
    let mut kinds = BTreeSet::new();
    let mut choices = Choices(11);
    let time = Duration::from_secs(if long() { 60 } else { 4 });
    let (began, mut tried) = (Instant::now(), 0);
    while began.elapsed() < time || tried < 200 {
        tried += 1;
        let whole = &parts[choices.below(parts.len())];
        let names: Vec<_> = whole.0.keys().collect();
        let name = names[choices.below(names.len())];
        let others: Vec<_> = whole.0.values().cloned().collect();
        let bytes = altered(&whole.0[name], &others, &mut choices);
        let mut other = whole.clone().with(name, &bytes);
        if name != "manifest.json" {
            other = other.listed_anew();
        }
        match verify(Cursor::new(other.zipped()), &given) {
            Ok(verified) => assert!(good.contains(&verified), "{name}: {verified:?}"),
            Err(failure) => drop(kinds.insert(failure.kind)),
        }
    }
    // What stands behind the manifest was reached.
    for kind in [
        Kind::Entry,
        Kind::Inclusion,
        Kind::Consistency,
        Kind::Released,
    ] {
        assert!(kinds.contains(&kind), "{kind:?} is not among {kinds:?}");
    }
}
