//! Writes a bundle while entries come. What would not be verified is not written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{Seek, Write};

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

use dutyledger_domain::rules;
use dutyledger_proofs::{
    Checkpoint, CheckpointError, ConsistencyProof, Hash, InclusionProof, Note, VerifierKey,
};
use dutyledger_record::{LedgerId, format_instant, hex};

use crate::documents::DOCUMENTS;
use crate::failure::{Failure, Kind};
use crate::figures::{Of, figures};
use crate::manifest::{
    CHECKPOINT, ENTRIES, FIGURES, Listed, MANIFEST, Manifest, REPORT, SCHEMAS, Scope,
    consistency_name, has_come, inclusion_name, pack_name, schema_name,
};
use crate::report::report;
use crate::verify::{Fold, check_names, check_released};

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The checkpoint is none, or not signed by the key named.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The figures are to be as true on a date on which they cannot be.
    #[error(
        "the figures cannot be as true on {0}: it has not come, or its year is none from 1 to 9999"
    )]
    On(NaiveDate),
    /// What was given would not be verified.
    #[error("the bundle would not be verified: {0}")]
    Refused(#[from] Failure),
    /// The file could not be written.
    #[error("the bundle could not be written: {0}")]
    Io(String),
}

fn io(error: impl Display) -> BundleError {
    BundleError::Io(error.to_string())
}

/// What a bundle is made for.
#[derive(Clone, Debug)]
pub struct Export {
    /// Of what.
    pub scope: Scope,
    /// As true on this date.
    pub on: NaiveDate,
    /// When it is made.
    pub exported_at: DateTime<Utc>,
    /// The checkpoint it is as known at.
    pub checkpoint: Note,
    /// The key that signed it.
    pub key: VerifierKey,
    /// The schemas of events: each path below the folder of schemas, and its text. Those of events
    /// there are in the entries go into the bundle.
    pub schemas: Vec<(String, String)>,
}

/// Writes a bundle: entries in order, then the rest.
pub struct Writer<W: Write + Seek> {
    zip: ZipWriter<W>,
    export: Export,
    checkpoint: Checkpoint,
    manifest: Manifest,
    digest: Sha256,
    bytes: u64,
    fold: Fold,
    proofs: BTreeMap<u64, Vec<Hash>>,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a bundle.
    ///
    /// # Errors
    /// When the date is none the figures can be as true on, the key did not sign the checkpoint, or
    /// nothing can be written.
    pub fn new(out: W, export: Export) -> Result<Self, BundleError> {
        if !has_come(export.on, export.exported_at) {
            return Err(BundleError::On(export.on));
        }
        let (checkpoint, _) = Checkpoint::open(&export.checkpoint, [&export.key])?;
        let ledger: LedgerId = checkpoint
            .origin
            .parse()
            .map_err(|e| Failure::new(Kind::Checkpoint, format!("its origin: {e}")))?;
        let manifest = Manifest::new(
            export.scope,
            ledger,
            export.on,
            format_instant(export.exported_at),
            export.key.to_string(),
        );
        manifest.made_at()?;
        let mut zip = ZipWriter::new(out);
        zip.start_file(ENTRIES, options(true)).map_err(io)?;
        Ok(Self {
            zip,
            fold: Fold::new(export.scope, ledger, checkpoint.clone()),
            export,
            checkpoint,
            manifest,
            digest: Sha256::new(),
            bytes: 0,
            proofs: BTreeMap::new(),
        })
    }

    /// Adds the next entry of a whole ledger.
    ///
    /// # Errors
    /// When it is not the next one, or cannot be written.
    pub fn entry(&mut self, leaf_data: &str) -> Result<(), BundleError> {
        self.fold.add(leaf_data)?;
        for part in [leaf_data.as_bytes(), b"\n"] {
            self.zip.write_all(part).map_err(io)?;
            self.digest.update(part);
            self.bytes += part.len() as u64;
        }
        Ok(())
    }

    /// Adds the next entry of a partnership, with the hashes of its inclusion proof.
    ///
    /// # Errors
    /// When it does not come after the one before, its proof does not hold, or it cannot be written.
    pub fn proven_entry(&mut self, leaf_data: &str, hashes: Vec<Hash>) -> Result<(), BundleError> {
        self.entry(leaf_data)?;
        let position = self.fold.prove_last(&hashes)?;
        self.proofs.insert(position, hashes);
        Ok(())
    }

