//! How each row of the packs stands for a partnership and for each authority in it, before and
//! after the entries that bear on it.

mod actions;
mod assessment;
mod consultation;
mod directions;
mod exceptions;
mod packs;
mod partnership;
mod representatives;
mod reviews;
mod strategy;
mod time;

use chrono::NaiveDate;
use dutyledger_domain::Payload;
use dutyledger_domain::obligations::{Due, Obligation, Status, obligations};
use dutyledger_domain::rules::{Bearer, DRAFT, Layer, Mode, Provenance, RulePack, enacted, newest};
use dutyledger_domain::streams::{Partnership, Strategy};
use dutyledger_record::{EntryId, StreamId};

use crate::given::*;

/// Asks how a row of the enacted pack stands for the town's partnership, on the day a test decides
/// on.
pub(crate) fn row<'a>(id: &'a str, setting: &'a Setting) -> Asked<'a> {
    Asked {
        id,
        setting,
        pack: enacted().0,
        on: day(DECIDED_ON),
        of: None,
    }
}

/// Who bears each row, and how strongly.
const WHO: &str = include_str!("who.txt");

/// What is written down of a row.
fn known(id: &str) -> &'static str {
    let mut rows = WHO.lines().filter_map(|line| line.split_once(": "));
    let found = rows.find(|(row, _)| *row == id);
    found.unwrap_or_else(|| panic!("{id} is not in who.txt")).1
}

/// How strong a row is, and whom it is about, as it is written down there.
fn who(mode: Mode, bearers: &[Bearer]) -> String {
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let word_of = |bearer| word(serde_json::to_value(bearer).unwrap());
    let bearers: Vec<_> = bearers.iter().map(word_of).collect();
    let bearers = match bearers.as_slice() {
        [] => "-".to_owned(),
        some => some.join(" "),
    };
    format!("{}: {bearers}", word(serde_json::to_value(mode).unwrap()))
}

#[test]
fn each_row_of_the_guidance_and_the_act_is_as_strong_and_borne_by_those_it_says() {
    let rows = enacted().0.rows.iter();
    let rows = rows.filter(|row| row.layer != Layer::Local);
    let found: Vec<_> = rows
        .map(|row| format!("{}: {}", row.id, who(row.mode, &row.bearers)))
        .collect();
    let written = WHO.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(found, written.collect::<Vec<_>>());
}

pub(crate) struct Asked<'a> {
    id: &'a str,
    setting: &'a Setting,
    pack: &'static RulePack,
    on: NaiveDate,
    of: Option<StreamId>,
}

impl Asked<'_> {
    /// On another day.
    pub(crate) fn on(mut self, date: &str) -> Self {
        self.on = day(date);
        self
    }

    /// For one authority, where each is looked at for itself.
    pub(crate) fn of(mut self, body: Body) -> Self {
        self.of = Some(body.id());
        self
    }

    /// Of the draft pack.
    pub(crate) fn in_the_draft(mut self) -> Self {
        self.pack = newest(DRAFT).unwrap().0;
        self
    }

    /// Every way it stands.
    pub(crate) fn all(&self) -> Vec<Obligation> {
        let histories = &self.setting.histories;
        let mut all = obligations(partnership_id(), histories, self.pack, self.on);
        all.retain(|one| one.rule.as_str() == self.id);
        if self.pack == enacted().0 {
            for one in &all {
                assert_eq!(who(one.mode, &one.bearers), known(self.id), "{}", self.id);
            }
        }
        all
    }

    /// It stands so, and one way only; it says why, and what to do where something is owed.
    #[track_caller]
    pub(crate) fn stands(&self, status: Status) -> Stands {
        let mut all = self.all();
        all.retain(|one| self.of.is_none() || one.authority == self.of);
        assert_eq!(all.len(), 1, "{} stands one way: {all:#?}", self.id);
        let one = all.remove(0);
        assert_eq!((one.status, one.authority), (status, self.of), "{one:#?}");
        assert!(!one.why.is_empty(), "{one:#?}");
        let next = one.next.as_ref().is_some_and(|next| !next.is_empty());
        assert!(next || !status.asks_for_something(), "{one:#?}");
        Stands(one)
    }
}

pub(crate) struct Stands(pub(crate) Obligation);

impl Stands {
    /// Exactly these entries show it.
    #[track_caller]
    pub(crate) fn shown_by(self, entries: &[EntryId]) -> Self {
        assert_eq!(self.0.evidence, entries, "{:#?}", self.0);
        self
    }

    /// It is due on a day, known from there.
    #[track_caller]
    pub(crate) fn due(self, on: &str, provenance: Provenance) -> Self {
        let on = day(on);
        let due = Due::from_pack(on, provenance);
        assert_eq!(self.0.due, Some(due), "{:#?}", self.0);
        self
    }

    /// It has no date.
    #[track_caller]
    pub(crate) fn undated(self) -> Self {
        assert_eq!(self.0.due, None, "{:#?}", self.0);
        self
    }

    /// It says this among why.
    #[track_caller]
    pub(crate) fn because(self, why: &str) -> Self {
        assert!(self.0.why.contains(why), "{:#?}", self.0);
        self
    }
}

/// The town with a strategy.
pub(crate) fn having(strategy: &Past<Strategy>) -> Setting {
    setting().with(strategy)
}

/// The town with a partnership that has come so far.
pub(crate) fn working(partnership: &Past<Partnership>) -> Setting {
    setting().with(partnership)
}

/// A duty in preparing a strategy: not yet due before one is begun, due while this is missing, met
/// when it is there, and not met by what comes after the adoption; each shown by the entries of
/// these events.
#[track_caller]
pub(crate) fn prepares(id: &str, without: &Past<Strategy>, with: &Past<Strategy>, by: &[&str]) {
    let stands = |setting: &Setting, status, past: &Past<Strategy>| {
        row(id, setting).stands(status).shown_by(&past.named(by));
    };
    stands(&setting(), Status::NotYetDue, &Past::of(strategy_id()));
    stands(&having(without), Status::Due, without);
    stands(&having(with), Status::Satisfied, with);
    let adopted = without.clone().adopted("2023-03-01", 1);
    let missed = with.entries.iter().map(|entry| entry.payload.clone());
    let missed = missed.filter(|event| by.contains(&event.event().event_type.as_str()));
    let late = missed.fold(adopted, |past, event| past.and("2023-04-01", event));
    stands(&having(&late), Status::Due, &late);
}

/// A power: not used before, and used by exactly the entries that are there after.
#[track_caller]
pub(crate) fn used(id: &str, before: &Setting, after: &Setting, by: &[EntryId]) {
    row(id, before).stands(Status::NotUsed).shown_by(&[]);
    row(id, after).stands(Status::Used).shown_by(by);
}
