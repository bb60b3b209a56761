//! `dutyledger migrate`: prepares a PostgreSQL database.

use serde_json::json;

use dutyledger_ledger::Place;

use crate::cli::{MigrateSettings, database};
use crate::exit::Failure;

pub(crate) async fn migrate(settings: &MigrateSettings, json: bool) -> Result<(), Failure> {
    let Place::Postgres(url) = database(&settings.database_url)? else {
        return Err(Failure::usage(
            "a ledger in a file is brought up to date when it is opened: migrate is for \
             postgres://…",
        ));
    };
    let role = &settings.serve_role;
    dutyledger_ledger::migrate(&url, role)
        .await
        .map_err(Failure::cannot_open)?;
    dutyledger_projections::migrate(url.reveal(), role)
        .await
        .map_err(Failure::cannot_open)?;
    if json {
        println!("{}", json!({ "migrated": true, "serve_role": role }));
    } else {
        eprintln!("The database is up to date, and the role {role} may serve over it.");
    }
    Ok(())
}
