//! The one command bus: every command, from whichever side it comes, is carried out here.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use cqrs_es::{AggregateError, CqrsFramework};
use serde_json::Value;
use uuid::Uuid;

use dutyledger_domain::rules::enacted_ref;
use dutyledger_domain::streams::area::stream as area_stream;
use dutyledger_domain::streams::partnership::stream as partnership_stream;
use dutyledger_domain::streams::{
    AreaState, Direction, LedgerStream, Partnership, PartnershipState,
};
use dutyledger_domain::{
    About, Acting, Actor, Actors, CommandSet, Country, Given, Histories, History, Opens,
    ReasonGiven, Refusal, SourceGiven, StreamKind, Surroundings,
};
use dutyledger_ledger::{Idempotency, KeyChange, Ledger, LedgerReader, Receipt, Vault};
use dutyledger_record::{
    Basis, EntryId, Envelope, Event, LedgerId, Mark, OccurredOn, Principal, PrincipalKind,
    RulePackRef, Sealed, Stream as StreamName, StreamId, is_uuid,
};

use crate::access::{self, Sight};
use crate::aggregate::Stream;
use crate::authorise::Asked;
use crate::edge::Edge;
use crate::error::CommandError;
use crate::flight::{Boarded, Company, Flights};
use crate::load::{self, LoadError};
use crate::store::{CommandStore, Outcome, Recorded, Slot, Used};
use crate::warm::Warm;

/// How often a command is decided again when others wrote what it rests on.
const ATTEMPTS_MAX: usize = 16;
/// How often where the ledger's own stream alone moved. It moves with every key that another process
/// issues, which is seldom anything to the command, and whoever issues keys waits for nobody there.
const ATTEMPTS_BESIDE_KEYS_MAX: usize = 256;
/// How many rounds of "what else does it rest on" are asked.
const ROUNDS_MAX: usize = 4;

/// Which stream a command is given on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A new stream.
    New,
    /// A stream that is, or is to be, known by this id.
    Stream(StreamId),
    /// A stream that must be there: a command that could open one does not.
    Existing(StreamId),
}

/// An idempotency key and the digest of the request it was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Under {
    /// The key, chosen by the caller.
    pub key: String,
    /// A keyed digest of the whole request.
    pub digest: [u8; 32],
    /// Whether its repetition is recognised for good, and not only for 30 days.
    pub lasting: bool,
}

/// A command on its way in.
#[derive(Clone, Debug)]
pub struct Request<C> {
    /// Who gives it.
    pub principal: Principal,
    /// On which stream.
    pub target: Target,
    /// On what footing.
    pub acting: Acting,
    /// When it happened; today where not said.
    pub occurred_on: Option<OccurredOn>,
    /// For whom.
    pub on_behalf_of: Vec<StreamId>,
    /// What shows it.
    pub source: Option<SourceGiven>,
    /// Reasons for going on in spite of rows that warn.
    pub reasons: Vec<ReasonGiven>,
    /// What the caller is doing; a new id where not said.
    pub correlation_id: Option<Uuid>,
    /// The entry that caused it.
    pub causation_id: Option<EntryId>,
    /// The version the stream must be at.
    pub if_match: Option<u64>,
    /// The idempotency key.
    pub idempotency: Option<Under>,
    /// The command.
    pub command: C,
}

impl<C> Request<C> {
    /// A plain command: the principal's own act, today.
    #[must_use]
    pub const fn plain(principal: Principal, target: Target, command: C) -> Self {
        Self {
            principal,
            target,
            acting: Acting::Own,
            occurred_on: None,
            on_behalf_of: Vec::new(),
            source: None,
            reasons: Vec::new(),
            correlation_id: None,
            causation_id: None,
            if_match: None,
            idempotency: None,
            command,
        }
    }
}

