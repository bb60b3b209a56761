//! `dutyledger key`: through the running server if one holds the ledger, on the file otherwise.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use dutyledger_application::{Bus, Edge, KeyRequest, SystemEntropy};
use dutyledger_ledger::{ApiKey, Ledger, LedgerReader, SystemClock};
use dutyledger_record::{KeyId, Principal, PrincipalKind, PublicText, StreamId, format_instant};

use crate::cli::{IssueSettings, Place, RevokeSettings};
use crate::exit::Failure;
use crate::remote::Server;

/// The clock and the randomness of this machine.
pub(crate) fn edge() -> Edge {
    Edge {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    }
}

/// Whoever may write the ledger's file is its operator; no key stands for that.
pub(crate) const AT_THE_FILE: Principal = Principal {
    id: None,
    key_id: None,
    kind: PrincipalKind::Operator,
};

/// The name of a kind of principal, as the API writes it.
fn kind_name(kind: PrincipalKind) -> Value {
    serde_json::to_value(kind).unwrap_or_default()
}

/// Opens the ledger on its file, making its folder where it is new.
pub(crate) async fn open(place: &Place) -> Result<Bus, Failure> {
    let home = place.home_to_append()?;
    let (bus, _) = Bus::open(&home, place.mode.into(), edge()).await?;
    Ok(bus)
}

pub(crate) async fn issue(settings: &IssueSettings, json: bool) -> Result<(), Failure> {
    let place = &settings.place;
    let kind = PrincipalKind::from(settings.kind);
    let label = PublicText::new(settings.label.as_str()).map_err(Failure::usage)?;
    let edge = edge();
    let expires_at = edge.clock.now() + Duration::days(i64::from(settings.days));
    let issued = match Ledger::owner(&place.home()?.ledger) {
        Some(owner) => {
            let body = json!({
                "kind": kind,
                "principal_id": settings.principal,
                "label": label,
                "expires_at": format_instant(expires_at),
            });
            Server::holding(place, &owner)?
                .post("/v1/keys".to_owned(), body.to_string())
                .await?
        }
        None => {
            let bus = open(place).await?;
            let principal_id = settings.principal.map(StreamId::new);
            let request = KeyRequest {
                kind,
                principal_id,
                label,
                expires_at,
            };
            let issued = bus.issue_key(AT_THE_FILE, request).await;
            let answer = issued.map(|issued| {
                json!({
                    "key_id": issued.key_id,
                    "secret": issued.secret.reveal(),
                    "kind": kind,
                    "principal_id": principal_id,
                    "expires_at": format_instant(expires_at),
                })
            });
            bus.close().await;
            answer?
        }
    };
    if json {
        println!("{issued}");
    } else {
        let text = |member: &str| issued[member].as_str().unwrap_or("?").to_owned();
        println!("{}", text("secret"));
        eprintln!(
            "Key {} for {}. It expires on {} and is shown this once: keep it safe.",
            text("key_id"),
            kind_name(kind).as_str().unwrap_or("?"),
            text("expires_at")
        );
    }
    Ok(())
}

pub(crate) async fn revoke(settings: &RevokeSettings, json: bool) -> Result<(), Failure> {
    let place = &settings.place;
    let key_id = settings.key_id;
    match Ledger::owner(&place.home()?.ledger) {
        Some(owner) => {
            let path = format!("/v1/keys/{key_id}/revocation");
            Server::holding(place, &owner)?
                .post(path, "{}".to_owned())
                .await?;
        }
        None => {
            let bus = open(place).await?;
            let revoked = bus.revoke_key(AT_THE_FILE, KeyId::new(key_id)).await;
            bus.close().await;
            revoked?;
        }
    }
    if json {
        println!("{}", json!({ "key_id": key_id, "revoked": true }));
    } else {
        eprintln!("Key {key_id} is revoked.");
    }
    Ok(())
}

pub(crate) async fn list(place: &Place, json: bool) -> Result<(), Failure> {
    let keys: Vec<Value> = match Ledger::owner(&place.home()?.ledger) {
        Some(owner) => {
            let mut all = Vec::new();
            let mut next = Some("/v1/keys?limit=200".to_owned());
            while let Some(path) = next {
                let page = Server::holding(place, &owner)?.get(path).await?;
                all.extend(page["data"].as_array().cloned().unwrap_or_default());
                next = page["links"]["next"].as_str().map(str::to_owned);
            }
            all
        }
        None => on_file(place).await?,
    };
    for key in keys {
        if json {
            println!("{key}");
        } else {
            let text = |member: &str| key[member].as_str().unwrap_or("-").to_owned();
            println!(
                "{}  {:<20}  {:<36}  expires {}  {}  {}",
                text("key_id"),
                text("kind"),
                text("principal_id"),
                text("expires_at"),
                if key["revoked_at"].is_string() {
                    "revoked"
                } else {
                    ""
                },
                text("label"),
            );
        }
    }
    Ok(())
}

async fn on_file(place: &Place) -> Result<Vec<Value>, Failure> {
    let reader = LedgerReader::open(&place.home()?.ledger)
        .await
        .map_err(Failure::cannot_open)?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = reader.api_keys(after, 200).await.map_err(Failure::other)?;
        let Some(last) = page.last() else { break };
        after = Some(last.key_id);
        all.extend(page.iter().map(row));
    }
    reader.close().await;
    Ok(all)
}

fn row(key: &ApiKey) -> Value {
    let instant = |at: Option<DateTime<Utc>>| at.map(format_instant);
    json!({
        "key_id": key.key_id,
        "kind": key.kind,
        "principal_id": key.principal_id,
        "label": key.label,
        "issued_at": format_instant(key.issued_at),
        "expires_at": instant(key.expires_at),
        "revoked_at": instant(key.revoked_at),
    })
}
