//! `dutyledger audit export`: a bundle in a file. Who took it is recorded before the file has its
//! name: through the server where one holds the ledger, and here otherwise.

use std::fs::File;
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::json;
use tempfile::NamedTempFile;

use dutyledger_application::{Bus, Home};
use dutyledger_audit::export::{ExportError, Known, What, write};
use dutyledger_domain::streams::access::{ExportKind, Served};
use dutyledger_ledger::{Ledger, LedgerReader, Owner, sync_name};
use dutyledger_projections::{Links, OpenError};
use dutyledger_record::StreamId;
use dutyledger_transparency::Proven;

use crate::checkpoints::{proven, wrong};
use crate::cli::ExportSettings;
use crate::exit::Failure;
use crate::keys::{AT_THE_FILE, open};
use crate::output;
use crate::remote::Server;

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::On(_) => Self::usage(error),
            ExportError::NoPartnership | ExportError::TooLarge | ExportError::NoRoom(_) => {
                Self::refused(error)
            }
            ExportError::NoKey => Self::not_verified(error),
            error if error.is_disagreement() => Self::not_verified(error),
            error => Self::other(error),
        }
    }
}

/// Writes a bundle for an inspection.
pub(crate) async fn export(settings: &ExportSettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let file = &settings.file;
    if file.exists() {
        return Err(wrong(file, "it is there already, and is left alone"));
    }
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    // Half a bundle is none: it has no name that anybody looks for.
    let out = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let out = out.map_err(|error| wrong(file, error))?;
    let size = match Ledger::owner(&home.ledger) {
        Some(owner) => through_server(settings, &owner, out.as_file()).await?,
        None => here(settings, &home, out.as_file()).await?,
    };
    let named = out.persist_noclobber(file).map_err(|error| error.error);
    let named = named.and_then(|_| sync_name(file));
    named.map_err(|error| wrong(file, error))?;
    if json {
        println!("{}", json!({ "size": size }));
    } else {
        eprintln!(
            "{} holds what the ledger shows up to entry {size}. `dutyledger-verify` checks it \
             anywhere.",
            file.display()
        );
    }
    Ok(())
}

/// Has the server that holds the ledger make the bundle, and record who took it. Answers the size of
/// its checkpoint.
async fn through_server(
    settings: &ExportSettings,
    owner: &Owner,
    out: &File,
) -> Result<u64, Failure> {
    let server = Server::holding_for(
        owner,
        settings.auditor_key.clone(),
        "an auditor's or inspectorate's key in DUTYLEDGER_AUDITOR_KEY",
    )?;
    let body = json!({ "partnership": settings.partnership, "on": settings.on });
    let out = out.try_clone().map_err(Failure::other)?;
    let path = "/v1/audit/exports".to_owned();
    server.download(path, body.to_string(), out).await
}

/// Makes the bundle here, and records that it was taken at the file. Answers the size of its
/// checkpoint.
async fn here(settings: &ExportSettings, home: &Home, out: &File) -> Result<u64, Failure> {
    let proven = proven(&settings.files.of(&settings.place, home))?;
    let bus = open(&settings.place).await?;
    let done = made_and_recorded(&bus, settings, home, &proven, out).await;
    bus.close().await;
    done.map(|()| proven.size())
}

/// The streams the projections know of a partnership; none where they cannot say.
async fn known(home: &Home, ledger: &LedgerReader, partnership: StreamId) -> Known {
    let known = async {
        let links = Links::open(home.projections.clone()).await?;
        let belonging = links.belonging(ledger, partnership).await;
        let announced = links.announced(partnership).await;
        links.close().await;
        let (belonging, position) = belonging?;
        let announced = announced?;
        Ok::<_, OpenError>(Known {
            belonging,
            announced,
            position,
        })
    };
    known.await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the whole ledger is read");
        Known::default()
    })
}

async fn made_and_recorded(
    bus: &Bus,
    settings: &ExportSettings,
    home: &Home,
    proven: &Proven,
    out: &File,
) -> Result<(), Failure> {
    let ledger: LedgerReader = (**bus.ledger()).clone();
    let known = match settings.partnership {
        Some(id) => known(home, &ledger, id).await,
        None => Default::default(),
    };
    let what = What {
        partnership: settings.partnership,
        known,
        on: settings.on.unwrap_or_else(|| bus.edge().today()),
        exported_at: bus.edge().clock.now(),
    };
    let bar = output::progress("exporting");
    let shown = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        ControlFlow::Continue(())
    };
    let written = write(BufWriter::new(out), &ledger, proven, what, shown).await;
    bar.finish_and_clear();
    let out = written?.into_inner().map_err(Failure::other)?;
    out.sync_all().map_err(Failure::other)?;
    let served = Served::Export {
        export: ExportKind::new("bundle").map_err(Failure::other)?,
        partnership: settings.partnership,
    };
    let _ = bus.record_access(AT_THE_FILE, served).await?;
    Ok(())
}
