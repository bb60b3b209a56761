//! What a bundle says of itself, and the names and sizes of its files.

use std::num::{NonZeroU32, NonZeroU64};

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use dutyledger_domain::kebab_case;
use dutyledger_record::{
    ENTRY_BYTES_MAX, LedgerId, StreamId, canonical_json, format_instant, is_leap_second,
    is_sha256_hex,
};

use crate::failure::{Failure, Kind};
use crate::figures::{DERIVATION, UNNAMED};

/// The most entries a bundle of one partnership may have: they are folded in memory.
pub const ENTRIES_MAX: u64 = 50_000;
/// The most bytes of entries such a bundle may have, each with the end of its line; and any other of few
/// entries.
pub const ENTRIES_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The most files a bundle may have: a proof for each entry, and the rest.
pub(crate) const FILES_MAX: usize = 52_000;
/// The most bytes of any file but the entries.
pub(crate) const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// The most bytes of the manifest.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const ENTRIES: &str = "entries.jsonl";
pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const FIGURES: &str = "figures.json";
pub(crate) const REPORT: &str = "report.html";
pub(crate) const HOW_TO: &str = "HOW-TO-VERIFY.txt";
const INCLUSION: &str = "proofs/inclusion/";
const INCLUSION_END: &str = ".tlog-proof";
const CONSISTENCY: &str = "proofs/consistency/";
const CONSISTENCY_END: &str = ".txt";
pub(crate) const SCHEMAS: &str = "schemas/";
pub(crate) const EVENTS: &str = "schemas/events/";
pub(crate) const PACKS: &str = "rule-packs/";

const FORMAT: &str = "dutyledger-bundle";
/// The version written. Version 1, which names no derivation, is read as well.
const VERSION: u32 = 2;

