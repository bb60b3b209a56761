//! Importing histories: the shipped ones tell what they say, an interrupted import is completed,
//! and a bad file records nothing.
#![expect(
    clippy::unwrap_used,
    reason = "a failing unwrap fails the test, and says where"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;

use dutyledger_application::import::{self, ImportError, ImportReport};
use dutyledger_application::{Bus, Edge, Home, Request, SystemEntropy, Target, Under, load};
use dutyledger_domain::reviews::{self, ReviewStatus};
use dutyledger_domain::streams::area::area_id;
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::streams::{Area, Authority, Partnership, Strategy, partnership, strategy};
use dutyledger_domain::streams::{area, authority, direction, needs_assessment};
use dutyledger_domain::triggers::{Trigger, TriggerState, marks, triggers};
use dutyledger_domain::{
    AssessmentPublication, Capacity, Class, CodeScheme, Country, Duty, Histories, Position,
    ViolenceCategory,
};
use dutyledger_ledger::Clock;
use dutyledger_record::{Basis, Mark, Principal, PrincipalKind, Record, StreamId};

const CITY: &str = include_str!("../../../ops/histories/city-of-london.json");
const GWENT: &str = include_str!("../../../ops/histories/gwent.json");
const HAVERING: &str = include_str!("../../../ops/histories/havering.json");
const KENT: &str = include_str!("../../../ops/histories/kent-and-medway.json");
const WEST_MIDLANDS: &str = include_str!("../../../ops/histories/west-midlands.json");
const MARROWBY: &str = include_str!("../../../ops/histories/fictional-marrowby.json");
/// The histories of real partnerships.
const REAL: [&str; 5] = [CITY, GWENT, HAVERING, KENT, WEST_MIDLANDS];
/// Every history there is.
const ALL: [&str; 6] = [CITY, GWENT, HAVERING, KENT, WEST_MIDLANDS, MARROWBY];

const OPERATOR: Principal = Principal {
    id: None,
    key_id: None,
    kind: PrincipalKind::Operator,
};

/// The day on which Kent and Medway's integrated care board took a commissioning group's place.
const BOARD_BEGAN: &str = "2022-07-01";
/// The day on which the duty came into force.
const DUTY_BEGAN: &str = "2023-01-31";

/// Noon, so many days after the day of the tests.
struct Noon(i64);

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap() + TimeDelta::days(self.0)
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn today() -> NaiveDate {
    day("2026-11-22")
}

/// A ledger in a folder of its own.
struct Place {
    folder: TempDir,
    mode: LedgerMode,
}

impl Place {
    fn new(mode: LedgerMode) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            mode,
        }
    }

    fn sandbox() -> Self {
        Self::new(LedgerMode::Sandbox)
    }

    async fn open(&self) -> Bus {
        self.open_later(0).await
    }

    async fn open_later(&self, days: i64) -> Bus {
        let path: PathBuf = self.folder.path().join("ledger.db");
        let edge = Edge {
            clock: Arc::new(Noon(days)),
            entropy: Arc::new(SystemEntropy),
        };
        Bus::open(&Home::beside(path), self.mode, edge)
            .await
            .unwrap()
            .0
    }
}

async fn import(bus: &Bus, text: &str) -> Result<ImportReport, ImportError> {
    import::run(bus, OPERATOR, text, &mut |_, _| {}).await
}

fn id(report: &ImportReport, name: &str) -> StreamId {
    report
        .streams
        .iter()
        .find(|s| s.name.as_deref() == Some(name))
        .unwrap()
        .id
}

/// Everything a history told, read back.
async fn told(bus: &Bus, report: &ImportReport) -> Histories {
    let mut histories = Histories::default();
    for one in &report.streams {
        let stream = match one.kind.as_str() {
            "area" => area::stream(one.id),
            "authority" => authority::stream(one.id),
            "direction" => direction::stream(one.id),
            "needs-assessment" => needs_assessment::stream(one.id),
            "partnership" => partnership::stream(one.id),
            "strategy" => strategy::stream(one.id),
            other => panic!("a stream of kind {other}"),
        };
        load::add(bus.ledger(), &mut histories, [stream], None)
            .await
            .unwrap();
    }
    histories
}

fn shown(histories: &Histories, report: &ImportReport, on: NaiveDate) -> Vec<Trigger> {
    let mut all = triggers(id(report, "partnership"), histories, on);
    all.retain(|t| t.since <= on);
    all
}

fn review(histories: &Histories, report: &ImportReport, on: NaiveDate) -> ReviewStatus {
    let world = histories.on(on);
    let strategy = &world.strategies[&id(report, "strategy")];
    reviews::status(
        strategy,
        world
            .partnerships
            .get(&id(report, "partnership"))
            .map(|p| &**p),
        on,
    )
}

/// The ledger without what differs from one run to the next.
async fn outline(bus: &Bus) -> Vec<(String, String, u64, String, bool)> {
    let records = records(bus).await;
    let rows = records.into_iter().map(|r| {
        let standing = r.entry.standing;
        (
            r.event.event_type,
            r.entry.stream.stream_type.as_str().to_owned(),
            r.entry.version,
            format!("{:?}", standing.occurred_on),
            standing.past_fact.is_some(),
        )
    });
    rows.collect()
}

async fn records(bus: &Bus) -> Vec<Record> {
    let stored = bus.ledger().read(0, u32::MAX).await.unwrap();
    stored.iter().map(|s| s.record().unwrap()).collect()
}

