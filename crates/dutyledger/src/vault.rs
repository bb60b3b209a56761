//! `dutyledger erase` and `dutyledger vault`: erasing sealed texts, backing up their keys apart from
//! the ledger, and changing the master key.

use serde_json::{Value, json};

use dutyledger_application::Bus;
use dutyledger_application::erasure::Erase;
use dutyledger_domain::in_words;
use dutyledger_ledger::Ledger;
use dutyledger_record::EntryId;

use crate::cli::{EraseSettings, Place, VaultBackupSettings, VaultRestoreSettings};
use crate::exit::Failure;
use crate::keys::{AT_THE_FILE, edge, open};
use crate::remote::Server;

/// Erases sealed texts: through the running server if one holds the ledger.
pub(crate) async fn erase(settings: &EraseSettings, json: bool) -> Result<(), Failure> {
    let place = &settings.place;
    let entry = EntryId::new(settings.entry_id);
    let erased = match Ledger::owner(&place.home()?.ledger) {
        Some(owner) => {
            let body = json!({ "members": settings.members, "ground": settings.ground });
            Server::holding(place, &owner)?
                .post(format!("/v1/entries/{entry}/erasures"), body.to_string())
                .await?["erased"]
                .take()
        }
        None => {
            let bus = open(place).await?;
            let erase = Erase {
                entry,
                members: settings.members.clone(),
                ground: settings.ground,
            };
            let erased = bus.erase(AT_THE_FILE, erase).await;
            bus.close().await;
            let row = |(member, on)| json!({ "member": member, "erased_on": on });
            Value::Array(erased?.members.into_iter().map(row).collect())
        }
    };
    if json {
        println!("{}", json!({ "entry_id": entry, "erased": erased }));
    } else {
        for row in erased.as_array().into_iter().flatten() {
            let text = |member: &str| row[member].as_str().unwrap_or("?").to_owned();
            let on = text("erased_on");
            let on = on.parse().map_or(on, in_words);
            println!("{} of {entry}: erased on {on}", text("member"));
        }
    }
    Ok(())
}

pub(crate) async fn backup(settings: &VaultBackupSettings, json: bool) -> Result<(), Failure> {
    let home = settings.place.home()?;
    let keys = Bus::back_up_keys(&home, &settings.file, &edge()).await?;
    if json {
        println!("{}", json!({ "keys": keys }));
    } else {
        eprintln!(
            "{} holds {keys} wrapped keys. Keep it apart from the ledger's backups and from the \
             master key, and destroy it after 30 days at the latest.",
            settings.file.display()
        );
    }
    Ok(())
}

pub(crate) async fn restore(settings: &VaultRestoreSettings, json: bool) -> Result<(), Failure> {
    let place = &settings.place;
    let home = place.home_to_append()?;
    let master = settings.backup_master_key_file.as_deref();
    let mode = place.mode.into();
    let keys = Bus::restore_keys(&home, mode, &settings.file, master, edge()).await?;
    if json {
        println!("{}", json!({ "keys": keys }));
    } else {
        eprintln!("{keys} keys came back; those of erased texts did not.");
    }
    Ok(())
}

pub(crate) async fn rotate_master(place: &Place, json: bool) -> Result<(), Failure> {
    let home = place.home_to_append()?;
    let keys = Bus::rotate_master(&home, place.mode.into(), edge()).await?;
    if json {
        println!("{}", json!({ "keys": keys }));
    } else {
        eprintln!(
            "{keys} keys are wrapped under a new master key, which is in {}. Give every other server \
             of this ledger a copy of it, and back up the keys and it anew.",
            home.master_key.display()
        );
    }
    Ok(())
}
