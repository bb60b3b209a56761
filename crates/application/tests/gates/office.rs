//! L-2: a principal acts in its own office and capacity. Over a real bus and a ledger on SQLite,
//! for that is where it is decided who may give a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use dutyledger_application::{Answer, Bus, CommandError, Edge, Entropy, Home, Request, Target};
use dutyledger_domain::rules::{DRAFT, newest};
use dutyledger_domain::streams::area::{AuthorityForArea, RecordAuthorities, RegisterArea};
use dutyledger_domain::streams::authority::{RegisterAuthority, SucceedAuthority};
use dutyledger_domain::streams::direction::{
    AnswerConsent, DirectionCommand, IssueDirection, RecordFinding, RecordSatisfaction,
};
use dutyledger_domain::streams::ledger::{
    AdoptCheckpointKey, AdoptRulePack, CheckpointKeyReplaced, LedgerMode,
};
use dutyledger_domain::streams::partnership::{
    FormPartnership, MatterGiven, ProposePartnership, RecordPartnershipPosition, SucceedMember,
};
use dutyledger_domain::streams::strategy::{
    AdoptVersion, ClaimException, ConsultAuthorities, DraftStrategy, RecordResponse,
    RecordStrategyPosition, StrategyCommand,
};
use dutyledger_domain::streams::{
    Area, Authority, CorrectEntry, Direction, LedgerStream, Partnership, Strategy,
};
use dutyledger_domain::{
    Acting, AreaKind, Country, Duty, ExceptedDuty, ExceptionGround, Position, Refusal, RefusalCode,
    Route, StreamKind,
};
use dutyledger_ledger::Clock;
use dutyledger_record::{Principal, StreamId};
use tempfile::TempDir;

use crate::given::*;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        "2024-06-01T12:00:00Z".parse().unwrap()
    }
}

/// Bytes that never repeat.
#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            chunk.copy_from_slice(&next[8 - chunk.len()..]);
        }
    }
}

/// A ledger in a folder of its own, in which the partnership of the town has drafted a strategy
/// and consulted the school.
struct Recorded {
    bus: Bus,
    _folder: TempDir,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// L-2 does not stand in the way, whatever else may.
    Permitted,
    /// Refused under L-2.
    Refused,
    /// As if there were no such thing.
    Hidden,
}
use Acting::{Own, PastFact, Reported};
use Came::{Hidden, Permitted, Refused};

impl Recorded {
    async fn new() -> Self {
        let recorded = Self::opened(LedgerMode::Sandbox).await;
        recorded.register().await;
        recorded.form().await;
        recorded
    }

    /// A ledger with nothing in it but its opening.
    async fn opened(mode: LedgerMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::beside(folder.path().join("ledger.db"));
        let edge = Edge {
            clock: Arc::new(Noon),
            entropy: Arc::new(Counting::default()),
        };
        let (bus, _) = Bus::open(&home, mode, edge).await.unwrap();
        Self {
            bus,
            _folder: folder,
        }
    }

    /// The operator adopts the newest draft pack.
    async fn adopt_the_draft(&self) -> Result<Answer, CommandError> {
        let (draft, _) = newest(DRAFT).unwrap();
        let command = AdoptRulePack {
            pack: draft.name.clone(),
            revision: draft.revision,
        };
        let own = Target::Stream(StreamId::new(self.bus.ledger().id().uuid()));
        self.give::<LedgerStream>(OPERATOR, Own, own, command).await
    }

    async fn register(&self) {
        for body in ALL_BODIES {
            let command = RegisterAuthority {
                body: text(body.name),
                capacity: body.capacity,
                devolved_welsh_authority: None,
                held_by: None,
            };
            self.done::<Authority>(OPERATOR, body.id(), command).await;
        }
        let town: Vec<_> = SPECIFIED
            .into_iter()
            .chain(RELEVANT)
            .chain([POLICING_BODY])
            .collect();
        let next_town = vec![POLICE, NEXT_COUNCIL, NEXT_SCHOOL, NEXT_POLICING_BODY];
        for (area, name, bodies) in [
            (town_id(), "town", town),
            (next_town_id(), "next town", next_town),
        ] {
            let command = RegisterArea {
                country: Country::England,
                kind: AreaKind::District,
                name: text(name),
            };
            self.done::<Area>(OPERATOR, area, command).await;
            let from = day("2022-01-01");
            let authorities = bodies
                .iter()
                .map(|body| AuthorityForArea {
                    authority: body.id(),
                    from,
                    from_assumed: false,
                })
                .collect();
            self.done::<Area>(OPERATOR, area, RecordAuthorities { authorities })
                .await;
        }
    }