impl<C: Clone> Request<C> {
    /// What is given to be decided.
    pub(crate) fn given(&self, correlation_id: Uuid) -> Given<C> {
        Given {
            about: About {
                principal: self.principal,
                acting: self.acting,
                occurred_on: self.occurred_on,
                on_behalf_of: self.on_behalf_of.clone(),
                source: self.source.clone(),
                reasons: self.reasons.clone(),
                correlation_id,
                causation_id: self.causation_id,
            },
            command: self.command.clone(),
        }
    }
}

/// An entry that was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryAnswer {
    /// Its id.
    pub entry_id: EntryId,
    /// Its position in the ledger.
    pub position: u64,
    /// Its version in its stream.
    pub version: u64,
    /// What happened.
    pub event_type: String,
    /// The payload, its sealed members left out.
    pub payload: Value,
    /// The rows that warned.
    pub warned: Vec<String>,
    /// For a past fact, the rows unmet and how a breach is known.
    pub unmet: Vec<String>,
    /// How a breach by a past fact is known.
    pub mark: Option<Mark>,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The stream.
    pub stream: StreamName,
    /// Its version now.
    pub version: u64,
    /// The position of the last entry recorded.
    pub position: u64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The entries recorded.
    pub entries: Vec<EntryAnswer>,
    /// Whether this is the first answer again.
    pub replayed: bool,
}

/// The one command bus.
#[derive(Clone)]
pub struct Bus {
    ledger: Ledger,
    vault: Arc<Vault>,
    edge: Edge,
    /// Requests under the same idempotency key.
    flights: Arc<Flights>,
    /// Commands on the same stream, and those that lost a race with one on a stream they rest on.
    turns: Arc<Flights>,
    /// The streams used last.
    warm: Arc<Warm>,
}

/// Everything a command is decided on.
pub(crate) struct Loaded<K: StreamKind> {
    pub(crate) history: History<K>,
    /// The stream as true on the command's date.
    state: Arc<K::State>,
    /// The stream as it is now.
    latest: Arc<K::State>,
    /// The partnership it belongs to, or that the command opens it for. One of which nothing is
    /// true yet on the date is still the stream's.
    partnership: Option<StreamId>,
    pub(crate) rests_on: Histories,
    /// The rule pack in force, and the version of the ledger's own stream that says so.
    pub(crate) rules: (RulePackRef, u64),
    pub(crate) on: NaiveDate,
    /// The day it was loaded on.
    pub(crate) today: NaiveDate,
}

impl<K: StreamKind> Loaded<K> {
    /// Every stream it is decided on, its own included, at its version.
    fn used(&self, id: StreamId, ledger: LedgerId) -> Used {
        let own = StreamName::new(K::TYPE, id);
        let rules = rules_stream(ledger);
        let rested = self.rests_on.versions().into_iter();
        rested
            .map(|on| (StreamName::new(on.stream_type, on.id), on.version))
            .chain([(rules, self.rules.1), (own, self.history.version())])
            .collect()
    }
}

/// The ledger's own stream, which says which rules are in force.
fn rules_stream(ledger: LedgerId) -> StreamName {
    StreamName::new(LedgerStream::TYPE, StreamId::new(ledger.uuid()))
}

/// Where the streams a command is decided on come from.
#[derive(Clone, Copy)]
pub(crate) enum Streams<'a> {
    /// As this process last saw them.
    Warm(&'a Warm),
    /// As they stood when the ledger went to a position.
    KnownAt(u64),
}

/// What decides whether a command may be given, and on what: nothing of it records.
#[derive(Clone, Copy)]
pub(crate) struct Deciding<'a> {
    pub(crate) ledger: &'a LedgerReader,
    pub(crate) streams: Streams<'a>,
    /// Today in Europe/London.
    pub(crate) today: NaiveDate,
}

/// What is recorded with a command, and where.
#[derive(Clone, Debug, Default)]
struct With {
    /// The API keys that change with it.
    keys: Vec<KeyChange>,
    /// The position that what it records must come next to.
    next_to: Option<u64>,
}

/// What has become of the streams a command was decided on.
enum Since {
    /// They are as they were, at this position.
    Still(u64),
    /// These have moved.
    Moved(Vec<StreamName>),
}

