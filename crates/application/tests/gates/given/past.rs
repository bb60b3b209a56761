//! What has been: entries of a stream, and the streams it rests on.

use std::sync::Arc;

use dutyledger_domain::rules::enacted_ref;
use dutyledger_domain::streams::{
    Area, Authority, Direction, EntryCorrected, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{Histories, History, Payload, StreamKind};
use dutyledger_record::{
    Basis, EntryId, Envelope, Mark, NaturalKey, OccurredOn, PastFact, Principal, PrincipalKind,
    Standing, Stream, StreamId,
};
use uuid::Uuid;

use super::{day, source};

/// The id of a stream, by a name for it.
pub(crate) fn id(name: &str) -> StreamId {
    NaturalKey(&["test", name]).stream_id()
}

/// The id of an item within a stream, by a name for it.
pub(crate) fn item(name: &str) -> Uuid {
    id(name).uuid()
}

/// The entries of a stream so far.
#[derive(Clone, Debug)]
pub(crate) struct Past<K: StreamKind> {
    pub(crate) id: StreamId,
    pub(crate) entries: Vec<Envelope<K::Event>>,
    /// How many entries there ever were, those left out again included.
    ever: u64,
}

impl<K: StreamKind> Past<K> {
    pub(crate) const fn of(id: StreamId) -> Self {
        Self {
            id,
            entries: Vec::new(),
            ever: 0,
        }
    }

    /// On this day it was decided that…
    pub(crate) fn and(self, date: &str, event: impl Into<K::Event>) -> Self {
        self.and_so(date, event, |_| ())
    }

    /// The same, standing in another way: see [`reported`], [`past_fact`], [`assumed`], …
    pub(crate) fn and_so(
        mut self,
        date: &str,
        event: impl Into<K::Event>,
        stands: impl Fn(&mut Standing),
    ) -> Self {
        let version = self.entries.len() as u64 + 1;
        let mut standing = Standing {
            basis: Basis::Decision,
            causation_id: None,
            correlation_id: Uuid::from_u128(1),
            corrects: None,
            occurred_on: OccurredOn {
                assumed: false,
                date: day(date),
            },
            on_behalf_of: Vec::new(),
            partnerships: Vec::new(),
            past_fact: None,
            principal: Principal {
                id: None,
                key_id: None,
                kind: PrincipalKind::Authority,
            },
            reported: false,
            rests_on: Vec::new(),
            rules: enacted_ref(),
            source: None,
            warnings: Vec::new(),
        };
        stands(&mut standing);
        self.ever += 1;
        self.entries.push(Envelope {
            entry_id: entry_id(self.id, self.ever),
            stream: Stream::new(K::TYPE, self.id),
            version,
            standing,
            payload: event.into(),
        });
        self
    }

    /// The same, but these never happened.
    pub(crate) fn without(mut self, which: impl Fn(&K::Event) -> bool) -> Self {
        let before = self.entries.len();
        self.entries.retain(|entry| !which(&entry.payload));
        assert!(
            self.entries.len() < before,
            "there was nothing to leave out"
        );
        for (at, entry) in self.entries.iter_mut().enumerate() {
            entry.version = at as u64 + 1;
        }
        self
    }

    /// On this day the last entry was withdrawn.
    pub(crate) fn corrected(self, date: &str) -> Self
    where
        K::Event: From<EntryCorrected>,
    {
        let last = self.last();
        let stands = move |standing: &mut Standing| standing.corrects = Some(last);
        self.and_so(date, EntryCorrected { reason: None }, stands)
    }

    /// The entries of these, in the order of their dates.
    pub(crate) fn those(&self, which: impl Fn(&K::Event) -> bool) -> Vec<EntryId> {
        let mut found: Vec<_> = self.entries.iter().filter(|e| which(&e.payload)).collect();
        found.sort_by_key(|entry| (entry.standing.occurred_on.date, entry.version));
        found.into_iter().map(|entry| entry.entry_id).collect()
    }

    /// The entries of these events, by name, in the order of their dates.
    pub(crate) fn named(&self, events: &[&str]) -> Vec<EntryId> {
        self.those(|event| events.contains(&event.event().event_type.as_str()))
    }

    /// The last entry.
    pub(crate) fn last(&self) -> EntryId {
        self.entries.last().unwrap().entry_id
    }

    pub(crate) fn history(&self) -> History<K> {
        let mut history = History::default();
        self.entries
            .iter()
            .cloned()
            .for_each(|entry| history.push(entry));
        history
    }

    /// The state as true on a date.
    pub(crate) fn state(&self, date: &str) -> K::State {
        Arc::unwrap_or_clone(self.history().state(day(date)))
    }
}

fn entry_id(stream: StreamId, ever: u64) -> EntryId {
    let name = [&stream.to_string(), "entry", &ever.to_string()].concat();
    EntryId::new(item(&name))
}

/// A coordinator reported it.
pub(crate) fn reported(standing: &mut Standing) {
    standing.reported = true;
}

/// It happened elsewhere; the source establishes nothing about a breach.
pub(crate) fn past_fact(standing: &mut Standing) {
    marked(standing, Mark::NotEvidenced, &[]);
}

/// It happened elsewhere, and the body's own document admits that this row was not met.
pub(crate) fn admitted(row: &'static str) -> impl Fn(&mut Standing) {
    move |standing| marked(standing, Mark::Admitted, &[row])
}

/// It happened elsewhere, and somebody found that this row was not met.
pub(crate) fn found(row: &'static str) -> impl Fn(&mut Standing) {
    move |standing| marked(standing, Mark::Found, &[row])
}

fn marked(standing: &mut Standing, mark: Mark, rows: &[&str]) {
    let told = source(None);
    standing.basis = Basis::PastFact;
    standing.past_fact = Some(PastFact {
        mark,
        unmet: rows.iter().map(|&row| row.to_owned()).collect(),
    });
    standing.source = Some(dutyledger_record::Source {
        date: told.date,
        reference: told.reference,
        sha256: told.sha256,
        title: told.title,
    });
}

/// Its date is assumed.
pub(crate) fn assumed(standing: &mut Standing) {
    standing.occurred_on.assumed = true;
}

/// The streams a decision rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) histories: Histories,
}

impl Setting {
    /// With this stream, in place of what it was if it was there.
    pub(crate) fn with<K: Kept>(mut self, past: &Past<K>) -> Self {
        K::keep(&mut self.histories, past.id, past.history());
        self
    }
}

/// The kinds of stream others rest on.
pub(crate) trait Kept: StreamKind {
    fn keep(histories: &mut Histories, id: StreamId, history: History<Self>);
}

macro_rules! kept {
    ($($kind:ident in $field:ident),+) => {
        $(impl Kept for $kind {
            fn keep(histories: &mut Histories, id: StreamId, history: History<Self>) {
                histories.$field.insert(id, history);
            }
        })+
    };
}

kept!(
    Area in areas,
    Authority in authorities,
    Partnership in partnerships,
    NeedsAssessment in assessments,
    Strategy in strategies,
    Direction in directions
);
