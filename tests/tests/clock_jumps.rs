//! A clock that jumps: years ahead, and back before anything was recorded. What is signed and handed
//! over follows the ledger, what was erased stays erased with the date it had, and nothing is
//! announced twice or taken back.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_application::erasure::Erase;
use dutyledger_application::schemas::event_schema_files;
use dutyledger_application::sealing::sealed_texts;
use dutyledger_application::{Bus, Edge, Home, Request, SystemEntropy, Target, import};
use dutyledger_bundle::{Export, Given, Scope, Writer, verify as verify_bundle};
use dutyledger_clock::Clock as Announcer;
use dutyledger_domain::rules::RuleId;
use dutyledger_domain::streams::authority::RegisterAuthority;
use dutyledger_domain::streams::direction::AcceptCompliance;
use dutyledger_domain::streams::erasure::ErasureGround;
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::streams::strategy::CompleteReview;
use dutyledger_domain::streams::{Authority, Deadline, Direction, Strategy, TriggerStream};
use dutyledger_domain::{Capacity, ReasonGiven, ReviewDecision, ReviewScope, StreamKind};
use dutyledger_ledger::{Append, Clock, StreamAppend, verify};
use dutyledger_projections::{Projections, Projector};
use dutyledger_proofs::tree::verify_consistency;
use dutyledger_proofs::{Checkpoint, SigningKey};
use dutyledger_record::{
    Binding, DataKey, Draft, EntryId, KeyId, PlainText, Principal, PrincipalKind, PublicText,
    Record, Sealed, SealedBox, StreamId, Warning,
};
use dutyledger_transparency::{Keeper, Log};
use tempfile::TempDir;

const MARROWBY: &str = include_str!("../../ops/histories/fictional-marrowby.json");
const OPERATOR: Principal = Principal {
    id: None,
    key_id: None,
    kind: PrincipalKind::Operator,
};
/// When the town's history is told, years after that, and long before.
const TOLD: &str = "2026-11-21T12:00:00Z";
const AHEAD: &str = "2036-02-29T23:59:59Z";
const BACK: &str = "1999-12-31T00:00:00Z";

/// An instant that is set by hand.
struct ByHand(AtomicI64);

impl ByHand {
    fn set(&self, to: &str) {
        let instant: DateTime<Utc> = to.parse().unwrap();
        self.0.store(instant.timestamp(), Ordering::Relaxed);
    }
}

impl Clock for ByHand {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.0.load(Ordering::Relaxed), 0).unwrap()
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A fictional town's ledger.
struct Town {
    folder: TempDir,
    clock: Arc<ByHand>,
    /// Its strategy, the direction it was given, and its council.
    strategy: StreamId,
    direction: StreamId,
    council: StreamId,
}

impl Town {
    async fn told() -> (Self, Bus) {
        let nobody = StreamId::new(uuid::Uuid::nil());
        let mut town = Self {
            folder: TempDir::new().unwrap(),
            clock: Arc::new(ByHand(AtomicI64::new(0))),
            strategy: nobody,
            direction: nobody,
            council: nobody,
        };
        town.clock.set(TOLD);
        let bus = town.open().await;
        // Told by sources that reach as far as the clock is going to.
        let text = MARROWBY.replace("2027-12-31", "2039-12-31");
        assert!(text.contains("2039-12-31"));
        let told = import::run(&bus, OPERATOR, &text, &mut |_, _| {}).await;
        let told = told.unwrap().streams;
        let id = |name: &str| {
            let mut named = told.iter().filter(|s| s.name.as_deref() == Some(name));
            named.next().unwrap().id
        };
        (town.strategy, town.council) = (id("strategy"), id("council"));
        town.direction = id("direction");
        (town, bus)
    }

    /// The Secretary of State accepts that the direction was complied with, today.
    async fn comply(&self, bus: &Bus) {
        let secretary_of_state = Principal {
            kind: PrincipalKind::SecretaryOfState,
            ..OPERATOR
        };
        let to = Target::Stream(self.direction);
        let accepted = Request::plain(secretary_of_state, to, AcceptCompliance {}.into());
        let _ = bus.execute::<Direction>(accepted).await.unwrap();
    }