/// What an attempt at a command came to.
enum Attempt<K: StreamKind> {
    /// It was carried out.
    Recorded(Recorded<K>),
    /// Something it rested on had moved: it is to be decided again.
    Again,
    /// It was not, and why. Some of these are so only if what they rest on is as it was loaded.
    Not(CommandError),
}

impl Bus {
    /// A bus over a ledger.
    #[must_use]
    pub fn new(ledger: Ledger, vault: Vault, edge: Edge) -> Self {
        Self {
            ledger,
            vault: Arc::new(vault),
            edge,
            flights: Arc::default(),
            turns: Arc::default(),
            warm: Arc::default(),
        }
    }

    /// The ledger it records in.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The keys of sealed texts.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The clock and the randomness it runs on.
    #[must_use]
    pub const fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The ledger, and the vault where nobody else has it.
    pub(crate) fn into_parts(self) -> (Ledger, Option<Vault>) {
        (self.ledger, Arc::into_inner(self.vault))
    }

    /// Ends well: what is queued is recorded, the files are closed. Finish requests first. Gives why the
    /// ledger could not go on, where it could not.
    pub async fn close(self) -> Option<String> {
        let stopped = self.ledger.close().await;
        if let Some(vault) = Arc::into_inner(self.vault)
            && let Err(error) = vault.close().await
        {
            tracing::error!(%error, "the file of wrapped keys did not close well");
        }
        stopped
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// See [`CommandError`]. Nothing was recorded, save where the outcome is unknown.
    pub async fn execute<K: StreamKind>(
        &self,
        request: Request<K::Command>,
    ) -> Result<Answer, CommandError> {
        self.execute_with::<K>(request, With::default()).await
    }

    /// Carries out a command whose first entry comes next to a position: it speaks of the ledger as it
    /// is up to there.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] where the ledger has gone on; otherwise as [`Self::execute`].
    pub async fn execute_next_to<K: StreamKind>(
        &self,
        position: u64,
        request: Request<K::Command>,
    ) -> Result<Answer, CommandError> {
        let with = With {
            next_to: Some(position),
            ..With::default()
        };
        self.execute_with::<K>(request, with).await
    }

    pub(crate) async fn execute_with_keys<K: StreamKind>(
        &self,
        request: Request<K::Command>,
        keys: Vec<KeyChange>,
    ) -> Result<Answer, CommandError> {
        let with = With {
            keys,
            ..With::default()
        };
        self.execute_with::<K>(request, with).await
    }

    async fn execute_with<K: StreamKind>(
        &self,
        request: Request<K::Command>,
        with: With,
    ) -> Result<Answer, CommandError> {
        let idempotency = request.idempotency.as_ref().map(|under| Idempotency {
            scope: scope(request.principal),
            key: under.key.clone(),
            digest: under.digest,
            lasting: under.lasting,
        });
        // Whoever uses the key at the same time waits for this one's answer.
        let _boarded = match &idempotency {
            Some(one) => {
                let name = (one.scope.clone(), one.key.clone());
                let boarded = self.flights.board([(name, Company::Alone)]).await;
                Some(boarded.ok_or(CommandError::InFlight)?)
            }
            None => None,
        };
        let id = match request.target {
            Target::New => StreamId::new(self.edge.uuid()),
            Target::Stream(id) | Target::Existing(id) => id,
        };
        let correlation_id = request.correlation_id.unwrap_or_else(|| self.edge.uuid());
        let own = StreamName::new(K::TYPE, id);
        let rules = rules_stream(self.ledger.id());
        let mut raced = BTreeSet::new();
        let mut turns = self.turns(&own, &raced).await?;
        let (mut lost, mut lost_to_keys) = (0, 0);
        while lost < ATTEMPTS_MAX && lost_to_keys < ATTEMPTS_BESIDE_KEYS_MAX {
            // One day for all of an attempt, though midnight may come.
            let loaded = self.deciding().load::<K>(&request, id).await?;
            let used = loaded.used(id, self.ledger.id());
            let history = loaded.history.clone();
            let attempt = self
                .attempt::<K>(
                    &request,
                    loaded,
                    id,
                    correlation_id,
                    Arc::clone(&used),
                    idempotency.clone(),
                    &with,
                )
                .await;
            let refused = match attempt {
                Attempt::Recorded(recorded) if recorded.receipt.replayed => {
                    return self.answer(recorded.receipt).await;
                }
                Attempt::Recorded(recorded) => return self.recorded(id, history, recorded),
                Attempt::Again => None,
                Attempt::Not(error) if !error.rests_on_streams() => return Err(error),
                Attempt::Not(error) => Some(error),
            };
            // The first answer to a request is its answer, whatever has become of things since.
            if refused.is_some()
                && let Some(one) = &idempotency
                && let Some(row) = self.ledger.idempotent(&one.scope, &one.key).await?
            {
                if row.digest != one.digest {
                    return Err(CommandError::IdempotencyMismatch);
                }
                return self.answer(row.into()).await;
            }
            // Where one has moved, others may have: all are found at once.
            match (self.since(&used).await?, refused) {
                (Since::Still(decided_at), Some(error)) => {
                    return Err(error.decided_at(decided_at));
                }
                (Since::Still(_), None) => lost += 1,
                (Since::Moved(moved), _) => {
                    if moved.iter().all(|one| *one == rules && *one != own) {
                        lost_to_keys += 1;
                    } else {
                        lost += 1;
                    }
                    let before = raced.len();
                    raced.extend(moved.into_iter().filter(|stream| *stream != own));
                    if raced.len() > before {
                        drop(turns);
                        turns = self.turns(&own, &raced).await?;
                    }
                }
            }
        }
        Err(CommandError::Conflict)
    }

    /// Waits for a command's turn on its stream, and beside others that rest on the streams on which
    /// it lost a race.
    ///
    /// Commands on one stream queue behind each other, so that none loses a race to its neighbour. What
    /// only rests on a stream waits for nobody on it, unless it lost a race there: then those that write
    /// to it let it go first, however many they are.
    async fn turns(
        &self,
        own: &StreamName,
        raced: &BTreeSet<StreamName>,
    ) -> Result<Vec<Boarded>, CommandError> {
        let name = |stream: &StreamName| (stream.stream_type.to_string(), stream.id.to_string());
        let beside = raced.iter().map(|stream| (name(stream), Company::Beside));
        let turns = self
            .turns
            .board(beside.chain([(name(own), Company::Alone)]));
        turns.await.ok_or(CommandError::Busy)
    }

    /// What has become of the streams a command was decided on, since they were at these versions;
    /// those that moved are remembered to be behind.
    ///
    /// A command is decided on streams as this process last saw them. What is then recorded guards
    /// their versions; what is refused is refused only after this.
    async fn since(&self, used: &[(StreamName, u64)]) -> Result<Since, CommandError> {
        // First the position: what has not moved until later had not moved by then.
        let position = self.ledger.last_position().await?;
        let streams: Vec<_> = used.iter().map(|(stream, _)| stream.clone()).collect();
        let versions = self.ledger.stream_versions(&streams).await?;
        let mut moved = Vec::new();
        for ((stream, expected), found) in used.iter().zip(versions) {
            if found != *expected {
                self.warm.is_behind(stream);
                moved.push(stream.clone());
            }
        }
        Ok(if moved.is_empty() {
            Since::Still(position)
        } else {
            Since::Moved(moved)
        })
    }

    /// The answer to a command that was just carried out. The entries join their history.
    fn recorded<K: StreamKind>(
        &self,
        id: StreamId,
        history: History<K>,
        recorded: Recorded<K>,
    ) -> Result<Answer, CommandError> {
        let Recorded {
            receipt,
            entries,
            bytes,
            encoded,
        } = recorded;
        let stream = StreamName::new(K::TYPE, id);
        let version = self.warm.grow(id, history, entries, bytes);
        let positions = receipt.first_position..;
        let entries = encoded
            .into_iter()
            .zip(positions)
            .map(|((event, entry), position)| entry_answer(position, event, entry));
        Ok(Answer {
            stream,
            version,
            position: receipt.last_position,
            recorded_at: receipt.recorded_at,
            entries: entries.collect(),
            replayed: false,
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything a command is carried out with, gathered in one place"
    )]
    async fn attempt<K: StreamKind>(
        &self,
        request: &Request<K::Command>,
        loaded: Loaded<K>,
        id: StreamId,
        correlation_id: Uuid,
        used: Used,
        idempotency: Option<Idempotency>,
        with: &With,
    ) -> Attempt<K> {
        let (on, today) = (loaded.on, loaded.today);
        let deciding = Deciding {
            today,
            ..self.deciding()
        };
        if let Err(error) = deciding.admit(request, &loaded) {
            return Attempt::Not(error);
        }
        let slot = Slot::default();
        let store = CommandStore::<K> {
            ledger: self.ledger.clone(),
            vault: Arc::clone(&self.vault),
            edge: self.edge.clone(),
            used,
            history: loaded.history,
            idempotency,
            keys: with.keys.clone(),
            next_to: with.next_to,
            slot: slot.clone(),
        };
        let surroundings = Surroundings {
            stream: id,
            today,
            rests_on: loaded.rests_on,
            rules: loaded.rules.0,
            ids: Box::new(self.edge.clone()),
        };
        let given = request.given(correlation_id);
        let framework = CqrsFramework::<Stream<K>, _>::new(store, Vec::new(), surroundings);
        let executed = framework.execute(&id.to_string(), given).await;
        match (slot.take(), executed) {
            (Some(Outcome::Recorded(recorded)), _) => Attempt::Recorded(recorded),
            (Some(Outcome::LostRace), _) => Attempt::Again,
            (Some(Outcome::Failed(error)), _) => Attempt::Not(error),
            (None, Err(AggregateError::UserError(refusal))) => {
                Attempt::Not(refused(refusal, on, today))
            }
            (None, Err(error)) => Attempt::Not(CommandError::Internal(error.to_string())),
            (None, Ok(())) => {
                Attempt::Not(CommandError::Internal("a command without a commit".into()))
            }
        }
    }

    /// A refusal that rests on no stream, as known now.
    pub(crate) async fn refuses(
        &self,
        refusal: Refusal,
        occurred_on: Option<OccurredOn>,
    ) -> Result<CommandError, CommandError> {
        let (position, today) = (self.ledger.last_position().await?, self.edge.today());
        let on = occurred_on.map_or(today, |given| given.date);
        Ok(refused(refusal, on, today).decided_at(position))
    }

    fn deciding(&self) -> Deciding<'_> {
        Deciding {
            ledger: &self.ledger,
            streams: Streams::Warm(&self.warm),
            today: self.edge.today(),
        }
    }
}

impl Deciding<'_> {
    /// Whether a command may be given at all: its ids are ones the record may hold, there is such a
    /// stream, whoever gives it may see it and may do this, and it is at the version they named.
    pub(crate) fn admit<K: StreamKind>(
        &self,
        request: &Request<K::Command>,
        loaded: &Loaded<K>,
    ) -> Result<(), CommandError> {
        check_ids(request).map_err(|refusal| refused(refusal, loaded.on, self.today))?;
        let actual = loaded.history.version();
        let opens = match request.target {
            Target::Existing(_) => Opens::No,
            Target::New | Target::Stream(_) => request.command.opens(),
        };
        if actual == 0 && opens == Opens::No {
            return Err(CommandError::Hidden);
        }
        // What one may not see, one does not change either, whatever date it is changed for.
        if !self.visible::<K>(request, loaded) {
            return Err(CommandError::Hidden);
        }
        self.authorise::<K>(request, loaded)
            .map_err(|refusal| refused(refusal, loaded.on, self.today))?;
        match request.if_match {
            Some(expected) if expected != actual => Err(CommandError::Stale { expected, actual }),
            _ => Ok(()),
        }
    }

