//! Checks a bundle of a ledger, or a proof that stands alone, offline.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use dutyledger_bundle::{
    Failure, Given, Grown, Included, Kind, Leaf, Verified, check_growth, check_inclusion, verify,
};
use dutyledger_proofs::{
    Checkpoint, ConsistencyProof, EarlierKey, Hash, LastCheckpoint, NOTE_BYTES_MAX, Note,
    PROOF_BYTES_MAX, TrustedKeys, VerifierKey,
};
use dutyledger_record::{ENTRY_BYTES_MAX, hex, unhex};

/// Checks a bundle of a ledger, offline: entries, proofs, signature, figures and report. Or checks a
/// single proof.
#[derive(Parser)]
#[command(
    name = "dutyledger-verify",
    version,
    after_help = codes(),
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Settings {
    #[command(subcommand)]
    proof: Option<Proof>,
    #[command(flatten)]
    of_bundle: OfBundle,
}

#[derive(Args)]
struct OfBundle {
    /// The bundle.
    #[arg(required = true)]
    bundle: Option<PathBuf>,
    /// The ledger's key, as somebody you trust gave it to you. Without it the bundle is checked
    /// against the key it names itself, and the exit code says so.
    #[arg(long, value_name = "KEY")]
    trusted_key: Option<VerifierKey>,
    /// A checkpoint of the same ledger that you kept from another time.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    beside: Beside,
}

/// What is given beside any of them.
#[derive(Args)]
struct Beside {
    /// A key that was replaced since, with the size and the root (64 hexadecimal digits) of its last
    /// checkpoint, the three separated by spaces. May be given more than once.
    #[arg(long, value_name = "KEY SIZE ROOT", value_parser = earlier_key)]
    earlier_key: Vec<EarlierKey>,
    /// A proof that one checkpoint goes on from another. May be given more than once.
    #[arg(long, value_name = "FILE")]
    consistency: Vec<PathBuf>,
    /// Answers as JSON.
    #[arg(long)]
    json: bool,
}

/// A proof that stands alone.
#[derive(Subcommand)]
enum Proof {
    /// Checks that an entry is in a ledger: its inclusion proof (tlog-proof), by the signed checkpoint
    /// behind it.
    Inclusion {
        /// The proof, as `dutyledger audit prove` writes it.
        proof: PathBuf,
        /// The entry's leaf data: its line of the entries in a bundle.
        #[arg(long, value_name = "FILE", required_unless_present = "leaf_hash")]
        entry: Option<PathBuf>,
        /// The entry's leaf hash (64 hexadecimal digits), in place of its leaf data.
        #[arg(long, value_name = "HASH", conflicts_with = "entry", value_parser = leaf_hash)]
        leaf_hash: Option<Hash>,
        /// The ledger's key, as somebody you trust gave it to you.
        #[arg(long, value_name = "KEY")]
        trusted_key: VerifierKey,
        #[command(flatten)]
        beside: Beside,
    },
    /// Checks that a ledger goes on from a checkpoint you kept: a consistency proof (the body of
    /// tlog-witness add-checkpoint), to the signed checkpoint behind it.
    #[command(name = "consistency")]
    Growth {
        /// The proof.
        proof: PathBuf,
        /// The checkpoint that you kept.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The ledger's key, as somebody you trust gave it to you.
        #[arg(long, value_name = "KEY")]
        trusted_key: VerifierKey,
        #[command(flatten)]
        beside: Beside,
    },
}

fn leaf_hash(text: &str) -> Result<Hash, String> {
    unhex(text.as_bytes()).ok_or_else(|| "a leaf hash has 64 hexadecimal digits".to_owned())
}

fn codes() -> String {
    let mut text = String::from(
        "Exit codes:\n   0  verified\n   1  a file could not be read\n   2  the command line is not right\n",
    );
    for kind in Kind::ALL {
        text.push_str(&format!("  {}  {}\n", kind.code(), kind.means()));
    }
    text
}

