//! Given, when, then in the duty's words, over the framework's own `TestFramework`.
//!
//! A test takes a stream's [`Past`] and the [`Setting`] it rests on, says what is done
//! ([`given`]…[`Past`]…[`When`]), and asks what comes of it: [`When::must`], [`When::should`],
//! [`When::met`], or [`When::run`] for what is particular.

mod past;
mod town;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use cqrs_es::test::TestFramework;
use dutyledger_application::{Fact, Stream};
use dutyledger_domain::rules::{RuleId, enacted_ref};
use dutyledger_domain::{
    About, Acting, Establishes, Given, Ids, ReasonGiven, Refusal, RefusalCode, SourceGiven,
    StreamKind, Surroundings,
};
use dutyledger_record::{
    Basis, Envelope, Mark, OccurredOn, PastFact, PlainText, Principal, PublicText,
};
use uuid::Uuid;

pub(crate) use past::*;
pub(crate) use town::*;

/// The day a test decides on where it says nothing else.
pub(crate) const DECIDED_ON: &str = "2024-03-01";
/// Today, where a test says nothing else.
pub(crate) const TODAY: &str = "2026-11-21";

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn text(text: &str) -> PublicText {
    PublicText::new(text).unwrap()
}

/// Ids that count up from a start.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) const fn from(start: u64) -> Self {
        Self(AtomicU64::new(start))
    }
}

impl Ids for Counter {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(
            0x0190_0000_0000_7000,
            self.0.fetch_add(1, Ordering::Relaxed),
        )
    }
}

/// A minute that shows something, and what it establishes about a breach.
pub(crate) fn source(establishes: Option<Establishes>) -> SourceGiven {
    SourceGiven {
        title: text("Minutes of the board"),
        reference: text("item 4"),
        date: day("2024-03-05"),
        sha256: None,
        establishes,
    }
}

/// What has been, before anything is done.
pub(crate) fn given<K: StreamKind>(past: Past<K>, setting: Setting) -> Before<K> {
    Before { past, setting }
}

pub(crate) struct Before<K: StreamKind> {
    past: Past<K>,
    setting: Setting,
}

impl<K: StreamKind> Before<K> {
    /// What is done, and by whom.
    pub(crate) fn when(self, principal: Principal, command: impl Into<K::Command>) -> When<K> {
        When {
            past: self.past,
            setting: self.setting,
            today: day(TODAY),
            about: About {
                principal,
                acting: Acting::Own,
                occurred_on: Some(OccurredOn {
                    assumed: false,
                    date: day(DECIDED_ON),
                }),
                on_behalf_of: Vec::new(),
                source: None,
                reasons: Vec::new(),
                correlation_id: Uuid::from_u128(1),
                causation_id: None,
            },
            command: command.into(),
        }
    }
}

/// A command about to be given. Nothing happens until it is asked what comes of it.
#[derive(Clone)]
pub(crate) struct When<K: StreamKind> {
    past: Past<K>,
    setting: Setting,
    today: NaiveDate,
    about: About,
    command: K::Command,
}

impl<K: StreamKind> When<K> {
    /// On another day.
    pub(crate) fn on(mut self, date: &str) -> Self {
        self.about.occurred_on = Some(OccurredOn {
            assumed: false,
            date: day(date),
        });
        self
    }

    /// With another today.
    pub(crate) fn today(mut self, date: &str) -> Self {
        self.today = day(date);
        self
    }

    /// Reported by a coordinator with a source.
    pub(crate) fn reported(mut self) -> Self {
        self.about.acting = Acting::Reported;
        self.about.principal = coordinator();
        self.about.source = Some(source(None));
        self
    }

    /// As something that already happened elsewhere, with a source.
    pub(crate) fn past_fact(mut self, establishes: Option<Establishes>) -> Self {
        self.about.acting = Acting::PastFact;
        self.about.source = Some(source(establishes));
        self
    }

    /// With a source, as its own act.
    pub(crate) fn with_source(mut self) -> Self {
        self.about.source = Some(source(None));
        self
    }

    /// Without its source.
    pub(crate) fn without_source(mut self) -> Self {
        self.about.source = None;
        self
    }

    /// With a reason for going on in spite of a row.
    pub(crate) fn because(mut self, row: &str) -> Self {
        let reason = PlainText::new("it was weighed").unwrap();
        self.about.reasons.push(ReasonGiven {
            rule: RuleId::of(row),
            reason,
        });
        self
    }

