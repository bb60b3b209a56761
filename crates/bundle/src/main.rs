//! Checks a bundle of a ledger, offline.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use dutyledger_bundle::{Failure, Given, Kind, Verified, verify};
use dutyledger_proofs::{
    ConsistencyProof, EarlierKey, LastCheckpoint, NOTE_BYTES_MAX, Note, PROOF_BYTES_MAX,
    VerifierKey,
};
use dutyledger_record::{hex, unhex};

/// Checks a bundle of a ledger, offline: entries, proofs, signature, figures and report.
#[derive(Parser)]
#[command(name = "dutyledger-verify", version, after_help = codes())]
struct Settings {
    /// The bundle.
    bundle: PathBuf,
    /// The ledger's key, as somebody you trust gave it to you. Without it the bundle is checked
    /// against the key it names itself, and the exit code says so.
    #[arg(long, value_name = "KEY")]
    trusted_key: Option<VerifierKey>,
    /// A key that was replaced since, with the size and the root (64 hexadecimal digits) of its last
    /// checkpoint, the three separated by spaces. May be given more than once.
    #[arg(long, value_name = "KEY SIZE ROOT", value_parser = earlier_key)]
    earlier_key: Vec<EarlierKey>,
    /// A checkpoint of the same ledger that you kept from another time.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// A proof that one checkpoint goes on from another. May be given more than once.
    #[arg(long, value_name = "FILE")]
    consistency: Vec<PathBuf>,
    /// Answers as JSON.
    #[arg(long)]
    json: bool,
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

fn run(settings: &Settings) -> Result<Result<Verified, Failure>, Unread> {
    let wrong =
        |path: &Path, e: &dyn ToString| Unread(2, format!("{}: {}", path.display(), e.to_string()));
    let mut given = Given {
        key: settings.trusted_key.clone(),
        earlier: settings.earlier_key.clone(),
        ..Given::default()
    };
    if let Some(path) = &settings.checkpoint {
        let note = Note::parse(&read(path, NOTE_BYTES_MAX)?).map_err(|e| wrong(path, &e))?;
        given.checkpoint = Some(note);
    }
    for path in &settings.consistency {
        let proof = ConsistencyProof::parse(&read(path, PROOF_BYTES_MAX)?);
        given.consistency.push(proof.map_err(|e| wrong(path, &e))?);
    }
    let path = &settings.bundle;
    let file = File::open(path).map_err(|e| Unread(1, format!("{}: {e}", path.display())))?;
    Ok(verify(BufReader::new(file), &given))
}

fn main() -> ExitCode {
    let settings = Settings::parse();
    let (code, answer, text) = match run(&settings) {
        Err(Unread(code, what)) => (code, json!({ "code": code, "detail": what }), what),
        Ok(Err(failure)) => {
            let code = failure.kind.code();
            let answer = json!({
                "code": code,
                "detail": failure.detail,
                "kind": failure.kind.name(),
                "verified": false,
            });
            (code, answer, format!("Not verified: {failure}."))
        }
        Ok(Ok(verified)) => {
            let code = if verified.confirmed {
                0
            } else {
                Kind::Unconfirmed.code()
            };
            (code, answer(&verified, code), told(&verified))
        }
    };
    // Whoever listens may have gone: the exit code is the answer all the same.
    let told = if settings.json {
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