/// What a bundle is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole ledger, from its first entry to the checkpoint.
    Ledger,
    /// One partnership.
    Partnership(StreamId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BundleKind {
    Ledger,
    Partnership,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    pub(crate) bytes: u64,
    pub(crate) path: String,
    pub(crate) sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// By which functions its figures and report were derived, since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    derivation: Option<NonZeroU32>,
    pub(crate) entries: u64,
    pub(crate) exported_at: String,
    pub(crate) files: Vec<Listed>,
    format: String,
    pub(crate) key: String,
    kind: BundleKind,
    pub(crate) ledger_id: LedgerId,
    pub(crate) on: NaiveDate,
    partnership: Option<StreamId>,
    version: u32,
}

impl Manifest {
    pub(crate) fn new(
        scope: Scope,
        ledger_id: LedgerId,
        on: NaiveDate,
        exported_at: String,
        key: String,
    ) -> Self {
        let (kind, partnership) = match scope {
            Scope::Ledger => (BundleKind::Ledger, None),
            Scope::Partnership(id) => (BundleKind::Partnership, Some(id)),
        };
        Self {
            derivation: Some(DERIVATION),
            entries: 0,
            exported_at,
            files: Vec::new(),
            format: FORMAT.to_owned(),
            key,
            kind,
            ledger_id,
            on,
            partnership,
            version: VERSION,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        self.partnership.map_or(Scope::Ledger, Scope::Partnership)
    }

    /// By which functions its figures and report were derived.
    pub(crate) fn derivation(&self) -> NonZeroU32 {
        self.derivation.unwrap_or(UNNAMED)
    }

    /// Reads a manifest, which is canonical JSON, so that no two readers read it differently.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::container(format!("the manifest: {what}"));
        if bytes.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(Failure::new(Kind::TooLarge, MANIFEST));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        let known = matches!(
            (manifest.version, manifest.derivation),
            (1, None) | (VERSION, Some(_))
        );
        if manifest.format != FORMAT || !known {
            return Err(wrong("it is of another format or version".to_owned()));
        }
        if (manifest.kind == BundleKind::Partnership) != manifest.partnership.is_some() {
            return Err(wrong(
                "its kind and its partnership do not agree".to_owned(),
            ));
        }
        let one = manifest.partnership;
        if !manifest.ledger_id.is_of_format() || !one.is_none_or(StreamId::is_of_format) {
            return Err(wrong("an id is not one of this format".to_owned()));
        }
        manifest.made_at()?;
        if manifest.text()?.as_bytes() != bytes {
            return Err(wrong("it is not in the canonical form".to_owned()));
        }
        let mut before: Option<&Listed> = None;
        for file in &manifest.files {
            if before.is_some_and(|before| before.path >= file.path) || !is_name(&file.path) {
                return Err(wrong(format!("the path {:?}", file.path)));
            }
            if !is_sha256_hex(&file.sha256) {
                return Err(wrong(format!("the digest of {}", file.path)));
            }
            before = Some(file);
        }
        manifest.check_sizes()?;
        Ok(manifest)
    }

    /// Whether nothing it lists is larger than it may be. Its form comes first, all of it, so that every
    /// reader tells the same of a manifest that is wrong in two ways.
    fn check_sizes(&self) -> Result<(), Failure> {
        for file in &self.files {
            let most = if file.path == ENTRIES {
                self.entries_bytes_max()
            } else {
                FILE_BYTES_MAX
            };
            if file.bytes > most {
                return Err(Failure::new(Kind::TooLarge, &file.path));
            }
        }
        if self.partnership.is_some() && self.entries > ENTRIES_MAX {
            return Err(Failure::new(Kind::TooLarge, "it lists too many entries"));
        }
        Ok(())
    }

    /// When it says it was made, where that and its other date can be so. Neither is signed, but no
    /// bundle is of a day that had not come.
    pub(crate) fn made_at(&self) -> Result<DateTime<Utc>, Failure> {
        let wrong = |what: &str| Failure::container(format!("the manifest: {what}"));
        let made_at = DateTime::parse_from_rfc3339(&self.exported_at).map(|at| at.to_utc());
        let made_at = made_at.map_err(|_| wrong("the instant it was made"))?;
        let written = format_instant(made_at) == self.exported_at;
        if !written || !has_four_digits(made_at.year()) || is_leap_second(made_at) {
            return Err(wrong("the instant it was made"));
        }
        if !has_come(self.on, made_at) {
            return Err(wrong("the date its figures are as true on"));
        }
        Ok(made_at)
    }

    /// The most bytes of entries: of a ledger of any length what so many can have, each with the end
    /// of its line.
    fn entries_bytes_max(&self) -> u64 {
        match self.scope() {
            Scope::Ledger => {
                let most = self.entries.saturating_mul(ENTRY_BYTES_MAX as u64 + 1);
                most.max(ENTRIES_BYTES_MAX)
            }
            Scope::Partnership(_) => ENTRIES_BYTES_MAX,
        }
    }

    pub(crate) fn text(&self) -> Result<String, Failure> {
        let value = serde_json::to_value(self).map_err(Failure::container)?;
        canonical_json(&value).map_err(Failure::container)
    }
}

/// Whether a date, which a bundle can name, had come at an instant.
pub(crate) fn has_come(date: NaiveDate, at: DateTime<Utc>) -> bool {
    // In London it is up to an hour later.
    let ahead = date.and_time(NaiveTime::MIN) - at.naive_utc();
    has_four_digits(date.year()) && ahead <= TimeDelta::hours(1)
}

fn has_four_digits(year: i32) -> bool {
    (1..=9999).contains(&year)
}

/// Whether a file of a bundle may have this name: below the bundle's own folder on every system.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    name.len() <= 128
        && name
            .split('/')
            .all(|part| part.bytes().all(plain) && !part.is_empty() && !part.starts_with('.'))
}

/// The position an inclusion proof's file is named by. They begin at 1.
pub(crate) fn inclusion_position(name: &str) -> Option<NonZeroU64> {
    let digits = name.strip_prefix(INCLUSION)?.strip_suffix(INCLUSION_END)?;
    let position: NonZeroU64 = digits.parse().ok()?;
    (inclusion_name(position.get()) == name).then_some(position)
}

pub(crate) fn inclusion_name(position: u64) -> String {
    format!("{INCLUSION}{position}{INCLUSION_END}")
}

pub(crate) fn consistency_name(size: u64) -> String {
    format!("{CONSISTENCY}{size}{CONSISTENCY_END}")
}

/// The size a consistency proof's file is named by.
pub(crate) fn consistency_size(name: &str) -> Option<u64> {
    let digits = name
        .strip_prefix(CONSISTENCY)?
        .strip_suffix(CONSISTENCY_END)?;
    let size: u64 = digits.parse().ok()?;
    (consistency_name(size) == name).then_some(size)
}

pub(crate) fn pack_name(pack: &str, revision: u32) -> String {
    format!("{PACKS}{pack}.r{revision}.json")
}

pub(crate) fn schema_name(event: &str, version: u32) -> String {
    format!("{EVENTS}{}.v{version}.json", kebab_case(event))
}
