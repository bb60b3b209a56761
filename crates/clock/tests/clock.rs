//! What passes because days pass becomes an entry, once: over a real ledger, with a clock moved by
//! hand.
#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap fails the test, and says where"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use dutyledger_application::{Answer, Bus, Edge, Home, Request, SystemEntropy, Target, import};
use dutyledger_clock::Clock;
use dutyledger_domain::rules::{Provenance, RuleId};
use dutyledger_domain::streams::direction::{
    AcceptCompliance, DirectionCommand, IssueDirection, RecordSatisfaction, VaryDirection,
};
use dutyledger_domain::streams::ledger::{LedgerCommand, LedgerMode, SetDeadlineDate};
use dutyledger_domain::streams::partnership::{
    MatterGiven, PartnershipCommand, RecordPartnershipPosition,
};
use dutyledger_domain::streams::strategy::{
    AdoptVersion, CompleteReview, DraftStrategy, OpenConsultation, ProgressAction, ProposeAction,
    PublishVersion, StartRevision, StrategyCommand,
};
use dutyledger_domain::streams::{
    CorrectEntry, Deadline, Direction, LedgerStream, Partnership, Strategy, TriggerStream,
};
use dutyledger_domain::{
    Acting, ActionStatus, Bases, Duty, Position, PublicationForm, ReasonGiven, ReviewDecision,
    ReviewScope, SourceGiven, StreamKind,
};
use dutyledger_ledger::Clock as Instants;
use dutyledger_projections::{Projections, Projector};
use dutyledger_record::{
    EntryId, OccurredOn, PlainText, Principal, PrincipalKind, PublicText, Record, StreamId,
};

const MARROWBY: &str = include_str!("../../../ops/histories/fictional-marrowby.json");
const OPERATOR: Principal = Principal {
    id: None,
    key_id: None,
    kind: PrincipalKind::Operator,
};

const SECRETARY_OF_STATE: Principal = Principal {
    kind: PrincipalKind::SecretaryOfState,
    ..OPERATOR
};

/// A stream that is not told of yet.
const NONE: StreamId = StreamId::new(uuid::Uuid::nil());

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Noon of a day that is set by hand.
struct ByHand(AtomicI64);

impl ByHand {
    fn set(&self, on: NaiveDate) {
        let noon = on.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap());
        self.0.store(noon.and_utc().timestamp(), Ordering::Relaxed);
    }
}

impl Instants for ByHand {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap()
    }
}

/// The fictional town's ledger, which may be closed and opened again.
struct Town {
    folder: TempDir,
    clock: Arc<ByHand>,
    strategy: StreamId,
    direction: StreamId,
    council: StreamId,
    school: StreamId,
    area: StreamId,
    partnership: StreamId,
}

struct Open {
    bus: Bus,
    projections: Projections,
    projector: Projector,
}

impl Town {
    /// Imported on a day, its sources reaching as far as is said.
    async fn told_on(on: &str, covers_until: &str) -> Self {
        let text = MARROWBY.replace("2027-12-31", covers_until);
        assert!(text.contains(covers_until));
        Self::told(on, &text).await
    }

    /// The same, told no further than that the partnership is of one area, on 1 April 2023.
    async fn formed_on(on: &str) -> Self {
        let mut history: serde_json::Value = serde_json::from_str(MARROWBY).unwrap();
        let steps = history["steps"].as_array_mut().unwrap();
        let of_one = steps.iter().position(|step| step["command"] == "set-areas");
        steps.truncate(of_one.unwrap() + 1);
        Self::told(on, &history.to_string()).await
    }

    async fn told(on: &str, text: &str) -> Self {
        let mut town = Self {
            folder: TempDir::new().unwrap(),
            clock: Arc::new(ByHand(AtomicI64::new(0))),
            strategy: NONE,
            direction: NONE,
            council: NONE,
            school: NONE,
            area: NONE,
            partnership: NONE,
        };
        town.clock.set(day(on));
        let open = town.open().await;
        let report = import::run(&open.bus, OPERATOR, text, &mut |_, _| {})
            .await
            .unwrap();
        let id = |name: &str| {
            let mut streams = report.streams.iter();
            streams
                .find(|s| s.name.as_deref() == Some(name))
                .map_or(NONE, |stream| stream.id)
        };
        (town.strategy, town.council) = (id("strategy"), id("council"));
        (town.direction, town.partnership) = (id("direction"), id("partnership"));
        (town.school, town.area) = (id("riverside"), id("marrowby"));
        open.close().await;
        town
    }

