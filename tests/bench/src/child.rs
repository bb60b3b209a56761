//! Work in a process of its own, so that its peak of memory is nobody else's.

use std::ffi::OsString;
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
use crate::audit::verified;
use crate::load::drive;
use crate::ours::{Ours, home_at};
use crate::replay::replayed;
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
    /// Gives commands to a ledger.
    Append(Append),
    /// Reads every entry of a ledger in order, and decodes it.
    Replay { ledger: String },
    /// Verifies every entry of a ledger.
    Verify { ledger: String },
}

/// Commands of clients, each on streams of its own, while the projections follow.
#[derive(Clone, Debug, Args)]
pub(crate) struct Append {
    pub(crate) ledger: String,
    pub(crate) folder: PathBuf,
    pub(crate) clients: usize,
    pub(crate) streams: usize,
    pub(crate) seconds: f64,
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

impl Append {
    async fn give(self) -> Fallible<Worked> {
        let mut ours = Ours::at(home_at(&self.ledger, &self.folder)?).await?;
        ours.follow().await?;
        let streams = ours.warm(self.streams.max(self.clients)).await?;
        let after = ours.head();
        let time = Duration::from_secs_f64(self.seconds);
        let (sample, clients) = drive(ours.clients(self.clients, &streams), time).await?;
        let answered = clients.iter().map(|client| client.answered.len() as u64);
        let entries = answered.sum();
        drop(clients);
        ours.close().await?;
        Ok(Worked {
            entries: Some(entries),
            after: Some(after),
            rate: Some(sample.rate),
        })
    }

    /// Has a process do it, and gives the position after which there are so many new entries.
    pub(crate) async fn done(self) -> Fallible<(Sample, u64, u64)> {
        let told = Child::Append(self).told().await?;
        let number = |name: &str| told[name].as_u64().ok_or("a number was not told");
        let sample = Sample {
            rate: told["rate"].as_f64().ok_or("no rate")?,
            peak: Some(number("peak")?),
            ..Sample::default()
        };
        Ok((sample, number("after")?, number("entries")?))
    }
}

/// What came of it.
#[derive(Default)]
struct Worked {
    entries: Option<u64>,
    /// The position before the first of them.
    after: Option<u64>,
    /// How many a second, where that is not all the time it took.
    rate: Option<f64>,
}

impl Worked {
    fn through(entries: u64) -> Self {
        Self {
            entries: Some(entries),
            ..Self::default()
        }
    }
}

impl Child {
    /// Its arguments, as [`Subcommand`] takes them apart.
    fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Export(export) => vec![
                "export".into(),
                export.ledger.clone().into(),
                export.newest.clone().into(),
                export.tiles.clone().into(),
                export.to.clone().into(),
            ],
            Self::Check { bundle, key } => vec!["check".into(), bundle.into(), key.into()],
            Self::Copy { from, to } => vec!["copy".into(), from.into(), to.into()],
            Self::Append(append) => vec![
                "append".into(),
                append.ledger.clone().into(),
                append.folder.clone().into(),
                append.clients.to_string().into(),
                append.streams.to_string().into(),
                append.seconds.to_string().into(),
            ],
            Self::Replay { ledger } => vec!["replay".into(), ledger.into()],
            Self::Verify { ledger } => vec!["verify".into(), ledger.into()],
        }
    }

    /// Has a process do it, and gives what it told.
    async fn told(&self) -> Fallible<Value> {
        let mut program = Command::new(std::env::current_exe()?);
        program.arg("child").args(self.arguments());
        program.stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = tokio::task::spawn_blocking(move || program.output()).await??;
        if !output.status.success() {
            return Err("the process failed".into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Has a process do it with so many entries.
    pub(crate) async fn done(&self, entries: u64) -> Fallible<Sample> {
        let told = self.told().await?;
        if told["entries"].as_u64().is_some_and(|told| told != entries) {
            return Err(format!("it was told of {} of {entries} entries", told["entries"]).into());
        }
        let seconds = told["seconds"].as_f64().ok_or("no time")?;
        Ok(Sample {
            peak: told["peak"].as_u64(),
            ..Sample::through(entries, Duration::from_secs_f64(seconds))
        })
    }

    async fn work(self) -> Fallible<Worked> {
        match self {
            Self::Export(export) => export.write().await.map(Worked::through),
            Self::Check { bundle, key } => {
                let given = Given {
                    key: Some(key.parse()?),
                    ..Given::default()
                };
                let verified = verify(BufReader::new(File::open(bundle)?), &given)?;
                Ok(Worked::through(verified.entries))
            }
            Self::Copy { from, to } => copy(&from, &to).map(|()| Worked::default()),
            Self::Append(append) => append.give().await,
            Self::Replay { ledger } => {
                let ledger = LedgerReader::open(Place::parse(&ledger)?).await?;
                let entries = replayed(&ledger, true).await?;
                ledger.close().await;
                Ok(Worked::through(entries))
            }
            Self::Verify { ledger } => {
                let ledger = LedgerReader::open(Place::parse(&ledger)?).await?;
                let verified = verified(&ledger).await?;
                ledger.close().await;
                Ok(Worked::through(verified))
            }
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
    let worked = child.work().await?;
    let seconds = since.elapsed().as_secs_f64();
    let peak = peak()?;
    println!(
        "{}",
        json!({
            "after": worked.after,
            "entries": worked.entries,
            "peak": peak,
            "rate": worked.rate,
            "seconds": seconds,
        })
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
