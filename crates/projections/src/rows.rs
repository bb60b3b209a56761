//! The rows as they are answered.

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_domain::reviews::ReviewStatus;
use dutyledger_domain::triggers::{EntryMark, Trigger};
use dutyledger_domain::{Capacity, MemberStanding};
use dutyledger_record::{Basis, EntryId, OccurredOn, PrincipalKind, Stream, StreamId};

/// Some rows, and where the next begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T, C> {
    /// The rows.
    pub rows: Vec<T>,
    /// What to ask after next; none if these are the last.
    pub next: Option<C>,
}

/// A stream as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<S> {
    /// Its id.
    pub id: StreamId,
    /// The partnership it belongs to.
    pub partnership: Option<StreamId>,
    /// Its version.
    pub version: u64,
    /// The position of its last entry.
    pub position: u64,
    /// A name, a title or a body.
    pub name: Option<String>,
    /// Its state: all its entries folded.
    pub state: S,
}

/// A member of a partnership, one that has ceased included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The partnership.
    pub partnership: StreamId,
    /// The member.
    pub authority: StreamId,
    /// Its capacity.
    pub capacity: Capacity,
    /// In what standing.
    pub standing: MemberStanding,
    /// Since when.
    pub since: NaiveDate,
    /// The date it ceased, if it has.
    pub until: Option<NaiveDate>,
}

/// An authority recorded for an area of a partnership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaAuthorityRow {
    /// The partnership.
    pub partnership: StreamId,
    /// The area.
    pub area: StreamId,
    /// The authority.
    pub authority: StreamId,
    /// Its capacity.
    pub capacity: Capacity,
    /// The first date it existed for the area.
    pub from: NaiveDate,
    /// The last date, if it has ended.
    pub until: Option<NaiveDate>,
}

impl AreaAuthorityRow {
    /// Whether it exists for the area on a date.
    #[must_use]
    pub fn exists_on(&self, on: NaiveDate) -> bool {
        self.from <= on && self.until.is_none_or(|until| on <= until)
    }
}

/// An authority consulted on a version of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsultationRow {
    /// The authority.
    pub authority: StreamId,
    /// The strategy.
    pub strategy: StreamId,
    /// The version.
    pub version: u32,
    /// The partnership.
    pub partnership: Option<StreamId>,
}

/// A strategy with a published version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedRow {
    /// The strategy.
    pub strategy: StreamId,
    /// The partnership.
    pub partnership: Option<StreamId>,
    /// The newest published version.
    pub version: u32,
    /// When it was published.
    pub on: NaiveDate,
}

/// When the next review of a strategy is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    /// The strategy.
    pub strategy: StreamId,
    /// The partnership.
    pub partnership: StreamId,
    /// The date it is due; it is overdue from the next day.
    pub due_on: NaiveDate,
    /// The date it is counted from.
    pub counted_from: NaiveDate,
    /// Whether that date is assumed.
    pub assumed: bool,
    /// The entry it is counted from.
    pub entry_id: EntryId,
    /// The date a history's sources reach.
    pub covers_until: Option<NaiveDate>,
    /// Whether what is told is fictional.
    pub fictional: bool,
}

impl ReviewRow {
    /// How the review stands on a date: what
    /// [`reviews::status`](dutyledger_domain::reviews::status) says of the strategy.
    #[must_use]
    pub fn status(&self, on: NaiveDate) -> ReviewStatus {
        if self.assumed || self.covers_until.is_some_and(|until| on > until) {
            return ReviewStatus::NotKnown;
        }
        match on.cmp(&self.due_on) {
            std::cmp::Ordering::Less => ReviewStatus::NotYetDue,
            std::cmp::Ordering::Equal => ReviewStatus::Due,
            std::cmp::Ordering::Greater => ReviewStatus::Overdue,
        }
    }
}

/// A trigger, with what keeps it apart from others of the same day.
#[derive(Clone, Debug, PartialEq)]
pub struct TriggerRow {
    /// Whose record shows it: a partnership's, or that of a case that names none.
    pub whose: StreamId,
    /// The trigger.
    pub trigger: Trigger,
}

/// A decision or a past fact of a strategy whose rows are not met.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkRow {
    /// The strategy.
    pub strategy: StreamId,
    /// The mark.
    pub mark: EntryMark,
}

/// An entry that concerns a partnership, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineRow {
    /// Its position.
    pub position: u64,
    /// The partnership.
    pub partnership: StreamId,
    /// The stream it stands in.
    pub stream: Stream,
    /// Its version in that stream.
    pub version: u64,
    /// The entry's id.
    pub entry_id: EntryId,
    /// Its event.
    pub event_type: String,
    /// The date it happened.
    pub occurred_on: OccurredOn,
    /// The instant it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// On what footing it stands.
    pub basis: Basis,
    /// Whether it is reported rather than the principal's own.
    pub reported: bool,
    /// What kind of principal acted.
    pub principal_kind: PrincipalKind,
    /// The principal's stream, where the kind has one.
    pub principal_id: Option<StreamId>,
    /// The entry that withdrew it, if one has.
    pub withdrawn_by: Option<EntryId>,
}

/// Where to begin in a timeline, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimelineFrom {
    /// The entries after a position, oldest first. Zero begins at the beginning.
    After(u64),
    /// The entries before a position, newest first. [`u64::MAX`] begins at the end.
    Before(u64),
}
