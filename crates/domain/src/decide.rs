//! One way to decide every command.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use dutyledger_record::{
    Basis, EntryId, Envelope, Mark, OccurredOn, PastFact, PlainText, Principal, PublicText,
    RestsOn, RulePackRef, Sealed, Source, Standing, Stream, StreamId, Warning, is_sha256_hex,
};

use crate::history::{History, StreamKind};
use crate::refusal::{Refusal, RefusalCode, Unmet};
use crate::rules::{RuleId, Strength, commencement, pack_of, strength};
use crate::scene::{NoIds, Scene};
use crate::streams::EntryCorrected;
use crate::values::{Establishes, in_words};
use crate::world::{Histories, World};

/// Where new ids come from: time-ordered and never the same twice.
pub trait Ids: Send + Sync {
    /// A new UUIDv7.
    fn next(&self) -> Uuid;
}

/// A reason for going on although a row that should be met is not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonGiven {
    /// The row that warned, such as `R-31.1`.
    pub rule: RuleId,
    /// The reason. It is sealed.
    pub reason: PlainText,
}

/// What shows that something happened, and what it establishes about a breach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceGiven {
    /// Its title.
    pub title: PublicText,
    /// Where to find it: a reference or an address.
    pub reference: PublicText,
    /// Its date.
    pub date: NaiveDate,
    /// The SHA-256 of the document, as 64 lower-case hexadecimal digits.
    #[serde(default)]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
    /// What it establishes about a breach, if anything.
    #[serde(default)]
    pub establishes: Option<Establishes>,
}

/// On what footing a command is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Acting {
    /// The principal's own act, decided now: the gates hold.
    #[default]
    Own,
    /// A coordinator reports what another did, with a source.
    Reported,
    /// It already happened elsewhere and is recorded with its source.
    PastFact,
}

/// Everything about a command but what it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Who gives it.
    pub principal: Principal,
    /// On what footing.
    pub acting: Acting,
    /// The date it happens; today where none is stated.
    pub occurred_on: Option<OccurredOn>,
    /// The authorities it is done for.
    pub on_behalf_of: Vec<StreamId>,
    /// What shows it.
    pub source: Option<SourceGiven>,
    /// Reasons for going on in spite of rows that warn.
    pub reasons: Vec<ReasonGiven>,
    /// What the caller was doing.
    pub correlation_id: Uuid,
    /// The entry that caused it.
    pub causation_id: Option<EntryId>,
}

/// A command and everything about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Given<C> {
    /// Who, when and on what footing.
    pub about: About,
    /// What is asked for.
    pub command: C,
}

/// What a decision needs from outside: all of it a parameter.
pub struct Surroundings {
    /// The stream decided on.
    pub stream: StreamId,
    /// Today in Europe/London.
    pub today: NaiveDate,
    /// The streams it rests on.
    pub rests_on: Histories,
    /// The rule pack in force in this ledger.
    pub rules: RulePackRef,
    /// Where ids come from.
    pub ids: Box<dyn Ids>,
}

/// Who may give a command on their own behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A specified authority that is a member of the partnership.
    SpecifiedAuthority,
    /// The authority the command is about: the consultee, the owner, the duty holder; or whoever took its
    /// place in the partnership.
    Subject,
    /// The local policing body of one of the partnership's areas.
    LocalPolicingBody,
    /// An inspectorate.
    Inspectorate,
    /// The Secretary of State.
    SecretaryOfState,
    /// The Welsh Ministers.
    WelshMinisters,
    /// The operator.
    Operator,
    /// The service itself.
    System,
}

/// Who may give a command, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actors {
    /// Who may give it as their own act.
    pub own: &'static [Actor],
    /// Whether the partnership's coordinator may report it, with a source.
    pub reportable: bool,
    /// Whether it may be recorded as a past fact, by those who may give it, the coordinator or the
    /// operator, with a source.
    pub past_fact: bool,
}

