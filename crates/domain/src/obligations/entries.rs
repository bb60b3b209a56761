//! The entries that count, by their event: what a row's evidence is found in.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use dutyledger_record::{EntryId, Envelope, StreamId};
use serde_json::Value;

use super::Evidence;
use crate::history::{History, Payload, StreamKind};
use crate::streams::strategy::Action;
use crate::values::ItemId;

/// What a version begun by a revision has from the version before it.
const CARRIED_OVER: [&str; 5] = [
    "ActionProposed",
    "AssessmentLinked",
    "CauseRecordedAsUnknown",
    "ViolenceCauseIdentified",
    "ViolenceKindIdentified",
];

/// What entries are looked at for: one that names another shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LookedAt<'a> {
    /// A version of the strategy.
    pub(super) version: Option<u32>,
    /// An authority.
    pub(super) authority: Option<StreamId>,
    /// Actions.
    pub(super) actions: Option<&'a BTreeMap<ItemId, &'a Action>>,
}

impl LookedAt<'_> {
    pub(super) const fn version(version: u32) -> Self {
        Self {
            version: Some(version),
            authority: None,
            actions: None,
        }
    }

    fn anything(self) -> bool {
        self.version.is_none() && self.authority.is_none() && self.actions.is_none()
    }

    fn names_another(self, event: &str, payload: &Value) -> bool {
        let named = |member: &str| payload.get(member).filter(|named| !named.is_null());
        let of_another = |wanted: u32| {
            let version = named("version").and_then(Value::as_u64);
            version.is_some_and(|version| {
                let wanted = u64::from(wanted);
                version > wanted || (version < wanted && !CARRIED_OVER.contains(&event))
            })
        };
        let another_authority =
            |wanted: StreamId| named("authority").is_some_and(|id| *id != wanted.to_string());
        let other_action = |wanted: &BTreeMap<ItemId, &Action>| {
            named("action").is_some_and(|id| !wanted.keys().any(|action| *id == action.to_string()))
        };
        self.version.is_some_and(of_another)
            || self.authority.is_some_and(another_authority)
            || self.actions.is_some_and(other_action)
    }
}

/// The entries of one stream that count on a date.
pub(super) struct Entries<'a, K: StreamKind> {
    by_event: BTreeMap<String, Vec<&'a Arc<Envelope<K::Event>>>>,
}

impl<'a, K: StreamKind> Entries<'a, K> {
    pub(super) fn of(history: &'a History<K>, on: NaiveDate) -> Self {
        let mut by_event: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in history.counted(on) {
            let event = entry.payload.event().event_type;
            by_event.entry(event).or_default().push(entry);
        }
        Self { by_event }
    }

    /// Whether there is one of an event.
    pub(super) fn any(&self, event: &str) -> bool {
        self.by_event.contains_key(event)
    }

    /// Those that show a row of what is looked at, in the order of their dates.
    pub(super) fn showing(&self, evidence: &Evidence, looked_at: LookedAt<'_>) -> Vec<EntryId> {
        let mut found: Vec<&Arc<Envelope<K::Event>>> = Vec::new();
        for event in &evidence.events {
            let all = self.by_event.get(event).into_iter().flatten();
            found.extend(all.filter(|entry| shows(entry, event, evidence, looked_at)));
        }
        found.sort_by_key(|entry| (entry.standing.occurred_on.date, entry.version));
        let mut found: Vec<_> = found.into_iter().map(|entry| entry.entry_id).collect();
        found.dedup();
        found
    }
}

fn shows<E: Payload>(
    entry: &Envelope<E>,
    event: &str,
    evidence: &Evidence,
    looked_at: LookedAt<'_>,
) -> bool {
    let kind = entry.standing.principal.kind;
    if evidence.told_by.is_some_and(|told_by| told_by != kind) {
        return false;
    }
    if looked_at.anything() && evidence.r#where.is_empty() {
        return true;
    }
    // What was not sealed yet is not in any ledger.
    let payload = entry.payload.to_payload().unwrap_or_default();
    let has = |(member, wanted): (&String, &Value)| match (payload.get(member), wanted) {
        (Some(is), Value::Array(any)) => any.contains(is),
        (is, wanted) => is == Some(wanted),
    };
    !looked_at.names_another(event, &payload) && evidence.r#where.iter().all(has)
}