#[tokio::test]
async fn the_city_of_london_is_told_with_its_sources_and_nothing_adverse() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, CITY).await.unwrap();
    assert!(report.skipped.is_empty());
    assert_eq!(
        id(&report, "city"),
        area_id(Country::England, "City of London")
    );

    let histories = told(&bus, &report).await;
    let world = histories.on(today());
    let city = &world.areas[&id(&report, "city")];
    let code = city.code(CodeScheme::PoliceForceArea, today()).unwrap();
    assert_eq!(code.code.as_str(), "E23000034");
    let capacities = |name: &str| city.authorities[&id(&report, name)].capacity;
    assert_eq!(capacities("corporation"), Capacity::LocalAuthority);
    assert_eq!(capacities("police-authority"), Capacity::LocalPolicingBody);

    let partnership = &world.partnerships[&id(&report, "partnership")];
    assert!(partnership.formed.is_some());
    assert!(!partnership.has_member(id(&report, "police-authority")));
    assert!(partnership.has_specified(id(&report, "fire")));
    let coverage = partnership.coverage.as_ref().unwrap();
    assert_eq!(
        (coverage.covers_until, coverage.fictional),
        (day("2025-05-29"), false)
    );

    let strategy = &world.strategies[&id(&report, "strategy")];
    let (number, version) = strategy.in_force().unwrap();
    assert_eq!(number, 1);
    let adoption = version.adopted.as_ref().unwrap();
    assert!(adoption.at.assumed && adoption.at.past_fact);
    assert!(version.published.is_some());
    let kinds: Vec<_> = version.kinds.values().map(|k| k.category).collect();
    assert!(kinds.contains(&ViolenceCategory::NightTimeEconomy) && kinds.len() == 3);

    // What the sources do not say is not evidenced, and never a breach.
    let marks = marks(id(&report, "strategy"), &histories);
    assert!(marks.iter().all(|m| m.mark == Mark::NotEvidenced));
    assert_eq!(review(&histories, &report, today()), ReviewStatus::NotKnown);
    for on in ["2024-06-30", "2025-02-28", "2026-11-22"] {
        assert_eq!(shown(&histories, &report, day(on)), Vec::new());
    }
}

#[tokio::test]
async fn gwent_is_one_strategy_for_five_areas_and_nothing_adverse() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, GWENT).await.unwrap();
    let histories = told(&bus, &report).await;
    let world = histories.on(today());
    let partnership = &world.partnerships[&id(&report, "partnership")];
    assert_eq!(partnership.areas.len(), 5);
    // Five councils, the police, the health board and the fire authority; never the commissioner.
    assert_eq!(partnership.specified_authorities(&world, today()).len(), 8);
    assert!(!partnership.has_member(id(&report, "commissioner")));
    for area in world.areas.values() {
        let board = area.code(CodeScheme::LocalHealthBoard, today()).unwrap();
        assert_eq!(board.code.as_str(), "W11000028");
    }
    let strategy = &world.strategies[&id(&report, "strategy")];
    assert!(strategy.bases.section_8 && strategy.bases.section_9);
    assert!(strategy.in_force().is_none());
    assert_eq!(
        review(&histories, &report, today()),
        ReviewStatus::NotApplicable
    );
    assert_eq!(shown(&histories, &report, today()), Vec::new());
}

#[tokio::test]
async fn kent_and_medway_leaves_domestic_abuse_to_another_executive_and_nothing_adverse() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, KENT).await.unwrap();
    let histories = told(&bus, &report).await;
    let world = histories.on(today());
    let partnership = &world.partnerships[&id(&report, "partnership")];
    assert_eq!(partnership.areas.len(), 13);
    // Fourteen councils, the county's among them, the police, the fire authority, the board and
    // probation; never the commissioner, who chairs.
    let specified = partnership.specified_authorities(&world, today());
    assert_eq!(specified.len(), 18);
    assert!(!partnership.has_member(id(&report, "commissioner")));
    let of_county = |name: &str| {
        let area = &world.areas[&id(&report, name)];
        area.authorities.contains_key(&id(&report, "kent-council"))
    };
    assert!(of_county("thanet") && !of_county("medway"));
    // Two areas have one community safety partnership.
    let csp = |name: &str| {
        let code = world.areas[&id(&report, name)].code(CodeScheme::Csp, today());
        code.unwrap().code.clone()
    };
    assert_eq!(csp("dartford"), csp("gravesham"));

    let assessment = &world.assessments[&id(&report, "assessment")];
    assert!(assessment.completed.is_some());
    assert_eq!(
        assessment.publication,
        Some(AssessmentPublication::NotStated)
    );
    let left_out: Vec<_> = assessment
        .findings
        .iter()
        .filter(|f| f.as_str().contains("Domestic abuse"))
        .collect();
    assert_eq!(left_out.len(), 1);
    assert!(
        left_out[0]
            .as_str()
            .contains("left to the Kent and Medway Domestic Abuse Executive")
    );

    let strategy = &world.strategies[&id(&report, "strategy")];
    assert!(strategy.bases.section_8 && strategy.bases.section_9);
    let (_, version) = strategy.in_force().unwrap();
    let adoption = version.adopted.as_ref().unwrap();
    assert!(adoption.at.assumed && adoption.at.past_fact);
    assert!(version.published.is_none());
    let kinds: Vec<_> = version.kinds.values().map(|k| k.category).collect();
    assert_eq!(kinds.len(), 3);
    assert!(!kinds.contains(&ViolenceCategory::DomesticAbuse));

    let marks = marks(id(&report, "strategy"), &histories);
    assert!(marks.iter().all(|m| m.mark == Mark::NotEvidenced));
    assert_eq!(review(&histories, &report, today()), ReviewStatus::NotKnown);
    for on in ["2024-06-30", "2025-02-28", "2026-11-22"] {
        assert_eq!(shown(&histories, &report, day(on)), Vec::new());
    }
}