fn earlier_key(text: &str) -> Result<EarlierKey, String> {
    let mut parts = text.split(' ');
    let (Some(key), Some(size), Some(root), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("give the key, the size and the root, separated by spaces".to_owned());
    };
    Ok(EarlierKey {
        key: key.parse().map_err(|e| format!("{e}"))?,
        last: LastCheckpoint {
            size: size.parse().map_err(|e| format!("{e}"))?,
            root: unhex(root.as_bytes()).ok_or("the root has 64 hexadecimal digits")?,
        },
    })
}

/// What could not be read, or was given wrongly.
struct Unread(u8, String);

fn read(path: &Path, most: usize) -> Result<Vec<u8>, Unread> {
    let open = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = File::open(path)?.take(most as u64 + 1);
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    open().map_err(|e| Unread(1, format!("{}: {e}", path.display())))
}

impl Unread {
    /// Of a file that is not what the command line says it is.
    fn wrong(path: &Path, error: &dyn ToString) -> Self {
        Self(2, format!("{}: {}", path.display(), error.to_string()))
    }
}

impl Beside {
    fn proofs(&self) -> Result<Vec<ConsistencyProof>, Unread> {
        let read_proof = |path: &PathBuf| {
            let proof = ConsistencyProof::parse(&read(path, PROOF_BYTES_MAX)?);
            proof.map_err(|error| Unread::wrong(path, &error))
        };
        self.consistency.iter().map(read_proof).collect()
    }

    fn keys(&self, current: &VerifierKey) -> Result<TrustedKeys, Unread> {
        let keys = TrustedKeys::new(current.clone(), self.earlier_key.clone());
        keys.map_err(|error| Unread(2, error.to_string()))
    }
}

/// How it ends: the code, the answer for programs, and the answer for people.
struct Ended(u8, Value, String);

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        let code = failure.kind.code();
        let answer = json!({
            "code": code,
            "detail": failure.detail,
            "kind": failure.kind.name(),
            "verified": false,
        });
        Self(code, answer, format!("Not verified: {failure}."))
    }
}

fn of_bundle(settings: &OfBundle) -> Result<Ended, Unread> {
    let mut given = Given {
        key: settings.trusted_key.clone(),
        earlier: settings.beside.earlier_key.clone(),
        ..Given::default()
    };
    if let Some(path) = &settings.checkpoint {
        let note = Note::parse(&read(path, NOTE_BYTES_MAX)?);
        given.checkpoint = Some(note.map_err(|error| Unread::wrong(path, &error))?);
    }
    given.consistency = settings.beside.proofs()?;
    let named = settings.bundle.as_ref();
    let path = named.ok_or_else(|| Unread(2, "name a bundle".to_owned()))?;
    let file = File::open(path).map_err(|e| Unread(1, format!("{}: {e}", path.display())))?;
    Ok(match verify(BufReader::new(file), &given) {
        Err(failure) => failure.into(),
        Ok(verified) => {
            let code = if verified.confirmed {
                0
            } else {
                Kind::Unconfirmed.code()
            };
            Ended(code, answer(&verified, code), told(&verified))
        }
    })
}

fn of_proof(proof: &Proof) -> Result<Ended, Unread> {
    match proof {
        Proof::Inclusion {
            proof,
            entry,
            leaf_hash,
            trusted_key,
            beside,
        } => {
            let (keys, proofs) = (beside.keys(trusted_key)?, beside.proofs()?);
            let bytes = read(proof, PROOF_BYTES_MAX)?;
            let text = match entry {
                // No more of it is read than an entry may have, and the end of its line.
                Some(path) => read(path, ENTRY_BYTES_MAX + 1)?,
                None => Vec::new(),
            };
            let leaf = leaf_hash.map_or(Leaf::Data(&text), Leaf::Hash);
            let checked = check_inclusion(&bytes, leaf, &keys, &proofs);
            Ok(checked.map_or_else(Ended::from, |included| in_ledger(&included)))
        }
        Proof::Growth {
            proof,
            from,
            trusted_key,
            beside,
        } => {
            let (keys, others) = (beside.keys(trusted_key)?, beside.proofs()?);
            let bytes = read(proof, PROOF_BYTES_MAX)?;
            let kept = read(from, NOTE_BYTES_MAX)?;
            let checked = check_growth(&bytes, &kept, &keys, &others);
            Ok(checked.map_or_else(Ended::from, |grown| goes_on(&grown)))
        }
    }
}