impl Actors {
    /// The operator alone, as an administrative act.
    pub const OPERATOR: Self = Self {
        own: &[Actor::Operator],
        reportable: false,
        past_fact: false,
    };
    /// The service itself, as an administrative act.
    pub const SYSTEM: Self = Self {
        own: &[Actor::System],
        reportable: false,
        past_fact: false,
    };
    /// Any specified authority of the partnership; the coordinator may report it.
    pub const SPECIFIED: Self = Self {
        own: &[Actor::SpecifiedAuthority],
        reportable: true,
        past_fact: true,
    };
    /// The authority it is about; the coordinator may report it.
    pub const SUBJECT: Self = Self {
        own: &[Actor::Subject],
        reportable: true,
        past_fact: true,
    };
    /// The authority it is about, alone.
    pub const SUBJECT_ONLY: Self = Self {
        own: &[Actor::Subject],
        reportable: false,
        past_fact: true,
    };
}

/// Whether a command opens a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// It opens one.
    Yes,
    /// It is given on an open one.
    No,
    /// It opens one, or is given on an open one.
    Either,
}

/// One command: its particulars and how they are decided.
pub trait Particulars<K: StreamKind>: Clone + Debug + DeserializeOwned + JsonSchema {
    /// Its name in kebab-case: an imperative.
    const NAME: &'static str;
    /// Who may give it.
    const ACTORS: Actors;
    /// Whether it opens a stream.
    const OPENS: Opens = Opens::No;
    /// Whether it rests on the areas of the partnership.
    const RESTS_ON_AREAS: bool = false;
    /// Whether its entries are administrative.
    const ADMINISTRATIVE: bool = false;
    /// Whether it needs a source even where it is the principal's own act.
    const SOURCED: bool = false;

    /// The authority whose act it is, where the command names one.
    fn subject(&self, _state: &K::State) -> Option<StreamId> {
        None
    }

    /// The partnership it names, where the stream does not yet say.
    fn partnership(&self) -> Option<StreamId> {
        None
    }

    /// The streams it rests on besides the partnership (and its areas, where it says so).
    fn needs(&self, _state: &K::State, _world: &World) -> Vec<Stream> {
        Vec::new()
    }