    /// Something else stands in the place of what opened a stream, in the closed ledger's file. Gives
    /// what stood there.
    async fn damage(&self, stream: StreamId) -> (i64, String) {
        let mut file = self.file().await;
        let opened = "SELECT position, leaf_data FROM entry WHERE instr(leaf_data, ?1) > 0 \
             AND instr(leaf_data, 'PartnershipProposed') > 0";
        let whole: (i64, String) = sqlx::query_as(opened)
            .bind(stream.to_string())
            .fetch_one(&mut file)
            .await
            .unwrap();
        let damaged = whole
            .1
            .replace("PartnershipProposed", "PartnershipForgotten");
        assert_ne!(damaged, whole.1);
        self.mend(&(whole.0, damaged)).await;
        whole
    }

    async fn mend(&self, (position, text): &(i64, String)) {
        let mut file = self.file().await;
        let freed = "DROP TRIGGER IF EXISTS entry_is_never_changed";
        sqlx::raw_sql(freed).execute(&mut file).await.unwrap();
        let done = sqlx::query("UPDATE entry SET leaf_data = ?1 WHERE position = ?2")
            .bind(text)
            .bind(position)
            .execute(&mut file)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
        file.close().await.unwrap();
    }

    async fn file(&self) -> SqliteConnection {
        let file = self.folder.path().join("ledger.db");
        let options = SqliteConnectOptions::new().filename(file);
        options.connect().await.unwrap()
    }

    async fn open(&self) -> Open {
        let edge = Edge {
            clock: Arc::clone(&self.clock) as Arc<dyn Instants>,
            entropy: Arc::new(SystemEntropy),
        };
        let home = Home::beside(self.folder.path().join("ledger.db"));
        let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
        let (projections, projector) = Projections::open(&home.projections, bus.ledger())
            .await
            .unwrap();
        Open {
            bus,
            projections,
            projector,
        }
    }

    /// The Secretary of State varies the direction, with another date to comply by.
    async fn vary(&self, open: &Open, comply_by: &str) {
        let command = VaryDirection {
            requires: PublicText::new("Review the whole strategy.").unwrap(),
            comply_by: Some(day(comply_by)),
        };
        let _ = open.directed(Target::Stream(self.direction), command).await;
    }

    /// The operator tells what happened elsewhere on a day.
    async fn tell(
        &self,
        open: &Open,
        on: &str,
        strategy: Target,
        command: impl Into<StrategyCommand>,
    ) -> StreamId {
        let source = SourceGiven {
            title: PublicText::new("Minutes").unwrap(),
            reference: PublicText::new("item 4").unwrap(),
            date: day(on),
            sha256: None,
            establishes: None,
        };
        let told = Request {
            acting: Acting::PastFact,
            occurred_on: Some(OccurredOn {
                assumed: false,
                date: day(on),
            }),
            source: Some(source),
            ..Request::plain(OPERATOR, strategy, command.into())
        };
        let answer = open.bus.execute::<Strategy>(told).await.unwrap();
        answer.stream.id
    }

    /// A strategy is drafted, adopted and published on a day.
    async fn publish(&self, open: &Open, on: &str) {
        let drafted = DraftStrategy {
            partnership: self.partnership,
            title: PublicText::new("The first strategy").unwrap(),
            bases: Bases {
                section_8: true,
                section_9: false,
                crime_and_disorder_act_section_6: false,
            },
        };
        let strategy = Target::Stream(self.tell(open, on, Target::New, drafted).await);
        let adopted = AdoptVersion { version: 1 };
        self.tell(open, on, strategy, adopted).await;
        let published = PublishVersion {
            version: 1,
            form: PublicationForm::StandAlone,
            locator: PublicText::new("https://marrowby.example/strategy").unwrap(),
        };
        self.tell(open, on, strategy, published).await;
    }

    /// The operator sets the date of the first strategy, or withdraws what it set.
    async fn date(&self, open: &Open, command: impl Into<LedgerCommand>) -> EntryId {
        let own = StreamId::new(open.bus.ledger().id().uuid());
        let request = Request {
            source: Some(SourceGiven {
                title: PublicText::new("The Regulations").unwrap(),
                reference: PublicText::new("regulation 3").unwrap(),
                date: day("2022-12-12"),
                sha256: None,
                establishes: None,
            }),
            ..Request::plain(OPERATOR, Target::Stream(own), command.into())
        };
        let answer = open.bus.execute::<LedgerStream>(request).await.unwrap();
        answer.entries[0].entry_id
    }