#[tokio::test]
async fn the_west_midlands_has_seven_needs_assessments_one_strategy_and_sections_8_and_9() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, WEST_MIDLANDS).await.unwrap();
    let histories = told(&bus, &report).await;
    let world = histories.on(today());
    let p = id(&report, "partnership");
    let partnership = &world.partnerships[&p];
    assert_eq!(partnership.areas.len(), 7);
    // Seven councils, the police, the fire authority, three boards, probation, Coventry's youth
    // justice service; never the commissioner.
    let specified = partnership.specified_authorities(&world, today());
    assert_eq!(specified.len(), 14);
    assert!(!partnership.has_member(id(&report, "commissioner")));

    assert_eq!(world.assessments.len(), 7);
    for (one, assessment) in &world.assessments {
        assert_eq!(assessment.partnership, Some(p));
        assert!(assessment.completed.is_some());
        let of_birmingham = *one == id(&report, "birmingham-assessment");
        let expected = if of_birmingham {
            AssessmentPublication::Published
        } else {
            AssessmentPublication::NotStated
        };
        assert_eq!(assessment.publication, Some(expected));
    }
    assert_eq!(world.strategies.len(), 1);
    let strategy = &world.strategies[&id(&report, "strategy")];
    let bases = strategy.bases;
    assert!(bases.section_8 && bases.section_9 && !bases.crime_and_disorder_act_section_6);
    let rests_on = &strategy.versions[&1].assessments;
    assert!(rests_on.iter().eq(world.assessments.keys()));

    // No source says that it was adopted.
    assert!(strategy.in_force().is_none());
    assert_eq!(
        review(&histories, &report, today()),
        ReviewStatus::NotApplicable
    );
    for on in ["2024-02-01", "2024-07-16", "2026-11-22"] {
        assert_eq!(shown(&histories, &report, day(on)), Vec::new());
    }
}

#[tokio::test]
async fn havering_published_its_strategy_and_not_the_assessment() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, HAVERING).await.unwrap();
    let histories = told(&bus, &report).await;
    let world = histories.on(today());
    let assessment = &world.assessments[&id(&report, "assessment")];
    assert!(assessment.completed.is_some());
    assert_eq!(
        assessment.publication,
        Some(AssessmentPublication::OnRequest)
    );

    let strategy = &world.strategies[&id(&report, "strategy")];
    assert!(strategy.bases.section_8 && !strategy.bases.section_9);
    let version = &strategy.versions[&1];
    let published = version.published.as_ref().unwrap();
    assert!(published.at.assumed && published.at.past_fact);
    assert_eq!(version.kinds.len(), 4);
    // The Cabinet spoke for the council alone, so nothing is said of an adoption.
    assert_eq!(version.positions.len(), 1);
    let council = &version.positions[&id(&report, "council")];
    assert_eq!(council.position, Position::Agree);
    assert!(version.adopted.is_none());

    let marks = marks(id(&report, "strategy"), &histories);
    assert!(!marks.is_empty());
    assert!(marks.iter().all(|m| m.mark == Mark::NotEvidenced));
    for on in ["2024-02-01", "2025-02-28", "2026-11-22"] {
        assert_eq!(shown(&histories, &report, day(on)), Vec::new());
    }
}

#[tokio::test]
async fn a_commissioning_group_was_succeeded_before_the_duty_began_and_never_owed_it() {
    let place = Place::new(LedgerMode::Live);
    let bus = place.open().await;
    let mut kent = None;
    for text in REAL {
        let report = import(&bus, text).await.unwrap();
        if text == KENT {
            kent = Some(report);
        }
    }
    let kent = kent.unwrap();
    let (group, board) = (id(&kent, "ccg"), id(&kent, "health"));
    let histories = told(&bus, &kent).await;
    assert_eq!(
        histories.on(day("2022-06-30")).authorities[&group].successor,
        None
    );
    let world = histories.on(day(BOARD_BEGAN));
    let before = &world.authorities[&group];
    assert_eq!(before.successor, Some(board));
    assert_eq!(before.capacity, Some(Capacity::ClinicalCommissioningGroup));
    assert_eq!(before.capacity.unwrap().class(), Class::Other);
    let world = histories.on(today());
    assert!(
        world
            .areas
            .values()
            .all(|area| !area.authorities.contains_key(&group))
    );
    let partnership = &world.partnerships[&id(&kent, "partnership")];
    assert!(!partnership.members.contains_key(&group));
    assert!(partnership.has_specified(board));

    // In the real histories nothing else was succeeded, and nothing else came before the duty.
    let mut successions = Vec::new();
    for record in records(&bus).await.iter().skip(1) {
        let on = record.entry.standing.occurred_on.date;
        let of_authority = record.entry.stream.stream_type.as_str() == "authority";
        assert!(of_authority || on >= day(DUTY_BEGAN), "{record:?}");
        if record.event.event_type.ends_with("Succeeded") {
            successions.push((record.event.event_type.clone(), record.entry.stream.id, on));
        }
    }
    assert_eq!(
        successions,
        [("AuthoritySucceeded".to_owned(), group, day(BOARD_BEGAN))]
    );
}