    /// Decides: what happens if the gates let it.
    ///
    /// # Errors
    /// Refusals of what cannot be, whatever the gates say.
    fn decide(self, state: &K::State, scene: &Scene<'_>) -> Result<Vec<K::Event>, Refusal>;
}

/// The commands of a kind of stream, as one type.
pub trait CommandSet<K: StreamKind>: Clone + Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Who may give it.
    fn actors(&self) -> Actors;
    /// Whether it opens a stream.
    fn opens(&self) -> Opens;
    /// Whether it rests on the partnership's areas.
    fn rests_on_areas(&self) -> bool;
    /// Whether its entries are administrative.
    fn administrative(&self) -> bool;
    /// Whether it needs a source even where it is the principal's own act.
    fn sourced(&self) -> bool;
    /// The authority whose act it is.
    fn subject(&self, state: &K::State) -> Option<StreamId>;
    /// The partnership it names.
    fn partnership(&self) -> Option<StreamId>;
    /// The further streams it rests on.
    fn needs(&self, state: &K::State, world: &World) -> Vec<Stream>;
    /// The entry it corrects, if it is a correction.
    fn corrects(&self) -> Option<EntryId>;
    /// Decides.
    ///
    /// # Errors
    /// Refusals of what cannot be, whatever the gates say.
    fn decide(self, state: &K::State, scene: &Scene<'_>) -> Result<Vec<K::Event>, Refusal>;
}

/// Declares the commands of a kind of stream. `CorrectEntry` belongs to every kind.
macro_rules! commands {
    ($(#[$doc:meta])* $name:ident of $kind:ident { $($command:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
        #[serde(tag = "command", content = "particulars", rename_all = "kebab-case", deny_unknown_fields)]
        pub enum $name {
            $(
                #[doc = concat!("See [`", stringify!($command), "`].")]
                $command($command),
            )+
            /// See [`CorrectEntry`](crate::streams::CorrectEntry).
            CorrectEntry($crate::streams::CorrectEntry),
        }

        $(impl From<$command> for $name {
            fn from(command: $command) -> Self {
                Self::$command(command)
            }
        })+

        impl From<$crate::streams::CorrectEntry> for $name {
            fn from(command: $crate::streams::CorrectEntry) -> Self {
                Self::CorrectEntry(command)
            }
        }

        impl $crate::decide::CommandSet<$kind> for $name {
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$command(_) => <$command as $crate::Particulars<$kind>>::NAME,)+
                    Self::CorrectEntry(_) => <$crate::streams::CorrectEntry as $crate::Particulars<$kind>>::NAME,
                }
            }
            fn actors(&self) -> $crate::Actors {
                match self {
                    $(Self::$command(_) => <$command as $crate::Particulars<$kind>>::ACTORS,)+
                    Self::CorrectEntry(_) => <$crate::streams::CorrectEntry as $crate::Particulars<$kind>>::ACTORS,
                }
            }
            fn opens(&self) -> $crate::Opens {
                match self {
                    $(Self::$command(_) => <$command as $crate::Particulars<$kind>>::OPENS,)+
                    Self::CorrectEntry(_) => $crate::Opens::No,
                }
            }
            fn rests_on_areas(&self) -> bool {
                match self {
                    $(Self::$command(_) => <$command as $crate::Particulars<$kind>>::RESTS_ON_AREAS,)+
                    Self::CorrectEntry(_) => true,
                }
            }
            fn administrative(&self) -> bool {
                match self {
                    $(Self::$command(_) => <$command as $crate::Particulars<$kind>>::ADMINISTRATIVE,)+
                    Self::CorrectEntry(_) => false,
                }
            }
            fn sourced(&self) -> bool {
                match self {
                    $(Self::$command(_) => <$command as $crate::Particulars<$kind>>::SOURCED,)+
                    Self::CorrectEntry(_) => false,
                }
            }
            fn subject(&self, state: &<$kind as $crate::StreamKind>::State) -> Option<dutyledger_record::StreamId> {
                match self {
                    $(Self::$command(c) => <$command as $crate::Particulars<$kind>>::subject(c, state),)+
                    Self::CorrectEntry(_) => None,
                }
            }
            fn partnership(&self) -> Option<dutyledger_record::StreamId> {
                match self {
                    $(Self::$command(c) => <$command as $crate::Particulars<$kind>>::partnership(c),)+
                    Self::CorrectEntry(_) => None,
                }
            }
            fn needs(
                &self,
                state: &<$kind as $crate::StreamKind>::State,
                world: &$crate::World,
            ) -> Vec<dutyledger_record::Stream> {
                match self {
                    $(Self::$command(c) => <$command as $crate::Particulars<$kind>>::needs(c, state, world),)+
                    Self::CorrectEntry(_) => Vec::new(),
                }
            }
            fn corrects(&self) -> Option<dutyledger_record::EntryId> {
                match self {
                    Self::CorrectEntry(c) => Some(c.entry_id),
                    _ => None,
                }
            }
            fn decide(
                self,
                state: &<$kind as $crate::StreamKind>::State,
                scene: &$crate::Scene<'_>,
            ) -> Result<Vec<<$kind as $crate::StreamKind>::Event>, $crate::Refusal> {
                match self {
                    $(Self::$command(c) => $crate::Particulars::<$kind>::decide(c, state, scene),)+
                    Self::CorrectEntry(c) => $crate::Particulars::<$kind>::decide(c, state, scene),
                }
            }
        }
    };
}
pub(crate) use commands;

/// The earliest year of a source.
const EARLIEST_SOURCE_YEAR: i32 = 1900;
/// The earliest date anything in the record can have happened: the consultation on the duty.
const EARLIEST_YEAR: i32 = 1998;

/// Decides a command on a stream: on the state as true on its own date, as known by these entries.
///
/// # Errors
/// A typed refusal. Nothing has happened then.
pub fn decide<K: StreamKind>(
    history: &History<K>,
    given: Given<K::Command>,
    surroundings: &Surroundings,
) -> Result<Vec<Envelope<K::Event>>, Refusal> {
    let occurred_on = given.about.occurred_on.unwrap_or(OccurredOn {
        assumed: false,
        date: surroundings.today,
    });
    let decided_for = occurred_on.date;
    decide_on(history, given, surroundings, occurred_on).map_err(|refusal| Refusal {
        decided_for: Some(decided_for),
        decided_on: Some(surroundings.today),
        ..refusal
    })
}

