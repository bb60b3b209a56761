//! Work in a process of its own, so that its peak of memory is nobody else's.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use dutyledger_audit::export::{What, write};
use dutyledger_bundle::{Given, verify};
use dutyledger_ledger::{Clock, LedgerReader, Place, SystemClock};
use dutyledger_transparency::{Proven, Signed};
use serde_json::{Value, json};

use crate::Fallible;
use crate::sample::Sample;

/// How much is copied at once.
const CHUNK: usize = 64 * 1024;

/// What such a process does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Child {
    /// Writes a bundle of a whole ledger.
    Export(Export),
    /// Checks a bundle, as `dutyledger-verify` does.
    Check { bundle: PathBuf, key: String },
    /// Copies a file.
    Copy { from: PathBuf, to: PathBuf },
}

/// A bundle of a whole ledger.
#[derive(Clone, Debug, Args)]
pub(crate) struct Export {
    pub(crate) ledger: String,
    /// The newest checkpoint.
    pub(crate) newest: PathBuf,
    pub(crate) tiles: PathBuf,
    pub(crate) to: PathBuf,
}

impl Export {
    async fn write(self) -> Fallible<u64> {
        let ledger = LedgerReader::open(Place::parse(&self.ledger)?).await?;
        let signed = Signed::read(&self.newest)?.ok_or("no checkpoint")?;
        let proven = Proven::by(signed, &self.tiles)?.ok_or("other hashes")?;
        let now = SystemClock.now();
        let what = What {
            partnership: None,
            known: Default::default(),
            on: now.date_naive(),
            exported_at: now,
        };
        let out = BufWriter::new(File::create(self.to)?);
        let go_on = |_, _| ControlFlow::Continue(());
        let out = write(out, &ledger, &proven, what, go_on).await?;
        out.into_inner()?.sync_all()?;
        ledger.close().await;
        Ok(proven.size())
    }
}

impl Child {
    /// Its arguments, as [`Subcommand`] takes them apart.
    fn arguments(&self) -> Vec<&std::ffi::OsStr> {
        match self {
            Self::Export(export) => vec![
                "export".as_ref(),
                export.ledger.as_ref(),
                export.newest.as_ref(),
                export.tiles.as_ref(),
                export.to.as_ref(),
            ],
            Self::Check { bundle, key } => vec!["check".as_ref(), bundle.as_ref(), key.as_ref()],
            Self::Copy { from, to } => vec!["copy".as_ref(), from.as_ref(), to.as_ref()],
        }
    }

    /// Has a process do it with so many entries.
    pub(crate) async fn done(&self, entries: u64) -> Fallible<Sample> {
        let mut program = Command::new(std::env::current_exe()?);
        program.arg("child").args(self.arguments());
        program.stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = tokio::task::spawn_blocking(move || program.output()).await??;
        if !output.status.success() {
            return Err("the process failed".into());
        }
        let told: Value = serde_json::from_slice(&output.stdout)?;
        if told["entries"].as_u64().is_some_and(|told| told != entries) {
            return Err(format!("it was told of {} of {entries} entries", told["entries"]).into());
        }
        let seconds = told["seconds"].as_f64().ok_or("no time")?;
        Ok(Sample {
            peak: told["peak"].as_u64(),
            ..Sample::through(entries, Duration::from_secs_f64(seconds))
        })
    }

    async fn work(self) -> Fallible<Option<u64>> {
        match self {
            Self::Export(export) => export.write().await.map(Some),
            Self::Check { bundle, key } => {
                let given = Given {
                    key: Some(key.parse()?),
                    ..Given::default()
                };
                let verified = verify(BufReader::new(File::open(bundle)?), &given)?;
                Ok(Some(verified.entries))
            }
            Self::Copy { from, to } => copy(&from, &to).map(|()| None),
        }
    }
}

/// Through this process, as both others' bytes go.
fn copy(from: &Path, to: &Path) -> Fallible<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            to.sync_all()?;
            return Ok(());
        }
        to.write_all(&chunk[..read])?;
    }
}

/// Does it, and tells how long that took and the most memory this process ever had.
pub(crate) async fn be_one(child: Child) -> Fallible<()> {
    let since = Instant::now();
    let entries = child.work().await?;
    let seconds = since.elapsed().as_secs_f64();
    let peak = peak()?;
    println!(
        "{}",
        json!({ "entries": entries, "peak": peak, "seconds": seconds })
    );
    Ok(())
}

/// In bytes.
fn peak() -> Fallible<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.ok_or("no VmHWM")?.trim().parse()?;
    Ok(kilobytes * 1024)
}
