//! Bundles of a whole ledger: written, checked, and their entries merely copied.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use dutyledger_application::{Checkpoints, Request, Target};
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{AdoptCheckpointKey, LedgerCommand};
use dutyledger_ledger::{LedgerReader, Place};
use dutyledger_proofs::SigningKey;
use dutyledger_record::{LedgerId, StreamId};
use dutyledger_transparency::Keeper;

use super::PAGE;
use crate::Fallible;
use crate::child::{Child, Export};
use crate::ours::{OPERATOR, Ours, home};
use crate::sample::Sample;
use crate::store::Store;

/// The key of a ledger here. It is no secret: nothing else is signed with it.
fn key(ledger: LedgerId) -> Fallible<SigningKey> {
    Ok(SigningKey::from_seed(&ledger.to_string(), &[7; 32])?)
}

/// Has a ledger adopt its key.
pub(crate) async fn adopt(ours: &Ours) -> Fallible<()> {
    let ledger = ours.bus().ledger().id();
    let adopt = AdoptCheckpointKey {
        key: key(ledger)?.verifier().to_string(),
        replaces: None,
    };
    let stream = Target::Stream(StreamId::new(ledger.uuid()));
    let request = Request::plain(OPERATOR, stream, LedgerCommand::from(adopt));
    ours.bus().execute::<LedgerStream>(request).await?;
    Ok(())
}

/// A ledger with a checkpoint of all its entries, ready to be handed over.
pub(crate) struct Handed {
    entries: u64,
    ledger: String,
    files: Checkpoints,
    key: String,
    folder: PathBuf,
}

impl Handed {
    /// Signs a checkpoint of a ledger, and writes its entries' text and a bundle into files.
    pub(crate) async fn ready(store: &Store, entries: u64) -> Fallible<Self> {
        let ledger = LedgerReader::open(Place::parse(&store.address())?).await?;
        let (files, key) = (home(store)?.checkpoints(), key(ledger.id())?);
        let handed = Self {
            entries,
            ledger: store.address(),
            files: files.clone(),
            key: key.verifier().to_string(),
            folder: store.folder().to_owned(),
        };
        let (keeper, _) = Keeper::open(
            ledger.clone(),
            key,
            &files.tiles,
            files.newest,
            Duration::MAX,
        )?;
        let signed = keeper.none_was_published().sign().await?;
        if signed.checkpoint.size != entries {
            return Err(format!("{} of {entries} were signed", signed.checkpoint.size).into());
        }
        let mut text = BufWriter::new(File::create(handed.text())?);
        let mut after = 0;
        while after < entries {
            for stored in ledger.read(after, PAGE).await? {
                after = stored.position;
                writeln!(text, "{}", stored.leaf_data)?;
            }
        }
        text.into_inner()?.sync_all()?;
        ledger.close().await;
        handed.written("bundle.zip").await?;
        Ok(handed)
    }

    fn text(&self) -> PathBuf {
        self.folder.join("entries.jsonl")
    }

    async fn written(&self, name: &str) -> Fallible<Sample> {
        let export = Child::Export(Export {
            ledger: self.ledger.clone(),
            newest: self.files.newest.clone(),
            tiles: self.files.tiles.clone(),
            to: self.folder.join(name),
        });
        export.done(self.entries).await
    }

    async fn checked(&self, name: &str) -> Fallible<Sample> {
        let check = Child::Check {
            bundle: self.folder.join(name),
            key: self.key.clone(),
        };
        check.done(self.entries).await
    }

    /// Writes a bundle, which is checked when the time is taken.
    pub(crate) async fn export(&self) -> Fallible<Sample> {
        let written = self.written("exported.zip").await?;
        self.checked("exported.zip").await?;
        Ok(written)
    }

    /// Checks a bundle.
    pub(crate) async fn check(&self) -> Fallible<Sample> {
        self.checked("bundle.zip").await
    }

    /// Copies the text of the entries.
    pub(crate) async fn copy(&self) -> Fallible<Sample> {
        let (from, to) = (self.text(), self.folder.join("copied.jsonl"));
        let copy = Child::Copy {
            from: from.clone(),
            to: to.clone(),
        };
        let sample = copy.done(self.entries).await?;
        if std::fs::metadata(from)?.len() != std::fs::metadata(to)?.len() {
            return Err("the copy is another".into());
        }
        Ok(sample)
    }
}
