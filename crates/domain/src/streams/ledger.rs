//! The ledger's own stream: its opening, rule packs adopted, dates of deadlines set, keys issued and
//! revoked, keys for checkpoints adopted.

use chrono::{DateTime, Months, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{
    Envelope, KeyId, LedgerId, Principal, PrincipalKind, PublicText, RulePackRef, Stream, StreamId,
    StreamType, is_hex, is_sha256_hex,
};

use crate::decide::{Actors, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::rules::{Provenance, RuleId, commencement, newest};
use crate::scene::Scene;
use crate::world::World;

/// The longest a key may live, in months.
const KEY_MONTHS_MAX: u32 = 60;

/// The kind of stream. Its id is the ledger's id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerStream;

/// What a ledger is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerMode {
    /// The record.
    Live,
    /// Trying things out.
    Sandbox,
}

/// The first entry of every ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerOpened {
    /// The ledger's id, random.
    pub ledger_id: LedgerId,
    /// What it is for.
    pub mode: LedgerMode,
    /// The rule pack in force.
    pub pack: String,
    /// The pack's revision.
    pub revision: u32,
    /// The SHA-256 of the pack's file.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub pack_sha256: String,
}

/// A later revision of the rule pack was adopted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulePackAdopted {
    /// The rule pack.
    pub pack: String,
    /// The pack's revision.
    pub revision: u32,
    /// The SHA-256 of the pack's file.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub pack_sha256: String,
}

/// The date of a row's deadline was set, in place of the one the rule pack has from a source that
/// could not be checked. The entry's source shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadlineDateSet {
    /// The date; it has passed from the next day.
    pub due_on: NaiveDate,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The row.
    #[schemars(regex(pattern = "^[RAL]-[0-9A-Za-z.-]{1,12}$"))]
    pub rule: RuleId,
}

/// An API key was issued. Neither the key nor its hash is in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyIssued {
    /// When it expires.
    #[serde(serialize_with = "dutyledger_record::serialize_instant")]
    pub expires_at: DateTime<Utc>,
    /// The key's id.
    pub key_id: KeyId,
    /// What it is for. Names no person.
    pub label: PublicText,
    /// The authority or partnership it is bound to.
    pub principal_id: Option<StreamId>,
    /// The kind of principal it is bound to.
    pub principal_kind: PrincipalKind,
}

/// An API key was revoked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// The key's id.
    pub key_id: KeyId,
}

/// A calendar's address was issued: whoever has it reads the dates its principal sees, and nothing
/// else. The address is not in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarTokenIssued {
    /// When it expires.
    #[serde(serialize_with = "dutyledger_record::serialize_instant")]
    pub expires_at: DateTime<Utc>,
    /// What it is for. Names no person.
    pub label: PublicText,
    /// The authority or partnership it is bound to.
    pub principal_id: Option<StreamId>,
    /// The kind of principal it is bound to.
    pub principal_kind: PrincipalKind,
    /// The token's id.
    pub token_id: KeyId,
}

/// A calendar's address was revoked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarTokenRevoked {
    /// The token's id.
    pub token_id: KeyId,
}

/// Where a key for signing checkpoints stopped: its last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointKeyReplaced {
    /// The key that was replaced, as a verifier key of the signed note format.
    #[schemars(regex(pattern = r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$"))]
    pub key: String,
    /// The root of the last checkpoint it signed.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub root: String,
    /// How many entries that checkpoint covers.
    pub size: u64,
}

/// A key for signing checkpoints was adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointKeyAdopted {
    /// The key, as a verifier key of the signed note format.
    #[schemars(regex(pattern = r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$"))]
    pub key: String,
    /// The key it takes the place of, and where that one stopped; nothing for the first.
    pub replaces: Option<CheckpointKeyReplaced>,
}

events! {
    /// The events of the ledger.
    LedgerEvent {
        LedgerOpened, RulePackAdopted, DeadlineDateSet, KeyIssued, KeyRevoked, CalendarTokenIssued,
        CalendarTokenRevoked, CheckpointKeyAdopted,
    }
}