    /// Those who agreed on the areas withdraw together that the partnership was formed.
    async fn unform(&self, open: &Open) {
        let stored = open.bus.ledger().read(0, 100_000).await.unwrap();
        let all: Vec<Record> = stored.iter().map(|one| one.record().unwrap()).collect();
        let formed = |record: &&Record| record.event.event_type == "PartnershipFormed";
        let entry_id = all.iter().find(formed).unwrap().entry.entry_id;
        let give = async |principal: Principal, command: PartnershipCommand| {
            let to = Target::Stream(self.partnership);
            let request = Request::plain(principal, to, command);
            open.bus.execute::<Partnership>(request).await.unwrap();
        };
        for record in all {
            let payload = &record.entry.payload;
            if payload["on_matter"]["matter"] != "areas" {
                continue;
            }
            let authority: StreamId = payload["authority"].as_str().unwrap().parse().unwrap();
            let principal = Principal {
                id: Some(authority),
                key_id: None,
                kind: PrincipalKind::Authority,
            };
            let position = RecordPartnershipPosition {
                authority,
                on_matter: MatterGiven::Correction { entry_id },
                position: Position::Agree,
                reason: None,
            };
            give(principal, position.into()).await;
        }
        let council = Principal {
            id: Some(self.council),
            key_id: None,
            kind: PrincipalKind::Authority,
        };
        let reason = None;
        give(council, CorrectEntry { entry_id, reason }.into()).await;
    }

    /// The council completes a review of the whole strategy.
    async fn review(&self, open: &Open, on: &str) {
        let request = Request {
            acting: Acting::Own,
            occurred_on: Some(OccurredOn {
                assumed: false,
                date: day(on),
            }),
            reasons: ["R-42.1", "R-46.2"].map(because).to_vec(),
            ..Request::plain(
                Principal {
                    id: Some(self.council),
                    key_id: None,
                    kind: PrincipalKind::Authority,
                },
                Target::Stream(self.strategy),
                CompleteReview {
                    version: 2,
                    scope: ReviewScope::Whole,
                    decision: ReviewDecision::NoChange,
                }
                .into(),
            )
        };
        open.bus.execute::<Strategy>(request).await.unwrap();
    }
}

fn because(rule: &str) -> ReasonGiven {
    ReasonGiven {
        rule: RuleId::of(rule),
        reason: PlainText::new("It was weighed.").unwrap(),
    }
}

impl Open {
    /// The Secretary of State gives a command about a case.
    async fn directed(&self, to: Target, command: impl Into<DirectionCommand>) -> Answer {
        let request = Request::plain(SECRETARY_OF_STATE, to, command.into());
        self.bus.execute::<Direction>(request).await.unwrap()
    }

    /// Looks at everything on the day it is, with the projections caught up before and after.
    async fn look(&mut self) {
        self.projector.catch_up(|_, _| {}).await.unwrap();
        let clock = Clock::new(self.bus.clone(), self.projections.clone());
        clock.look_at_all().await.unwrap();
        self.projector.catch_up(|_, _| {}).await.unwrap();
    }

    /// What was announced, in the order of the ledger: the event, the date due where it is a
    /// deadline's, the date it happened, whether it is late.
    async fn announced(&self) -> Vec<(String, Option<String>, String, bool)> {
        let all = self.bus.ledger().read(0, 100_000).await.unwrap();
        let records: Vec<Record> = all.iter().map(|stored| stored.record().unwrap()).collect();
        let announced = records.into_iter().filter(|record| {
            let kind = record.entry.stream.stream_type.as_str();
            kind == Deadline::NAME || kind == TriggerStream::NAME
        });
        announced
            .map(|record| {
                let payload = &record.entry.payload;
                let due = payload["deadline"]["due_on"].as_str().map(str::to_owned);
                let late = payload["late"].as_bool().unwrap_or(false);
                let on = record.entry.standing.occurred_on.date.to_string();
                (record.event.event_type, due, on, late)
            })
            .collect()
    }

    /// What brought the last announcement about.
    async fn last_cause(&self) -> Option<EntryId> {
        let all = self.bus.ledger().read(0, 100_000).await.unwrap();
        let last = all.last().unwrap().record().unwrap();
        last.entry.standing.causation_id
    }

    /// How much was announced of a partnership.
    async fn announced_of(&self, partnership: StreamId) -> usize {
        let all = self.bus.ledger().read(0, 100_000).await.unwrap();
        let records = all.iter().map(|stored| stored.record().unwrap());
        let announced = records.filter(|record| {
            let kind = record.entry.stream.stream_type.as_str();
            let of_it = record.entry.standing.partnerships.contains(&partnership);
            of_it && (kind == Deadline::NAME || kind == TriggerStream::NAME)
        });
        announced.count()
    }