    /// The council completes a review of the whole strategy, today.
    async fn review(&self, bus: &Bus) {
        let council = Principal {
            id: Some(self.council),
            key_id: None,
            kind: PrincipalKind::Authority,
        };
        let command = CompleteReview {
            version: 2,
            scope: ReviewScope::Whole,
            decision: ReviewDecision::NoChange,
        };
        let reasons = ["R-42.1", "R-46.2"].map(|rule| ReasonGiven {
            rule: RuleId::of(rule),
            reason: PlainText::new("It was weighed.").unwrap(),
        });
        let to = Target::Stream(self.strategy);
        let request = Request {
            reasons: reasons.to_vec(),
            ..Request::plain(council, to, command.into())
        };
        let _ = bus.execute::<Strategy>(request).await.unwrap();
    }

    fn home(&self) -> Home {
        Home::beside(self.folder.path().join("ledger.db"))
    }

    async fn open(&self) -> Bus {
        let edge = Edge {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            entropy: Arc::new(SystemEntropy),
        };
        Bus::open(&self.home(), LedgerMode::Sandbox, edge)
            .await
            .unwrap()
            .0
    }

    fn keeper(&self, bus: &Bus) -> (Keeper, Log) {
        let path = self.folder.path();
        let (tiles, file) = (path.join("tiles"), path.join("checkpoint"));
        let reader = (**bus.ledger()).clone();
        let (keeper, log) = Keeper::open(reader, key(bus), &tiles, file, Duration::MAX).unwrap();
        (keeper.none_was_published(), log)
    }
}

/// The ledger's key.
fn key(bus: &Bus) -> SigningKey {
    SigningKey::from_seed(&bus.ledger().id().to_string(), &[7; 32]).unwrap()
}

async fn register(bus: &Bus, body: &str) -> u64 {
    let command = RegisterAuthority {
        body: PublicText::new(body).unwrap(),
        capacity: Capacity::LocalAuthority,
        devolved_welsh_authority: None,
        held_by: None,
    };
    let request = Request::plain(OPERATOR, Target::New, command.into());
    bus.execute::<Authority>(request).await.unwrap().position
}

async fn records(bus: &Bus) -> Vec<Record> {
    let all = bus.ledger().read(0, 100_000).await.unwrap();
    all.iter().map(|stored| stored.record().unwrap()).collect()
}

