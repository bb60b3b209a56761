//! The entries that count, by their event: what a row's evidence is found in.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::str::FromStr;
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
        let another_authority = |wanted: StreamId| {
            named("authority").is_some_and(|named| id::<StreamId>(named) != Some(wanted))
        };
        let other_action = |wanted: &BTreeMap<ItemId, &Action>| {
            let action = named("action").map(id::<ItemId>);
            action.is_some_and(|id| !id.is_some_and(|id| wanted.contains_key(&id)))
        };
        self.version.is_some_and(of_another)
            || self.authority.is_some_and(another_authority)
            || self.actions.is_some_and(other_action)
    }
}

fn id<T: FromStr>(named: &Value) -> Option<T> {
    named.as_str()?.parse().ok()
}

/// An entry that counts.
struct Counted<'a, E> {
    entry: &'a Arc<Envelope<E>>,
    /// Its payload as it is recorded: many rows ask for members of it.
    payload: OnceCell<Value>,
}

/// The entries of one stream that count on a date.
pub(super) struct Entries<'a, K: StreamKind> {
    by_event: BTreeMap<String, Vec<Counted<'a, K::Event>>>,
}

impl<'a, K: StreamKind> Entries<'a, K> {
    pub(super) fn of(history: &'a History<K>, on: NaiveDate) -> Self {
        let mut by_event: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in history.counted(on) {
            let event = entry.payload.event().event_type;
            by_event.entry(event).or_default().push(Counted::new(entry));
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
            let all = all.filter(|one| one.shows(event, evidence, looked_at));
            found.extend(all.map(|one| one.entry));
        }
        found.sort_by_key(|entry| (entry.standing.occurred_on.date, entry.version));
        let mut found: Vec<_> = found.into_iter().map(|entry| entry.entry_id).collect();
        found.dedup();
        found
    }
}

impl<'a, E: Payload> Counted<'a, E> {
    fn new(entry: &'a Arc<Envelope<E>>) -> Self {
        Self {
            entry,
            payload: OnceCell::new(),
        }
    }

    fn shows(&self, event: &str, evidence: &Evidence, looked_at: LookedAt<'_>) -> bool {
        let kind = self.entry.standing.principal.kind;
        if !evidence.may_be_told_by(kind) {
            return false;
        }
        if looked_at.anything() && evidence.r#where.is_empty() {
            return true;
        }
        let payload = self.payload();
        !looked_at.names_another(event, payload) && evidence.has_members(payload)
    }

    fn payload(&self) -> &Value {
        self.payload.get_or_init(|| {
            // What was not sealed yet is not in any ledger.
            self.entry.payload.to_payload().unwrap_or_default()
        })
    }
}