    /// Loads the stream and everything the command rests on.
    pub(crate) async fn load<K: StreamKind>(
        &self,
        request: &Request<K::Command>,
        id: StreamId,
    ) -> Result<Loaded<K>, CommandError> {
        let on = request.occurred_on.map_or(self.today, |d| d.date);
        let history = match request.target {
            // Nobody else knows its id.
            Target::New => History::default(),
            Target::Stream(_) | Target::Existing(_) => self.history::<K>(id).await?,
        };
        let (state, latest) = (history.state(on), history.state(NaiveDate::MAX));
        let command = &request.command;
        let mut rests_on = Histories::default();
        let partnership = match history.version() {
            0 => command.partnership(),
            _ => K::partnership(id, &latest),
        };
        if let Some(partnership) = partnership {
            let wanted = [partnership_stream(partnership)];
            self.add(&mut rests_on, wanted).await?;
        }
        for _ in 0..ROUNDS_MAX {
            let world = rests_on.on(on);
            let mut wanted = command.needs(&state, &world);
            if command.rests_on_areas() || sees_through_areas(request.principal) {
                // Those of the date decide; those of today say who may know of it.
                for world in [&world, &rests_on.on(NaiveDate::MAX)] {
                    let areas = world.partnerships.values().flat_map(|p| p.areas.iter());
                    wanted.extend(areas.map(|id| area_stream(*id)));
                }
            }
            if !self.add(&mut rests_on, wanted).await? {
                break;
            }
        }
        Ok(Loaded {
            history,
            state,
            latest,
            partnership,
            rests_on,
            rules: self.rules_in_force().await?,
            on,
            today: self.today,
        })
    }

