//! `dutyledger ledger`: verifying, copying and backing up.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde_json::json;

use dutyledger_audit::export::adopted;
use dutyledger_domain::streams::ledger::CheckpointKeyAdopted;
use dutyledger_ledger::{LedgerReader, NotedHead, OpenError, Place as Database};
use dutyledger_proofs::{Checkpoint, CheckpointError, VerifierKey};
use dutyledger_record::hex;
use dutyledger_transparency::{CompareError, Compared, Difference, Signed, Tiles, compare};

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
    let mut kept = Kept::read(settings, &ledger)?;
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
    // Which keys it replaced is for a ledger to say whose own rows verify: whoever changed one of
    // them could say it of the key that signed what would show the change.
    let sound = findings.is_empty() && verified.damaged.is_empty();
    if let (Some(kept), true) = (&mut kept, sound) {
        // Where its own stream cannot be read, every key counts.
        kept.believe(&adopted(&ledger, None).await.unwrap_or_default());
    }
    let compared = match &kept {
        Some(kept) => match kept.compare(&ledger).await {
            Ok(compared) => compared,
            // What makes it unreadable was found, and is told.
            Err(CompareError::Ledger(_)) if !sound => None,
            Err(error) => return Err(Failure::other(error)),
        },
        None => None,
    };
    let mut forged = Vec::new();
    if let Some(kept) = &kept {
        forged = kept.forged(compared.as_ref());
        if let Some(compared) = &compared {
            findings.extend(kept.findings(compared, &forged));
        }
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
                "damaged": verified.damaged,
                "forged": forged.iter().map(|file| &file.path).collect::<Vec<_>>(),
            })
        );
    } else {
        for (position, what) in &findings {
            println!("position {position}: {what}");
        }
        for what in &verified.damaged {
            println!("the database is damaged: {what}");
        }
        for file in &forged {
            println!("{}", file.forgery());
        }
        eprintln!(
            "{} entries in {} streams; {} roots compared; the root is {root}.",
            verified.entries, verified.streams, verified.roots
        );
        eprintln!("{}", protection(compared.as_ref()));
    }
    match (findings.len() + verified.damaged.len(), forged.first()) {
        (0, None) => Ok(()),
        (0, Some(file)) => Err(Failure::forged(file.forgery())),
        (found, _) => Err(Failure::not_verified(format!(
            "the ledger is not as it was recorded: {found} findings"
        ))),
    }
}

/// What was kept of a ledger elsewhere.
struct Kept {
    files: Vec<KeptFile>,
    tiles: Option<Tiles>,
}

/// A checkpoint that was kept, signed by keys that are trusted.
struct KeptFile {
    path: PathBuf,
    checkpoint: Checkpoint,
    signed_by: Vec<VerifierKey>,
    /// The most entries these keys count for, where the ledger is believed to have replaced every one
    /// of them.
    counts_up_to: Option<u64>,
}

impl KeptFile {
    /// # Errors
    /// When it cannot be read, is of another ledger, or is forged as far as its signatures tell.
    fn read(path: &Path, trusted: &[VerifierKey], ledger: &LedgerReader) -> Result<Self, Failure> {
        let signed = Signed::read(path).map_err(|error| wrong(path, error))?;
        let signed = signed.ok_or_else(|| wrong(path, "there is no such file"))?;
        let forged = |why: &dyn Display| Failure::forged(format!("{}: {why}", path.display()));
        let (checkpoint, by) = match Checkpoint::open(&signed.note, trusted) {
            Ok(opened) => opened,
            Err(error @ CheckpointError::Malformed(_)) => return Err(wrong(path, error)),
            Err(error) => {
                return Err(forged(&format_args!("the checkpoint is forged: {error}")));
            }
        };
        let of = &checkpoint.origin;
        let own = ledger.id().to_string();
        if *of != own {
            let why = format!("it is of the ledger {of}, and this one is {own}");
            return Err(wrong(path, why));
        }
        let signed_by = by.into_iter().cloned().collect();
        Ok(Self {
            path: path.to_owned(),
            checkpoint,
            signed_by,
            counts_up_to: None,
        })
    }

    const fn by_replaced(&self) -> bool {
        self.counts_up_to.is_some()
    }

    /// The most entries that the keys that signed it count for, where it is of more.
    fn beyond(&self) -> Option<u64> {
        self.counts_up_to
            .filter(|last| *last < self.checkpoint.size)
    }

    /// What is told of one that is forged.
    fn forgery(&self) -> String {
        let why = match self.beyond() {
            Some(last) => format!(
                "the key that signed it was replaced after {last} entries, and this is of {}. What it \
                 signs beyond its last checkpoint counts for nothing. If you know of no such change of \
                 keys, it is the ledger that was changed",
                self.checkpoint.size
            ),
            None => {
                "a key that was replaced signed it, and it is of another history than a larger one \
                     that the ledger's own key signed and the ledger still has"
                    .to_owned()
            }
        };
        format!("{}: the checkpoint is forged: {why}", self.path.display())
    }
}

