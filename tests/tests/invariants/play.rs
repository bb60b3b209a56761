//! Random courses of action: commands, valid and not, given to the one command bus over a ledger of
//! their own, on dates in any order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Days, NaiveDate, TimeZone, Utc};
use dutyledger_application::{Answer, Bus, CommandError, Edge, Entropy, Home, Request, Target};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::{Acting, ReasonGiven, SourceGiven, StreamKind, by_kind};
use dutyledger_ledger::Clock;
use dutyledger_record::{OccurredOn, Principal, PrincipalKind, StreamId};
use serde_json::{Value, json};
use tempfile::TempDir;

/// One step, as numbers that are read as far as they fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) what: u8,
    pub(crate) a: u8,
    pub(crate) b: u8,
    pub(crate) c: u8,
    pub(crate) day: u8,
    pub(crate) how: u8,
    pub(crate) who: u8,
}

/// The day everything is decided on.
const TODAY: (i32, u32, u32) = (2026, 11, 21);

struct Noon;

impl Clock for Noon {
    fn now(&self) -> DateTime<Utc> {
        let (year, month, day) = TODAY;
        Utc.with_ymd_and_hms(year, month, day, 12, 0, 0).unwrap()
    }
}

/// Randomness that is the same each time.
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            chunk.copy_from_slice(&mixed[..chunk.len()]);
        }
    }
}

const POLICE: usize = 0;
const COUNCIL: usize = 1;
const HEALTH: usize = 2;
const COUNCIL_B: usize = 3;
const PROBATION: usize = 4;
const SCHOOL: usize = 5;
const PRISON: usize = 6;
const CUSTODY: usize = 7;
const SCHOOL_B: usize = 8;
const COMMISSIONER: usize = 9;
const CHARITY: usize = 10;
const NEW_COUNCIL: usize = 11;
const NEW_SCHOOL: usize = 12;

/// The bodies: capacity, who holds the office, whether it is a devolved Welsh authority.
const BODIES: [(&str, &str, bool); 13] = [
    ("chief_officer_of_police", "ordinary", false),
    ("local_authority", "ordinary", false),
    ("local_health_board", "ordinary", true),
    ("local_authority", "ordinary", false),
    (
        "probation_provider",
        "secretary_of_state_as_probation_provider",
        false,
    ),
    ("educational_authority", "ordinary", false),
    ("prison_authority", "governor_of_prison_yoi_or_stc", false),
    (
        "youth_custody_authority",
        "director_of_contracted_out_institution",
        false,
    ),
    ("educational_authority", "ordinary", false),
    ("local_policing_body", "ordinary", false),
    ("other_body", "ordinary", false),
    ("local_authority", "ordinary", false),
    ("educational_authority", "ordinary", false),
];

/// Rows that ask for a reason, as far as a random course of action meets them.
const SHOULD: [&str; 12] = [
    "R-14.1", "R-31.1", "R-44.2", "R-46.1", "R-45.1", "R-19.6", "L-6", "R-42.1", "R-46.2",
    "R-fn8.2", "R-gl.1", "A-9.3",
];

const DUTIES: [&str; 8] = [
    "8(1)-(2)", "8(4)", "8(7)(a)", "9", "15(3)", "15(4)", "15(5)(b)", "17(4)",
];

/// A strategy as whoever gives the commands knows it.
struct Plan {
    id: StreamId,
    partnership: usize,
    section_8: bool,
    version: u64,
    actions: Vec<Value>,
    objections: Vec<Value>,
    material: Vec<Value>,
}

/// An entry recorded: the kind of its stream, the stream, the entry, who recorded it, its event.
type Recorded = (&'static str, StreamId, Value, Principal, String);

/// How a command is given.
#[derive(Clone)]
struct How {
    date: NaiveDate,
    acting: Acting,
    reasons: bool,
    establishes: u8,
}

pub(crate) struct Play {
    pub(crate) bus: Bus,
    pub(crate) home: Home,
    pub(crate) partnerships: Vec<StreamId>,
    _folder: TempDir,
    areas: Vec<StreamId>,
    bodies: Vec<StreamId>,
    assessments: Vec<StreamId>,
    directions: Vec<StreamId>,
    plans: Vec<Plan>,
    representatives: Vec<Value>,
    recorded: Vec<Recorded>,
    day: u64,
    pub(crate) refused: u32,
    pub(crate) accepted: u32,
}

const fn keyed(kind: PrincipalKind, id: Option<StreamId>) -> Principal {
    Principal {
        id,
        key_id: None,
        kind,
    }
}

fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2023, 2, 1).unwrap()
}

impl Play {
    /// A town and its neighbour, a partnership formed for the one and one proposed for both.
    pub(crate) async fn found() -> Self {
        let folder = TempDir::new().unwrap();
        let edge = Edge {
            clock: Arc::new(Noon),
            entropy: Arc::new(Counting(AtomicU64::new(0))),
        };
        let home = Home::beside(folder.path().join("ledger.db"));
        let (bus, _) = Bus::open(&home, LedgerMode::Sandbox, edge).await.unwrap();
        let mut play = Self {
            bus,
            home,
            partnerships: Vec::new(),
            _folder: folder,
            areas: Vec::new(),
            bodies: Vec::new(),
            assessments: Vec::new(),
            directions: Vec::new(),
            plans: Vec::new(),
            representatives: Vec::new(),
            recorded: Vec::new(),
            day: 0,
            refused: 0,
            accepted: 0,
        };
        play.register().await;
        play
    }

