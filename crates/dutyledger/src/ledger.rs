//! `dutyledger ledger`: verifying, copying and backing up.

use std::fmt::Display;
use std::path::Path;

use serde_json::json;

use dutyledger_audit::export::adopted;
use dutyledger_domain::streams::ledger::CheckpointKeyAdopted;
use dutyledger_ledger::{LedgerReader, NotedHead, OpenError, Place as Database};
use dutyledger_proofs::{Checkpoint, VerifierKey};
use dutyledger_record::hex;
use dutyledger_transparency::{CompareError, Compared, Signed, Tiles, compare};

use crate::cli::{
    BackupSettings, CopySettings, NoteSettings, VerifySettings, database, make_folder,
};
use crate::exit::Failure;
use crate::output;

async fn reader(place: &Database) -> Result<LedgerReader, Failure> {
    LedgerReader::open(place)
        .await
        .map_err(Failure::cannot_open)
}

pub(crate) async fn verify(settings: &VerifySettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let ledger = reader(&home.ledger).await?;
    let kept = Kept::read(settings, &ledger).await?;
    let bar = output::progress("verifying");
    let shown = bar.clone();
    let verified = dutyledger_ledger::verify(&ledger, move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    })
    .await
    .map_err(Failure::other)?;
    bar.finish_and_clear();
    // The note is outside the database: whoever changed everything in it did not change that.
    let mut findings: Vec<_> = verified
        .findings
        .iter()
        .map(|finding| (finding.position, finding.what.clone()))
        .collect();
    let note = NotedHead::read(&home.noted_head).map_err(Failure::cannot_open)?;
    if let Some(noted) = &note
        && let Err(error) = noted.check(&home.noted_head, &ledger).await
    {
        match error {
            OpenError::NoContinuation(why) => findings.push((noted.position, why.to_string())),
            error => return Err(Failure::other(error)),
        }
    }
    let compared = match &kept {
        Some(kept) => match kept.compare(&ledger).await {
            Ok(compared) => Some(compared),
            // What makes it unreadable was found, and is told.
            Err(CompareError::Ledger(_)) if !findings.is_empty() => None,
            Err(error) => return Err(Failure::other(error)),
        },
        None => None,
    };
    if let Some(compared) = &compared {
        let differences = compared.differences.iter();
        findings.extend(differences.map(|one| (one.position(), one.to_string())));
    }
    ledger.close().await;
    let root = hex(&verified.root);
    if json {
        let findings: Vec<_> = findings
            .iter()
            .map(|(position, what)| json!({ "position": position, "what": what }))
            .collect();
        println!(
            "{}",
            json!({
                "ledger_id": verified.ledger,
                "entries": verified.entries,
                "streams": verified.streams,
                "roots": verified.roots,
                "root": root,
                "noted_position": note.map(|noted| noted.position),
                "kept": compared.as_ref().map(|compared| json!({
                    "unchanged": compared.unchanged,
                    "unprotected": compared.unprotected,
                })),
                "findings": findings,
            })
        );
    } else {
        for (position, what) in &findings {
            println!("position {position}: {what}");
        }
        eprintln!(
            "{} entries in {} streams; {} roots compared; the root is {root}.",
            verified.entries, verified.streams, verified.roots
        );
        eprintln!("{}", protection(compared.as_ref()));
    }
    match findings.len() {
        0 => Ok(()),
        found => Err(Failure::not_verified(format!(
            "the ledger is not as it was recorded: {found} findings"
        ))),
    }
}

/// What was kept of a ledger elsewhere.
struct Kept {
    checkpoints: Vec<Checkpoint>,
    tiles: Option<Tiles>,
}

impl Kept {
    async fn read(
        settings: &VerifySettings,
        ledger: &LedgerReader,
    ) -> Result<Option<Self>, Failure> {
        fn wrong(path: &Path, why: impl Display) -> Failure {
            Failure::cannot_open(format!("{}: {why}", path.display()))
        }
        // Where the ledger's own stream cannot be read, that is told with what else is wrong with it.
        let keys = adopted(ledger, None).await.unwrap_or_default();
        let mut checkpoints = Vec::new();
        for path in &settings.kept {
            let signed = Signed::read(path).map_err(|error| wrong(path, error))?;
            let signed = signed.ok_or_else(|| wrong(path, "there is no such file"))?;
            let opened = Checkpoint::open(&signed.note, &settings.trusted_key);
            let (checkpoint, by) = opened.map_err(|error| wrong(path, error))?;
            if let Some(last) = counts_up_to(&keys, &by).filter(|last| *last < checkpoint.size) {
                let why = format!(
                    "the key that signed it was replaced after {last} entries, and this is of {}: what \
                     it signs beyond its last checkpoint counts for nothing",
                    checkpoint.size
                );
                return Err(wrong(path, why));
            }
            let of = &checkpoint.origin;
            let own = ledger.id().to_string();
            if *of != own {
                let why = format!("it is of the ledger {of}, and this one is {own}");
                return Err(wrong(path, why));
            }
            checkpoints.push(checkpoint);
        }
        let tiles = match &settings.kept_tiles {
            Some(folder) => Some(Tiles::held(folder).map_err(|error| wrong(folder, error))?),
            None => None,
        };
        Ok((!checkpoints.is_empty()).then_some(Self { checkpoints, tiles }))
    }

