//! Sealing: texts are encrypted before the canonical bytes are made.

use dutyledger_domain::Payload;
use dutyledger_ledger::Vault;
use dutyledger_record::{
    Binding, DataKey, Envelope, KeyId, LedgerId, NONCE_BYTES, PlainText, Record, Sealed, SealedBox,
};

use crate::edge::Edge;
use crate::error::CommandError;

/// The member whose text has a key of its own: a named contact.
const CONTACT: &str = "/contact";

/// New data keys, each with the nonce it is wrapped under.
pub(crate) type NewKeys = Vec<(KeyId, DataKey, [u8; NONCE_BYTES])>;

/// Seals every open text of an entry: a contact under a key of its own, the rest under one key of
/// the entry's. Gives back the keys, which must be durable before the entry is.
pub(crate) fn seal<P: Payload>(edge: &Edge, ledger: LedgerId, entry: &mut Envelope<P>) -> NewKeys {
    let entry_id = entry.entry_id;
    let mut keys = NewKeys::new();
    let mut shared: Option<usize> = None;
    let mut seal_one = |sealed: &mut Sealed, member: String, own_key: bool| {
        let Sealed::Open(text) = sealed else { return };
        let at = match shared.filter(|_| !own_key) {
            Some(at) => at,
            None => {
                keys.push((
                    KeyId::new(edge.uuid()),
                    DataKey(edge.random()),
                    edge.random(),
                ));
                let at = keys.len() - 1;
                if !own_key {
                    shared = Some(at);
                }
                at
            }
        };
        let (id, key, _) = &keys[at];
        let binding = Binding {
            ledger,
            entry: entry_id,
            member,
        };
        let closed = SealedBox::seal(text, *id, key, edge.random(), &binding);
        *sealed = Sealed::Closed(Box::new(closed));
    };
    for (pointer, sealed) in entry.payload.sealed() {
        seal_one(sealed, format!("/payload{pointer}"), pointer == CONTACT);
    }
    for (row, warning) in entry.standing.warnings.iter_mut().enumerate() {
        seal_one(
            &mut warning.reason,
            format!("/warnings/{row}/reason"),
            false,
        );
    }
    keys
}

/// Opens a sealed text of a record; nothing where its key is not there.
pub(crate) async fn open_one(
    vault: &Vault,
    record: &Record,
    member: &str,
    sealed: &SealedBox,
) -> Result<Option<PlainText>, CommandError> {
    let Some(key) = vault.load(sealed.key_id).await? else {
        return Ok(None);
    };
    let binding = Binding {
        ledger: record.ledger_id,
        entry: record.entry.entry_id,
        member: member.to_owned(),
    };
    sealed
        .open(&key, &binding)
        .map(Some)
        .map_err(|e| CommandError::Internal(format!("{member}: {e}")))
}

/// The sealed texts of a record with their JSON pointers.
#[must_use]
pub fn sealed_texts(record: &Record) -> Vec<(String, SealedBox)> {
    let mut found = Vec::new();
    if let serde_json::Value::Object(members) = &record.entry.payload {
        for (name, value) in members {
            if value.get("alg").is_some()
                && let Ok(sealed) = serde_json::from_value::<SealedBox>(value.clone())
            {
                found.push((format!("/payload/{name}"), sealed));
            }
        }
    }
    for (row, warning) in record.entry.standing.warnings.iter().enumerate() {
        if let Sealed::Closed(sealed) = &warning.reason {
            found.push((format!("/warnings/{row}/reason"), (**sealed).clone()));
        }
    }
    found
}