    async fn form(&self) {
        let propose = ProposePartnership {
            name: text("The partnership"),
            route: Route::CommunitySafetyPartnership,
            route_detail: None,
            areas: vec![town_id()],
        };
        self.done::<Partnership>(POLICE.key(), partnership_id(), propose)
            .await;
        for body in SPECIFIED {
            let command = RecordPartnershipPosition {
                authority: body.id(),
                on_matter: MatterGiven::Formation,
                position: Position::Agree,
                reason: None,
            };
            self.done::<Partnership>(body.key(), partnership_id(), command)
                .await;
        }
        self.done::<Partnership>(POLICE.key(), partnership_id(), FormPartnership {})
            .await;
        let draft = DraftStrategy {
            partnership: partnership_id(),
            title: text("The strategy"),
            bases: SECTION_8,
        };
        self.done::<Strategy>(POLICE.key(), strategy_id(), draft)
            .await;
        let consult = ConsultAuthorities {
            version: 1,
            authorities: vec![SCHOOL.id()],
        };
        self.done::<Strategy>(POLICE.key(), strategy_id(), consult)
            .await;
    }

    async fn give<K: StreamKind>(
        &self,
        by: Principal,
        acting: Acting,
        on: Target,
        command: impl Into<K::Command>,
    ) -> Result<Answer, CommandError> {
        let mut request = Request::plain(by, on, command.into());
        request.acting = acting;
        request.source = (acting != Own).then(|| source(None));
        self.bus.execute::<K>(request).await
    }

    async fn done<K: StreamKind>(
        &self,
        by: Principal,
        on: StreamId,
        command: impl Into<K::Command>,
    ) -> Answer {
        self.give::<K>(by, Own, Target::Stream(on), command)
            .await
            .unwrap()
    }

    async fn came<K: StreamKind>(
        &self,
        by: Principal,
        acting: Acting,
        on: Target,
        command: impl Into<K::Command>,
    ) -> Came {
        match self.give::<K>(by, acting, on, command).await {
            Ok(_) => Permitted,
            Err(CommandError::Hidden) => Hidden,
            Err(CommandError::Refused { refusal, .. }) if is_l_2(&refusal) => Refused,
            Err(CommandError::Refused { .. }) => Permitted,
            Err(other) => panic!("{other}"),
        }
    }
}

/// Whether it is refused under L-2, and if so, whether it says what it must.
fn is_l_2(refusal: &Refusal) -> bool {
    let l_2 = refusal.code == RefusalCode::NotPermitted;
    let rows: Vec<_> = refusal
        .rules
        .iter()
        .map(|row| row.unmet.rule.as_str())
        .collect();
    assert_eq!(l_2, rows == ["L-2"], "{refusal:?}");
    if l_2 {
        assert_eq!(refusal.decided_for, Some(day("2024-06-01")));
        assert!(!refusal.rules[0].unmet.next.is_empty());
    }
    l_2
}

/// A body's claim to an exception from a duty, for being out of proportion.
fn claim_of(body: Body, duty: ExceptedDuty) -> ClaimException {
    ClaimException {
        authority: body.id(),
        duty,
        ground: ExceptionGround::Disproportionate,
        action: None,
        enactment: None,
        extent: None,
        cumulative_effect_considered: true,
    }
}

fn position_of(body: Body) -> StrategyCommand {
    RecordStrategyPosition {
        version: 1,
        authority: body.id(),
        position: Position::Agree,
        reason: None,
    }
    .into()
}

#[tokio::test]
async fn l_2_what_is_an_authoritys_to_do_is_its_successors_once_that_took_its_place() {
    let recorded = Recorded::new().await;
    let claims = async |by: Body| {
        let command = claim_of(COUNCIL, ExceptedDuty::Collaborate);
        let on = Target::Existing(strategy_id());
        recorded.came::<Strategy>(by.key(), Own, on, command).await
    };
    let council = COUNCIL.id();
    let of_partnership = partnership_id();
    let successor = NEXT_COUNCIL.id();
    let succeed = SucceedAuthority { successor };
    let _ = recorded.done::<Authority>(OPERATOR, council, succeed).await;
    assert_ne!(claims(NEXT_COUNCIL).await, Permitted);
    let in_its_place = SucceedMember { authority: council };
    let _ = recorded
        .done::<Partnership>(POLICE.key(), of_partnership, in_its_place)
        .await;
    assert_eq!(claims(NEXT_COUNCIL).await, Permitted);
    assert_eq!(claims(FIRE).await, Refused);
}