    async fn compare(&self, ledger: &LedgerReader) -> Result<Compared, CompareError> {
        let bar = output::progress("comparing");
        let shown = bar.clone();
        let tell = move |done, total| {
            shown.set_length(total);
            shown.set_position(done);
        };
        let compared = compare(ledger, &self.checkpoints, self.tiles.as_ref(), tell).await;
        bar.finish_and_clear();
        compared
    }
}

/// The most entries that keys count for where the ledger replaced every one of them; nothing where one
/// of them is its own or unknown to it.
fn counts_up_to(keys: &[CheckpointKeyAdopted], signed: &[&VerifierKey]) -> Option<u64> {
    let last = |key: &VerifierKey| {
        let key = key.to_string();
        let replaced = keys.iter().filter_map(|adopted| adopted.replaces.as_ref());
        replaced
            .filter(|last| last.key == key)
            .map(|last| last.size)
            .max()
    };
    let each: Option<Vec<u64>> = signed.iter().map(|key| last(key)).collect();
    each?.into_iter().max()
}

/// What is protected by what was kept elsewhere, in words.
fn protection(compared: Option<&Compared>) -> String {
    match compared {
        None => "Compared with nothing that was kept elsewhere: name a checkpoint with --kept, or \
                 whoever changed an entry and computed everything anew is not found."
            .to_owned(),
        Some(Compared {
            unchanged,
            unprotected: 0,
            ..
        }) => {
            format!("Unchanged up to {unchanged}, by the checkpoints that were kept elsewhere.")
        }
        Some(Compared {
            unchanged,
            unprotected,
            ..
        }) => format!(
            "Unchanged up to {unchanged}, by the checkpoints that were kept elsewhere. The last \
             {unprotected} entries are not protected yet: they came after the newest of these."
        ),
    }
}

pub(crate) async fn copy(settings: &CopySettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let to = database(&settings.to)?;
    make_folder(&to)?;
    let ledger = reader(&home.ledger).await?;
    let bar = output::progress("copying");
    let shown = bar.clone();
    let position = dutyledger_ledger::copy(&ledger, &to, move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    })
    .await?;
    bar.finish_and_clear();
    ledger.close().await;
    if json {
        println!("{}", json!({ "position": position }));
    } else {
        eprintln!(
            "Copied up to position {position}. Verify the copy, rebuild its projections, and bring \
             the wrapped keys and the master key along."
        );
    }
    Ok(())
}

pub(crate) async fn backup(settings: &BackupSettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let Some(ledger) = home.ledger.file() else {
        return Err(Failure::usage(
            "a ledger in PostgreSQL is backed up with pg_dump: --schema=ledger for the ledger, \
             --schema=keys for the wrapped keys, each kept apart",
        ));
    };
    dutyledger_ledger::backup(ledger, &settings.file)
        .await
        .map_err(Failure::cannot_open)?;
    let copy = reader(&Database::from(&settings.file)).await?;
    let position = copy.last_position().await.map_err(Failure::other)?;
    copy.close().await;
    if json {
        println!("{}", json!({ "position": position }));
    } else {
        eprintln!(
            "{} holds the ledger up to position {position}.",
            settings.file.display()
        );
    }
    Ok(())
}

pub(crate) async fn note(settings: &NoteSettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let ledger = reader(&home.ledger).await?;
    let path = &home.noted_head;
    let noted = NotedHead::read(path).map_err(Failure::cannot_open)?;
    if let Some(noted) = noted
        && !settings.accept_loss
    {
        noted
            .check(path, &ledger)
            .await
            .map_err(Failure::cannot_open)?;
    }
    let head = NotedHead::of(&ledger).await.map_err(Failure::other)?;
    let head = head.ok_or_else(|| Failure::other("the ledger has no root to note"))?;
    head.write(path).map_err(Failure::cannot_open)?;
    ledger.close().await;
    if json {
        println!("{}", json!(head));
    } else {
        eprintln!("{} notes position {}.", path.display(), head.position);
        if settings.accept_loss {
            eprintln!("Now make the rest fit: run `dutyledger projections rebuild`.");
        }
    }
    Ok(())
}