    fn authorise<K: StreamKind>(
        &self,
        request: &Request<K::Command>,
        loaded: &Loaded<K>,
    ) -> Result<(), Refusal> {
        let world = loaded.rests_on.on(loaded.on);
        let now = loaded.rests_on.on(NaiveDate::MAX);
        let command = &request.command;
        let partnership = loaded.partnership;
        let known = partnership.and_then(|id| Some((id, &**world.partnerships.get(&id)?)));
        let current = partnership.and_then(|id| Some((id, &**now.partnerships.get(&id)?)));
        let (actors, subject) = corrected::<K>(command, &loaded.history, request.principal)
            .unwrap_or_else(|| (command.actors(), command.subject(&loaded.state)));
        let asked = Asked {
            principal: request.principal,
            acting: request.acting,
            actors,
            subject,
            partnership: known,
            world: &world,
            on: loaded.on,
        };
        asked
            .authorise()
            .and_then(|()| check_on_behalf_of(request, current))
    }

    /// Whether a principal may know that the stream is there: to the others it is as if absent.
    fn visible<K: StreamKind>(&self, request: &Request<K::Command>, loaded: &Loaded<K>) -> bool {
        let principal = request.principal;
        let now = loaded.rests_on.on(NaiveDate::MAX);
        let today = self.today;
        let of_area = |area: &Arc<AreaState>| {
            let here = principal.id.and_then(|id| area.authorities.get(&id));
            here.is_some_and(|a| a.exists_on(today))
        };
        let current = loaded
            .partnership
            .and_then(|id| Some((id, &**now.partnerships.get(&id)?)));
        let concerned = principal.kind == PrincipalKind::Authority
            && principal
                .id
                .is_some_and(|own| K::concerns(&loaded.latest, own));
        match (principal.kind, current) {
            // It records what others did, wherever that was, and otherwise knows of none of it.
            (PrincipalKind::Operator, Some(_)) => {
                request.acting == Acting::PastFact
                    || request.command.actors().own.contains(&Actor::Operator)
            }
            (_, Some((id, p))) => {
                let mut areas = p.areas.iter().filter_map(|id| now.areas.get(id));
                concerned
                    || access::sight(principal, id, p, &now, today) == Sight::Whole
                    // A school may ask in at the partnership of its own area.
                    || (K::NAME == Partnership::NAME && areas.any(of_area))
            }
            (PrincipalKind::Authority, None) if K::NAME == Direction::NAME => concerned,
            (PrincipalKind::LocalPolicingBody, None) if K::NAME == Direction::NAME => {
                now.areas.values().any(of_area)
            }
            (PrincipalKind::WelshMinisters, None) if K::NAME == Direction::NAME => {
                let mut areas = now.areas.values();
                areas.any(|area| area.country == Some(Country::Wales))
            }
            (PrincipalKind::Coordinator, None) => K::NAME != Direction::NAME,
            (_, None) => true,
        }
    }