fn in_ledger(included: &Included) -> Ended {
    let Checkpoint { origin, size, root } = &included.by.checkpoint;
    let (position, root) = (included.position, hex(root));
    let key = included.by.key.to_string();
    let text = format!(
        "Verified. The entry is in the ledger {origin}, at position {position} of {size}. The root is \
         {root}.\nSigned by {key}"
    );
    let answer = json!({
        "code": 0, "key": key, "ledger_id": origin, "position": position, "root": root,
        "size": size, "verified": true,
    });
    Ended(0, answer, text)
}

fn goes_on(grown: &Grown) -> Ended {
    let Checkpoint { origin, size, root } = &grown.to.checkpoint;
    let (from, root) = (grown.from.checkpoint.size, hex(root));
    let key = grown.to.key.to_string();
    let text = format!(
        "Verified. The ledger {origin}, at {size} entries, goes on from what it was at {from}: nothing \
         up to there was changed. The root is {root}.\nSigned by {key}"
    );
    let answer = json!({
        "code": 0, "from": from, "key": key, "ledger_id": origin, "root": root, "size": size,
        "verified": true,
    });
    Ended(0, answer, text)
}

fn main() -> ExitCode {
    let settings = Settings::parse();
    let (ended, json) = match &settings.proof {
        Some(proof) => {
            let (Proof::Inclusion { beside, .. } | Proof::Growth { beside, .. }) = proof;
            (of_proof(proof), beside.json)
        }
        None => {
            let bundle = &settings.of_bundle;
            (of_bundle(bundle), bundle.beside.json)
        }
    };
    let Ended(code, answer, text) = ended.unwrap_or_else(|Unread(code, what)| {
        Ended(code, json!({ "code": code, "detail": what }), what)
    });
    // Whoever listens may have gone: the exit code is the answer all the same.
    let told = if json {
        writeln!(io::stdout(), "{answer}")
    } else if code == 0 || code == Kind::Unconfirmed.code() {
        writeln!(io::stdout(), "{text}")
    } else {
        writeln!(io::stderr(), "{text}")
    };
    drop(told);
    ExitCode::from(code)
}

fn answer(verified: &Verified, code: u8) -> Value {
    json!({
        "code": code,
        "entries": verified.entries,
        "figures": verified.figures,
        "key": verified.key.to_string(),
        "ledger_id": verified.ledger_id,
        "partnership": verified.partnership,
        "root": hex(&verified.checkpoint.root),
        "size": verified.checkpoint.size,
        "verified": verified.confirmed,
    })
}

fn told(verified: &Verified) -> String {
    let what = match verified.partnership {
        None => "every entry of the ledger".to_owned(),
        Some(id) => format!("{} entries of partnership {id}", verified.entries),
    };
    let agrees = format!(
        "The bundle holds {what} {}, as at {} entries with the root {}. Entries, proofs, figures and \
         report agree. The figures are as true on {}, a date chosen by whoever made the file.",
        verified.ledger_id,
        verified.checkpoint.size,
        hex(&verified.checkpoint.root),
        verified.figures["on"].as_str().unwrap_or_default()
    );
    if verified.confirmed {
        format!("Verified. {agrees}\nSigned by {}", verified.key)
    } else {
        format!(
            "Not confirmed. {agrees}\nIt is signed by {}, the key it names itself. Ask somebody you \
             trust for the ledger's key, and give it with --trusted-key.",
            verified.key
        )
    }
}