/// A calendar's address, issued and not revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalendarToken {
    /// The token's id.
    pub token_id: KeyId,
    /// Whose sight it has. The key it names is the token.
    pub principal: Principal,
    /// What it is for.
    pub label: PublicText,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// What is known of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerState {
    /// What it is for.
    pub mode: Option<LedgerMode>,
    /// The rule pack in force.
    pub rules: Option<RulePackRef>,
    /// The keys issued and not revoked.
    pub keys: Vec<KeyId>,
    /// The calendars' addresses issued and not revoked.
    pub calendar_tokens: Vec<CalendarToken>,
    /// The keys adopted for signing checkpoints, in order; the last one signs.
    pub checkpoint_keys: Vec<CheckpointKeyAdopted>,
}

/// Adopts the newest revision of the rule pack this program holds.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptRulePack {
    /// The rule pack.
    pub pack: String,
    /// The revision to adopt.
    pub revision: u32,
}

impl Particulars<LedgerStream> for AdoptRulePack {
    const NAME: &'static str = "adopt-rule-pack";
    const ACTORS: Actors = Actors::OPERATOR;
    const ADMINISTRATIVE: bool = true;

    fn decide(self, state: &LedgerState, _: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        let Some((_, sha256)) = crate::rules::pack(&self.pack, self.revision) else {
            return Err(
                Refusal::not_found("This program holds no such rule pack and revision.")
                    .at("/particulars/revision"),
            );
        };
        if self.pack != crate::rules::ENACTED && state.mode != Some(LedgerMode::Sandbox) {
            return Err(Refusal::invalid(
                "/particulars/pack",
                "This pack was never in force: only a ledger for trying things out adopts it. Ask \
                 a question under it instead.",
            ));
        }
        let newer =
            |current: &RulePackRef| current.pack == self.pack && current.revision >= self.revision;
        if state.rules.as_ref().is_some_and(newer) {
            return Err(Refusal::already(
                "This revision or a later one is already adopted.",
            ));
        }
        Ok(vec![
            RulePackAdopted {
                pack: self.pack,
                revision: self.revision,
                pack_sha256: sha256.to_owned(),
            }
            .into(),
        ])
    }
}

/// Sets the date of a row's deadline, of a row whose own date comes from a source that could not be
/// checked. It holds from the day it is set for, and its source is said wherever it is used.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDeadlineDate {
    /// The row.
    pub rule: RuleId,
    /// The date; it has passed from the next day.
    pub due_on: NaiveDate,
    /// Where it comes from: an Act, the Regulations, the guidance, or again a source that could not
    /// be checked.
    pub provenance: Provenance,
}

impl Particulars<LedgerStream> for SetDeadlineDate {
    const NAME: &'static str = "set-deadline-date";
    const ACTORS: Actors = Actors::OPERATOR;
    const SOURCED: bool = true;

    fn decide(self, state: &LedgerState, _: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        let adopted = state.rules.as_ref().map(|rules| rules.pack.as_str());
        let pack = adopted.and_then(newest).map(|(pack, _)| pack);
        let Some(row) = pack.and_then(|pack| pack.row(self.rule.as_str())) else {
            let refusal = Refusal::not_found("The rule pack in force has no such row.");
            return Err(refusal.at("/particulars/rule"));
        };
        if !row.date_may_be_set() {
            return Err(Refusal::invalid(
                "/particulars/rule",
                "Only a date that comes from a source that could not be checked may be set; this \
                 row has none.",
            ));
        }
        if !matches!(
            self.provenance,
            Provenance::Act
                | Provenance::OtherAct
                | Provenance::Regulations
                | Provenance::Guidance
                | Provenance::Unverified
        ) {
            return Err(Refusal::invalid(
                "/particulars/provenance",
                "A date for everyone comes from an Act, the Regulations, the guidance, or a source \
                 that could not be checked.",
            ));
        }
        if self.due_on < commencement() {
            return Err(Refusal::invalid(
                "/particulars/due_on",
                format!(
                    "Nothing was due before the duty began on {}.",
                    crate::in_words(commencement())
                ),
            ));
        }
        Ok(vec![
            DeadlineDateSet {
                due_on: self.due_on,
                provenance: self.provenance,
                rule: row.id.clone(),
            }
            .into(),
        ])
    }
}