    fn plain(&self) -> How {
        How {
            date: first_day() + Days::new(self.day),
            acting: Acting::Own,
            reasons: true,
            establishes: 0,
        }
    }

    async fn register(&mut self) {
        let (operator, how) = (keyed(PrincipalKind::Operator, None), self.plain());
        for (n, (capacity, held_by, devolved)) in BODIES.into_iter().enumerate() {
            let particulars = json!({ "body": format!("Body {n}"), "capacity": capacity,
                "held_by": held_by, "devolved_welsh_authority": devolved.then_some("A source") });
            let said = self
                .say(
                    "authority",
                    None,
                    operator,
                    &how,
                    "register-authority",
                    particulars,
                )
                .await;
            self.bodies.push(said.unwrap().stream.id);
        }
        for name in ["Town", "Next town"] {
            let particulars = json!({ "country": "wales", "kind": "welsh_county", "name": name });
            let said = self
                .say("area", None, operator, &how, "register-area", particulars)
                .await;
            self.areas.push(said.unwrap().stream.id);
        }
        let of_town = [
            POLICE,
            COUNCIL,
            HEALTH,
            SCHOOL,
            PRISON,
            CUSTODY,
            COMMISSIONER,
        ];
        let of_next = [POLICE, COUNCIL_B, PROBATION, SCHOOL_B];
        for (area, bodies) in [(0, &of_town[..]), (1, &of_next[..])] {
            let rows: Vec<_> = bodies
                .iter()
                .map(|n| json!({ "authority": self.bodies[*n], "from": "2023-01-31" }))
                .collect();
            let target = Some(self.areas[area]);
            let rows = json!({ "authorities": rows });
            let said = self.say("area", target, operator, &how, "record-authorities", rows);
            said.await.unwrap();
        }
        for areas in [self.areas[..1].to_vec(), self.areas.clone()] {
            let particulars = json!({ "name": "A partnership", "route": "voluntary",
                "areas": areas });
            let by = self.key(POLICE);
            let said = self
                .say(
                    "partnership",
                    None,
                    by,
                    &how,
                    "propose-partnership",
                    particulars,
                )
                .await;
            self.partnerships.push(said.unwrap().stream.id);
        }
        self.form(0, 0, &how).await;
    }

    fn key(&self, body: usize) -> Principal {
        let kind = match body {
            COMMISSIONER => PrincipalKind::LocalPolicingBody,
            _ => PrincipalKind::Authority,
        };
        keyed(kind, Some(self.bodies[body]))
    }