#[tokio::test]
async fn every_entry_about_a_real_body_names_a_source_and_assumes_what_no_source_dates() {
    let place = Place::new(LedgerMode::Live);
    let bus = place.open().await;
    for text in REAL {
        import(&bus, text).await.unwrap();
    }
    for record in records(&bus).await.iter().skip(1) {
        let standing = &record.entry.standing;
        assert_eq!(standing.principal.kind, PrincipalKind::Operator);
        // The only day that sources state is that on which an integrated care board began.
        let stated = standing.occurred_on.date == day(BOARD_BEGAN);
        let of_import = record.event.event_type == "CoverageStated";
        assert_eq!(standing.occurred_on.assumed, !stated, "{record:?}");
        assert!(of_import || standing.source.is_some(), "{record:?}");
        let stream = record.entry.stream.stream_type.as_str();
        if !of_import && !matches!(stream, "area" | "authority") {
            assert!(standing.past_fact.is_some(), "{record:?}");
        }
    }
}

#[tokio::test]
async fn marrowby_plays_the_duty_through() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, MARROWBY).await.unwrap();
    let histories = told(&bus, &report).await;
    let on = |date: &str| histories.on(day(date));
    let (p, s) = (id(&report, "partnership"), id(&report, "strategy"));

    assert!(on("2023-03-19").partnerships[&p].formed.is_none());
    let formed = on("2023-06-01").partnerships[&p].clone();
    assert_eq!(formed.lead, Some(id(&report, "council")));
    assert!(formed.has_education_representative());
    assert_eq!(formed.lists.len(), 1);

    assert!(on("2024-01-14").strategies[&s].in_force().is_none());
    let first = on("2024-01-15").strategies[&s].clone();
    let adoption = first.in_force().unwrap().1.adopted.clone().unwrap();
    let tally = adoption.tally.unwrap();
    assert_eq!((tally.agreed, tally.abstained, tally.silent), (5, 1, 0));
    assert_eq!(
        review(&histories, &report, day("2024-06-30")),
        ReviewStatus::NotYetDue
    );
    assert!(
        marks(s, &histories).is_empty(),
        "no decision went against a gate"
    );

    let revised = on("2025-06-30").strategies[&s].clone();
    let (number, version) = revised.in_force().unwrap();
    assert_eq!(number, 2);
    assert_eq!(version.published.as_ref().unwrap().at.on, day("2025-04-14"));
    assert_eq!(version.consultation.consulted.len(), 4);
    assert_eq!(revised.reviews[0].at.on, day("2025-01-13"));
    assert_eq!(
        review(&histories, &report, day("2026-03-31")),
        ReviewStatus::Due
    );
    assert_eq!(review(&histories, &report, today()), ReviewStatus::Overdue);

    let found = shown(&histories, &report, today());
    let one = |authority: &str, duty: Duty| {
        let who = id(&report, authority);
        found.iter().find(|t| t.authority == who && t.duty == duty)
    };
    let declined = one("riverside", Duty::CarryOutActions).unwrap();
    assert_eq!(
        (declined.state, declined.since),
        (TriggerState::Open, day("2024-02-20"))
    );
    assert_eq!(
        one("prison", Duty::CarryOutActions),
        None,
        "it claims an exception"
    );
    let council = one("council", Duty::KeepUnderReview).unwrap();
    assert_eq!(council.state, TriggerState::OrderMade);
    let police = one("police", Duty::KeepUnderReview).unwrap();
    assert_eq!(
        (police.state, police.since),
        (TriggerState::Attention, day("2026-04-01"))
    );

    let direction = histories.on(day("2026-08-01")).directions[&id(&report, "direction")].clone();
    assert_eq!(
        direction.directed.as_ref().unwrap().comply_by,
        Some(day("2026-09-30"))
    );
}