/// Issues an API key. The secret and its hash stay outside the record.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueKey {
    /// The key's id.
    pub key_id: KeyId,
    /// The kind of principal.
    pub principal_kind: PrincipalKind,
    /// The authority or partnership.
    #[serde(default)]
    pub principal_id: Option<StreamId>,
    /// What it is for. Names no person.
    pub label: PublicText,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

impl Particulars<LedgerStream> for IssueKey {
    const NAME: &'static str = "issue-key";
    const ACTORS: Actors = Actors::OPERATOR;
    const ADMINISTRATIVE: bool = true;

    fn needs(&self, _: &LedgerState, _: &World) -> Vec<Stream> {
        bound_to(self.principal_kind, self.principal_id)
    }

    fn decide(self, _: &LedgerState, scene: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        check_expiry(self.expires_at, scene)?;
        check_principal(self.principal_kind, self.principal_id, scene)?;
        Ok(vec![
            KeyIssued {
                expires_at: self.expires_at,
                key_id: self.key_id,
                label: self.label,
                principal_id: self.principal_id,
                principal_kind: self.principal_kind,
            }
            .into(),
        ])
    }
}

/// The streams that say whether there is such a principal.
fn bound_to(kind: PrincipalKind, id: Option<StreamId>) -> Vec<Stream> {
    match (kind, id) {
        (PrincipalKind::Authority | PrincipalKind::LocalPolicingBody, Some(id)) => {
            vec![super::authority::stream(id)]
        }
        (PrincipalKind::Coordinator, Some(id)) => vec![super::partnership::stream(id)],
        _ => Vec::new(),
    }
}

fn check_expiry(expires_at: DateTime<Utc>, scene: &Scene<'_>) -> Result<(), Refusal> {
    let latest = scene.on + Months::new(KEY_MONTHS_MAX);
    if expires_at.date_naive() > latest {
        return Err(Refusal::invalid(
            "/particulars/expires_at",
            format!(
                "A key expires by {} at the latest.",
                crate::in_words(latest)
            ),
        ));
    }
    Ok(())
}

/// Refuses a principal that is not there, or is not of this kind.
fn check_principal(
    kind: PrincipalKind,
    id: Option<StreamId>,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    use crate::values::Class;
    let pointer = "/particulars/principal_id";
    let class = |id| {
        scene
            .world
            .authorities
            .get(&id)
            .and_then(|a| a.capacity)
            .map(crate::Capacity::class)
    };
    match (kind, id) {
        (PrincipalKind::System, _) => {
            return Err(Refusal::invalid(
                "/particulars/principal_kind",
                "The system itself has no key.",
            ));
        }
        (PrincipalKind::Authority, Some(id)) => match class(id) {
            None => return Err(Refusal::not_found("There is no such authority.").at(pointer)),
            Some(Class::LocalPolicingBody) => {
                return Err(Refusal::invalid(
                    "/particulars/principal_kind",
                    "This office is a local policing body: issue a local_policing_body key.",
                ));
            }
            Some(_) => {}
        },
        (PrincipalKind::LocalPolicingBody, Some(id)) => {
            if class(id) != Some(Class::LocalPolicingBody) {
                return Err(Refusal::not_found("There is no such local policing body.").at(pointer));
            }
        }
        (PrincipalKind::Coordinator, Some(id)) => {
            if scene
                .world
                .partnerships
                .get(&id)
                .is_none_or(|p| p.name.is_none())
            {
                return Err(Refusal::not_found("There is no such partnership.").at(pointer));
            }
        }
        (
            PrincipalKind::Authority
            | PrincipalKind::LocalPolicingBody
            | PrincipalKind::Coordinator,
            None,
        ) => {
            return Err(Refusal::invalid(
                pointer,
                "This kind of key needs a principal_id.",
            ));
        }
        (_, Some(_)) => {
            return Err(Refusal::invalid(
                pointer,
                "This kind of key takes no principal_id.",
            ));
        }
        (_, None) => {}
    }
    Ok(())
}

