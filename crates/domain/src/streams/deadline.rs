//! A date that passes: announced in a stream of its own for each obligation and date, so that it
//! never stands in the way of anybody's `If-Match`. Announcements are never folded into the state of
//! what they speak of.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{EntryId, Envelope, Stream, StreamId, StreamType};

use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{Payload, StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::rules::{Provenance, RuleId};
use crate::scene::Scene;
use crate::values::ItemId;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deadline;

/// What is due.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineKind {
    /// The last day for which responses to a consultation are asked for.
    ConsultationCloses,
    /// The review of the whole strategy.
    AnnualReview,
    /// Complying with a direction (s.18(2)).
    DirectionCompliance,
}

impl DeadlineKind {
    /// As it is written in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConsultationCloses => "consultation_closes",
            Self::AnnualReview => "annual_review",
            Self::DirectionCompliance => "direction_compliance",
        }
    }
}

/// What is due, of what, by when, and where the date comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadlineSet {
    /// The strategy, or the case about a direction.
    pub about: StreamId,
    /// The authority, where it is one's own.
    pub authority: Option<StreamId>,
    /// The entry the date is counted from.
    pub counted_from: EntryId,
    /// The date; it has passed from the next day.
    pub due_on: NaiveDate,
    /// What is due.
    pub kind: DeadlineKind,
    /// The partnership, where there is one.
    pub partnership: Option<StreamId>,
    /// Where the date comes from.
    pub provenance: Provenance,
    /// The row.
    #[schemars(regex(pattern = "^[RAL]-[0-9A-Za-z.-]{1,12}$"))]
    pub rule: RuleId,
    /// The version of the strategy, where it is one's.
    pub version: Option<u32>,
}

event! {
    /// A date is 30 days ahead.
    DeadlineApproached {
        /// What is due.
        deadline: DeadlineSet,
    }
}
event! {
    /// The date has come.
    DeadlineReached {
        /// What is due.
        deadline: DeadlineSet,
        /// Whether the date had already come when what it is counted from was recorded.
        late: bool,
    }
}
event! {
    /// The date has passed, and the record does not show that what was due was done.
    DeadlinePassed {
        /// What was due.
        deadline: DeadlineSet,
        /// Whether the date had already passed when what it is counted from was recorded.
        late: bool,
    }
}
event! {
    /// The record shows that what was due was done.
    DeadlineMet {
        /// The entry that shows it.
        by: EntryId,
        /// What was due.
        deadline: DeadlineSet,
        /// The date it was done.
        met_on: NaiveDate,
    }
}
event! {
    /// The date no longer holds: what it was counted from was withdrawn, or something took its place.
    DeadlineLifted {
        /// The entry that lifts it.
        by: EntryId,
        /// What was due.
        deadline: DeadlineSet,
    }
}

/// What is due for an area, by when, and where the date comes from: a date that is one for all, as
/// that of the first strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaDeadline {
    /// The area.
    pub area: StreamId,
    /// The entry the date is counted from: the one that set it, or else the one that formed the
    /// partnership.
    pub counted_from: EntryId,
    /// The date; it has passed from the next day.
    pub due_on: NaiveDate,
    /// The partnership.
    pub partnership: StreamId,
    /// Where the date comes from.
    pub provenance: Provenance,
    /// The row.
    #[schemars(regex(pattern = "^[RAL]-[0-9A-Za-z.-]{1,12}$"))]
    pub rule: RuleId,
}