    /// Ends the bundle. `consistency` holds a proof for every earlier key's last checkpoint, and for
    /// whatever other sizes are to be comparable.
    ///
    /// # Errors
    /// When something is missing, a proof does not hold, or nothing can be written.
    pub fn finish(mut self, consistency: &[ConsistencyProof]) -> Result<W, BundleError> {
        let of_one = self.export.scope != Scope::Ledger;
        if of_one && self.proofs.len() as u64 != self.fold.entries() {
            return Err(Failure::new(Kind::Inclusion, "an entry has no proof").into());
        }
        let sizes: BTreeMap<u64, Vec<Hash>> = consistency
            .iter()
            .map(|proof| (proof.old, proof.hashes.clone()))
            .collect();
        let digest = hex(&std::mem::take(&mut self.digest).finalize());
        self.list(ENTRIES, self.bytes, digest);
        self.manifest.entries = self.fold.entries();
        // The clock of whoever recorded the last entry may be ahead of the one here.
        let made_at = self.manifest.made_at()?;
        let last = self.fold.recorded_at().unwrap_or(made_at);
        self.manifest.exported_at = format_instant(made_at.max(last));
        let mut folded = std::mem::replace(
            &mut self.fold,
            Fold::new(
                self.export.scope,
                self.manifest.ledger_id,
                self.checkpoint.clone(),
            ),
        )
        .finish()?;
        folded.check_keys(&self.export.key, &self.checkpoint, &sizes)?;
        let of = Of {
            scope: self.export.scope,
            ledger: self.manifest.ledger_id,
            on: self.export.on,
            known_at: self.checkpoint.size,
            derivation: self.manifest.derivation(),
        };
        let texts = std::mem::take(&mut folded.texts);
        let (values, text) = figures(&of, &folded.tally, &folded.rules, texts)?;
        let page = report(&values, &self.checkpoint);
        self.file(FIGURES, text.as_bytes())?;
        self.file(REPORT, page.as_bytes())?;
        self.file(CHECKPOINT, self.export.checkpoint.to_string().as_bytes())?;
        let needed: BTreeSet<String> = folded
            .schemas
            .iter()
            .map(|(event, version)| schema_name(event, *version))
            .collect();
        for (name, text) in std::mem::take(&mut self.export.schemas) {
            let path = format!("{SCHEMAS}{name}");
            if needed.contains(&path) {
                self.file(&path, text.as_bytes())?;
            }
        }
        for (path, text) in DOCUMENTS {
            self.file(path, text.as_bytes())?;
        }
        let packs: BTreeSet<_> = folded
            .packs
            .iter()
            .map(|(p, _)| (&p.pack, p.revision))
            .collect();
        for (pack, revision) in packs {
            let text = rules::file(pack, revision)
                .ok_or_else(|| Failure::new(Kind::Unknown, format!("{pack} {revision}")))?;
            let path = pack_name(pack, revision);
            self.file(&path, text.as_bytes())?;
        }
        for (old, hashes) in sizes {
            let proof = ConsistencyProof {
                old,
                hashes,
                checkpoint: self.export.checkpoint.clone(),
            };
            let text = proof.to_string();
            ConsistencyProof::parse(text.as_bytes())
                .map_err(|e| Failure::new(Kind::Consistency, e))?;
            self.file(&consistency_name(old), text.as_bytes())?;
        }
        let mut names: BTreeSet<String> =
            self.manifest.files.iter().map(|f| f.path.clone()).collect();
        names.insert(MANIFEST.to_owned());
        names.extend(self.proofs.keys().map(|position| inclusion_name(*position)));
        self.manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        let manifest = self.manifest.text()?;
        let names = names.iter().map(String::as_str).collect();
        check_names(&names, &Manifest::read(manifest.as_bytes())?)?;
        check_released(&self.manifest, &folded)?;
        for (position, hashes) in std::mem::take(&mut self.proofs) {
            let proof = InclusionProof {
                extra: None,
                index: position - 1,
                hashes,
                checkpoint: self.export.checkpoint.clone(),
            };
            self.zip
                .start_file(inclusion_name(position), options(false))
                .map_err(io)?;
            write!(self.zip, "{proof}").map_err(io)?;
        }
        self.zip.start_file(MANIFEST, options(false)).map_err(io)?;
        self.zip.write_all(manifest.as_bytes()).map_err(io)?;
        self.zip.finish().map_err(io)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), BundleError> {
        self.zip.start_file(name, options(false)).map_err(io)?;
        self.zip.write_all(bytes).map_err(io)?;
        self.list(name, bytes.len() as u64, hex(&Sha256::digest(bytes)));
        Ok(())
    }

    fn list(&mut self, path: &str, bytes: u64, sha256: String) {
        self.manifest.files.push(Listed {
            bytes,
            path: path.to_owned(),
            sha256,
        });
    }
}

/// Every file has the same date and rights, so that the same entries make the same bundle.
fn options(large: bool) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .large_file(large)
        .unix_permissions(0o644)
}