fn wrong(path: &Path, why: impl Display) -> Failure {
    Failure::cannot_open(format!("{}: {why}", path.display()))
}

impl Kept {
    fn read(settings: &VerifySettings, ledger: &LedgerReader) -> Result<Option<Self>, Failure> {
        let read = |path| KeptFile::read(path, &settings.trusted_key, ledger);
        let files = settings.kept.iter().map(|path| read(path));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let tiles = match &settings.kept_tiles {
            Some(folder) => Some(Tiles::held(folder).map_err(|error| wrong(folder, error))?),
            None => None,
        };
        Ok((!files.is_empty()).then_some(Self { files, tiles }))
    }

    /// Takes the ledger's word for which keys it replaced, and after how many entries.
    fn believe(&mut self, keys: &[CheckpointKeyAdopted]) {
        for file in &mut self.files {
            file.counts_up_to = counts_up_to(keys, &file.signed_by);
        }
    }

    /// Those that say something of the ledger: what a replaced key signed beyond its last checkpoint
    /// counts for nothing.
    fn counting(&self) -> impl Iterator<Item = &KeptFile> {
        self.files.iter().filter(|file| file.beyond().is_none())
    }

    /// Those that a replaced key signed beyond its last checkpoint, and those it signed that are of
    /// another history than one of the ledger's own key: that last checkpoint cannot go on from them,
    /// so they are nobody's word.
    fn forged(&self, compared: Option<&Compared>) -> Vec<&KeptFile> {
        let contradicted = |file: &KeptFile| {
            let as_difference = Difference::Contradicted(file.checkpoint.clone());
            compared.is_some_and(|compared| compared.differences.contains(&as_difference))
        };
        let unchanged = compared.map_or(0, |compared| compared.unchanged);
        let vouched = self.counting().filter(|file| {
            let has_come = file.checkpoint.size <= unchanged;
            !file.by_replaced() && has_come && !contradicted(file)
        });
        let vouched = vouched.map(|file| file.checkpoint.size).max();
        let forged = self.files.iter().filter(|file| {
            let outdone = Some(file.checkpoint.size) < vouched;
            file.beyond().is_some() || file.by_replaced() && contradicted(file) && outdone
        });
        forged.collect()
    }

    /// What the comparison says of the ledger. A checkpoint that is forged says nothing of it.
    fn findings(&self, compared: &Compared, forged: &[&KeptFile]) -> Vec<(u64, String)> {
        let told = compared.differences.iter().filter_map(|one| {
            let at = match one {
                Difference::Contradicted(checkpoint) => {
                    if forged.iter().any(|file| file.checkpoint == *checkpoint) {
                        return None;
                    }
                    Some(checkpoint.size)
                }
                Difference::Among { up_to, .. } => Some(*up_to),
                Difference::Entry(_) | Difference::More { .. } | Difference::Ends { .. } => None,
            };
            let by_replaced = |size| {
                let mut of_size = self.counting().filter(|file| file.checkpoint.size == size);
                of_size.any(KeptFile::by_replaced)
            };
            let doubt = match at.filter(|size| by_replaced(*size)) {
                Some(size) => format!(
                    ". A key that was replaced signed the checkpoint of {size} entries, and whoever \
                     has that key may have forged it: a larger checkpoint of the ledger's own key, \
                     given with --kept as well, tells which"
                ),
                None => String::new(),
            };
            Some((one.position(), format!("{one}{doubt}")))
        });
        told.collect()
    }

    /// How the ledger stands beside those that count; nothing where none does.
    async fn compare(&self, ledger: &LedgerReader) -> Result<Option<Compared>, CompareError> {
        let checkpoints = self.counting().map(|file| file.checkpoint.clone());
        let checkpoints: Vec<_> = checkpoints.collect();
        if checkpoints.is_empty() {
            return Ok(None);
        }
        let bar = output::progress("comparing");
        let shown = bar.clone();
        let tell = move |done, total| {
            shown.set_length(total);
            shown.set_position(done);
        };
        let compared = compare(ledger, &checkpoints, self.tiles.as_ref(), tell).await;
        bar.finish_and_clear();
        compared.map(Some)
    }
}

/// The most entries that keys count for where the ledger replaced every one of them; nothing where one
/// of them is its own or unknown to it.
fn counts_up_to(keys: &[CheckpointKeyAdopted], signed: &[VerifierKey]) -> Option<u64> {
    let last = |key: &VerifierKey| {
        let key = key.to_string();
        let replaced = keys.iter().filter_map(|adopted| adopted.replaces.as_ref());
        replaced
            .filter(|last| last.key == key)
            .map(|last| last.size)
            .max()
    };
    let each: Option<Vec<u64>> = signed.iter().map(last).collect();
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