#[tokio::test]
async fn merged_districts_and_a_mayor_succeed_while_the_duty_is_in_force() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = import(&bus, MARROWBY).await.unwrap();
    let histories = told(&bus, &report).await;
    let of = |name: &str| id(&report, name);
    let p = of("partnership");
    let specified = |on: &str| {
        let world = histories.on(day(on));
        world.partnerships[&p].specified_authorities(&world, day(on))
    };
    let councils = ["upper-council", "lower-council"].map(of);

    let before = histories.on(day("2023-03-31"));
    assert!(before.partnerships[&p].formed.is_some());
    let districts = BTreeSet::from([of("upper"), of("lower")]);
    assert_eq!(before.partnerships[&p].areas, districts);
    let makers = specified("2023-03-31");
    assert_eq!(makers.len(), 7);
    assert!(councils.iter().all(|id| makers.contains(id)));

    // The new council takes both councils' place, and the partnership agrees on the new area.
    let merged = histories.on(day("2023-04-01"));
    for (area, council) in [("upper", councils[0]), ("lower", councils[1])] {
        let area = &merged.areas[&of(area)];
        assert_eq!(area.successor, Some(of("marrowby")));
        assert_eq!(
            area.authorities_of(Class::Specified, day("2023-04-01"))
                .count(),
            0
        );
        assert_eq!(merged.authorities[&council].successor, Some(of("council")));
        let member = &merged.partnerships[&p].members[&council];
        assert_eq!(member.successor, Some(of("council")));
    }
    let partnership = &merged.partnerships[&p];
    assert_eq!(partnership.areas, BTreeSet::from([of("marrowby")]));
    assert!(partnership.members[&of("council")].by_succession);
    let makers = specified("2023-04-01");
    assert_eq!(makers.len(), 6);
    assert!(makers.contains(&of("council")));

    // A mayor takes over as local policing body, and the place in the partnership with it.
    let policing_body = |on: &str| {
        let world = histories.on(day(on));
        let area = &world.areas[&of("marrowby")];
        let found = area.authorities_of(Class::LocalPolicingBody, day(on));
        found.map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(policing_body("2025-05-05"), [of("commissioner")]);
    assert_eq!(policing_body("2025-05-06"), [of("mayor")]);
    let after = histories.on(day("2025-05-06"));
    let members = &after.partnerships[&p].members;
    assert_eq!(members[&of("commissioner")].successor, Some(of("mayor")));
    assert!(after.partnerships[&p].has_member(of("mayor")));

    // Every succession was told with a date on which the duty was in force.
    let succeeded: Vec<_> = records(&bus)
        .await
        .into_iter()
        .filter(|r| r.event.event_type.ends_with("Succeeded"))
        .collect();
    assert_eq!(succeeded.len(), 8);
    for record in succeeded {
        assert!(record.entry.standing.occurred_on.date >= day(DUTY_BEGAN));
    }
}

#[tokio::test]
async fn importing_twice_records_nothing_new() {
    let place = Place::sandbox();
    let bus = place.open().await;
    for text in ALL {
        let first = import(&bus, text).await.unwrap();
        assert!(first.entries_recorded >= first.steps && first.repeated == 0);
        let head = bus.ledger().head();
        let again = import(&bus, text).await.unwrap();
        assert_eq!(bus.ledger().head(), head);
        assert_eq!((again.entries_recorded, again.repeated), (0, again.steps));
        assert_eq!(again.streams, first.streams);
    }
}

#[tokio::test]
async fn importing_again_records_nothing_new_when_other_requests_are_long_forgotten() {
    let place = Place::sandbox();
    let register = |key: &str, lasting: bool, body: &str| {
        let command = json!({"command": "register-authority",
            "particulars": {"body": body, "capacity": "local_authority"}});
        Request {
            idempotency: Some(Under {
                key: key.to_owned(),
                digest: [1; 32],
                lasting,
            }),
            ..Request::plain(
                OPERATOR,
                Target::New,
                serde_json::from_value(command).unwrap(),
            )
        }
    };
    let bus = place.open().await;
    let mut first = Vec::new();
    for text in ALL {
        first.push(import(&bus, text).await.unwrap());
    }
    bus.execute::<Authority>(register("ordinary", false, "A"))
        .await
        .unwrap();
    bus.close().await;

    let bus = place.open_later(31).await;
    // A commit makes the ledger forget, by the instant of the commit before it.
    bus.execute::<Authority>(register("later", false, "B"))
        .await
        .unwrap();
    bus.close().await;
    let bus = place.open_later(32).await;
    bus.execute::<Authority>(register("later still", false, "C"))
        .await
        .unwrap();
    let remembered = async |key: &str| bus.ledger().idempotent("operator", key).await.unwrap();
    assert!(remembered("ordinary").await.is_none());
    assert!(remembered("later").await.is_some());
    let head = bus.ledger().head();
    for (text, first) in ALL.into_iter().zip(first) {
        let again = import(&bus, text).await.unwrap();
        assert_eq!((again.entries_recorded, again.repeated), (0, again.steps));
        assert_eq!(again.streams, first.streams);
    }
    assert_eq!(bus.ledger().head(), head);
}

#[tokio::test]
async fn coverage_is_the_operator_s_own_act() {
    let place = Place::sandbox();
    let bus = place.open().await;
    for text in ALL {
        import(&bus, text).await.unwrap();
    }
    let mut stated = records(&bus).await;
    stated.retain(|r| r.event.event_type == "CoverageStated");
    assert_eq!(stated.len(), ALL.len());
    for record in stated {
        let standing = record.entry.standing;
        assert_eq!(standing.principal, OPERATOR);
        assert_ne!(standing.basis, Basis::PastFact);
        assert!(standing.past_fact.is_none() && standing.source.is_none() && !standing.reported);
    }
}

#[test]
fn no_shipped_history_has_a_source_after_today() {
    for text in ALL {
        let history: Value = serde_json::from_str(text).unwrap();
        for source in history["sources"].as_object().unwrap().values() {
            assert!(day(source["date"].as_str().unwrap()) <= today(), "{source}");
        }
    }
}