    /// The rule pack in force in this ledger, and the version of the ledger's own stream.
    async fn rules_in_force(&self) -> Result<(RulePackRef, u64), CommandError> {
        let id = StreamId::new(self.ledger.id().uuid());
        let history = self.history::<LedgerStream>(id).await?;
        let state = history.state(NaiveDate::MAX);
        let rules = state.rules.clone().unwrap_or_else(enacted_ref);
        Ok((rules, history.version()))
    }

    async fn history<K: StreamKind>(&self, id: StreamId) -> Result<History<K>, LoadError> {
        match self.streams {
            Streams::Warm(warm) => warm.history(self.ledger, id).await,
            Streams::KnownAt(position) => load::history(self.ledger, id, Some(position)).await,
        }
    }

    async fn add(
        &self,
        histories: &mut Histories,
        wanted: impl IntoIterator<Item = StreamName>,
    ) -> Result<bool, LoadError> {
        match self.streams {
            Streams::Warm(warm) => warm.add(self.ledger, histories, wanted).await,
            Streams::KnownAt(position) => {
                load::add(self.ledger, histories, wanted, Some(position)).await
            }
        }
    }
}

impl Bus {
    /// The answer to a command that was carried out before, rebuilt from its entries.
    async fn answer(&self, receipt: Receipt) -> Result<Answer, CommandError> {
        let count = receipt.last_position + 1 - receipt.first_position;
        let limit = u32::try_from(count).unwrap_or(u32::MAX);
        let stored = self.ledger.read(receipt.first_position - 1, limit).await?;
        let mut entries = Vec::with_capacity(stored.len());
        let mut last = None;
        for one in &stored {
            let record = one.record()?;
            last = Some((record.entry.stream.clone(), record.entry.version));
            entries.push(entry_answer(record.position, record.event, record.entry));
        }
        let Some((stream, version)) = last else {
            return Err(CommandError::Internal("a receipt without entries".into()));
        };
        Ok(Answer {
            stream,
            version,
            position: receipt.last_position,
            recorded_at: receipt.recorded_at,
            entries,
            replayed: receipt.replayed,
        })
    }
}