    /// What was announced of deadlines since there were so many announcements.
    async fn deadlines_after(&self, count: usize) -> Vec<(String, String, String, bool)> {
        let announced = self.announced().await.into_iter().skip(count);
        announced
            .filter_map(|(event, due, on, late)| Some((event, due?, on, late)))
            .collect()
    }

    async fn close(self) {
        self.projector.close().await;
        self.projections.close().await;
        self.bus.close().await;
    }
}

fn said(event: &str, due: &str, on: &str, late: bool) -> (String, String, String, bool) {
    (event.to_owned(), due.to_owned(), on.to_owned(), late)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_already_past_when_its_cause_was_recorded_makes_one_entry_marked_late() {
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let mut found = open.deadlines_after(0).await;
    found.sort();
    // The year from 15 January 2024 was met in time, and so was the one the first review began, by
    // the second adoption: nothing of them passed.
    assert_eq!(
        found,
        [
            said("DeadlineMet", "2023-11-13", "2026-11-21", false),
            said("DeadlineMet", "2025-03-10", "2026-11-21", false),
            said("DeadlinePassed", "2026-03-31", "2026-04-01", true),
            said("DeadlinePassed", "2026-09-30", "2026-10-01", true),
            said("DeadlineReached", "2023-11-13", "2023-11-13", true),
            said("DeadlineReached", "2025-03-10", "2025-03-10", true),
        ]
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_day_speaks_once_whoever_looks_and_however_often() {
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let before = open.announced().await;
    open.look().await;
    open.close().await;
    let mut open = town.open().await;
    open.look().await;
    assert_eq!(open.announced().await, before);

    // Two that look at the same time, with rows that do not show the other's announcements.
    town.clock.set(day("2026-12-05"));
    town.review(&open, "2026-12-04").await;
    open.projector.catch_up(|_, _| {}).await.unwrap();
    let clock = Clock::new(open.bus.clone(), open.projections.clone());
    let (one, other) = tokio::join!(clock.look_at_all(), clock.look_at_all());
    one.unwrap();
    other.unwrap();
    assert_eq!(
        open.deadlines_after(before.len()).await,
        [said("DeadlineMet", "2026-03-31", "2026-12-05", false)]
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_announced_thirty_days_ahead_on_its_day_when_it_has_passed_and_when_it_is_met()
{
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    town.clock.set(day("2026-12-05"));
    let mut open = town.open().await;
    town.review(&open, "2026-12-05").await;
    open.look().await;
    let mut count = open.announced().await.len();
    for (today, expected) in [
        ("2027-11-04", Vec::new()),
        (
            "2027-11-05",
            vec![said(
                "DeadlineApproached",
                "2027-12-05",
                "2027-11-05",
                false,
            )],
        ),
        (
            "2027-12-05",
            vec![said("DeadlineReached", "2027-12-05", "2027-12-05", false)],
        ),
        (
            "2027-12-06",
            vec![said("DeadlinePassed", "2027-12-05", "2027-12-06", false)],
        ),
        ("2028-02-01", Vec::new()),
    ] {
        town.clock.set(day(today));
        open.look().await;
        assert_eq!(open.deadlines_after(count).await, expected, "on {today}");
        count = open.announced().await.len();
    }
    // It proves to have been met, on a date before it was due.
    town.review(&open, "2027-12-01").await;
    open.look().await;
    let met = open.deadlines_after(count).await;
    assert_eq!(
        met[0],
        said("DeadlineMet", "2027-12-05", "2028-02-01", false)
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_slept_through_is_announced_with_its_own_date() {
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    town.clock.set(day("2026-12-05"));
    let mut open = town.open().await;
    town.review(&open, "2026-12-05").await;
    open.look().await;
    let count = open.announced().await.len();
    open.close().await;
    town.clock.set(day("2028-01-20"));
    let mut open = town.open().await;
    open.look().await;
    assert_eq!(
        open.deadlines_after(count).await,
        [
            said("DeadlineApproached", "2027-12-05", "2027-11-05", false),
            said("DeadlineReached", "2027-12-05", "2027-12-05", false),
            said("DeadlinePassed", "2027-12-05", "2027-12-06", false),
        ]
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_4_a_first_strategy_is_announced_ahead_on_its_day_when_it_has_passed_and_when_it_is_met()
 {
    let town = Town::formed_on("2023-12-31").await;
    let mut open = town.open().await;
    let due = "2024-01-31";
    let mut count = 0;
    for (today, expected) in [
        ("2023-12-31", Vec::new()),
        (
            "2024-01-01",
            vec![said("AreaDeadlineApproached", due, "2024-01-01", false)],
        ),
        (due, vec![said("AreaDeadlineReached", due, due, false)]),
        (
            "2024-02-01",
            vec![said("AreaDeadlinePassed", due, "2024-02-01", false)],
        ),
        ("2024-06-01", Vec::new()),
    ] {
        town.clock.set(day(today));
        open.look().await;
        assert_eq!(open.deadlines_after(count).await, expected, "on {today}");
        open.look().await;
        count += expected.len();
    }
    town.publish(&open, "2024-05-01").await;
    open.look().await;
    let met = open.deadlines_after(count).await;
    let expected = said("AreaDeadlineMet", due, "2024-06-01", false);
    assert!(met.contains(&expected), "{met:?}");
    let of_areas = |all: &[(String, String, String, bool)]| {
        let areas = all.iter().filter(|(event, ..)| event.starts_with("Area"));
        areas.count()
    };
    assert_eq!(of_areas(&met), 1);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_4_a_first_strategy_told_of_too_late_makes_one_entry_marked_late_and_one_in_time_none()
{
    let town = Town::formed_on("2026-11-21").await;
    let mut open = town.open().await;
    open.look().await;
    open.close().await;
    let mut open = town.open().await;
    open.look().await;
    assert_eq!(
        open.deadlines_after(0).await,
        [said("AreaDeadlinePassed", "2024-01-31", "2024-02-01", true)]
    );
    open.close().await;
    // Marrowby published on 29 January 2024.
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let found = open.deadlines_after(0).await;
    assert!(!found.iter().any(|(event, ..)| event.starts_with("Area")));
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_4_another_date_that_is_set_lifts_the_pack_s_and_speaks_for_itself_until_it_is_withdrawn()
 {
    let town = Town::formed_on("2024-02-10").await;
    let mut open = town.open().await;
    open.look().await;
    let clock = Clock::new(open.bus.clone(), open.projections.clone());
    let looked = clock.look_at_all().await.unwrap();
    let (first, second) = ("2024-01-31", "2024-03-31");
    let command = SetDeadlineDate {
        rule: RuleId::of("R-10.4"),
        due_on: day(second),
        provenance: Provenance::Regulations,
    };
    let set = town.date(&open, command).await;
    // It bears on everybody, though no partnership's stream has moved.
    open.projector.catch_up(|_, _| {}).await.unwrap();
    let looked = clock.look_since(looked).await.unwrap();
    open.projector.catch_up(|_, _| {}).await.unwrap();
    assert_eq!(
        open.deadlines_after(1).await,
        [said("AreaDeadlineLifted", first, "2024-02-10", false)]
    );
    town.clock.set(day("2024-04-01"));
    open.look().await;
    assert_eq!(
        open.deadlines_after(2).await,
        [
            said("AreaDeadlineApproached", second, "2024-03-01", false),
            said("AreaDeadlineReached", second, second, false),
            said("AreaDeadlinePassed", second, "2024-04-01", false),
        ]
    );
    let corrected = CorrectEntry {
        entry_id: set,
        reason: None,
    };
    town.date(&open, corrected).await;
    open.projector.catch_up(|_, _| {}).await.unwrap();
    clock.look_since(looked).await.unwrap();
    let mut found = open.deadlines_after(5).await;
    found.sort();
    assert_eq!(
        found,
        [
            said("AreaDeadlineLifted", second, "2024-04-01", false),
            said("AreaDeadlinePassed", first, "2024-04-01", true),
        ]
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_4_what_was_said_of_a_formation_that_is_withdrawn_is_taken_back_once() {
    let town = Town::formed_on("2024-02-10").await;
    let mut open = town.open().await;
    open.look().await;
    let passed = said("AreaDeadlinePassed", "2024-01-31", "2024-02-01", true);
    assert_eq!(open.deadlines_after(0).await, [passed]);
    town.unform(&open).await;
    for _ in 0..2 {
        open.look().await;
        assert_eq!(
            open.deadlines_after(1).await,
            [said(
                "AreaDeadlineLifted",
                "2024-01-31",
                "2024-02-10",
                false
            )]
        );
    }
    open.close().await;
    town.clock.set(day("2024-03-01"));
    let mut open = town.open().await;
    open.look().await;
    assert_eq!(open.deadlines_after(2).await, []);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_10_5_an_action_is_announced_on_the_date_the_strategy_gives_it_and_when_it_is_done() {
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    let mut open = town.open().await;
    let (strategy, on, due) = (Target::Stream(town.strategy), "2026-11-21", "2027-03-31");
    town.tell(&open, on, strategy, StartRevision {}).await;
    let proposed = ProposeAction {
        version: 3,
        title: PublicText::new("Mentors").unwrap(),
        description: PublicText::new("Mentors in schools").unwrap(),
        owner: town.council,
        by: Some(day(due)),
        authorities: Vec::new(),
    };
    town.tell(&open, on, strategy, proposed).await;
    open.look().await;
    let of_actions = async |open: &Open| {
        let mut all = open.deadlines_after(0).await;
        all.retain(|(event, ..)| event.starts_with("Action"));
        all
    };
    town.clock.set(day("2027-03-02"));
    open.look().await;
    // No version that has it is adopted yet.
    assert_eq!(of_actions(&open).await, []);
    let adopted = AdoptVersion { version: 3 };
    town.tell(&open, "2027-03-01", strategy, adopted).await;
    // That it is 30 days ahead is not said afterwards.
    let mut expected = Vec::new();
    for (today, event) in [
        (due, "ActionDeadlineReached"),
        ("2027-04-01", "ActionDeadlinePassed"),
    ] {
        town.clock.set(day(today));
        open.look().await;
        open.look().await;
        expected.push(said(event, due, today, false));
        assert_eq!(of_actions(&open).await, expected);
    }
    let state = open.projections.stream::<Strategy>(town.strategy).await;
    let state = state.unwrap().unwrap().state;
    let mut actions = state.actions.iter();
    let (action, _) = actions.find(|(_, a)| a.by.is_some()).unwrap();
    let done = ProgressAction {
        action: *action,
        status: ActionStatus::Completed,
        note: None,
    };
    town.tell(&open, "2027-04-01", strategy, done).await;
    open.look().await;
    open.look().await;
    expected.push(said("ActionDeadlineMet", due, "2027-04-01", false));
    assert_eq!(of_actions(&open).await, expected);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consultation_closes_and_a_direction_is_to_be_complied_with_on_their_days() {
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    let mut open = town.open().await;
    let strategy = Target::Stream(town.strategy);
    let on = "2026-11-21";
    town.tell(&open, on, strategy, StartRevision {}).await;
    let responses_by = day("2027-01-15");
    let opened = OpenConsultation {
        version: 3,
        responses_by,
    };
    town.tell(&open, on, strategy, opened).await;
    town.vary(&open, "2027-02-20").await;
    open.look().await;
    let mut count = open.announced().await.len();
    for (today, expected) in [
        ("2027-01-14", Vec::new()),
        (
            "2027-01-15",
            vec![said("DeadlineReached", "2027-01-15", "2027-01-15", false)],
        ),
        ("2027-02-19", Vec::new()),
        (
            "2027-02-20",
            vec![said("DeadlineReached", "2027-02-20", "2027-02-20", false)],
        ),
        (
            "2027-02-21",
            vec![said("DeadlinePassed", "2027-02-20", "2027-02-21", false)],
        ),
        ("2027-03-01", Vec::new()),
    ] {
        town.clock.set(day(today));
        open.look().await;
        assert_eq!(open.deadlines_after(count).await, expected, "on {today}");
        count = open.announced().await.len();
    }
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_neither_clears_what_is_open_nor_opens_it_again() {
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let before = open.announced().await;
    assert!(before.iter().any(|(event, ..)| event == "TriggerOpened"));
    // Before the school's refusal, the direction, and all that passed since.
    for today in ["2024-01-02", "2026-11-20", "2026-11-21"] {
        town.clock.set(day(today));
        open.look().await;
        assert_eq!(open.announced().await, before, "on {today}");
    }
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_that_is_lifted_and_set_anew_speaks_again() {
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let mut count = open.announced().await.len();
    let first = "2026-09-30";
    for (comply_by, expected) in [
        (
            "2027-01-31",
            said("DeadlineLifted", first, "2026-11-21", false),
        ),
        // The direction's date is the first again, and it has passed.
        (first, said("DeadlinePassed", first, "2026-11-21", true)),
        (
            "2027-02-28",
            said("DeadlineLifted", first, "2026-11-21", false),
        ),
    ] {
        town.vary(&open, comply_by).await;
        open.look().await;
        open.look().await;
        assert_eq!(open.deadlines_after(count).await, [expected], "{comply_by}");
        count = open.announced().await.len();
    }
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_passes_that_the_sources_of_a_history_do_not_reach() {
    let town = Town::told_on("2026-11-21", "2027-12-05").await;
    town.clock.set(day("2026-12-05"));
    let mut open = town.open().await;
    town.review(&open, "2026-12-05").await;
    town.clock.set(day("2028-06-01"));
    open.look().await;
    let found = open.deadlines_after(0).await;
    assert!(found.contains(&said("DeadlineReached", "2027-12-05", "2027-12-05", false)));
    assert!(
        !found
            .iter()
            .any(|(event, due, ..)| event == "DeadlinePassed" && due == "2027-12-05")
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_never_moves_the_stream_it_speaks_of() {
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    let version = |open: &Open| {
        let (ledger, strategy) = (open.bus.ledger().clone(), town.strategy);
        async move {
            let history =
                dutyledger_application::load::history::<Strategy>(&ledger, strategy, None);
            history.await.unwrap().version()
        }
    };
    let before = version(&open).await;
    open.look().await;
    assert!(!open.announced().await.is_empty());
    assert_eq!(version(&open).await, before);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_is_announced_when_it_opens_and_when_it_clears() {
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let triggers = |all: Vec<(String, Option<String>, String, bool)>| -> Vec<String> {
        let events = all.into_iter().map(|(event, ..)| event);
        events
            .filter(|event| event.starts_with("Trigger"))
            .collect()
    };
    let opened = triggers(open.announced().await);
    // The mandatory order against the council, and the school's refusal.
    assert_eq!(opened, ["TriggerOpened", "TriggerOpened"]);

    let to = Target::Stream(town.direction);
    let accepted = open.directed(to, AcceptCompliance {}).await;
    open.look().await;
    open.look().await;
    assert_eq!(
        triggers(open.announced().await),
        ["TriggerOpened", "TriggerOpened", "TriggerCleared"]
    );
    assert_eq!(open.last_cause().await, Some(accepted.entries[0].entry_id));
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_about_what_is_shown_already_neither_opens_it_again_nor_clears_it_until_it_is_closed()
 {
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let before = open.announced().await;
    // The school's refusal is open; the Secretary of State is satisfied of just that.
    let satisfied = RecordSatisfaction {
        authority: town.school,
        duty: Duty::CarryOutActions,
        area: town.area,
        partnership: Some(town.partnership),
        reasons: None,
    };
    let case = open.directed(Target::New, satisfied).await;
    let case = Target::Stream(case.stream.id);
    open.look().await;
    open.look().await;
    assert_eq!(open.announced().await, before);
    let directed = IssueDirection {
        requires: PublicText::new("Carry the action out.").unwrap(),
        comply_by: None,
    };
    open.directed(case, directed).await;
    open.look().await;
    assert_eq!(open.announced().await, before);
    let accepted = open.directed(case, AcceptCompliance {}).await;
    open.look().await;
    open.look().await;
    let after = open.announced().await;
    let events: Vec<_> = after[before.len()..].iter().map(|one| &one.0).collect();
    assert_eq!(events, ["TriggerCleared"]);
    assert_eq!(open.last_cause().await, Some(accepted.entries[0].entry_id));
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_of_one_partnership_keeps_the_clock_from_no_other() {
    let town = Town::told_on("2026-11-21", "2027-12-31").await;
    let mut open = town.open().await;
    let another = MARROWBY.replace("Marrowby", "Sallowby");
    import::run(&open.bus, OPERATOR, &another, &mut |_, _| {})
        .await
        .unwrap();
    open.projector.catch_up(|_, _| {}).await.unwrap();
    let all = open.projections.streams::<Partnership>(None, 10).await;
    let all: Vec<_> = all.unwrap().rows.iter().map(|row| row.id).collect();
    let (first, other) = (all[0], all[1]);
    open.close().await;
    let whole = town.damage(first).await;

    let open = town.open().await;
    let clock = Clock::new(open.bus.clone(), open.projections.clone());
    let looked = clock.look_at_all().await.unwrap();
    drop(clock);
    assert_eq!(looked.failed, [first].into());
    assert!(open.announced_of(other).await > 0);
    assert_eq!(open.announced_of(first).await, 0);
    open.close().await;

    // It is tried again, though nothing has touched it.
    town.mend(&whole).await;
    let open = town.open().await;
    let clock = Clock::new(open.bus.clone(), open.projections.clone());
    let looked = clock.look_since(looked).await.unwrap();
    drop(clock);
    assert_eq!(looked.failed, [].into());
    assert!(open.announced_of(first).await > 0);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_years_pass_in_seconds_and_each_year_speaks_once() {
    let town = Town::told_on("2026-11-21", "2040-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let count = open.announced().await.len();
    let mut today = day("2026-11-21");
    let mut reviewed = 0;
    while today < day("2036-11-21") {
        today = today.checked_add_days(Days::new(6)).unwrap();
        town.clock.set(today);
        // In five of the years the review comes, in January.
        if chrono::Datelike::month(&today) == 1
            && chrono::Datelike::day(&today) <= 6
            && chrono::Datelike::year(&today) % 2 == 1
        {
            town.review(&open, &today.to_string()).await;
            reviewed += 1;
        }
        open.look().await;
    }
    let mut found = open.deadlines_after(count).await;
    let all = found.len();
    found.sort();
    found.dedup_by_key(|(event, due, ..)| (event.clone(), due.clone()));
    assert_eq!(found.len(), all, "something was announced twice");
    let how_many = |event: &str| found.iter().filter(|(e, ..)| e == event).count();
    assert_eq!(reviewed, 5);
    assert_eq!(how_many("DeadlineApproached"), 5);
    assert_eq!(how_many("DeadlineReached"), 5);
    assert_eq!(how_many("DeadlinePassed"), 5);
    // The year that was over when the history was told, and each but the last after it.
    assert_eq!(how_many("DeadlineMet"), 5);
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_names_no_partnership_speaks_once_of_its_date_and_of_what_it_shows() {
    let town = Town::told_on("2026-11-21", "2029-12-31").await;
    let mut open = town.open().await;
    open.look().await;
    let mut count = open.announced().await.len();
    let satisfied = RecordSatisfaction {
        authority: town.council,
        duty: Duty::SupplyInformation,
        area: town.area,
        partnership: None,
        reasons: None,
    };
    let case = open.directed(Target::New, satisfied).await;
    let satisfied = case.entries[1].entry_id;
    let case = Target::Stream(case.stream.id);
    let directed = IssueDirection {
        requires: PublicText::new("Supply the information.").unwrap(),
        comply_by: Some(day("2026-11-30")),
    };
    open.directed(case, directed).await;
    let opened = (
        "CaseTriggerOpened".to_owned(),
        None,
        "2026-11-21".to_owned(),
        false,
    );
    // By the day, by two that look at once, by one that looks at what was touched, and after a restart.
    open.look().await;
    open.look().await;
    assert_eq!(open.announced().await[count..], [opened]);
    count += 1;
    open.close().await;
    town.clock.set(day("2026-11-30"));
    let mut open = town.open().await;
    open.projector.catch_up(|_, _| {}).await.unwrap();
    let clock = Clock::new(open.bus.clone(), open.projections.clone());
    let (one, other) = tokio::join!(clock.look_at_all(), clock.look_at_all());
    other.unwrap();
    let looked = one.unwrap();
    assert_eq!(
        open.deadlines_after(count).await,
        [said("DeadlineReached", "2026-11-30", "2026-11-30", false)]
    );
    count += 1;

    // The date moves, and what the trigger is counted from is taken back: the case goes on.
    let moved = VaryDirection {
        requires: PublicText::new("Supply the information.").unwrap(),
        comply_by: Some(day("2026-12-24")),
    };
    open.directed(case, moved).await;
    let reason = None;
    let withdrawn = CorrectEntry {
        entry_id: satisfied,
        reason,
    };
    open.directed(case, withdrawn).await;
    open.projector.catch_up(|_, _| {}).await.unwrap();
    clock.look_since(looked).await.unwrap();
    clock.look_at_all().await.unwrap();
    drop(clock);
    assert_eq!(
        open.deadlines_after(count).await,
        [said("DeadlineLifted", "2026-11-30", "2026-11-30", false)]
    );
    count += 1;
    town.clock.set(day("2026-12-25"));
    open.look().await;
    let found = open.deadlines_after(count).await;
    assert!(found.contains(&said("DeadlineReached", "2026-12-24", "2026-12-24", false)));
    assert!(found.contains(&said("DeadlinePassed", "2026-12-24", "2026-12-25", false)));
    open.directed(case, AcceptCompliance {}).await;
    open.look().await;
    open.look().await;
    let all = open.announced().await;
    let ended: Vec<_> = all[all.len() - 2..].iter().map(|one| &one.0).collect();
    assert_eq!(ended, ["DeadlineMet", "CaseTriggerCleared"]);
    open.close().await;
}