event! {
    /// A date for an area is 30 days ahead.
    AreaDeadlineApproached {
        /// What is due.
        deadline: AreaDeadline,
    }
}
event! {
    /// A date for an area has come.
    AreaDeadlineReached {
        /// What is due.
        deadline: AreaDeadline,
        /// Whether the date had already come when what it is counted from was recorded.
        late: bool,
    }
}
event! {
    /// A date for an area has passed, and the record does not show that what was due was done.
    AreaDeadlinePassed {
        /// What was due.
        deadline: AreaDeadline,
        /// Whether the date had already passed when what it is counted from was recorded.
        late: bool,
    }
}
event! {
    /// The record shows that what was due for an area was done.
    AreaDeadlineMet {
        /// The entry that shows it.
        by: EntryId,
        /// What was due.
        deadline: AreaDeadline,
        /// The date it was done.
        met_on: NaiveDate,
    }
}
event! {
    /// A date for an area no longer holds: another was set, or what it was counted from is gone.
    AreaDeadlineLifted {
        /// The entry that lifts it.
        by: EntryId,
        /// What was due.
        deadline: AreaDeadline,
    }
}

/// What an authority is to do by a date that the strategy in force gives one of its actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionDeadline {
    /// The action.
    pub action: ItemId,
    /// The authority that carries it out.
    pub authority: StreamId,
    /// The entry the date is counted from: the one that adopted the strategy with it.
    pub counted_from: EntryId,
    /// The date; it has passed from the next day.
    pub due_on: NaiveDate,
    /// The partnership.
    pub partnership: StreamId,
    /// Where the date comes from.
    pub provenance: Provenance,
    /// The row.
    #[schemars(regex(pattern = "^[RAL]-[0-9A-Za-z.-]{1,12}$"))]
    pub rule: RuleId,
    /// The strategy.
    pub strategy: StreamId,
}

event! {
    /// A date of an action is 30 days ahead.
    ActionDeadlineApproached {
        /// What is due.
        deadline: ActionDeadline,
    }
}
event! {
    /// A date of an action has come.
    ActionDeadlineReached {
        /// What is due.
        deadline: ActionDeadline,
        /// Whether the date had already come when what it is counted from was recorded.
        late: bool,
    }
}
event! {
    /// A date of an action has passed, and the record does not show that what was due was done.
    ActionDeadlinePassed {
        /// What was due.
        deadline: ActionDeadline,
        /// Whether the date had already passed when what it is counted from was recorded.
        late: bool,
    }
}
event! {
    /// The record shows that an action was done.
    ActionDeadlineMet {
        /// The entry that shows it.
        by: EntryId,
        /// What was due.
        deadline: ActionDeadline,
        /// The date it was done.
        met_on: NaiveDate,
    }
}
event! {
    /// A date of an action no longer holds: it is excepted or revised, or what set it is gone.
    ActionDeadlineLifted {
        /// The entry that lifts it.
        by: EntryId,
        /// What was due.
        deadline: ActionDeadline,
    }
}

events! {
    /// The events of a deadline.
    DeadlineEvent {
        DeadlineApproached, DeadlineReached, DeadlinePassed, DeadlineMet, DeadlineLifted,
        AreaDeadlineApproached, AreaDeadlineReached, AreaDeadlinePassed, AreaDeadlineMet,
        AreaDeadlineLifted, ActionDeadlineApproached, ActionDeadlineReached, ActionDeadlinePassed,
        ActionDeadlineMet, ActionDeadlineLifted,
    }
}

/// What is due: of a strategy or a case, for an area, or an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WhatIsDue {
    /// Of a strategy or a case.
    Own(DeadlineSet),
    /// For an area.
    Area(AreaDeadline),
    /// An action.
    Action(ActionDeadline),
}

impl WhatIsDue {
    /// The date; it has passed from the next day.
    #[must_use]
    pub const fn due_on(&self) -> NaiveDate {
        match self {
            Self::Own(own) => own.due_on,
            Self::Area(area) => area.due_on,
            Self::Action(action) => action.due_on,
        }
    }

    /// The entry the date is counted from.
    #[must_use]
    pub const fn counted_from(&self) -> EntryId {
        match self {
            Self::Own(own) => own.counted_from,
            Self::Area(area) => area.counted_from,
            Self::Action(action) => action.counted_from,
        }
    }

