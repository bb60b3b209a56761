//! `dutyledger import`: records a history file.

use serde_json::Value;

use dutyledger_application::import::{ImportReport, run};
use dutyledger_ledger::Ledger;

use crate::cli::ImportSettings;
use crate::exit::Failure;
use crate::keys::{AT_THE_FILE, open};
use crate::output;
use crate::remote::Server;

pub(crate) async fn import(settings: &ImportSettings, json: bool) -> Result<(), Failure> {
    let place = &settings.place;
    let text = std::fs::read_to_string(&settings.file)
        .map_err(|e| Failure::usage(format!("{}: {e}", settings.file.display())))?;
    let report: Value = match Ledger::owner(&place.home()?.ledger) {
        Some(owner) => {
            Server::holding(place, &owner)?
                .post("/v1/imports".to_owned(), text)
                .await?
        }
        None => {
            let bus = open(place).await?;
            let bar = output::progress("importing");
            let shown = bar.clone();
            let imported = run(&bus, AT_THE_FILE, &text, &mut |done, total| {
                shown.set_length(total as u64);
                shown.set_position(done as u64);
            })
            .await;
            bar.finish_and_clear();
            bus.close().await;
            let report: ImportReport = imported.map_err(Failure::refused)?;
            serde_json::to_value(report).map_err(Failure::other)?
        }
    };
    if json {
        println!("{report}");
    } else {
        eprintln!("Imported {}.", settings.file.display());
        for (what, count) in report.as_object().into_iter().flatten() {
            if count.is_number() {
                eprintln!("  {}: {count}", what.replace('_', " "));
            }
        }
    }
    Ok(())
}