/// A refusal of a command, which says what date it was decided for, and on which day.
pub(crate) fn refused(refusal: Refusal, on: NaiveDate, today: NaiveDate) -> CommandError {
    CommandError::Refused {
        refusal: Refusal {
            decided_for: refusal.decided_for.or(Some(on)),
            decided_on: refusal.decided_on.or(Some(today)),
            ..refusal
        },
        decided_at: 0,
    }
}

/// The most authorities one command may be given for.
const ON_BEHALF_OF_MAX: usize = 50;

/// L-2: a command is given for members of the partnership it concerns, and for nobody else.
fn check_on_behalf_of<C>(
    request: &Request<C>,
    partnership: Option<(StreamId, &PartnershipState)>,
) -> Result<(), Refusal> {
    let pointer = "/on_behalf_of";
    if request.on_behalf_of.len() > ON_BEHALF_OF_MAX {
        return Err(Refusal::invalid(
            pointer,
            format!("A command is given for at most {ON_BEHALF_OF_MAX} authorities."),
        ));
    }
    let member = |id: &StreamId| partnership.is_some_and(|(_, p)| p.members.contains_key(id));
    match request.on_behalf_of.iter().position(|id| !member(id)) {
        None => Ok(()),
        Some(row) => Err(Refusal::not_permitted(
            "A command is given only for members of the partnership it concerns.",
        )
        .at(&format!("{pointer}/{row}"))),
    }
}

