//! The dates of a strategy: its annual reviews, and when consultations close.

use std::collections::BTreeSet;

use chrono::{Months, NaiveDate};
use dutyledger_record::StreamId;

use super::{Cause, Dated, Ended, causes, counted, judged, lifted, over, provenance};
use crate::history::History;
use crate::obligations::By;
use crate::rules::{Provenance, RuleId, RulePack};
use crate::streams::Strategy;
use crate::streams::deadline::{DeadlineKind, DeadlineSet, WhatIsDue};
use crate::streams::strategy::{Consultation, StrategyEvent};
use crate::values::{ReviewScope, Shown};

pub(super) fn of_strategy(
    id: StreamId,
    partnership: StreamId,
    history: &History<Strategy>,
    dissolved: Option<Shown>,
    pack: &RulePack,
) -> Vec<Dated> {
    let state = history.state(NaiveDate::MAX);
    let over = over(&state, dissolved);
    let dated =
        |kind, due_on, cause: &Cause, provenance, rule: &RuleId, ended: Option<Ended>| Dated {
            causes: vec![cause.entry_id],
            set: WhatIsDue::Own(DeadlineSet {
                about: id,
                authority: None,
                counted_from: cause.entry_id,
                due_on,
                kind,
                partnership: Some(partnership),
                provenance,
                rule: rule.clone(),
                version: cause.version,
            }),
            ended: cause.withdrawn.or(ended),
            known_until: None,
        };
    let year = causes(history, |entry| {
        let version = match &entry.payload {
            StrategyEvent::StrategyAdopted(e) => e.version,
            StrategyEvent::ReviewCompleted(e) if e.scope == ReviewScope::Whole => e.version,
            _ => return None,
        };
        let on = entry.standing.occurred_on.date;
        Some((on.checked_add_months(Months::new(12))?, Some(version)))
    });
    let mut all = Vec::new();
    let annual = judged(pack, By::AnnualReview);
    for (due, causes) in &year {
        let (Some(cause), Some(row)) = (counted(causes), annual) else {
            continue;
        };
        // The next adoption or whole review is what the year ends with.
        let later = year.range(due.succ_opt().unwrap_or(*due)..);
        let mut later = later.flat_map(|(_, causes)| causes);
        let next = later.find(|next| next.withdrawn.is_none() && next.on > cause.on);
        let met = next.map(|next| Ended::Met {
            on: next.on,
            by: next.entry_id,
        });
        all.push(dated(
            DeadlineKind::AnnualReview,
            *due,
            cause,
            provenance(row),
            &row.id,
            met.or(over),
        ));
    }
    // Of versions that were withdrawn too.
    let consulted_on: BTreeSet<u32> = history
        .entries()
        .filter_map(|entry| match &entry.payload {
            StrategyEvent::ConsultationOpened(opened) => Some(opened.version),
            _ => None,
        })
        .collect();
    // Our own row, which each pack has alike.
    let waits = RuleId::of("L-6");
    for number in &consulted_on {
        let opened = causes(history, |entry| match &entry.payload {
            StrategyEvent::ConsultationOpened(e) if e.version == *number => {
                Some((e.responses_by, Some(e.version)))
            }
            _ => None,
        });
        let version = state.versions.get(number);
        let consultation = version.map(|of| &of.consultation);
        let closed = consultation.and_then(|of| of.closed);
        // With the last reply that was waited for, or with what is adopted, nobody waits any longer.
        let replied = consultation.and_then(all_replied);
        let adopted = version.and_then(|of| of.adopted.as_ref());
        let adopted = adopted.map(|adopted| adopted.at);
        let over_before = [closed, replied, adopted].into_iter().flatten();
        let met = over_before.min_by_key(|at| at.on).map(|at| Ended::Met {
            on: at.on,
            by: at.entry_id,
        });
        for (due, causes) in &opened {
            let Some(cause) = counted(causes) else {
                continue;
            };
            // Opened again with another date: the last is the one that holds.
            let moved = consultation
                .filter(|of| of.responses_by != Some(*due))
                .and_then(|of| of.opened)
                .map(lifted);
            all.push(dated(
                DeadlineKind::ConsultationCloses,
                *due,
                cause,
                Provenance::Local,
                &waits,
                moved.or(met).or(over),
            ));
        }
    }
    all
}

/// The last reply, where every authority consulted has replied.
fn all_replied(consultation: &Consultation) -> Option<Shown> {
    let consulted = consultation.consulted.keys();
    let replies: Option<Vec<_>> = consulted
        .map(|authority| consultation.responses.get(authority).copied())
        .collect();
    replies?.into_iter().max_by_key(|at| at.on)
}
