//! `dutyledger demo`: a sandbox with six partnerships' histories, loaded through the same
//! commands as everything else.

use std::path::PathBuf;

use chrono::Duration;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use dutyledger_application::import::{ImportReport, run};
use dutyledger_application::{Bus, Home, KeyRequest};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_record::{PrincipalKind, PublicText, StreamId};

use crate::cli::DemoSettings;
use crate::exit::Failure;
use crate::keys::{AT_THE_FILE, edge};
use crate::output;
use crate::serve::Service;

/// The histories, as files of the project's own format.
const HISTORIES: [&str; 6] = [
    include_str!("../../../ops/histories/city-of-london.json"),
    include_str!("../../../ops/histories/gwent.json"),
    include_str!("../../../ops/histories/havering.json"),
    include_str!("../../../ops/histories/kent-and-medway.json"),
    include_str!("../../../ops/histories/west-midlands.json"),
    include_str!("../../../ops/histories/fictional-marrowby.json"),
];
/// How long the demo's keys live.
const KEY_DAYS: i64 = 30;

pub(crate) async fn demo(settings: &DemoSettings, json: bool) -> Result<(), Failure> {
    // The listener first: a port in use is then found before anything is loaded.
    let listener = TcpListener::bind(settings.listen)
        .await
        .map_err(|e| Failure::cannot_open(format!("cannot listen on {}: {e}", settings.listen)))?;
    let address = format!("http://{}", listener.local_addr().map_err(Failure::other)?);
    let (folder, _kept_until_the_end) = folder(settings)?;
    let home = Home::beside(folder.join("ledger.db"));
    let (bus, master) = Bus::open(&home, LedgerMode::Sandbox, edge()).await?;

    let bar = output::progress("loading histories");
    let mut reports = Vec::new();
    for history in HISTORIES {
        let shown = bar.clone();
        let loaded = run(&bus, AT_THE_FILE, history, &mut |done, total| {
            shown.set_length(total as u64);
            shown.set_position(done as u64);
        })
        .await;
        reports.push(loaded.map_err(Failure::refused)?);
    }
    bar.finish_and_clear();

    let keys = keys(&bus, &reports).await?;
    show(&address, &keys, &reports, json);
    Service::over(bus, master, &home.projections)
        .await?
        .serve(listener)
        .await
}

fn folder(settings: &DemoSettings) -> Result<(PathBuf, Option<TempDir>), Failure> {
    match &settings.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(Failure::cannot_open)?;
            Ok((folder.clone(), None))
        }
        None => {
            let folder = TempDir::new().map_err(Failure::cannot_open)?;
            Ok((folder.path().to_owned(), Some(folder)))
        }
    }
}

/// A stream of the fictional history, by its name there.
fn stream(reports: &[ImportReport], name: &str) -> Result<StreamId, Failure> {
    reports
        .iter()
        .filter(|report| report.fictional)
        .flat_map(|report| &report.streams)
        .find(|stream| stream.name.as_deref() == Some(name))
        .map(|stream| stream.id)
        .ok_or_else(|| Failure::other(format!("the demo's history has no {name}")))
}

/// A key for each kind of user, with the name of the variable it is shown under.
async fn keys(bus: &Bus, reports: &[ImportReport]) -> Result<Map<String, Value>, Failure> {
    let wanted = [
        (
            "OPERATOR_KEY",
            PrincipalKind::Operator,
            None,
            "the demo's operator",
        ),
        (
            "AUDITOR_KEY",
            PrincipalKind::Auditor,
            None,
            "the demo's auditor",
        ),
        (
            "COUNCIL_KEY",
            PrincipalKind::Authority,
            Some("council"),
            "Marrowby Council (fictional), a specified authority",
        ),
        (
            "SCHOOL_KEY",
            PrincipalKind::Authority,
            Some("riverside"),
            "Riverside (fictional), a relevant authority that is no member",
        ),
        (
            "COORDINATOR_KEY",
            PrincipalKind::Coordinator,
            Some("partnership"),
            "the coordinator of the Marrowby partnership (fictional)",
        ),
    ];
    let mut keys = Map::new();
    for (variable, kind, bound_to, label) in wanted {
        let principal_id = bound_to.map(|name| stream(reports, name)).transpose()?;
        let label = PublicText::new(label).map_err(Failure::other)?;
        let expires_at = bus.edge().clock.now() + Duration::days(KEY_DAYS);
        let request = KeyRequest {
            kind,
            principal_id,
            label,
            expires_at,
        };
        let issued = bus.issue_key(AT_THE_FILE, request).await?;
        keys.insert(variable.to_owned(), issued.secret.reveal().into());
    }
    Ok(keys)
}

fn show(address: &str, keys: &Map<String, Value>, reports: &[ImportReport], json: bool) {
    if json {
        println!(
            "{}",
            json!({ "address": address, "keys": keys, "histories": reports })
        );
        return;
    }
    println!("Dutyledger's demo serves at {address}");
    println!("Documentation: {address}/docs\n");
    for report in reports {
        println!(
            "Loaded: {} ({} entries)",
            report.name, report.entries_recorded
        );
    }
    println!("\nKeys, for {KEY_DAYS} days. Paste these lines into another terminal:\n");
    println!("export URL={address}");
    for (variable, key) in keys {
        println!("export {variable}={}", key.as_str().unwrap_or_default());
    }
    println!(
        "\nThree things to try:\n\n\
         1. Which annual reviews are overdue, and of which nothing is known?\n   \
            curl -s -H \"Authorization: Bearer $AUDITOR_KEY\" \"$URL/v1/reviews\"\n\
         2. What bears on a direction by the Secretary of State?\n   \
            curl -s -H \"Authorization: Bearer $AUDITOR_KEY\" \"$URL/v1/triggers\"\n\
         3. What does a school see that is no member? Only what it is consulted on, what touches \
         it, and what is published:\n   \
            curl -s -H \"Authorization: Bearer $SCHOOL_KEY\" \"$URL/v1/strategies\"\n\n\
         Stop it with Ctrl-C."
    );
}