/// Fails unless the ledger is as it was recorded, no entry recorded before the one before it.
async fn whole(bus: &Bus) {
    let verified = verify(bus.ledger(), |_, _| {}).await.unwrap();
    assert_eq!(verified.findings, []);
    assert!(
        records(bus)
            .await
            .is_sorted_by_key(|record| record.recorded_at)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_and_bundles_follow_the_ledger_whatever_the_clock_says() {
    let (town, bus) = Town::told().await;
    let key = key(&bus);
    let (mut keeper, mut log) = town.keeper(&bus);
    let mut before: Option<Checkpoint> = None;
    for (jump, to) in [TOLD, AHEAD, BACK, TOLD, BACK].into_iter().enumerate() {
        town.clock.set(to);
        let position = register(&bus, &format!("Example body {jump}")).await;
        let signed = keeper.sign().await.unwrap();
        let now = &signed.checkpoint;
        assert_eq!(now.size, position, "{to}");
        if let Some(old) = before {
            let proof = log.consistency(old.size).await.unwrap();
            verify_consistency(old.size, &old.root, now.size, &now.root, &proof.hashes).unwrap();
        }
        before = Some(now.clone());

        // What is handed over bears the clock's date, whichever that is, and is verified.
        let export = Export {
            scope: Scope::Ledger,
            on: bus.edge().today(),
            exported_at: town.clock.now(),
            checkpoint: signed.note.clone(),
            key: key.verifier().clone(),
            schemas: event_schema_files(),
        };
        let mut writer = Writer::new(Cursor::new(Vec::new()), export).unwrap();
        for stored in bus.ledger().read(0, 100_000).await.unwrap() {
            writer.entry(&stored.leaf_data).unwrap();
        }
        let bundle = writer.finish(&[]).unwrap();
        let given = Given {
            key: Some(key.verifier().clone()),
            ..Given::default()
        };
        let verified = verify_bundle(bundle, &given).unwrap();
        assert_eq!(verified.entries, position);
        assert_eq!(verified.figures["on"], to[..10]);
        // A server that starts at such a time goes on from what it had signed.
        drop((keeper, log));
        (keeper, log) = town.keeper(&bus);
        let again = keeper.sign().await.unwrap();
        assert_eq!(again.note, signed.note, "nothing new is signed");
    }
    whole(&bus).await;
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_stays_erased_with_its_date_and_its_key_stays_destroyed() {
    let (town, mut bus) = Town::told().await;
    let all = records(&bus).await;
    let mut sealed = all
        .into_iter()
        .filter(|record| !sealed_texts(record).is_empty());
    let (one, other) = (sealed.next().unwrap(), sealed.next().unwrap());
    let erase = |record: &Record| Erase {
        entry: record.entry.entry_id,
        members: Vec::new(),
        ground: ErasureGround::ConsentWithdrawn,
    };
    town.clock.set(AHEAD);
    let erased = bus.erase(OPERATOR, erase(&one)).await.unwrap();
    assert!(erased.answer.is_some());
    assert!(
        erased
            .members
            .iter()
            .all(|(_, on)| *on == day("2036-02-29"))
    );
    town.clock.set(TOLD);
    let later = bus.erase(OPERATOR, erase(&other)).await.unwrap();
    assert!(later.members.iter().all(|(_, on)| *on == day("2026-11-21")));
    let position = bus.ledger().last_position().await.unwrap();
    for to in [TOLD, BACK, AHEAD] {
        town.clock.set(to);
        // At the start, and when it is asked for again.
        bus.close().await;
        bus = town.open().await;
        for (record, before) in [(&one, &erased), (&other, &later)] {
            let again = bus.erase(OPERATOR, erase(record)).await.unwrap();
            assert_eq!(again.answer, None, "{to}: it is recorded once");
            assert_eq!(again.members, before.members, "{to}");
            for text in bus.read_texts(OPERATOR, record).await.unwrap() {
                assert_eq!(text.text, None, "{to}");
                let known = before
                    .members
                    .iter()
                    .find(|(member, _)| *member == text.member);
                assert_eq!(text.erased_on, known.map(|(_, on)| *on), "{to}");
            }
            let keys: Vec<_> = sealed_texts(record)
                .iter()
                .map(|(_, one)| one.key_id)
                .collect();
            assert_eq!(bus.vault().held(&keys).await.unwrap(), []);
        }
        assert_eq!(bus.ledger().last_position().await.unwrap(), position);
    }
    whole(&bus).await;
    bus.close().await;
}

/// An entry like another, with a second text under a key of its own: no command makes one yet.
async fn with_two_keys(bus: &Bus, like: &Record) -> (EntryId, [(String, KeyId); 2]) {
    let (ledger, edge) = (bus.ledger(), bus.edge());
    let mut entry = like.entry.clone();
    entry.entry_id = EntryId::new(edge.uuid());
    entry.version = ledger.stream_version(&entry.stream).await.unwrap() + 1;
    let text = PlainText::new("It was weighed.").unwrap();
    let mut keys = Vec::new();
    let mut seal = |member: &str| {
        let (id, key) = (KeyId::new(edge.uuid()), DataKey(edge.random()));
        let binding = Binding {
            ledger: ledger.id(),
            entry: entry.entry_id,
            member: member.to_owned(),
        };
        let closed = SealedBox::seal(&text, id, &key, edge.random(), &binding);
        keys.push((id, key, edge.random()));
        closed
    };
    let first = sealed_texts(like).remove(0).0;
    let second = "/warnings/0/reason".to_owned();
    let (one, other) = (seal(&first), seal(&second));
    let texts = [(first, one.key_id), (second, other.key_id)];
    let member = entry.payload.pointer_mut(&texts[0].0["/payload".len()..]);
    *member.unwrap() = serde_json::to_value(one).unwrap();
    entry.standing.warnings = vec![Warning {
        reason: Sealed::Closed(Box::new(other)),
        rule: "R-42.1".to_owned(),
    }];
    let draft = Draft::new(ledger.id(), like.event.clone(), &entry).unwrap();
    bus.vault().store(keys).await.unwrap();
    let append = Append {
        streams: vec![StreamAppend {
            stream: entry.stream.clone(),
            expected_version: entry.version - 1,
            drafts: vec![draft],
        }],
        ..Append::default()
    };
    let _ = ledger.append(append).await.unwrap();
    (entry.entry_id, texts)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_text_of_an_entry_is_erased_after_one_that_a_clock_ahead_dated() {
    let (town, bus) = Town::told().await;
    let all = records(&bus).await;
    let like = all.iter().find(|record| {
        let texts = sealed_texts(record);
        texts
            .first()
            .is_some_and(|(at, _)| at.starts_with("/payload"))
    });
    let (entry, [first, second]) = with_two_keys(&bus, like.unwrap()).await;
    let erase = |members: &[&String]| Erase {
        entry,
        members: members.iter().map(|member| (*member).clone()).collect(),
        ground: ErasureGround::ConsentWithdrawn,
    };
    town.clock.set(AHEAD);
    let ahead = bus.erase(OPERATOR, erase(&[&first.0])).await.unwrap();
    assert_eq!(ahead.members, [(first.0.clone(), day("2036-02-29"))]);
    town.clock.set(TOLD);
    // All of it: what is erased already stays as it was said, and the other is erased today.
    let both = [
        (first.0.clone(), day("2036-02-29")),
        (second.0.clone(), day("2026-11-21")),
    ];
    let rest = bus.erase(OPERATOR, erase(&[])).await.unwrap();
    assert!(rest.answer.is_some());
    assert_eq!(rest.members, both);
    for members in [&[&second.0][..], &[&first.0], &[]] {
        let again = bus.erase(OPERATOR, erase(members)).await.unwrap();
        assert_eq!(again.answer, None, "it is recorded once");
        assert!(again.members.iter().all(|one| both.contains(one)));
    }
    assert_eq!(bus.vault().held(&[first.1, second.1]).await.unwrap(), []);
    let said = records(&bus).await.into_iter();
    let said: Vec<_> = said
        .filter(|one| one.event.event_type == "SealedTextErased")
        .map(|one| (one.recorded_at, one.entry.standing.occurred_on.date))
        .collect();
    let [(one, _), (other, _)] = said[..] else {
        panic!("{said:?}")
    };
    assert!(one <= other, "the instants never go back: {said:?}");
    whole(&bus).await;
    bus.close().await;
}

/// The announcer over a ledger, with its rows.
struct Announcing {
    bus: Bus,
    rows: Projections,
    projector: Projector,
}

impl Announcing {
    async fn look(&mut self) -> Vec<(String, String, NaiveDate)> {
        self.projector.catch_up(|_, _| {}).await.unwrap();
        let announcer = Announcer::new(self.bus.clone(), self.rows.clone());
        let looked = announcer.look_at_all().await.unwrap();
        let _ = announcer.look_since(looked).await.unwrap();
        self.projector.catch_up(|_, _| {}).await.unwrap();
        let kinds = [Deadline::NAME, TriggerStream::NAME];
        let all = records(&self.bus).await.into_iter();
        all.filter(|one| kinds.contains(&one.entry.stream.stream_type.as_str()))
            .map(|one| {
                let on = one.entry.standing.occurred_on.date;
                (one.entry.stream.id.to_string(), one.event.event_type, on)
            })
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_announced_twice_or_taken_back_whichever_way_the_clock_jumps() {
    let (town, bus) = Town::told().await;
    let home = town.home();
    let opened = Projections::open(&home.projections, bus.ledger()).await;
    let (rows, projector) = opened.unwrap();
    let mut announcing = Announcing {
        bus,
        rows,
        projector,
    };
    town.review(&announcing.bus).await;
    let told = announcing.look().await;
    assert!(!told.is_empty());
    // Back: what was announced by then stays, and nothing of the years since is said again.
    for to in [BACK, "2026-11-20T12:00:00Z", TOLD] {
        town.clock.set(to);
        assert_eq!(announcing.look().await, told, "{to}");
    }
    // Ahead: everything between, each with its own date; and a trigger that is open clears.
    town.clock.set(AHEAD);
    let _ = announcing.look().await;
    town.comply(&announcing.bus).await;
    let ahead = announcing.look().await;
    assert_eq!(ahead[..told.len()], told[..]);
    let opened = told.iter().filter(|said| said.1 == "TriggerOpened").count();
    let cleared = ahead
        .iter()
        .filter(|said| said.1 == "TriggerCleared")
        .count();
    assert!(opened > 0 && cleared > 0, "{ahead:?}");
    let dates: BTreeSet<_> = ahead[told.len()..].iter().map(|(.., on)| *on).collect();
    assert!(dates.len() > 1, "{dates:?}");
    assert!(*dates.last().unwrap() <= day("2036-02-29"));
    for to in [BACK, TOLD, "2029-01-01T12:00:00Z", AHEAD] {
        town.clock.set(to);
        assert_eq!(announcing.look().await, ahead, "{to}");
    }
    let said: BTreeSet<_> = ahead.iter().collect();
    assert_eq!(said.len(), ahead.len(), "{ahead:?}");
    whole(&announcing.bus).await;
    announcing.projector.close().await;
    announcing.rows.close().await;
    announcing.bus.close().await;
}