#[tokio::test]
async fn l_2_what_is_done_on_a_strategy_is_done_by_those_whose_office_it_is() {
    let recorded = Recorded::new().await;
    let adopt: StrategyCommand = AdoptVersion { version: 1 }.into();
    let consult: StrategyCommand = ConsultAuthorities {
        version: 1,
        authorities: vec![PRISON.id()],
    }
    .into();
    let respond: StrategyCommand = RecordResponse {
        version: 1,
        authority: SCHOOL.id(),
        response: None,
    }
    .into();
    let claim: StrategyCommand = claim_of(SCHOOL, ExceptedDuty::Collaborate).into();
    let position = position_of(COUNCIL);
    let (police, council, school) = (POLICE.key(), COUNCIL.key(), SCHOOL.key());
    let policing_body = POLICING_BODY.key();

    for (what, command, asked) in [
        (
            "a position is recorded by the authority whose it is, or reported",
            position,
            vec![
                (council, Own, Permitted),
                (police, Own, Refused),
                (policing_body, Own, Refused),
                (school, Own, Refused),
                (coordinator(), Own, Refused),
                (coordinator(), Reported, Permitted),
                (coordinator(), PastFact, Permitted),
                (police, Reported, Refused),
                (SECRETARY_OF_STATE, Own, Refused),
                (INSPECTORATE, Own, Refused),
                (AUDITOR, Own, Refused),
                (OPERATOR, Own, Hidden),
                (OPERATOR, PastFact, Permitted),
            ],
        ),
        (
            "a consultation is held by the specified authorities, or reported",
            consult,
            vec![
                (school, Own, Refused),
                (policing_body, Own, Refused),
                (coordinator(), Own, Refused),
                (SECRETARY_OF_STATE, Own, Refused),
                (council, Own, Permitted),
                (coordinator(), Reported, Permitted),
            ],
        ),
        (
            "a response is the consultee's alone, or reported",
            respond,
            vec![
                (school, Own, Permitted),
                (police, Own, Refused),
                (PRISON.key(), Own, Refused),
                (coordinator(), Reported, Permitted),
            ],
        ),
        (
            "an exception is claimed by the duty holder and never reported",
            claim,
            vec![
                (school, Own, Permitted),
                (police, Own, Refused),
                (coordinator(), Reported, Refused),
                (coordinator(), PastFact, Permitted),
            ],
        ),
        (
            "a version is adopted by the specified authorities and never reported",
            adopt,
            vec![
                (police, Own, Permitted),
                (council, Own, Permitted),
                (school, Own, Refused),
                (NEXT_COUNCIL.key(), Own, Hidden),
                (policing_body, Own, Refused),
                (NEXT_POLICING_BODY.key(), Own, Hidden),
                (coordinator(), Own, Refused),
                (coordinator(), Reported, Refused),
                (SECRETARY_OF_STATE, Own, Refused),
                (WELSH_MINISTERS, Own, Hidden),
                (INSPECTORATE, Own, Refused),
                (AUDITOR, Own, Refused),
                (AUDITOR, PastFact, Refused),
                (OPERATOR, Own, Hidden),
                (coordinator(), PastFact, Permitted),
                (OPERATOR, PastFact, Permitted),
            ],
        ),
    ] {
        for (by, acting, expected) in asked {
            let on = Target::Stream(strategy_id());
            let came = recorded
                .came::<Strategy>(by, acting, on, command.clone())
                .await;
            assert_eq!(came, expected, "{what}: {acting:?} by {by:?}");
        }
    }
}

fn finding(area: StreamId, body: Body) -> RecordFinding {
    RecordFinding {
        authority: body.id(),
        duty: Duty::Consult,
        area,
        partnership: Some(partnership_id()),
        summary: None,
    }
}