fn decide_on<K: StreamKind>(
    history: &History<K>,
    given: Given<K::Command>,
    surroundings: &Surroundings,
    occurred_on: OccurredOn,
) -> Result<Vec<Envelope<K::Event>>, Refusal> {
    let Given { about, command } = given;
    let on = occurred_on.date;
    check_footing(&about, command.actors(), command.sourced())?;
    check_date(on, surroundings.today)?;
    if let Some(source) = &about.source {
        check_source(source, surroundings.today)?;
    }
    match history.opening() {
        Some(_) if command.opens() == Opens::Yes => {
            return Err(Refusal::already("This stream is already open."));
        }
        None if command.opens() == Opens::No => {
            return Err(Refusal::not_found("There is no such stream."));
        }
        Some(opening) if K::DECIDED_BY_DATE && on < opening.standing.occurred_on.date => {
            return Err(Refusal::new(
                RefusalCode::DateBeforeOpening,
                format!(
                    "{} is before this stream was opened on {}.",
                    in_words(on),
                    in_words(opening.standing.occurred_on.date)
                ),
            )
            .at("/occurred_on"));
        }
        _ => {}
    }
    let corrects = command.corrects();
    if let Some(entry_id) = corrects {
        let named = history.entries().find(|e| e.entry_id == entry_id);
        if let Some(entry) = named.filter(|e| on < e.standing.occurred_on.date) {
            return Err(Refusal::invalid(
                "/occurred_on",
                format!(
                    "A correction is not dated before the entry it withdraws, {}.",
                    in_words(entry.standing.occurred_on.date)
                ),
            ));
        }
        history
            .correctable(entry_id)
            .map_err(|why| Refusal::invalid("/particulars/entry_id", why))?;
    }

    let world = surroundings.rests_on.on(on);
    let scene = Scene {
        stream: surroundings.stream,
        on,
        world: &world,
        pack: pack_of(&surroundings.rules),
        principal: about.principal,
        reported: about.acting == Acting::Reported,
        past_fact: about.acting == Acting::PastFact,
        ids: surroundings.ids.as_ref(),
    };
    let administrative = command.administrative();
    let latest = history.state(NaiveDate::MAX);
    let mut state = match K::DECIDED_BY_DATE {
        true => history.state(on),
        false => Arc::clone(&latest),
    };
    let events = command.decide(&state, &scene)?;

    let versions = surroundings.rests_on.versions();
    let mut unmet = Vec::new();
    let mut entries = Vec::with_capacity(events.len());
    if let Some(named) = corrects
        && let Some(entry) = history.entries().find(|e| e.entry_id == named)
        && entry.standing.basis == Basis::Decision
        && !entry.standing.reported
    {
        unmet.extend(K::unmet_to_withdraw(entry, &latest, &scene));
    }
    for event in events {
        if let Some(why) = K::already(&event, &latest, &scene) {
            return Err(Refusal::already(why));
        }
        if !scene.past_fact && K::gated(&event) && on < commencement() {
            return Err(Refusal::invalid(
                "/occurred_on",
                format!(
                    "The duty began on {}. Record what happened before as a past fact, with its \
                     source.",
                    in_words(commencement())
                ),
            ));
        }
        // The state is the history's own until it has to move on: most commands make one entry, and
        // a copy of a large state would cost more than the decision.
        if let Some(before) = entries.last() {
            K::evolve(Arc::make_mut(&mut state), before);
        }
        unmet.extend(K::unmet(&event, &state, &scene));
        entries.push(Envelope {
            entry_id: EntryId::new(surroundings.ids.next()),
            stream: Stream::new(K::TYPE, surroundings.stream),
            version: history.version() + entries.len() as u64 + 1,
            standing: Standing {
                rests_on: rests_on(&versions, K::about(&event)),
                ..standing(&about, surroundings, occurred_on, corrects, administrative)
            },
            payload: event,
        });
    }
    let settled = settle(unmet, &about, on, &surroundings.rules)?;
    // What opens a stream says which partnership it belongs to, and later entries change nothing of
    // that.
    let partnership = K::partnership(surroundings.stream, &state).or_else(|| {
        K::evolve(Arc::make_mut(&mut state), entries.last()?);
        K::partnership(surroundings.stream, &state)
    });
    for entry in &mut entries {
        entry.standing.partnerships = partnership.into_iter().collect();
        entry.standing.past_fact = settled.past_fact.clone();
    }
    // The reasons belong to the decision as a whole: they stand in its last entry, which closes it.
    if let Some(last) = entries.last_mut() {
        last.standing.warnings = settled.warnings;
    }
    Ok(entries)
}