/// Whoever may record an entry may correct it.
fn corrected<K: StreamKind>(
    command: &K::Command,
    history: &History<K>,
    principal: Principal,
) -> Option<(Actors, Option<StreamId>)> {
    let named = command.corrects()?;
    let entry = history.entries().find(|e| e.entry_id == named)?;
    let (actors, subject) = K::recordable_by(&entry.payload);
    // What an authority recorded with its own key, nobody else withdraws by a report or by telling
    // what happened elsewhere.
    let own = entry.standing.basis == Basis::Decision && !entry.standing.reported;
    // A case is told of by many; a finding or a step of one is withdrawn by whoever took it.
    let by = entry.standing.principal;
    let same = (by.kind, by.id) == (principal.kind, principal.id);
    if own && K::NAME == Direction::NAME && !same {
        return Some((
            Actors {
                own: &[],
                reportable: false,
                past_fact: false,
            },
            None,
        ));
    }
    let actors = if own {
        Actors {
            reportable: false,
            past_fact: false,
            ..actors
        }
    } else {
        actors
    };
    Some((actors, subject))
}

/// Whether what a principal may see hangs on areas.
const fn sees_through_areas(principal: Principal) -> bool {
    matches!(
        principal.kind,
        PrincipalKind::LocalPolicingBody | PrincipalKind::WelshMinisters | PrincipalKind::Authority
    )
}

/// What an idempotency key is scoped to: the principal, whichever of its keys it uses.
fn scope(principal: Principal) -> String {
    let kind = serde_json::to_value(principal.kind)
        .ok()
        .and_then(|kind| kind.as_str().map(str::to_owned))
        .unwrap_or_default();
    match principal.id {
        Some(id) => format!("{kind}:{id}"),
        None => kind,
    }
}

fn entry_answer(position: u64, event: Event, entry: Envelope<Value>) -> EntryAnswer {
    let mut payload = entry.payload;
    if let Value::Object(members) = &mut payload {
        members.retain(|_, value| {
            let sealed =
                value.is_object() && serde_json::from_value::<Sealed>(value.clone()).is_ok();
            !sealed && !value.is_null()
        });
    }
    EntryAnswer {
        entry_id: entry.entry_id,
        position,
        version: entry.version,
        event_type: event.event_type,
        payload,
        warned: entry
            .standing
            .warnings
            .into_iter()
            .map(|w| w.rule)
            .collect(),
        mark: entry.standing.past_fact.as_ref().map(|p| p.mark),
        unmet: entry
            .standing
            .past_fact
            .map(|p| p.unmet)
            .unwrap_or_default(),
    }
}

/// Ids that whoever gives a command chooses are ones the record may hold: every reader refuses others.
fn check_ids<C>(request: &Request<C>) -> Result<(), Refusal> {
    let refuse = |pointer: &str, why: &str| Err(Refusal::invalid(pointer, why));
    if request.correlation_id.is_some_and(|id| !is_uuid(id)) {
        return refuse("/correlation_id", "This is no UUID of a version.");
    }
    if request.causation_id.is_some_and(|id| !id.is_of_format()) {
        return refuse(
            "/causation_id",
            "The id of an entry is a UUID of version 7.",
        );
    }
    let strange = request
        .on_behalf_of
        .iter()
        .position(|id| !id.is_of_format());
    if let Some(at) = strange {
        let why = "The id of an authority is a UUID of version 7 or 8.";
        return refuse(&format!("/on_behalf_of/{at}"), why);
    }
    Ok(())
}