#[tokio::test]
async fn an_import_interrupted_anywhere_is_completed_by_running_it_again() {
    let whole = Place::sandbox();
    let bus = whole.open().await;
    let clean = import(&bus, MARROWBY).await.unwrap();
    let clean_outline = outline(&bus).await;

    for stop_after in [1, 16, 17, 60, clean.steps - 1] {
        let place = Place::sandbox();
        let bus = place.open().await;
        {
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            let mut progress = move |done: usize, _: usize| assert!(tell.send(done).is_ok());
            let interrupted = import::run(&bus, OPERATOR, MARROWBY, &mut progress);
            let reached =
                async { while told.recv().await.is_some_and(|done| done < stop_after) {} };
            tokio::select! {
                biased;
                () = reached => {}
                // Its last steps may be done before it is seen that it got so far.
                ended = interrupted => assert!(ended.is_ok() && stop_after == clean.steps - 1),
            }
        }
        drop(bus);
        let bus = place.open().await;
        let report = import(&bus, MARROWBY).await.unwrap();
        assert!(
            report.repeated >= stop_after,
            "{} of {stop_after}",
            report.repeated
        );
        assert_eq!(outline(&bus).await, clean_outline);
        assert_eq!(report.streams.len(), clean.streams.len());
    }
}

#[tokio::test]
async fn progress_is_told_after_every_step() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let mut seen = Vec::new();
    let report = import::run(&bus, OPERATOR, CITY, &mut |done, all| {
        seen.push((done, all));
    })
    .await
    .unwrap();
    let expected: Vec<_> = (1..=report.steps)
        .map(|done| (done, report.steps))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_live_ledger_lets_nobody_be_spoken_for() {
    let place = Place::new(LedgerMode::Live);
    let bus = place.open().await;
    let error = import(&bus, MARROWBY).await.unwrap_err();
    assert!(error.recorded_nothing());
    assert_eq!(error.place().unwrap().pointer, "/fictional");
    assert!(error.to_string().contains("this ledger is live"), "{error}");
    let told_as_real = MARROWBY
        .replacen("\"fictional\": true", "\"fictional\": false", 1)
        .replacen(
            "\"covers_until\": \"2027-12-31\"",
            "\"covers_until\": \"2026-11-22\"",
            1,
        );
    let error = import(&bus, &told_as_real).await.unwrap_err();
    assert!(error.recorded_nothing());
    assert_eq!(error.place().unwrap().pointer, "/steps/16/by");
    assert!(error.to_string().contains("this ledger is live"), "{error}");
    assert_eq!(bus.ledger().head(), 1);
}

#[tokio::test]
async fn an_import_can_be_awaited_on_any_thread() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let place = Place::sandbox();
    let bus = place.open().await;
    let report = send(import::run(&bus, OPERATOR, GWENT, &mut |_, _| {}))
        .await
        .unwrap();
    assert_eq!(report.name, "Gwent");
}

#[tokio::test]
async fn only_an_operator_imports() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let auditor = Principal {
        kind: PrincipalKind::Auditor,
        ..OPERATOR
    };
    let error = import::run(&bus, auditor, CITY, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(error, ImportError::NotOperator));
    assert_eq!(bus.ledger().head(), 1);
}

#[tokio::test]
async fn an_area_known_from_another_history_is_not_recorded_twice() {
    let place = Place::sandbox();
    let bus = place.open().await;
    import(&bus, CITY).await.unwrap();
    let mut other: Value = serde_json::from_str(CITY).unwrap();
    other["name"] = json!("The City again");
    let text = other.to_string();
    let report = import(&bus, &text).await.unwrap();
    // The area and its five codes.
    let steps: Vec<_> = report.skipped.iter().map(|s| s.step).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5, 6]);
    let city = area_id(Country::England, "City of London");
    let history = load::history::<Area>(bus.ledger(), city, None)
        .await
        .unwrap();
    assert_eq!(history.state(today()).codes.len(), 5);

    let head = bus.ledger().head();
    let again = import(&bus, &text).await.unwrap();
    assert_eq!((again.entries_recorded, bus.ledger().head()), (0, head));

    other["steps"][0]["particulars"]["kind"] = json!("london_borough");
    let error = import(&bus, &other.to_string()).await.unwrap_err();
    assert!(matches!(error, ImportError::Differs { .. }));
    assert_eq!(error.place().unwrap().pointer, "/steps/0/particulars");
    assert_eq!(bus.ledger().head(), head);
}

#[tokio::test]
async fn a_step_the_bus_refuses_names_its_place_and_leaves_what_was_before() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let mut file = small();
    // A body with no duty is no authority of the area.
    file["steps"][2]["particulars"] = json!({"authorities": [{"authority": "00000000-0000-0000-0000-000000000001", "from": "2023-01-31"}]});
    let error = import(&bus, &file.to_string()).await.unwrap_err();
    assert!(matches!(error, ImportError::Stopped { .. }));
    let at = error.place().unwrap();
    assert_eq!(at.step, Some(3));
    assert_eq!(at.pointer, "/steps/2/particulars/authorities/0/authority");
    assert_eq!(bus.ledger().head(), 3);
}

/// A history of a few steps, to be spoilt.
fn small() -> Value {
    json!({
        "format": "dutyledger-history/1",
        "name": "Small",
        "about": "Fictional.",
        "fictional": true,
        "covers_until": "2025-12-31",
        "sources": {"paper": {"title": "A paper", "reference": "P/1", "date": "2024-01-01"}},
        "steps": [
            {"name": "place", "stream": "area", "on": "2023-01-31", "command": "register-area",
             "particulars": {"country": "england", "kind": "district", "name": "Nowhere (fictional)"}},
            {"name": "council", "stream": "authority", "on": "2023-01-31",
             "command": "register-authority",
             "particulars": {"body": "Nowhere Council (fictional)", "capacity": "local_authority"}},
            {"stream": "$place", "on": "2023-01-31", "command": "record-authorities",
             "particulars": {"authorities": [{"authority": "$council", "from": "2023-01-31"}]}},
            {"name": "partnership", "stream": "partnership", "on": "2023-02-01",
             "acting": "past_fact", "source": "paper", "command": "propose-partnership",
             "particulars": {"name": "Nowhere", "route": "voluntary", "areas": ["$place"]}},
            {"name": "forming", "stream": "$partnership", "on": "2023-02-02",
             "acting": "past_fact", "source": "paper", "command": "form-partnership",
             "particulars": {}}
        ]
    })
}