/// Revokes an API key.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// The key's id.
    pub key_id: KeyId,
}

impl Particulars<LedgerStream> for RevokeKey {
    const NAME: &'static str = "revoke-key";
    const ACTORS: Actors = Actors::OPERATOR;
    const ADMINISTRATIVE: bool = true;

    fn decide(self, state: &LedgerState, _: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        if !state.keys.contains(&self.key_id) {
            return Err(
                Refusal::not_found("There is no such key, or it is already revoked.")
                    .at("/particulars/key_id"),
            );
        }
        Ok(vec![
            KeyRevoked {
                key_id: self.key_id,
            }
            .into(),
        ])
    }
}

/// Issues a calendar's address. The address stays outside the record.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueCalendarToken {
    /// The token's id.
    pub token_id: KeyId,
    /// The kind of principal whose sight it has.
    pub principal_kind: PrincipalKind,
    /// The authority or partnership.
    #[serde(default)]
    pub principal_id: Option<StreamId>,
    /// What it is for. Names no person.
    pub label: PublicText,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

impl Particulars<LedgerStream> for IssueCalendarToken {
    const NAME: &'static str = "issue-calendar-token";
    const ACTORS: Actors = Actors::OPERATOR;
    const ADMINISTRATIVE: bool = true;

    fn needs(&self, _: &LedgerState, _: &World) -> Vec<Stream> {
        bound_to(self.principal_kind, self.principal_id)
    }

    fn decide(self, _: &LedgerState, scene: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        check_expiry(self.expires_at, scene)?;
        check_principal(self.principal_kind, self.principal_id, scene)?;
        Ok(vec![
            CalendarTokenIssued {
                expires_at: self.expires_at,
                label: self.label,
                principal_id: self.principal_id,
                principal_kind: self.principal_kind,
                token_id: self.token_id,
            }
            .into(),
        ])
    }
}

/// Revokes a calendar's address.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeCalendarToken {
    /// The token's id.
    pub token_id: KeyId,
}

impl Particulars<LedgerStream> for RevokeCalendarToken {
    const NAME: &'static str = "revoke-calendar-token";
    const ACTORS: Actors = Actors::OPERATOR;
    const ADMINISTRATIVE: bool = true;

    fn decide(self, state: &LedgerState, _: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        let mut held = state.calendar_tokens.iter();
        if !held.any(|token| token.token_id == self.token_id) {
            return Err(
                Refusal::not_found("There is no such calendar, or it is already revoked.")
                    .at("/particulars/token_id"),
            );
        }
        Ok(vec![
            CalendarTokenRevoked {
                token_id: self.token_id,
            }
            .into(),
        ])
    }
}

/// The most characters of a verifier key.
const VERIFIER_KEY_CHARACTERS_MAX: usize = 300;

/// Adopts a key for signing checkpoints, and says where the one before it stopped.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptCheckpointKey {
    /// The key, as a verifier key of the signed note format.
    pub key: String,
    /// The key in use and its last checkpoint; nothing where there is none yet.
    #[serde(default)]
    pub replaces: Option<CheckpointKeyReplaced>,
}

impl Particulars<LedgerStream> for AdoptCheckpointKey {
    const NAME: &'static str = "adopt-checkpoint-key";
    const ACTORS: Actors = Actors::OPERATOR;
    const ADMINISTRATIVE: bool = true;