    /// What comes of it.
    pub(crate) fn run(&self) -> Result<Vec<Envelope<K::Event>>, Refusal> {
        let surroundings = Surroundings {
            stream: self.past.id,
            today: self.today,
            rests_on: self.setting.histories.clone(),
            rules: enacted_ref(),
            ids: Box::new(Counter::from(1_000 * (self.past.entries.len() as u64 + 1))),
        };
        let facts = self.past.entries.iter().cloned().map(Fact).collect();
        TestFramework::<Stream<K>>::with(surroundings)
            .given(facts)
            .when(Given {
                about: self.about.clone(),
                command: self.command.clone(),
            })
            .inspect_result()
            .map(|facts| facts.into_iter().map(|Fact(entry)| entry).collect())
    }

    /// It happens.
    pub(crate) fn accepted(&self) -> Vec<Envelope<K::Event>> {
        self.run()
            .unwrap_or_else(|refusal| panic!("should be accepted, but: {refusal:#?}"))
    }

    /// It happens, and the stream's past has grown by it.
    pub(crate) fn done(self) -> Past<K> {
        let entries = self.accepted();
        let mut past = self.past;
        past.entries.extend(entries);
        past
    }

    /// It is refused, with this code and under exactly these rows, each with something to do next,
    /// and the refusal says for which date it was decided.
    pub(crate) fn refused(&self, code: RefusalCode, rows: &[&str]) -> Refusal {
        let refusal = match self.run() {
            Err(refusal) => refusal,
            Ok(entries) => {
                let happened: Vec<_> = entries.into_iter().map(|entry| entry.payload).collect();
                panic!("should be refused under {rows:?}, but: {happened:#?}")
            }
        };
        let found: BTreeSet<_> = refusal
            .rules
            .iter()
            .map(|r| r.unmet.rule.as_str())
            .collect();
        assert_eq!(
            (refusal.code, found),
            (code, rows.iter().copied().collect()),
            "{refusal:#?}"
        );
        assert_eq!(
            refusal.decided_for,
            self.about.occurred_on.map(|on| on.date)
        );
        assert!(!refusal.detail.is_empty());
        assert!(
            refusal.rules.iter().all(|row| !row.unmet.next.is_empty()),
            "{refusal:#?}"
        );
        refusal
    }

    /// All is as it must and should be: it happens without a warning or a mark.
    pub(crate) fn met(&self) {
        for entry in self.accepted() {
            assert_eq!(entry.standing.basis, Basis::Decision);
            assert_eq!(
                (entry.standing.past_fact, entry.standing.warnings),
                (None, Vec::new())
            );
        }
    }

    /// The row must be met: it refuses a decision, citing its section. What already happened
    /// elsewhere is recorded all the same, with its source, the row and a mark; and only the source
    /// makes the mark more than `not_evidenced`.
    pub(crate) fn must(&self, row: &str, section: Option<&str>) {
        let refusal = self.refused(RefusalCode::RuleNotMet, &[row]);
        for cited in &refusal.rules {
            assert_eq!(cited.section.as_deref(), section, "the section of {row}");
        }
        // A reason does not buy off what must be.
        self.clone()
            .because(row)
            .refused(RefusalCode::RuleNotMet, &[row]);

        let past_fact = |establishes| self.clone().past_fact(establishes);
        past_fact(None)
            .without_source()
            .refused(RefusalCode::SourceRequired, &[]);
        for (establishes, mark) in [
            (None, Mark::NotEvidenced),
            (Some(Establishes::Admitted), Mark::Admitted),
            (Some(Establishes::Found), Mark::Found),
        ] {
            for entry in past_fact(establishes).accepted() {
                let standing = entry.standing;
                assert_eq!(standing.basis, Basis::PastFact);
                assert!(standing.source.is_some());
                assert_eq!(
                    standing.past_fact,
                    Some(PastFact {
                        mark,
                        unmet: vec![row.to_owned()]
                    })
                );
            }
        }
    }

    /// The row should be met: without a reason it is refused, with one it happens and the reason
    /// stands beside the row. A past fact is not asked for a reason, and no row is marked.
    pub(crate) fn should(&self, row: &str) {
        let refusal = self.refused(RefusalCode::ReasonRequired, &[row]);
        assert_eq!(refusal.pointer.as_deref(), Some("/reasons"));
        self.clone()
            .because("R-17.1")
            .refused(RefusalCode::ReasonRequired, &[row]);

        let entries = self.clone().because(row).accepted();
        let warned: Vec<_> = entries.last().unwrap().standing.warnings.iter().collect();
        assert_eq!(
            warned.iter().map(|w| w.rule.as_str()).collect::<Vec<_>>(),
            [row]
        );

        for entry in self.clone().past_fact(None).accepted() {
            let nothing = PastFact {
                mark: Mark::NotEvidenced,
                unmet: Vec::new(),
            };
            assert_eq!(entry.standing.past_fact, Some(nothing));
            assert_eq!(entry.standing.warnings, Vec::new());
        }
    }
}