    fn makers(&self, partnership: usize) -> &'static [usize] {
        match partnership {
            0 => &[POLICE, COUNCIL, HEALTH],
            _ => &[POLICE, COUNCIL, HEALTH, COUNCIL_B, PROBATION],
        }
    }

    async fn form(&mut self, partnership: usize, skipped: u8, how: &How) {
        self.agree(partnership, json!({ "matter": "formation" }), skipped, how)
            .await;
        let target = Some(self.partnerships[partnership]);
        let by = self.key(POLICE);
        self.say(
            "partnership",
            target,
            by,
            how,
            "form-partnership",
            json!({}),
        )
        .await;
    }

    /// Each specified authority agrees to a matter, but for those skipped.
    async fn agree(&mut self, partnership: usize, matter: Value, skipped: u8, how: &How) {
        let target = Some(self.partnerships[partnership]);
        for (n, maker) in self.makers(partnership).iter().enumerate() {
            if skipped >> n & 1 == 1 {
                continue;
            }
            let particulars = json!({ "authority": self.bodies[*maker], "on_matter": matter,
                "position": "agree" });
            let (by, name) = (self.key(*maker), "record-partnership-position");
            self.say("partnership", target, by, how, name, particulars)
                .await;
        }
    }

    /// Gives a command; nothing where it is refused.
    async fn say(
        &mut self,
        kind: &str,
        target: Option<StreamId>,
        by: Principal,
        how: &How,
        name: &str,
        particulars: Value,
    ) -> Option<Answer> {
        by_kind!(kind, K => {
            let command = json!({ "command": name, "particulars": particulars });
            let command = serde_json::from_value(command).unwrap_or_else(|e| panic!("{name}: {e}"));
            self.give::<K>(target, by, how, command).await
        }, else unreachable!("{kind}"))
    }

    async fn give<K: StreamKind>(
        &mut self,
        target: Option<StreamId>,
        by: Principal,
        how: &How,
        command: K::Command,
    ) -> Option<Answer> {
        let (principal, acting) = (by, how.acting);
        let source = (acting != Acting::Own).then(|| {
            let establishes = [Value::Null, json!("admitted"), json!("found")];
            let source = json!({ "title": "Minutes", "reference": "Item 4", "date": "2026-01-31",
                "establishes": establishes[usize::from(how.establishes % 3)] });
            serde_json::from_value::<SourceGiven>(source).unwrap()
        });
        let reasons = SHOULD.iter().filter(|_| how.reasons).map(|rule| {
            let reason = json!({ "rule": rule, "reason": "It was weighed." });
            serde_json::from_value::<ReasonGiven>(reason).unwrap()
        });
        let request = Request {
            acting,
            occurred_on: Some(OccurredOn {
                assumed: false,
                date: how.date,
            }),
            source,
            reasons: reasons.collect(),
            ..Request::plain(
                principal,
                target.map_or(Target::New, Target::Stream),
                command,
            )
        };
        match self.bus.execute::<K>(request).await {
            Ok(answer) => {
                self.accepted += 1;
                for entry in &answer.entries {
                    let id = json!(entry.entry_id);
                    let event = entry.event_type.clone();
                    self.recorded
                        .push((K::NAME, answer.stream.id, id, by, event));
                }
                Some(answer)
            }
            Err(CommandError::Refused { .. } | CommandError::Hidden) => {
                self.refused += 1;
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn how(&mut self, s: &Step) -> How {
        self.day += u64::from(s.day % 12);
        let today = self.day;
        let day = match s.day {
            // Before, sometimes long before; before the duty; after today.
            0..=30 => today.saturating_sub(u64::from(s.b)),
            31..=35 => today / 2,
            36 => 5_000,
            _ => today,
        };
        let date = first_day() + Days::new(day);
        let (year, month, last) = TODAY;
        let last = NaiveDate::from_ymd_opt(year, month, last).unwrap();
        How {
            date: match s.day {
                36 => date,
                37 => first_day() - Days::new(400),
                _ => date.min(last),
            },
            acting: match s.how {
                0..=199 => Acting::Own,
                200..=224 => Acting::Reported,
                _ => Acting::PastFact,
            },
            reasons: s.how % 8 != 7,
            establishes: s.c,
        }
    }

    /// Whoever may give a command, or sometimes anybody.
    fn by(&self, right: Principal, partnership: usize, s: &Step) -> Principal {
        let coordinator = keyed(
            PrincipalKind::Coordinator,
            Some(self.partnerships[partnership % self.partnerships.len()]),
        );
        match (s.who, s.how) {
            (0..=224, 200..=224 | 240..=255) => coordinator,
            (0..=224, _) => right,
            _ => match s.c % 20 {
                n @ 0..=12 => self.key(usize::from(n)),
                13 => keyed(PrincipalKind::SecretaryOfState, None),
                14 => keyed(PrincipalKind::WelshMinisters, None),
                15 => keyed(PrincipalKind::Inspectorate, None),
                16 => keyed(PrincipalKind::Operator, None),
                17 => keyed(PrincipalKind::Auditor, None),
                _ => coordinator,
            },
        }
    }

    pub(crate) async fn step(&mut self, s: &Step) {
        let how = self.how(s);
        match s.what {
            0..=69 => self.strategy(s, &how).await,
            70..=99 => self.prepare(s, &how).await,
            100..=139 => self.partnership(s, &how).await,
            140..=189 => self.direction(s, &how).await,
            190..=199 => self.direct(s, &how).await,
            200..=214 => self.assessment(s, &how).await,
            215..=229 => self.registers(s, &how).await,
            230..=249 => self.correct(s, &how).await,
            _ => self.day += 150,
        }
    }

    async fn draft(&mut self, s: &Step, how: &How) {
        let partnership = usize::from(s.a % 3 == 2);
        if partnership == 1 {
            let own = How {
                acting: Acting::Own,
                ..how.clone()
            };
            let skipped = if s.c.is_multiple_of(3) {
                1 << (s.b % 5)
            } else {
                0
            };
            self.form(partnership, skipped, &own).await;
        }
        let section_8 = s.b % 3 != 2;
        let section_9 =
            !section_8 || s.b.is_multiple_of(3) || (partnership == 1 && !s.c.is_multiple_of(4));
        let particulars = json!({ "partnership": self.partnerships[partnership],
            "title": "A strategy", "bases": { "section_8": section_8, "section_9": section_9,
            "crime_and_disorder_act_section_6": false } });
        let by = self.by(self.key(COUNCIL), partnership, s);
        let said = self
            .say("strategy", None, by, how, "draft-strategy", particulars)
            .await;
        if let Some(answer) = said {
            self.plans.push(Plan {
                id: answer.stream.id,
                partnership,
                section_8,
                version: 1,
                actions: Vec::new(),
                objections: Vec::new(),
                material: Vec::new(),
            });
        }
    }

    /// Gives a command on a strategy, and remembers what it made.
    async fn on_strategy(
        &mut self,
        plan: usize,
        by: Principal,
        how: &How,
        name: &str,
        particulars: Value,
    ) {
        let target = Some(self.plans[plan].id);
        let said = self
            .say("strategy", target, by, how, name, particulars)
            .await;
        let Some(answer) = said else { return };
        let plan = &mut self.plans[plan];
        for entry in answer.entries {
            let made = |member: &str| entry.payload[member].clone();
            match entry.event_type.as_str() {
                "ActionProposed" => plan.actions.push(made("action")),
                "ObjectionRaised" => plan.objections.push(made("objection")),
                "MaterialConsidered" => plan.material.push(made("material")),
                "RevisionStarted" => plan.version = made("version").as_u64().unwrap(),
                _ => {}
            }
        }
    }

    async fn strategy(&mut self, s: &Step, how: &How) {
        if self.plans.is_empty() || (s.what < 3 && self.plans.len() < 4) {
            return self.draft(s, how).await;
        }
        let plan = usize::from(s.a) % self.plans.len();
        let p = &self.plans[plan];
        let version = if s.b % 8 == 7 {
            1 + u64::from(s.c % 3)
        } else {
            p.version
        };
        let makers = self.makers(p.partnership);
        let maker = makers[usize::from(s.b) % makers.len()];
        let anybody = usize::from(s.b) % BODIES.len();
        let claiming = [SCHOOL, PRISON, CUSTODY, maker][usize::from(s.b) % 4];
        let of = |some: &[Value]| -> Value {
            let nothing = json!("00000000-0000-0000-0000-000000000000");
            some.get(usize::from(s.c) % some.len().max(1))
                .cloned()
                .unwrap_or(nothing)
        };
        let (action, objection, material) = (of(&p.actions), of(&p.objections), of(&p.material));
        let id = |n: usize| json!(self.bodies[n]);
        let harms = if s.c.is_multiple_of(2) {
            json!(["safety"])
        } else {
            json!([])
        };
        let duties = [
            "15(3)",
            "15(3)-kinds-causes-preparation",
            "15(4)",
            "15(5)(b)",
            "other",
        ];
        let (right, name, particulars) = match s.what {
            0..=4 => (
                maker,
                "amend-strategy",
                json!({ "title": "Another title", "bases":
                { "section_8": p.section_8, "section_9": s.c.is_multiple_of(2) || !p.section_8,
                  "crime_and_disorder_act_section_6": true } }),
            ),
            5..=6 => (
                maker,
                "identify-kinds",
                json!({ "version": version,
                "kinds": [{ "category": "knife_crime" }, { "category": "robbery" }] }),
            ),
            7..=8 => (
                maker,
                "record-causes-unknown",
                json!({ "version": version, "why": "Too little is recorded" }),
            ),
            9..=11 => (
                maker,
                "open-consultation",
                json!({ "version": version, "responses_by": how.date + Days::new(30) }),
            ),
            12..=15 => (
                maker,
                "consult-authorities",
                json!({ "version": version, "authorities": [id(anybody)] }),
            ),
            16..=20 => (
                anybody,
                "record-response",
                json!({ "version": version,
                "authority": id(anybody), "response": (s.c.is_multiple_of(2)).then_some("Yes") }),
            ),
            21..=23 => (maker, "close-consultation", json!({ "version": version })),
            24..=25 => (
                maker,
                "record-equality-monitoring",
                json!({ "version": version }),
            ),
            26..=29 => (
                maker,
                "propose-action",
                json!({ "version": version, "title": "Mentors",
                "description": "In schools", "owner": id(maker), "authorities": [id(anybody)],
                "by": s.c.is_multiple_of(2).then_some("2026-12-31") }),
            ),
            30..=33 => (
                maker,
                "agree-action",
                json!({ "action": action, "authority": id(maker) }),
            ),
            34..=35 => (
                maker,
                "decline-action",
                json!({ "action": action,
                "authority": id(maker), "reason": "No room" }),
            ),
            36..=40 => {
                let duty = duties[usize::from(s.c) % 5];
                let about = if s.c.is_multiple_of(3) && duty != "15(4)" {
                    Value::Null
                } else {
                    action
                };
                (
                    claiming,
                    "claim-exception",
                    json!({ "authority": id(claiming), "duty": duty,
                    "ground": "unreasonable_costs", "action": about,
                    "cumulative_effect_considered": s.a.is_multiple_of(2) }),
                )
            }
            41 if s.b.is_multiple_of(2) => (
                claiming,
                "end-exception",
                json!({ "authority": id(claiming), "duty": duties[usize::from(s.c) % 5],
                    "action": if s.c.is_multiple_of(3) { Value::Null } else { action } }),
            ),
            42 if s.b.is_multiple_of(3) => (
                maker,
                "leave-out-action",
                json!({ "version": version, "action": action }),
            ),
            41..=42 => (maker, "assess-action-cost", json!({ "action": action })),
            43 if s.b.is_multiple_of(2) => (
                maker,
                "set-action-date",
                json!({ "action": action, "by": "2028-03-31", "reason": "Later." }),
            ),
            43..=46 => (
                maker,
                "progress-action",
                json!({ "action": action, "status": "started" }),
            ),
            47..=49 => (
                maker,
                "consider-material",
                json!({ "version": version, "part": "Annex", "harms": harms }),
            ),
            50..=51 => (
                maker,
                "remove-material",
                json!({ "version": version, "material": material }),
            ),
            52..=53 => (
                anybody,
                "raise-objection",
                json!({ "version": version,
                "authority": id(anybody), "part": "Section 4" }),
            ),
            54..=56 => (
                maker,
                "determine-objection",
                json!({ "version": version, "objection": objection, "harms": harms }),
            ),
            57..=59 => (
                maker,
                "record-strategy-position",
                json!({ "version": version,
                "authority": id(maker),
                "position": (["agree", "object", "abstain"][usize::from(s.c) % 3]) }),
            ),
            60 => (maker, "adopt-version", json!({ "version": version })),
            61..=62 => (
                maker,
                "publish-version",
                json!({ "version": version,
                "form": "stand_alone", "locator": "https://strategy.example/" }),
            ),
            63..=65 => (
                maker,
                "complete-review",
                json!({ "version": version,
                "scope": if s.c.is_multiple_of(3) { "part" } else { "whole" }, "decision": "no_change" }),
            ),
            66..=67 => (maker, "start-revision", json!({})),
            68 if s.c.is_multiple_of(3) => {
                let other = &self.plans[usize::from(s.b) % self.plans.len()];
                (maker, "supersede-strategy", json!({ "by": other.id }))
            }
            _ => (
                maker,
                "record-engagement",
                json!({ "version": version, "group": "businesses" }),
            ),
        };
        let by = self.by(self.key(right), p.partnership, s);
        self.on_strategy(plan, by, how, name, particulars).await;
    }

    /// Everything that a version needs to be adopted, but for what is left out; and then it is asked
    /// to be adopted and published.
    async fn prepare(&mut self, s: &Step, how: &How) {
        if self.plans.is_empty() {
            return self.draft(s, how).await;
        }
        let plan = usize::from(s.a) % self.plans.len();
        let own = How {
            acting: Acting::Own,
            ..how.clone()
        };
        let (partnership, section_8) = (self.plans[plan].partnership, self.plans[plan].section_8);
        // Each with one chance in eight; sometimes nothing is.
        let left_out = if s.what < 85 {
            0
        } else {
            s.b & s.c & s.who.rotate_left(3)
        };
        let without = |n: u8| left_out >> n & 1 == 1;
        let council = self.key(COUNCIL);
        if s.c.is_multiple_of(4) {
            self.on_strategy(plan, council, &own, "start-revision", json!({}))
                .await;
        }
        let version = self.plans[plan].version;
        let mut consulted = vec![SCHOOL, PRISON, CUSTODY];
        if partnership == 1 {
            consulted.push(SCHOOL_B);
        }
        if !section_8 && s.day.is_multiple_of(3) {
            // Another specified authority, which does not make it.
            let operator = keyed(PrincipalKind::Operator, None);
            let (area, from) = (Some(self.areas[0]), how.date - Days::new(3));
            let rows = json!({ "authorities": [{ "authority": self.bodies[NEW_COUNCIL],
                "from": from }] });
            self.say("area", area, operator, &own, "record-authorities", rows)
                .await;
            if !without(6) {
                consulted.push(NEW_COUNCIL);
            }
        }
        if without(0) {
            consulted.remove(usize::from(s.b) % 3);
        }
        let consulted: Vec<_> = consulted.iter().map(|n| json!(self.bodies[*n])).collect();
        if !without(1) {
            let target = Some(self.partnerships[partnership]);
            let (name, list) = ("draw-up-consultation-list", json!({ "authorities": [] }));
            self.say("partnership", target, council, &own, name, list)
                .await;
        }
        let mut commands = Vec::new();
        if !without(2) {
            commands.push((
                "identify-kinds",
                json!({ "version": version,
                "kinds": [{ "category": "knife_crime" }] }),
            ));
        }
        if !without(3) {
            commands.push((
                "identify-causes",
                json!({ "version": version,
                "causes": [{ "description": "Exclusion from school" }] }),
            ));
        }
        if let Some(assessment) = self.assessments.first() {
            commands.push((
                "link-assessments",
                json!({ "version": version,
                "assessments": [assessment] }),
            ));
        }
        commands.push((
            "consult-authorities",
            json!({ "version": version,
            "authorities": consulted }),
        ));
        if s.b.is_multiple_of(2) {
            commands.push(("record-equality-assessment", json!({ "version": version })));
        }
        for (name, particulars) in commands {
            self.on_strategy(plan, council, &own, name, particulars)
                .await;
        }
        self.act(plan, version, s, &own).await;
        for (n, maker) in self.makers(partnership).iter().enumerate() {
            if n == usize::from(s.b) % 5 && without(4) {
                continue;
            }
            let particulars = json!({ "version": version, "authority": self.bodies[*maker],
                "position": "agree" });
            let by = self.key(*maker);
            self.on_strategy(plan, by, &own, "record-strategy-position", particulars)
                .await;
        }
        if without(5) {
            let late = json!({ "version": version, "kinds": [{ "category": "homicide" }] });
            self.on_strategy(plan, council, &own, "identify-kinds", late)
                .await;
        }
        let by = self.by(council, partnership, s);
        let adopt = json!({ "version": version });
        self.on_strategy(plan, by, how, "adopt-version", adopt)
            .await;
        if s.c % 8 == 5 && self.plans.len() > 1 {
            let other = (plan + 1) % self.plans.len();
            let by = json!({ "by": self.plans[plan].id });
            self.on_strategy(other, council, &own, "supersede-strategy", by)
                .await;
        }
        if let Some(action) = self.plans[plan].actions.last().cloned() {
            let progressed = json!({ "action": action, "status": "started" });
            self.on_strategy(plan, council, &own, "progress-action", progressed)
                .await;
            let moved = json!({ "action": action, "by": "2028-03-31", "reason": "Later." });
            self.on_strategy(plan, council, &own, "set-action-date", moved)
                .await;
        }
        if s.a.is_multiple_of(5) {
            // Harm is seen only between adoption and publication.
            let harmful = json!({ "version": version, "part": "Map", "harms": ["safety"] });
            self.on_strategy(plan, council, &own, "consider-material", harmful)
                .await;
        }
        if !s.a.is_multiple_of(3) {
            let publish = json!({ "version": version, "form": "embedded", "locator": "On paper" });
            self.on_strategy(plan, council, how, "publish-version", publish)
                .await;
        }
    }

    /// An action with the stances on it, material and an objection, each put in order or not.
    async fn act(&mut self, plan: usize, version: u64, s: &Step, own: &How) {
        let (council, school) = (self.key(COUNCIL), self.key(SCHOOL));
        let [council_id, school_id] = [COUNCIL, SCHOOL].map(|n| json!(self.bodies[n]));
        if s.day.is_multiple_of(2) {
            let by = s.a.is_multiple_of(2).then_some("2026-12-31");
            let proposed = json!({ "version": version, "title": "Mentors", "by": by,
                "description": "In schools", "owner": council_id, "authorities": [school_id] });
            self.on_strategy(plan, council, own, "propose-action", proposed)
                .await;
        }
        if let Some(action) = self.plans[plan].actions.last().cloned() {
            let costed = json!({ "action": action });
            self.on_strategy(plan, council, own, "assess-action-cost", costed)
                .await;
            if s.b.is_multiple_of(5) {
                let dated = json!({ "action": action, "by": "2027-03-31", "reason": "Later." });
                self.on_strategy(plan, council, own, "set-action-date", dated)
                    .await;
            }
            let stance = json!({ "action": action, "authority": school_id });
            let name = if s.b.is_multiple_of(2) {
                "agree-action"
            } else {
                "decline-action"
            };
            self.on_strategy(plan, school, own, name, stance).await;
            if s.b.is_multiple_of(3) {
                let mut claim = json!({ "authority": school_id, "duty": "15(4)", "action": action,
                    "ground": "unreasonable_costs", "cumulative_effect_considered": true });
                self.on_strategy(plan, school, own, "claim-exception", claim.clone())
                    .await;
                let particulars = claim.as_object_mut();
                particulars.into_iter().for_each(|all| {
                    all.retain(|name, _| {
                        name != "ground" && name != "cumulative_effect_considered"
                    });
                });
                self.on_strategy(plan, school, own, "end-exception", claim)
                    .await;
            }
        }
        if s.c.is_multiple_of(3) {
            let harmful = json!({ "version": version, "part": "Annex", "harms": ["safety"] });
            self.on_strategy(plan, council, own, "consider-material", harmful)
                .await;
            let material = self.plans[plan].material.last().cloned();
            if let Some(material) = material.filter(|_| !s.who.is_multiple_of(4)) {
                let removed = json!({ "version": version, "material": material });
                self.on_strategy(plan, council, own, "remove-material", removed)
                    .await;
            }
        }
        if s.c % 4 == 1 {
            let raised = json!({ "version": version, "authority": school_id, "part": "Section 4" });
            self.on_strategy(plan, school, own, "raise-objection", raised)
                .await;
            let objection = self.plans[plan].objections.last().cloned();
            if let Some(objection) = objection.filter(|_| !s.who.is_multiple_of(4)) {
                let determined = json!({ "version": version, "objection": objection });
                self.on_strategy(plan, council, own, "determine-objection", determined)
                    .await;
            }
        }
    }

    /// A case from satisfaction to an order, but for steps left out.
    async fn direct(&mut self, s: &Step, how: &How) {
        let own = &How {
            acting: Acting::Own,
            ..how.clone()
        };
        let left_out = s.b & s.c & s.who;
        let directed = [HEALTH, COUNCIL, CUSTODY, PRISON][usize::from(s.a) % 4];
        let duty = if s.a % 4 < 2 { "8(7)(a)" } else { "15(3)" };
        let duty = if left_out & 1 == 1 { "9" } else { duty };
        let case = json!({ "authority": self.bodies[directed], "area": self.areas[0],
            "duty": duty, "partnership": self.partnerships[0] });
        let secretary = keyed(PrincipalKind::SecretaryOfState, None);
        let inspectorate = keyed(PrincipalKind::Inspectorate, None);
        let found = self
            .say(
                "direction",
                None,
                inspectorate,
                own,
                "record-finding",
                case.clone(),
            )
            .await;
        let Some(target) = found.map(|answer| answer.stream.id) else {
            return;
        };
        self.directions.push(target);
        let welsh = keyed(PrincipalKind::WelshMinisters, None);
        let requires = json!({ "requires": "To meet", "comply_by": "2026-12-01" });
        let order = json!({ "reference": "High Court" });
        let steps = [
            (secretary, "record-satisfaction", case),
            (
                welsh,
                "answer-consent",
                json!({ "given": !s.c.is_multiple_of(4) }),
            ),
            (secretary, "issue-direction", requires.clone()),
            (secretary, "vary-direction", requires),
            (secretary, "record-non-compliance", json!({})),
            (secretary, "seek-mandatory-order", order.clone()),
            (secretary, "record-mandatory-order", order),
        ];
        for (n, (right, name, particulars)) in steps.into_iter().enumerate() {
            if left_out >> (n + 1) & 1 == 1 || (n == 3 && !s.day.is_multiple_of(3)) {
                continue;
            }
            if n == 4 && s.day % 4 == 1 {
                let (by, done) = (self.key(directed), json!({ "account": "It is done" }));
                self.say(
                    "direction",
                    Some(target),
                    by,
                    own,
                    "report-compliance",
                    done,
                )
                .await;
            }
            let by = self.by(right, 0, s);
            self.say("direction", Some(target), by, own, name, particulars)
                .await;
        }
    }

    async fn partnership(&mut self, s: &Step, how: &How) {
        let n = usize::from(s.a % 3 == 2);
        let target = Some(self.partnerships[n]);
        let skipped = if s.c.is_multiple_of(3) {
            1 << (s.b % 5)
        } else {
            0
        };
        let anybody = usize::from(s.b) % BODIES.len();
        let id = |n: usize| json!(self.bodies[n]);
        let right = self.by(self.key(POLICE), n, s);
        let own = self.by(self.key(anybody), n, s);
        let (by, name, particulars, matter) = match s.what {
            100..=103 => {
                let own = How {
                    acting: Acting::Own,
                    ..how.clone()
                };
                return self.form(n, skipped, &own).await;
            }
            104..=106 => {
                let authority = id([COUNCIL, POLICE, CHARITY][usize::from(s.b) % 3]);
                let lead = json!({ "authority": authority });
                let matter = json!({ "matter": "lead", "authority": authority });
                (right, "name-lead", lead, Some(matter))
            }
            107..=109 => {
                let route = json!({ "route": "new_structure" });
                let matter = json!({ "matter": "route", "route": "new_structure" });
                (right, "choose-route", route, Some(matter))
            }
            110..=112 => {
                let rules = [
                    json!({ "rule": "majority" }),
                    json!({ "rule": "at_least", "count": 2 }),
                    json!({ "rule": "unanimous" }),
                ];
                let rule = &rules[usize::from(s.b) % 3];
                let matter = json!({ "matter": "decision_rule", "decide_by": rule });
                (
                    right,
                    "record-decision-rule",
                    json!({ "decide_by": rule }),
                    Some(matter),
                )
            }
            113..=114 => {
                let areas = if s.b.is_multiple_of(2) {
                    &self.areas[..1]
                } else {
                    &self.areas[..2]
                };
                let matter = json!({ "matter": "areas", "areas": areas });
                (right, "set-areas", json!({ "areas": areas }), Some(matter))
            }
            115 if s.b.is_multiple_of(3) => {
                let matter = json!({ "matter": "dissolution" });
                (right, "dissolve-partnership", json!({}), Some(matter))
            }
            115..=116 => (
                right,
                "amend-partnership",
                json!({ "name": "Another name" }),
                None,
            ),
            117..=121 => {
                let by = if s.c.is_multiple_of(2) { own } else { right };
                (
                    by,
                    "recognise-member",
                    json!({ "authority": id(anybody) }),
                    None,
                )
            }
            122..=124 => (
                own,
                "leave-partnership",
                json!({ "authority": id(anybody) }),
                None,
            ),
            125..=126 => (
                right,
                "succeed-member",
                json!({ "authority": id(COUNCIL) }),
                None,
            ),
            127..=129 => (
                right,
                "name-representative",
                json!({ "authority": id(anybody),
                "post": { "body": "The body", "capacity": "local_authority", "title": "Director" },
                "contact": (s.c.is_multiple_of(2)).then_some("The duty desk"),
                "strategic_education": true }),
                None,
            ),
            130..=131 => {
                let at = usize::from(s.b) % self.representatives.len().max(1);
                let Some(one) = self.representatives.get(at) else {
                    return;
                };
                (
                    right,
                    "end-representative",
                    json!({ "representative": one }),
                    None,
                )
            }
            132..=135 => {
                let listed = [id(SCHOOL), id(NEW_SCHOOL), id(PRISON)];
                let listed = &listed[..usize::from(s.b % 4)];
                (
                    right,
                    "draw-up-consultation-list",
                    json!({ "authorities": listed }),
                    None,
                )
            }
            136 => {
                let operator = self.by(keyed(PrincipalKind::Operator, None), n, s);
                let covers = json!({ "covers_until": "2026-01-31", "fictional": true });
                (operator, "state-coverage", covers, None)
            }
            _ => (
                own,
                "record-partnership-position",
                json!({ "authority": id(anybody),
                "on_matter": { "matter": "dissolution" }, "position": "object" }),
                None,
            ),
        };
        if name == "leave-partnership" && s.c.is_multiple_of(2) {
            let member = json!({ "authority": id(anybody) });
            let asked = How {
                acting: Acting::Own,
                ..how.clone()
            };
            let (asks, joins) = (self.key(POLICE), "recognise-member");
            self.say("partnership", target, asks, &asked, joins, member)
                .await;
        }
        if let Some(matter) = matter {
            let own = How {
                acting: Acting::Own,
                ..how.clone()
            };
            self.agree(n, matter, skipped, &own).await;
        }
        let said = self
            .say("partnership", target, by, how, name, particulars)
            .await;
        for entry in said.into_iter().flat_map(|answer| answer.entries) {
            if entry.event_type == "RepresentativeNamed" {
                self.representatives
                    .push(entry.payload["representative"].clone());
            }
        }
    }

    async fn direction(&mut self, s: &Step, how: &How) {
        let secretary = self.by(keyed(PrincipalKind::SecretaryOfState, None), 0, s);
        let welsh = self.by(keyed(PrincipalKind::WelshMinisters, None), 0, s);
        let at = usize::from(s.a) % self.directions.len().max(1);
        let directed = [POLICE, COUNCIL, HEALTH, PRISON, CUSTODY, SCHOOL];
        let authority = directed[usize::from(s.b) % 6];
        let case = json!({ "authority": self.bodies[authority], "area": self.areas[0],
            "duty": DUTIES[usize::from(s.c) % 8],
            "partnership": (s.who.is_multiple_of(2)).then_some(self.partnerships[0]) });
        let begins = self.directions.is_empty() || (s.what < 148 && self.directions.len() < 6);
        let target = self.directions.get(at).copied().filter(|_| !begins);
        let requires = json!({ "requires": "To meet", "comply_by": "2026-12-01" });
        let order = json!({ "reference": "High Court" });
        let (by, name, particulars) = match s.what {
            140..=142 => (
                self.by(self.key(COMMISSIONER), 0, s),
                "record-finding",
                case,
            ),
            143..=144 => {
                let inspectorate = keyed(PrincipalKind::Inspectorate, None);
                (self.by(inspectorate, 0, s), "record-finding", case)
            }
            _ if begins => (secretary, "record-satisfaction", case),
            145..=149 => (secretary, "record-satisfaction", case),
            150..=156 => (
                welsh,
                "answer-consent",
                json!({ "given": !s.c.is_multiple_of(4) }),
            ),
            157..=167 => (secretary, "issue-direction", requires),
            168..=171 => (secretary, "vary-direction", requires),
            172..=175 => {
                let by = self.by(self.key(authority), 0, s);
                (by, "report-compliance", json!({ "account": "It is done" }))
            }
            176..=178 => (secretary, "accept-compliance", json!({})),
            179..=184 => (
                secretary,
                "record-non-compliance",
                json!({ "reasons": "Not done" }),
            ),
            185..=186 => (secretary, "withdraw-direction", json!({})),
            _ if s.c.is_multiple_of(2) => (secretary, "seek-mandatory-order", order),
            _ => (secretary, "record-mandatory-order", order),
        };
        let said = self
            .say("direction", target, by, how, name, particulars)
            .await;
        if let (Some(answer), None) = (said, target) {
            self.directions.push(answer.stream.id);
        }
    }

    async fn assessment(&mut self, s: &Step, how: &How) {
        let by = self.by(self.key(COUNCIL), 0, s);
        let target = self.assessments.first().copied();
        let (target, name, particulars) = match (target, s.what) {
            (None, _) | (_, 200) => (
                None,
                "open-needs-assessment",
                json!({ "partnership": self.partnerships[0], "title": "An assessment" }),
            ),
            (target, 201..=203) => (target, "amend-needs-assessment", json!({ "title": "More" })),
            (target, 204..=206) => (
                target,
                "record-assessment-finding",
                json!({ "finding": "A few streets" }),
            ),
            (target, 207..=209) => (target, "record-data-gap", json!({ "gap": "Hospitals" })),
            (target, _) => (
                target,
                "complete-needs-assessment",
                json!({ "publication": "published" }),
            ),
        };
        let said = self
            .say("needs-assessment", target, by, how, name, particulars)
            .await;
        if let (Some(answer), None) = (said, target) {
            self.assessments.push(answer.stream.id);
        }
    }

    async fn registers(&mut self, s: &Step, how: &How) {
        let how = &How {
            acting: if s.how.is_multiple_of(16) {
                Acting::Reported
            } else {
                Acting::Own
            },
            ..how.clone()
        };
        let operator = keyed(PrincipalKind::Operator, None);
        let by = match s.who {
            0..=224 => operator,
            _ => self.key(usize::from(s.c) % BODIES.len()),
        };
        let area = Some(self.areas[usize::from(s.a % 2)]);
        let anybody = self.bodies[usize::from(s.b) % BODIES.len()];
        let (kind, target, name, particulars) = match s.what {
            215..=216 => (
                "area",
                area,
                "amend-area",
                json!({ "kind": "welsh_county_borough", "name": "Renamed" }),
            ),
            217 => (
                "area",
                area,
                "record-area-code",
                json!({ "scheme": "police_force_area", "code": format!("X{}", s.b % 2) }),
            ),
            218..=221 => {
                let body = [NEW_COUNCIL, NEW_SCHOOL, COUNCIL][usize::from(s.b) % 3];
                let from = how.date - Days::new(u64::from(s.c % 100));
                (
                    "area",
                    area,
                    "record-authorities",
                    json!({ "authorities":
                    [{ "authority": self.bodies[body], "from": from }] }),
                )
            }
            222 => (
                "area",
                area,
                "end-authority",
                json!({ "authority": anybody, "until": how.date + Days::new(60) }),
            ),
            223 => (
                "area",
                Some(self.areas[1]),
                "succeed-area",
                json!({ "successor": self.areas[0] }),
            ),
            224..=226 => (
                "authority",
                Some(self.bodies[COUNCIL]),
                "succeed-authority",
                json!({ "successor": self.bodies[NEW_COUNCIL] }),
            ),
            _ => {
                let (_, held_by, devolved) = BODIES[usize::from(s.b) % BODIES.len()];
                (
                    "authority",
                    Some(anybody),
                    "amend-authority",
                    json!({ "body": "Renamed",
                    "held_by": held_by, "devolved_welsh_authority": devolved.then_some("A source") }),
                )
            }
        };
        self.say(kind, target, by, how, name, particulars).await;
    }

    /// Withdraws an entry, agreed or not where it was decided together.
    async fn correct(&mut self, s: &Step, how: &How) {
        let wanted = |r: &&Recorded| match s.what {
            230..=233 => matches!(r.4.as_str(), "StrategyAdopted" | "DecisionRuleRecorded"),
            234..=240 => matches!(r.0, "strategy" | "direction"),
            _ => true,
        };
        let found: Vec<_> = self.recorded.iter().filter(wanted).collect();
        let at = usize::from(s.a) * found.len() / 256;
        let Some((kind, stream, entry, recorded_by, event)) = found.get(at).copied().cloned()
        else {
            return;
        };
        let together = matches!(
            event.as_str(),
            "StrategyAdopted"
                | "PartnershipFormed"
                | "LeadNamed"
                | "RouteChosen"
                | "DecisionRuleRecorded"
        );
        let plan = self.plans.iter().find(|plan| plan.id == stream);
        let partnership = match plan {
            Some(plan) => plan.partnership,
            None => usize::from(self.partnerships.get(1) == Some(&stream)),
        };
        if together && !s.c.is_multiple_of(4) {
            let own = How {
                acting: Acting::Own,
                ..how.clone()
            };
            let matter = json!({ "matter": "correction", "entry_id": entry });
            let skipped = if s.c % 4 == 1 { 1 << (s.b % 3) } else { 0 };
            self.agree(partnership, matter, skipped, &own).await;
        }
        let by = self.by(recorded_by, partnership, s);
        let particulars = json!({ "entry_id": entry,
            "reason": (s.b.is_multiple_of(2)).then_some("It was a mistake.") });
        self.say(kind, Some(stream), by, how, "correct-entry", particulars)
            .await;
    }
}
