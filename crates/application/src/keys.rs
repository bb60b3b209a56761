//! API keys: hashed, expiring, revocable, shown once. Issue and revocation are entries without the
//! secret or its hash.

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::ledger::{IssueKey, LedgerCommand, RevokeKey};
use dutyledger_ledger::{ApiKey, KeyChange};
use dutyledger_record::{KeyId, Principal, PrincipalKind, PublicText, StreamId, hex};

use crate::bus::{Answer, Bus, Request, Target};
use crate::error::CommandError;

/// What every key begins with, so that a leaked one can be recognised.
const PREFIX: &str = "dutyledger_";
/// Random bytes in a key.
const SECRET_BYTES: usize = 32;

/// The secret of an API key. Shown once and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiSecret(String);

impl ApiSecret {
    /// The key, to be handed to its principal.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(format!("{PREFIX}{}", hex(&random)))
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiSecret(…)")
    }
}

/// A key just issued.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// Its id.
    pub key_id: KeyId,
    /// The secret.
    pub secret: ApiSecret,
    /// The entry that tells of it.
    pub answer: Answer,
}

/// A key to issue.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The kind of principal.
    pub kind: PrincipalKind,
    /// The authority or partnership it is bound to.
    pub principal_id: Option<StreamId>,
    /// What it is for. Names no person.
    pub label: PublicText,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// The hash by which a key is known: 256 random bits need no slow hash.
fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

impl Bus {
    /// Issues a key.
    ///
    /// # Errors
    /// As any command's.
    pub async fn issue_key(
        &self,
        operator: Principal,
        request: KeyRequest,
    ) -> Result<IssuedKey, CommandError> {
        let key_id = KeyId::new(self.edge().uuid());
        let secret = ApiSecret::new(self.edge().random());
        let row = ApiKey {
            key_id,
            hash: hash(secret.reveal()),
            kind: kind_name(request.kind),
            principal_id: request.principal_id,
            label: request.label.as_str().chars().take(200).collect(),
            issued_at: self.edge().clock.now(),
            expires_at: Some(request.expires_at),
            revoked_at: None,
        };
        let command = LedgerCommand::from(IssueKey {
            key_id,
            principal_kind: request.kind,
            principal_id: request.principal_id,
            label: request.label,
            expires_at: request.expires_at,
        });
        let target = Target::Stream(StreamId::new(self.ledger().id().uuid()));
        let request = Request::plain(operator, target, command);
        let answer = self
            .execute_with_keys::<LedgerStream>(request, vec![KeyChange::Issue(row)])
            .await?;
        Ok(IssuedKey {
            key_id,
            secret,
            answer,
        })
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// As any command's.
    pub async fn revoke_key(
        &self,
        operator: Principal,
        key_id: KeyId,
    ) -> Result<Answer, CommandError> {
        let target = Target::Stream(StreamId::new(self.ledger().id().uuid()));
        let command = LedgerCommand::from(RevokeKey { key_id });
        let change = KeyChange::Revoke {
            key_id,
            at: self.edge().clock.now(),
        };
        self.execute_with_keys::<LedgerStream>(
            Request::plain(operator, target, command),
            vec![change],
        )
        .await
    }

    /// The principal a key stands for now: `None` for a key that is unknown, expired or revoked.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn authenticate(&self, secret: &str) -> Result<Option<Principal>, CommandError> {
        let looks_right = secret.strip_prefix(PREFIX).is_some_and(|digits| {
            digits.len() == SECRET_BYTES * 2 && digits.bytes().all(|b| b.is_ascii_hexdigit())
        });
        if !looks_right {
            return Ok(None);
        }
        let Some(key) = self.ledger().api_key_by_hash(&hash(secret)).await? else {
            return Ok(None);
        };
        let now = self.edge().clock.now();
        if key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now) {
            return Ok(None);
        }
        let kind = serde_json::from_value(serde_json::Value::String(key.kind))
            .map_err(|e| CommandError::Internal(format!("a key of an unknown kind: {e}")))?;
        Ok(Some(Principal {
            id: key.principal_id,
            key_id: Some(key.key_id),
            kind,
        }))
    }
}

/// The name of a kind of principal, as it is stored and shown.
fn kind_name(kind: PrincipalKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}