#[tokio::test]
async fn the_example_in_the_format_s_description_imports() {
    let page = include_str!("../../../schemas/history.md");
    let example = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let place = Place::new(LedgerMode::Sandbox);
    let bus = place.open().await;
    let report = import(&bus, example).await.unwrap();
    assert_eq!(report.streams.len(), 3);
}

#[tokio::test]
async fn a_small_history_imports() {
    let place = Place::new(LedgerMode::Sandbox);
    let bus = place.open().await;
    let report = import(&bus, &small().to_string()).await.unwrap();
    let p = load::history::<Partnership>(bus.ledger(), id(&report, "partnership"), None).await;
    assert!(p.unwrap().state(today()).formed.is_some());
}

/// Spoils a file, and says where the error must be.
type Spoilt = (&'static str, fn(&mut Value), &'static str);

const SPOILT: &[Spoilt] = &[
    (
        "another format",
        |f| f["format"] = json!("dutyledger-history/2"),
        "/format",
    ),
    ("an unknown member", |f| f["extra"] = json!(1), ""),
    (
        "no about",
        |f| drop(f.as_object_mut().unwrap().remove("about")),
        "",
    ),
    ("no steps", |f| f["steps"] = json!([]), "/steps"),
    (
        "a source tomorrow",
        |f| f["sources"]["paper"]["date"] = json!("2026-11-23"),
        "/sources/paper/date",
    ),
    (
        "a real history that covers tomorrow",
        |f| {
            f["fictional"] = json!(false);
            f["covers_until"] = json!("2026-11-23");
        },
        "/covers_until",
    ),
    (
        "a wrong digest",
        |f| f["sources"]["paper"]["sha256"] = json!("12"),
        "/sources/paper/sha256",
    ),
    (
        "an unknown member of a step",
        |f| f["steps"][4]["occurred_on"] = json!("2023-02-02"),
        "/steps/4",
    ),
    (
        "no date",
        |f| drop(f["steps"][4].as_object_mut().unwrap().remove("on")),
        "/steps/4",
    ),
    (
        "an unknown kind of stream",
        |f| f["steps"][0]["stream"] = json!("ledger"),
        "/steps/0/stream",
    ),
    (
        "an unknown command",
        |f| f["steps"][4]["command"] = json!("found-partnership"),
        "/steps/4/command",
    ),
    (
        "a command of another kind",
        |f| f["steps"][4]["command"] = json!("register-area"),
        "/steps/4/command",
    ),
    (
        "the importer's own command",
        |f| {
            f["steps"][4]["command"] = json!("state-coverage");
            f["steps"][4]["particulars"] = json!({"covers_until": "2025-01-01"});
        },
        "/steps/4/command",
    ),
    (
        "an unknown particular",
        |f| f["steps"][4]["particulars"] = json!({"why": "x"}),
        "/steps/4/particulars",
    ),
    (
        "a word outside a vocabulary",
        |f| f["steps"][1]["particulars"]["capacity"] = json!("king"),
        "/steps/1/particulars",
    ),
    (
        "a name used before it is given",
        |f| f["steps"][2]["particulars"]["authorities"][0]["authority"] = json!("$partnership"),
        "/steps/2/particulars/authorities/0/authority",
    ),
    (
        "a stream used before it is opened",
        |f| f["steps"][2]["stream"] = json!("$partnership"),
        "/steps/2/stream",
    ),
    (
        "an opener on an open stream",
        |f| f["steps"][3]["stream"] = json!("$place"),
        "/steps/3/command",
    ),
    (
        "a second opening",
        |f| {
            f["steps"][4]["command"] = json!("propose-partnership");
            f["steps"][4]["particulars"] = f["steps"][3]["particulars"].clone();
        },
        "/steps/4/stream",
    ),
    (
        "no stream to stand on",
        |f| f["steps"][4]["stream"] = json!("partnership"),
        "/steps/4/stream",
    ),
    (
        "a name given twice",
        |f| f["steps"][1]["name"] = json!("place"),
        "/steps/1/name",
    ),
    (
        "a name that is none",
        |f| f["steps"][1]["name"] = json!("The Council"),
        "/steps/1/name",
    ),
    (
        "a date after today",
        |f| {
            f["covers_until"] = json!("2027-12-31");
            f["steps"][4]["on"] = json!("2026-11-23");
        },
        "/steps/4/on",
    ),
    (
        "a date after what is covered",
        |f| f["steps"][4]["on"] = json!("2026-01-01"),
        "/steps/4/on",
    ),
    (
        "a date before the opening",
        |f| f["steps"][4]["on"] = json!("2023-01-31"),
        "/steps/4/on",
    ),
    (
        "a date before the record",
        |f| f["steps"][0]["on"] = json!("1997-12-31"),
        "/steps/0/on",
    ),
    (
        "a source that is not there",
        |f| f["steps"][4]["source"] = json!("letter"),
        "/steps/4/source",
    ),
    (
        "a past fact without a source",
        |f| drop(f["steps"][4].as_object_mut().unwrap().remove("source")),
        "/steps/4/source",
    ),
    (
        "an operator's decision for others",
        |f| drop(f["steps"][4].as_object_mut().unwrap().remove("acting")),
        "/steps/4/acting",
    ),
    (
        "what cannot be a past fact",
        |f| f["steps"][2]["acting"] = json!("past_fact"),
        "/steps/2/acting",
    ),
    (
        "a report by nobody",
        |f| f["steps"][4]["acting"] = json!("reported"),
        "/steps/4/acting",
    ),
    (
        "a finding without a past fact",
        |f| f["steps"][2]["establishes"] = json!("found"),
        "/steps/2/establishes",
    ),
    (
        "a row that is not there",
        |f| f["steps"][4]["reasons"] = json!([{"rule": "R-0.0", "reason": "x"}]),
        "/steps/4/reasons/0/rule",
    ),
    (
        "an unknown principal",
        |f| f["steps"][4]["by"] = json!("king"),
        "/steps/4/by",
    ),
    (
        "a principal that is a place",
        |f| f["steps"][4]["by"] = json!("$place"),
        "/steps/4/by",
    ),
    (
        "acting for a place",
        |f| f["steps"][4]["on_behalf_of"] = json!(["$place"]),
        "/steps/4/on_behalf_of/0",
    ),
    (
        "an item nothing creates",
        |f| f["steps"][4]["items"] = json!({"act": "action"}),
        "/steps/4/items/act",
    ),
];