#[tokio::test]
async fn l_2_directions_are_the_secretary_of_states_and_consent_the_welsh_ministers() {
    let recorded = Recorded::new().await;
    let satisfied = RecordSatisfaction {
        authority: COUNCIL.id(),
        duty: Duty::Consult,
        area: town_id(),
        partnership: Some(partnership_id()),
        reasons: None,
    };
    let issue = IssueDirection {
        requires: text("Consult the prison"),
        comply_by: None,
    };
    let consent = AnswerConsent { given: true };
    let commands: [(DirectionCommand, &[Principal]); 4] = [
        (
            finding(town_id(), COUNCIL).into(),
            &[POLICING_BODY.key(), INSPECTORATE],
        ),
        (satisfied.into(), &[SECRETARY_OF_STATE]),
        // The town is in England: no consent is theirs to give, and no case theirs to see.
        (consent.into(), &[]),
        (issue.into(), &[SECRETARY_OF_STATE]),
    ];
    let everyone = [
        POLICE.key(),
        COUNCIL.key(),
        SCHOOL.key(),
        POLICING_BODY.key(),
        NEXT_POLICING_BODY.key(),
        coordinator(),
        INSPECTORATE,
        AUDITOR,
        OPERATOR,
        WELSH_MINISTERS,
        SECRETARY_OF_STATE,
    ];
    let case = id("case");
    for (command, own) in commands {
        for by in everyone {
            let on = Target::Stream(case);
            let came = recorded
                .came::<Direction>(by, Own, on, command.clone())
                .await;
            assert_eq!(
                came == Permitted,
                own.contains(&by),
                "{command:?} by {by:?}: {came:?}"
            );
        }
    }
}

#[tokio::test]
async fn l_2_a_local_policing_body_finds_nothing_in_an_area_that_is_not_its_own() {
    let recorded = Recorded::new().await;
    let elsewhere = finding(next_town_id(), NEXT_COUNCIL);
    let alone = RecordFinding {
        partnership: None,
        ..elsewhere.clone()
    };
    for command in [alone, elsewhere] {
        let came = recorded
            .came::<Direction>(POLICING_BODY.key(), Own, Target::New, command.clone())
            .await;
        assert_ne!(came, Permitted, "{command:?}");
    }
}

#[tokio::test]
async fn l_2_nobody_else_withdraws_what_an_authority_said_with_its_own_key() {
    let recorded = Recorded::new().await;
    let on = Target::Stream(strategy_id());
    let entry_of = |answer: Answer| answer.entries[0].entry_id;
    let correcting = |entry_id| CorrectEntry {
        entry_id,
        reason: None,
    };

    let own = entry_of(
        recorded
            .done::<Strategy>(FIRE.key(), strategy_id(), position_of(FIRE))
            .await,
    );
    let told = recorded
        .give::<Strategy>(coordinator(), Reported, on, position_of(COUNCIL))
        .await;
    let told = entry_of(told.unwrap());

    let came = recorded
        .came::<Strategy>(coordinator(), Reported, on, correcting(told))
        .await;
    assert_eq!(came, Permitted, "its own report it may withdraw");
    for by in [POLICE.key(), COUNCIL.key()] {
        assert_eq!(
            recorded
                .came::<Strategy>(by, Own, on, correcting(own))
                .await,
            Refused
        );
    }
    for (by, acting) in [
        (coordinator(), Reported),
        (coordinator(), PastFact),
        (OPERATOR, PastFact),
    ] {
        let came = recorded
            .came::<Strategy>(by, acting, on, correcting(own))
            .await;
        assert_ne!(came, Permitted, "{acting:?} by {by:?}");
    }
}

#[tokio::test]
async fn a_ledger_for_trying_things_out_decides_under_the_draft_once_it_has_adopted_it() {
    let recorded = Recorded::new().await;
    // The draft lets a school be excused from helping to identify kinds and causes; the Act does
    // not (s.15(9)).
    let claim = async || {
        let duty = ExceptedDuty::CollaborateOnKindsCausesOrPreparation;
        let (on, key) = (Target::Stream(strategy_id()), SCHOOL.key());
        let command = claim_of(SCHOOL, duty);
        recorded.give::<Strategy>(key, Own, on, command).await
    };
    let Err(CommandError::Refused { refusal, .. }) = claim().await else {
        panic!("section 15(9) lets nobody claim that");
    };
    assert_eq!(refusal.rules[0].unmet.rule.as_str(), "A-15.9");
    recorded.adopt_the_draft().await.unwrap();
    let answer = claim().await.unwrap();
    let stored = recorded.bus.ledger().entry(answer.entries[0].entry_id);
    let record = stored.await.unwrap().unwrap().record().unwrap();
    assert_eq!(record.entry.standing.rules.pack, DRAFT);
}