fn check_date(on: NaiveDate, today: NaiveDate) -> Result<(), Refusal> {
    if on > today {
        return Err(Refusal::new(
            RefusalCode::DateAfterToday,
            format!("{} is after today, {}.", in_words(on), in_words(today)),
        )
        .at("/occurred_on")
        .under(vec![Unmet::new(
            "L-4",
            "Nothing happens after today.",
            "Record it on or after the day it happens.",
        )]));
    }
    if on.year() < EARLIEST_YEAR {
        return Err(Refusal::invalid(
            "/occurred_on",
            format!("The date must be in {EARLIEST_YEAR} or later."),
        ));
    }
    Ok(())
}

fn check_source(source: &SourceGiven, today: NaiveDate) -> Result<(), Refusal> {
    if source.date > today || source.date.year() < EARLIEST_SOURCE_YEAR {
        return Err(Refusal::invalid(
            "/source/date",
            "The date of a source is no later than today.",
        ));
    }
    if !source.sha256.as_deref().is_none_or(is_sha256_hex) {
        return Err(Refusal::invalid(
            "/source/sha256",
            "A SHA-256 has 64 lower-case hexadecimal digits.",
        ));
    }
    Ok(())
}

fn check_footing(about: &About, actors: Actors, sourced: bool) -> Result<(), Refusal> {
    let missing_source = |what: &str| {
        Refusal::new(
            RefusalCode::SourceRequired,
            format!("{what} needs a source."),
        )
        .at("/source")
    };
    match about.acting {
        Acting::Own if sourced && about.source.is_none() => Err(missing_source("This")),
        Acting::Own => Ok(()),
        Acting::Reported if !actors.reportable => Err(Refusal::not_permitted(
            "This cannot be reported by a coordinator: only the authority itself may do it.",
        )),
        Acting::PastFact if !actors.past_fact => Err(Refusal::not_permitted(
            "This cannot be recorded as a past fact.",
        )),
        Acting::Reported if about.source.is_none() => Err(missing_source("A report")),
        Acting::PastFact if about.source.is_none() => Err(missing_source("A past fact")),
        Acting::Reported | Acting::PastFact => Ok(()),
    }
}

/// The most streams of one listed kind an entry names among those it rested on.
const LISTED_NAMED_MAX: usize = 64;

/// The streams an entry names as those it rested on. A list of hundreds of authorities or needs
/// assessments is guarded as a whole, and each entry names the one it is about; the entry that
/// closes the list rests on the entries before it.
fn rests_on(versions: &[RestsOn], about: Option<StreamId>) -> Vec<RestsOn> {
    let listed = |s: &RestsOn| {
        s.stream_type == crate::streams::Authority::TYPE
            || s.stream_type == crate::streams::NeedsAssessment::TYPE
    };
    let many = versions.iter().filter(|s| listed(s)).count() > LISTED_NAMED_MAX;
    versions
        .iter()
        .filter(|s| match about {
            _ if !listed(s) => true,
            Some(one) => s.id == one,
            None => !many,
        })
        .cloned()
        .collect()
}

fn standing(
    about: &About,
    surroundings: &Surroundings,
    occurred_on: OccurredOn,
    corrects: Option<EntryId>,
    administrative: bool,
) -> Standing {
    let basis = match about.acting {
        _ if administrative => Basis::Administrative,
        Acting::Own | Acting::Reported => Basis::Decision,
        Acting::PastFact => Basis::PastFact,
    };
    Standing {
        basis,
        causation_id: about.causation_id,
        correlation_id: about.correlation_id,
        corrects,
        occurred_on,
        on_behalf_of: about.on_behalf_of.clone(),
        partnerships: Vec::new(),
        past_fact: None,
        principal: about.principal,
        reported: about.acting == Acting::Reported,
        rests_on: Vec::new(),
        rules: surroundings.rules.clone(),
        source: about.source.clone().map(|s| Source {
            date: s.date,
            reference: s.reference,
            sha256: s.sha256,
            title: s.title,
        }),
        warnings: Vec::new(),
    }
}

struct Settled {
    past_fact: Option<PastFact>,
    warnings: Vec<Warning>,
}