    /// The partnership, where there is one.
    #[must_use]
    pub const fn partnership(&self) -> Option<StreamId> {
        match self {
            Self::Own(own) => own.partnership,
            Self::Area(area) => Some(area.partnership),
            Self::Action(action) => Some(action.partnership),
        }
    }

    /// The row.
    #[must_use]
    pub const fn rule(&self) -> &RuleId {
        match self {
            Self::Own(own) => &own.rule,
            Self::Area(area) => &area.rule,
            Self::Action(action) => &action.rule,
        }
    }

    /// Whether what is done after the date is done late: nobody owes a response to a consultation,
    /// and a date from a source that could not be checked makes nobody late.
    #[must_use]
    pub const fn makes_late(&self) -> bool {
        match self {
            Self::Own(own) => !matches!(own.kind, DeadlineKind::ConsultationCloses),
            Self::Area(area) => !matches!(area.provenance, Provenance::Unverified),
            Self::Action(_) => true,
        }
    }
}

/// What has been announced of a date since it began to hold, or to hold again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Announced {
    /// That it is 30 days ahead.
    pub approached: bool,
    /// That it has come.
    pub reached: bool,
    /// That it has passed.
    pub passed: bool,
    /// That it is met or lifted, and nothing since.
    pub ended: bool,
}

impl Announced {
    /// Goes on with an event of the deadline's stream.
    pub fn hear(&mut self, event_type: &str) {
        let of_its_own = |prefix| event_type.strip_prefix(prefix);
        let said = of_its_own("Area").or_else(|| of_its_own("Action"));
        match said.unwrap_or(event_type) {
            "DeadlineApproached" => self.approached = true,
            "DeadlineReached" => self.reached = true,
            "DeadlinePassed" => self.passed = true,
            "DeadlineMet" | "DeadlineLifted" => *self = Self::default(),
            _ => return,
        }
        self.ended = *self == Self::default();
    }

    /// Whether an announcement has been made.
    #[must_use]
    pub const fn has(self, announcement: &Announcement) -> bool {
        match announcement {
            Announcement::Approached => self.approached,
            Announcement::Reached { .. } => self.reached,
            Announcement::Passed { .. } => self.passed,
            Announcement::Met { .. } | Announcement::Lifted { .. } => self.ended,
        }
    }
}

/// What is known of a deadline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadlineState {
    /// What is due.
    pub deadline: Option<WhatIsDue>,
    /// What has been announced of it.
    pub announced: Announced,
}

/// What is announced of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "announcement", rename_all = "snake_case", deny_unknown_fields)]
pub enum Announcement {
    /// It is 30 days ahead.
    Approached,
    /// It has come.
    Reached {
        /// Whether it had when its cause was recorded.
        late: bool,
    },
    /// It has passed.
    Passed {
        /// Whether it had when its cause was recorded.
        late: bool,
    },
    /// What was due was done.
    Met {
        /// The entry that shows it.
        by: EntryId,
        /// The date it was done.
        on: NaiveDate,
    },
    /// It no longer holds.
    Lifted {
        /// The entry that lifts it.
        by: EntryId,
    },
}

/// Announces that a date passes. Given by the service itself.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceDeadline {
    /// What is due.
    pub deadline: WhatIsDue,
    /// What is announced.
    pub announcement: Announcement,
}

/// The event of an announcement: each kind of deadline has five of its own, which say the same.
macro_rules! announced {
    (
        $announcement:expr, $deadline:ident => $approached:ident, $reached:ident, $passed:ident,
        $met:ident, $lifted:ident
    ) => {{
        let deadline = $deadline;
        match $announcement {
            Announcement::Approached => $approached { deadline }.into(),
            Announcement::Reached { late } => $reached { deadline, late }.into(),
            Announcement::Passed { late } => $passed { deadline, late }.into(),
            Announcement::Met { by, on } => $met {
                by,
                deadline,
                met_on: on,
            }
            .into(),
            Announcement::Lifted { by } => $lifted { by, deadline }.into(),
        }
    }};
}