#[tokio::test]
async fn under_the_draft_a_specified_authority_has_no_exception_to_claim() {
    let recorded = Recorded::new().await;
    let claim = async |duty| {
        let (on, key) = (Target::Stream(strategy_id()), COUNCIL.key());
        let command = claim_of(COUNCIL, duty);
        recorded.give::<Strategy>(key, Own, on, command).await
    };
    let kinds_and_causes = ExceptedDuty::CollaborateOnKindsCausesOrPreparation;
    // Section 15(7) of the Act frees it from s.15(3); clause 14(7) of the draft, from nothing.
    claim(kinds_and_causes).await.unwrap();
    recorded.adopt_the_draft().await.unwrap();
    for duty in [
        kinds_and_causes,
        ExceptedDuty::CollaborateWithRelevantAuthority,
    ] {
        let Err(CommandError::Refused { refusal, .. }) = claim(duty).await else {
            panic!("the draft excepts relevant authorities alone");
        };
        assert_eq!(refusal.rules[0].unmet.rule.as_str(), "R-fn8.1", "{duty:?}");
    }
}

#[tokio::test]
async fn a_live_ledger_adopts_no_draft() {
    let live = Recorded::opened(LedgerMode::Live).await;
    let Err(CommandError::Refused { refusal, .. }) = live.adopt_the_draft().await else {
        panic!("the draft was never in force");
    };
    assert_eq!(refusal.code, RefusalCode::Invalid);
    assert_eq!(refusal.pointer.as_deref(), Some("/particulars/pack"));
}

/// A verifier key's form; what it verifies is for whoever verifies.
fn verifier(n: u8) -> String {
    format!("eastmere.example/duty-{n}+0badcaf{n}+{}", "A".repeat(44))
}

#[tokio::test]
async fn a_key_for_checkpoints_says_where_the_one_before_it_stopped() {
    let ledger = Recorded::new().await;
    let adopt = async |principal, key: &str, replaces: Option<(u8, u64)>| {
        let command = AdoptCheckpointKey {
            key: key.to_owned(),
            replaces: replaces.map(|(n, size)| CheckpointKeyReplaced {
                key: verifier(n),
                root: "0f".repeat(32),
                size,
            }),
        };
        let target = Target::Stream(StreamId::new(ledger.bus.ledger().id().uuid()));
        let request = Request::plain(principal, target, command.into());
        let came = ledger.bus.execute::<LedgerStream>(request).await;
        came.map(|answer| answer.entries[0].payload.clone())
            .map_err(|error| match error {
                CommandError::Refused { refusal, .. } => refusal.code,
                other => panic!("{other}"),
            })
    };
    let invalid = Err(RefusalCode::Invalid);
    let early = adopt(OPERATOR, &verifier(1), Some((0, 1))).await;
    assert_eq!(early, invalid, "there is none to replace");
    assert_eq!(adopt(OPERATOR, "no key", None).await, invalid);
    let others = adopt(POLICE.key(), &verifier(1), None).await;
    assert_eq!(others, Err(RefusalCode::NotPermitted));
    adopt(OPERATOR, &verifier(1), None).await.unwrap();
    assert_eq!(adopt(OPERATOR, &verifier(2), None).await, invalid);
    assert_eq!(adopt(OPERATOR, &verifier(2), Some((3, 40))).await, invalid);
    let second = adopt(OPERATOR, &verifier(2), Some((1, 40))).await.unwrap();
    let expected = serde_json::json!({ "key": verifier(2),
        "replaces": { "key": verifier(1), "root": "0f".repeat(32), "size": 40 } });
    assert_eq!(second, expected);
    let shrunk = adopt(OPERATOR, &verifier(3), Some((2, 39))).await;
    assert_eq!(shrunk, invalid, "checkpoints only grow");
    let again = adopt(OPERATOR, &verifier(1), Some((2, 41))).await;
    assert_eq!(again, Err(RefusalCode::AlreadySo), "a key is adopted once");
}