/// *Must* refuses a decision, *should* asks for a reason, a past fact is refused by neither.
fn settle(
    unmet: Vec<Unmet>,
    about: &About,
    on: NaiveDate,
    rules: &RulePackRef,
) -> Result<Settled, Refusal> {
    let (mut refusing, mut warning) = (Vec::new(), Vec::new());
    for row in unmet {
        match strength(rules, row.rule.as_str(), on) {
            Strength::Refuses => refusing.push(row),
            Strength::Warns => warning.push(row),
            Strength::Silent => {}
        }
    }
    if about.acting == Acting::PastFact {
        let mark = match about.source.as_ref().and_then(|s| s.establishes) {
            None => Mark::NotEvidenced,
            Some(Establishes::Admitted) => Mark::Admitted,
            Some(Establishes::Found) => Mark::Found,
        };
        let rows: BTreeSet<_> = refusing.into_iter().map(|r| r.rule.to_string()).collect();
        let past_fact = Some(PastFact {
            mark,
            unmet: rows.into_iter().collect(),
        });
        return Ok(Settled {
            past_fact,
            warnings: Vec::new(),
        });
    }
    if !refusing.is_empty() {
        let detail = refusing
            .iter()
            .map(|r| r.detail.as_str())
            .collect::<Vec<_>>()
            .join(" ");
        return Err(Refusal::new(RefusalCode::RuleNotMet, detail).under(refusing));
    }
    let given = |rule: &RuleId| about.reasons.iter().find(|r| r.rule == *rule);
    let (answered, unanswered): (Vec<_>, Vec<_>) = warning
        .into_iter()
        .partition(|row| given(&row.rule).is_some());
    if !unanswered.is_empty() {
        let detail = format!(
            "Give a reason for each of these rows, which should be met: {}.",
            unanswered
                .iter()
                .map(|r| r.rule.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        );
        return Err(Refusal::new(RefusalCode::ReasonRequired, detail)
            .at("/reasons")
            .under(unanswered));
    }
    let rows: BTreeSet<_> = answered.into_iter().map(|row| row.rule).collect();
    let warnings = rows
        .into_iter()
        .filter_map(|rule| given(&rule))
        .map(|r| Warning {
            rule: r.rule.to_string(),
            reason: Sealed::Open(r.reason.clone()),
        })
        .collect();
    Ok(Settled {
        past_fact: None,
        warnings,
    })
}

/// The rows an entry does not meet, evaluated again on its own date with what is now known: the
/// state as true on its date as if it had not been recorded, the streams it rests on as true on
/// that date, and the rule pack known with them.
#[must_use]
pub fn unmet_now<K: StreamKind>(
    history: &History<K>,
    entry: &Envelope<K::Event>,
    rests_on: &Histories,
) -> Vec<Unmet> {
    let on = entry.standing.occurred_on.date;
    let world = rests_on.on(on);
    let scene = Scene {
        stream: entry.stream.id,
        on,
        world: &world,
        pack: pack_of(&rests_on.rules),
        principal: entry.standing.principal,
        reported: entry.standing.reported,
        past_fact: entry.standing.basis == Basis::PastFact,
        ids: &NoIds,
    };
    // What happened later on the same day does not unmake it, and what was recorded later of that
    // day may still show that it was in order: only a row unmet either way is unmet.
    let mut unmet = K::unmet(&entry.payload, &history.state_before(entry), &scene);
    let all_day = history.state_without(on, entry.entry_id);
    let by_evening = K::unmet(&entry.payload, &all_day, &scene);
    unmet.retain(|row| by_evening.iter().any(|other| other.rule == row.rule));
    unmet.retain(|row| strength(&rests_on.rules, row.rule.as_str(), on) == Strength::Refuses);
    unmet
}

impl<K: StreamKind> Particulars<K> for crate::streams::CorrectEntry
where
    K::Event: From<EntryCorrected>,
{
    const NAME: &'static str = "correct-entry";
    /// Who may correct depends on the entry corrected: whoever may record it. The command bus
    /// looks it up; see `application`.
    const ACTORS: Actors = Actors {
        own: &[Actor::SpecifiedAuthority, Actor::Subject, Actor::Operator],
        reportable: true,
        past_fact: true,
    };

    fn decide(self, _: &K::State, _: &Scene<'_>) -> Result<Vec<K::Event>, Refusal> {
        Ok(vec![
            EntryCorrected {
                reason: self.reason.map(Sealed::from),
            }
            .into(),
        ])
    }
}
