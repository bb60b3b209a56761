//! Whatever reads what others hand over is given its corpus, and then what a generator makes of it.
//! Nothing panics, and nothing altered is taken for what it was made of. Each of the four readers has
//! 30 s in CI, two minutes in all, and 5 minutes when long (`DUTYLEDGER_TEST_SIZE`). The choices are
//! the same in every run; what made a reader panic is kept in a file, which belongs into the corpus.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use dutyledger_test_bundles::long;
use dutyledger_test_fuzz::{READERS, Reader, corpus};

/// How long a reader is given inputs: in CI, and when long.
const SECONDS: u64 = 30;
const SECONDS_LONG: u64 = 300;

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
        b".",
        b"9999-12-31",
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

/// Steps that no corpus holds: a form, and bytes at random.
fn made_up(choices: &mut Choices) -> Vec<u8> {
    let count = 1 + choices.below(60);
    (0..count).map(|_| choices.next() as u8).collect()
}

/// Gives one input, and keeps it where the reader panics.
fn give(reader: Reader, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (reader.read)(input))) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.failed", reader.name));
        fs::write(&file, input).unwrap();
        eprintln!("what made it panic is in {}", file.display());
        resume_unwind(panic);
    }
}

/// Gives every file of a corpus, and then what is made of them, until the time is up.
fn drive(name: &str) {
    let reader = READERS.into_iter().find(|reader| reader.name == name);
    let (reader, corpus) = (reader.unwrap(), corpus(name));
    assert!(!corpus.is_empty());
    corpus.iter().for_each(|input| give(reader, input));
    let time = Duration::from_secs(if long() { SECONDS_LONG } else { SECONDS });
    let (began, mut choices, mut inputs) = (Instant::now(), Choices(7), corpus.len());
    while began.elapsed() < time {
        let input = if choices.below(3) == 0 {
            made_up(&mut choices)
        } else {
            let seed = &corpus[choices.below(corpus.len())];
            altered(seed, &corpus, &mut choices)
        };
        give(reader, &input);
        inputs += 1;
    }
    println!("{name}: {inputs} inputs");
}

#[test]
fn no_bundle_makes_its_reader_panic_and_what_is_verified_was_signed() {
    drive("bundle");
}

#[test]
fn no_checkpoint_makes_its_reader_panic_and_none_is_read_as_another() {
    drive("checkpoint");
}

#[test]
fn no_cursor_makes_its_reader_panic_and_none_is_another_lists() {
    drive("cursor");
}

#[test]
fn no_proof_makes_its_reader_panic_and_none_is_read_as_another() {
    drive("proof");
}
