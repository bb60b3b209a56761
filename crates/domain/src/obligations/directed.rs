//! How it stands that whoever is directed does what the direction requires (s.18(2)), case by case.

use chrono::NaiveDate;
use dutyledger_record::StreamId;

use super::entries::{Entries, LookedAt};
use super::judge::{Judge, by_date};
use super::members::or_not_applicable;
use super::{Due, Evidence, Found, Status};
use crate::rules::{Provenance, Row};
use crate::streams::{Direction, DirectionState};
use crate::values::in_words;

/// A case, with the entries of it that count.
pub(super) struct Case<'a> {
    pub(super) id: StreamId,
    pub(super) state: &'a DirectionState,
    pub(super) entries: Entries<'a, Direction>,
}

impl Case<'_> {
    /// How it stands on a date that the direction is complied with; nothing where nobody is directed.
    /// It is met when the Secretary of State accepts that: a report alone, like silence, shows neither
    /// that it is met nor that it is not.
    pub(super) fn directed(&self, row: &Row, evidence: &Evidence, on: NaiveDate) -> Option<Found> {
        let state = self.state;
        let directed = state.directed.as_ref()?;
        let found = if let Some(at) = &state.complied {
            let why = format!(
                "The Secretary of State accepted on {} that the direction is complied with.",
                in_words(at.on)
            );
            Found::new(Status::Satisfied, why)
        } else if let Some(at) = &state.withdrawn {
            let why = format!("The direction was withdrawn on {}.", in_words(at.on));
            Found::new(Status::NotApplicable, why)
        } else {
            let provenance = row.deadline.as_ref().map(|own| own.provenance);
            let provenance = provenance.unwrap_or(Provenance::Direction);
            let due = directed.comply_by.map(|by| Due::from_pack(by, provenance));
            let (why, next) = self.owed(&in_words(directed.at.on));
            by_date(on, due, &why).next(next)
        };
        let shown = self.entries.showing(evidence, LookedAt::default());
        Some(found.of(state.authority?).about(self.id).by(shown))
    }

    /// Why it is owed, and what to do next.
    fn owed(&self, directed_on: &str) -> (String, &'static str) {
        if let Some(at) = &self.state.compliance_reported {
            let why = format!(
                "The authority reported on {} that it has complied, and the Secretary of State has \
                 not answered.",
                in_words(at.on)
            );
            let next = "Wait for the Secretary of State, who accepts that the direction is complied \
                        with, or records that it is not.";
            return (why, next);
        }
        let why = match &self.state.not_complied {
            Some(at) => format!(
                "The Secretary of State recorded on {} that the direction is not complied with.",
                in_words(at.on)
            ),
            None => format!(
                "A direction was given on {directed_on}, and the record does not show that it is \
                 complied with."
            ),
        };
        (
            why,
            "Do what the direction requires, and report that it is done.",
        )
    }
}

impl Judge<'_> {
    pub(super) fn directed(&self, row: &Row, evidence: &Evidence) -> Vec<Found> {
        let each = self.directions.iter();
        let found = each.filter_map(|case| case.directed(row, evidence, self.on));
        or_not_applicable(found.collect(), "No authority is directed here.")
    }
}