#[tokio::test]
async fn a_bad_file_is_refused_with_its_place_and_nothing_is_recorded() {
    let place = Place::sandbox();
    let bus = place.open().await;
    for (what, spoil, pointer) in SPOILT {
        let mut file = small();
        spoil(&mut file);
        let error = import(&bus, &file.to_string()).await.expect_err(what);
        assert!(
            matches!(error, ImportError::Refused { .. }),
            "{what}: {error}"
        );
        let at = error.place().unwrap();
        assert_eq!(at.pointer, *pointer, "{what}: {error}");
        let step = pointer
            .strip_prefix("/steps/")
            .and_then(|rest| rest.split('/').next());
        assert_eq!(
            at.step,
            step.map(|n| n.parse::<usize>().unwrap() + 1),
            "{what}"
        );
    }
    let mut named = small();
    named["steps"][4]["on"] = json!("2020-01-01");
    let error = import(&bus, &named.to_string()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("step 5 (forming), at /steps/4/on: "),
        "{error}"
    );
    let twice = small()
        .to_string()
        .replacen("\"paper\":", "\"paper\":{},\"paper\":", 1);
    for text in ["", "[]", "{\"format\": \"dutyledger-history/1\"}", &twice] {
        assert!(matches!(
            import(&bus, text).await,
            Err(ImportError::Refused { .. })
        ));
    }
    assert_eq!(bus.ledger().head(), 1);
}

#[tokio::test]
async fn a_file_too_long_is_refused() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let long = " ".repeat(import::BYTES_MAX + 1);
    assert!(matches!(
        import(&bus, &long).await,
        Err(ImportError::Refused { .. })
    ));
    let mut many = small();
    let step = many["steps"][0].clone();
    many["steps"] = Value::Array(vec![step; import::STEPS_MAX + 1]);
    let error = import(&bus, &many.to_string()).await.unwrap_err();
    assert_eq!(error.place().unwrap().pointer, "/steps");
}

#[tokio::test]
async fn a_recorded_item_and_entry_can_be_named_later() {
    let place = Place::sandbox();
    let bus = place.open().await;
    let mut file = small();
    let more = json!([
        {"name": "strategy", "stream": "strategy", "on": "2023-03-01", "acting": "past_fact",
         "source": "paper", "command": "draft-strategy",
         "particulars": {"partnership": "$partnership", "title": "$$5 a day",
            "bases": {"section_8": true, "section_9": false, "crime_and_disorder_act_section_6": false}}},
        {"stream": "$strategy", "on": "2023-03-02", "acting": "past_fact", "source": "paper",
         "on_behalf_of": ["$council"], "command": "propose-action",
         "items": {"lights": "action", "proposal": "entry"},
         "particulars": {"version": 1, "title": "Lights", "description": "Lights", "owner": "$council"}},
        {"stream": "$strategy", "on": "2023-03-03", "acting": "past_fact", "source": "paper",
         "command": "assess-action-cost", "particulars": {"action": "$lights"}},
        {"stream": "$strategy", "on": "2023-03-04", "acting": "past_fact", "source": "paper",
         "command": "correct-entry", "particulars": {"entry_id": "$proposal"}}
    ]);
    file["steps"]
        .as_array_mut()
        .unwrap()
        .extend(more.as_array().unwrap().clone());
    let report = import(&bus, &file.to_string()).await.unwrap();
    let id = id(&report, "strategy");
    let history = load::history::<Strategy>(bus.ledger(), id, None)
        .await
        .unwrap();
    let state = history.state(today());
    assert_eq!(state.title.as_ref().unwrap().as_str(), "$5 a day");
    assert_eq!(history.withdrawn().len(), 1);
    assert!(state.actions.is_empty(), "the proposal was withdrawn");
}
