//! API keys as the ledger keeps them: beside the entries that tell of them, changed with them.

use chrono::{DateTime, Utc};
use dutyledger_record::{KeyId, StreamId};

/// An API key as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which entries name.
    pub key_id: KeyId,
    /// The SHA-256 of the key itself, which is never stored.
    pub hash: [u8; 32],
    /// The kind of principal that holds it; what kinds there are is not the ledger's concern.
    pub kind: String,
    /// The stream of the principal, where its kind has one.
    pub principal_id: Option<StreamId>,
    /// What its holder calls it.
    pub label: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// From when it no longer holds, if it was issued for a time.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A change to the API keys, made together with the entries that tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// A new key. Neither its id nor its hash may be that of another.
    Issue(ApiKey),
    /// A key that no longer holds. One revoked twice keeps the first instant.
    Revoke {
        /// Which key.
        key_id: KeyId,
        /// From when.
        at: DateTime<Utc>,
    },
}