    fn decide(self, state: &LedgerState, _: &Scene<'_>) -> Result<Vec<LedgerEvent>, Refusal> {
        if !is_verifier_key(&self.key) {
            return Err(Refusal::invalid(
                "/particulars/key",
                "A verifier key is a name, eight hexadecimal digits and a key in base64, joined \
                 by +.",
            ));
        }
        if state.checkpoint_keys.iter().any(|one| one.key == self.key) {
            return Err(Refusal::already(
                "This key is or was in use: a key is adopted once.",
            ));
        }
        let current = state.checkpoint_keys.last();
        if self.replaces.as_ref().map(|old| &old.key) != current.map(|one| &one.key) {
            return Err(Refusal::invalid(
                "/particulars/replaces",
                match current {
                    Some(_) => "Name the key in use, and its last checkpoint.",
                    None => "No key is in use yet, so this one replaces none.",
                },
            ));
        }
        if let Some(old) = &self.replaces {
            if !is_sha256_hex(&old.root) {
                return Err(Refusal::invalid(
                    "/particulars/replaces/root",
                    "A root has 64 lower-case hexadecimal digits.",
                ));
            }
            // Checkpoints only grow: a key cannot have stopped before the one it took over from.
            let before = current.and_then(|one| one.replaces.as_ref());
            if before.is_some_and(|before| old.size < before.size) {
                return Err(Refusal::invalid(
                    "/particulars/replaces/size",
                    "The last checkpoint of the key in use covers no fewer entries than that of \
                     the key before it.",
                ));
            }
        }
        Ok(vec![
            CheckpointKeyAdopted {
                key: self.key,
                replaces: self.replaces,
            }
            .into(),
        ])
    }
}

/// Whether a text has the form of a verifier key. Whether it verifies anything is for whoever
/// verifies.
fn is_verifier_key(text: &str) -> bool {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let digits = key.trim_end_matches('=');
    text.chars().count() <= VERIFIER_KEY_CHARACTERS_MAX
        && !name.is_empty()
        && !name.chars().any(|c| c.is_whitespace() || c.is_control())
        && is_hex(hash, 8)
        && !digits.is_empty()
        && key.len() - digits.len() <= 2
        && digits
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

commands! {
    /// The commands on the ledger.
    LedgerCommand of LedgerStream {
        AdoptRulePack, SetDeadlineDate, IssueKey, RevokeKey, IssueCalendarToken, RevokeCalendarToken,
        AdoptCheckpointKey,
    }
}

impl StreamKind for LedgerStream {
    const TYPE: StreamType = StreamType::of("ledger");
    const NAME: &'static str = "ledger";
    type Event = LedgerEvent;
    type State = LedgerState;
    type Command = LedgerCommand;

    fn evolve(state: &mut LedgerState, entry: &Envelope<LedgerEvent>) {
        match &entry.payload {
            LedgerEvent::LedgerOpened(e) => {
                state.mode = Some(e.mode);
                state.rules = Some(RulePackRef {
                    pack: e.pack.clone(),
                    revision: e.revision,
                });
            }
            LedgerEvent::RulePackAdopted(e) => {
                state.rules = Some(RulePackRef {
                    pack: e.pack.clone(),
                    revision: e.revision,
                });
            }
            LedgerEvent::KeyIssued(e) => state.keys.push(e.key_id),
            LedgerEvent::KeyRevoked(e) => state.keys.retain(|id| *id != e.key_id),
            LedgerEvent::CalendarTokenIssued(e) => state.calendar_tokens.push(CalendarToken {
                token_id: e.token_id,
                principal: Principal {
                    id: e.principal_id,
                    key_id: Some(e.token_id),
                    kind: e.principal_kind,
                },
                label: e.label.clone(),
                expires_at: e.expires_at,
            }),
            LedgerEvent::CalendarTokenRevoked(e) => {
                state
                    .calendar_tokens
                    .retain(|token| token.token_id != e.token_id);
            }
            LedgerEvent::CheckpointKeyAdopted(e) => state.checkpoint_keys.push(e.clone()),
            // What is set for every partnership is looked up by row and date: see `dates`.
            LedgerEvent::DeadlineDateSet(_)
            | LedgerEvent::EntryCorrected(_)
            | LedgerEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &LedgerEvent, _: &LedgerState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &LedgerEvent) -> (Actors, Option<StreamId>) {
        (Actors::OPERATOR, None)
    }

    fn partnership(_: StreamId, _: &LedgerState) -> Option<StreamId> {
        None
    }
}