impl Particulars<Deadline> for AnnounceDeadline {
    const NAME: &'static str = "announce-deadline";
    const ACTORS: Actors = Actors::SYSTEM;
    const OPENS: Opens = Opens::Either;
    const ADMINISTRATIVE: bool = true;

    fn partnership(&self) -> Option<StreamId> {
        self.deadline.partnership()
    }

    fn decide(self, state: &DeadlineState, _: &Scene<'_>) -> Result<Vec<DeadlineEvent>, Refusal> {
        if state.announced.has(&self.announcement) {
            return Err(Refusal::already("This is already announced."));
        }
        Ok(vec![match self.deadline {
            WhatIsDue::Own(deadline) => announced!(
                self.announcement, deadline => DeadlineApproached, DeadlineReached, DeadlinePassed,
                DeadlineMet, DeadlineLifted
            ),
            WhatIsDue::Area(deadline) => announced!(
                self.announcement, deadline => AreaDeadlineApproached, AreaDeadlineReached,
                AreaDeadlinePassed, AreaDeadlineMet, AreaDeadlineLifted
            ),
            WhatIsDue::Action(deadline) => announced!(
                self.announcement, deadline => ActionDeadlineApproached, ActionDeadlineReached,
                ActionDeadlinePassed, ActionDeadlineMet, ActionDeadlineLifted
            ),
        }])
    }
}

commands! {
    /// The commands on a deadline.
    DeadlineCommand of Deadline { AnnounceDeadline }
}

/// Names a deadline's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(Deadline::TYPE, id)
}

impl StreamKind for Deadline {
    const TYPE: StreamType = StreamType::of("deadline");
    const NAME: &'static str = "deadline";
    type Event = DeadlineEvent;
    type State = DeadlineState;
    type Command = DeadlineCommand;

    fn evolve(state: &mut DeadlineState, entry: &Envelope<DeadlineEvent>) {
        use DeadlineEvent as E;
        let own = |deadline: &DeadlineSet| WhatIsDue::Own(deadline.clone());
        let area = |deadline: &AreaDeadline| WhatIsDue::Area(deadline.clone());
        let action = |deadline: &ActionDeadline| WhatIsDue::Action(deadline.clone());
        let deadline = match &entry.payload {
            E::DeadlineApproached(e) => own(&e.deadline),
            E::DeadlineReached(e) => own(&e.deadline),
            E::DeadlinePassed(e) => own(&e.deadline),
            E::DeadlineMet(e) => own(&e.deadline),
            E::DeadlineLifted(e) => own(&e.deadline),
            E::AreaDeadlineApproached(e) => area(&e.deadline),
            E::AreaDeadlineReached(e) => area(&e.deadline),
            E::AreaDeadlinePassed(e) => area(&e.deadline),
            E::AreaDeadlineMet(e) => area(&e.deadline),
            E::AreaDeadlineLifted(e) => area(&e.deadline),
            E::ActionDeadlineApproached(e) => action(&e.deadline),
            E::ActionDeadlineReached(e) => action(&e.deadline),
            E::ActionDeadlinePassed(e) => action(&e.deadline),
            E::ActionDeadlineMet(e) => action(&e.deadline),
            E::ActionDeadlineLifted(e) => action(&e.deadline),
            E::EntryCorrected(_) | E::ListClosed(_) => return,
        };
        state.announced.hear(&entry.payload.event().event_type);
        state.deadline = Some(deadline);
    }

    fn unmet(_: &DeadlineEvent, _: &DeadlineState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &DeadlineEvent) -> (Actors, Option<StreamId>) {
        (Actors::SYSTEM, None)
    }

    fn partnership(_: StreamId, state: &DeadlineState) -> Option<StreamId> {
        state.deadline.as_ref()?.partnership()
    }
}
