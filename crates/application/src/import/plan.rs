//! Checking a whole file before its first command.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use uuid::Uuid;

use dutyledger_domain::in_words;
use dutyledger_domain::rules::row;
use dutyledger_domain::{Acting, Actor, Capacity, Class, Opens};
use dutyledger_record::PrincipalKind;

use super::command::{Command, Kind};
use super::error::{ImportError, Place};
use super::format::{self, History, SourceOf, Step};
use super::names;

/// The earliest year the record takes.
const EARLIEST_YEAR: i32 = 1998;

/// A file that may be carried out.
pub(super) struct Plan {
    pub(super) history: History,
    pub(super) steps: Vec<Planned>,
}

/// What is known of a step before it is carried out.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) kind: Kind,
    /// The name of the stream it is given on; none where it opens one.
    pub(super) on_stream: Option<String>,
    pub(super) by: By,
}

/// Who gives a step's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The operator who imports.
    Operator,
    /// A principal that is one of its kind.
    Alone(PrincipalKind),
    /// A principal bound to a stream of this name.
    Bound(PrincipalKind, String),
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
enum Named {
    Stream {
        kind: Kind,
        capacity: Option<Capacity>,
        opened: NaiveDate,
    },
    Item,
}

/// Reads and checks a file.
pub(super) fn read(text: &str, today: NaiveDate) -> Result<Plan, ImportError> {
    let history = format::read(text)?;
    check_head(&history, today)?;
    let mut names = BTreeMap::new();
    let mut steps = Vec::with_capacity(history.steps.len());
    for (index, step) in history.steps.iter().enumerate() {
        let check = Check {
            index,
            step,
            history: &history,
            names: &names,
            today,
        };
        let (planned, given) = check.run()?;
        steps.push(planned);
        names.extend(given);
    }
    Ok(Plan { history, steps })
}

fn check_head(history: &History, today: NaiveDate) -> Result<(), ImportError> {
    let refused = |pointer: &str, reason: String| {
        Err(ImportError::Refused {
            place: Place::document(pointer),
            reason,
        })
    };
    if !history.fictional && history.covers_until > today {
        let reason = format!("no source reaches beyond today, {today}.");
        return refused("/covers_until", reason);
    }
    for (name, source) in &history.sources {
        let pointer = format!("/sources/{name}");
        if !names::proper(name) {
            return refused(&pointer, NAME_REASON.to_owned());
        }
        if source.date > today {
            return refused(
                &format!("{pointer}/date"),
                format!("it is after today, {today}."),
            );
        }
        if !source.has_proper_digest() {
            let reason = "a SHA-256 has 64 lower-case hexadecimal digits.".to_owned();
            return refused(&format!("{pointer}/sha256"), reason);
        }
    }
    Ok(())
}

const NAME_REASON: &str = "a name has 1 to 64 lower-case letters, digits and hyphens and begins \
                           with a letter.";

/// One step, against what came before it.
struct Check<'a> {
    index: usize,
    step: &'a Step,
    history: &'a History,
    names: &'a BTreeMap<String, Named>,
    today: NaiveDate,
}

impl Check<'_> {
    fn refused(&self, pointer: &str, reason: impl Into<String>) -> ImportError {
        ImportError::Refused {
            place: Place::step(self.index, self.step.name.as_deref(), pointer),
            reason: reason.into(),
        }
    }

    fn run(&self) -> Result<(Planned, Vec<(String, Named)>), ImportError> {
        let (kind, on_stream, opened) = self.stream()?;
        self.check_date(opened)?;
        let command = self.command(kind)?;
        match (command.opens(), &on_stream) {
            (Opens::No, None) => {
                let reason = "this command does not open a stream: name the stream it is given on.";
                return Err(self.refused("/stream", reason));
            }
            (Opens::Yes, Some(_)) => {
                let reason = format!("this command opens a stream: write \"{}\".", kind.name());
                return Err(self.refused("/stream", reason));
            }
            (Opens::Yes | Opens::Either, None) | (Opens::No | Opens::Either, Some(_)) => {}
        }
        let by = self.by()?;
        self.check_footing(&by, &command)?;
        self.check_source()?;
        self.check_reasons()?;
        self.check_on_behalf_of()?;
        let opens = on_stream.is_none();
        let given = self.given_names(kind, &command, opens)?;
        Ok((
            Planned {
                kind,
                on_stream,
                by,
            },
            given,
        ))
    }

    /// The stream's kind, its name where it is already open, and the date it was opened.
    fn stream(&self) -> Result<(Kind, Option<String>, Option<NaiveDate>), ImportError> {
        let text = self.step.stream.as_str();
        let Some(name) = names::marked(text) else {
            let kind = Kind::of(text).ok_or_else(|| {
                self.refused(
                    "/stream",
                    format!("no history opens a stream of kind \"{text}\"."),
                )
            })?;
            return Ok((kind, None, None));
        };
        match self.names.get(name) {
            Some(Named::Stream { kind, opened, .. }) => {
                Ok((*kind, Some(name.to_owned()), Some(*opened)))
            }
            Some(Named::Item) => {
                Err(self.refused("/stream", format!("${name} is an item, not a stream.")))
            }
            None => Err(self.refused("/stream", unknown(name))),
        }
    }

    fn check_date(&self, opened: Option<NaiveDate>) -> Result<(), ImportError> {
        let (on, until) = (self.step.on, self.history.covers_until);
        let reason = if on > self.today {
            format!("{} is after today, {}.", in_words(on), in_words(self.today))
        } else if on > until {
            format!(
                "{} is after the date the history covers, {}.",
                in_words(on),
                in_words(until)
            )
        } else if on.year() < EARLIEST_YEAR {
            format!("the record begins in {EARLIEST_YEAR}.")
        } else if let Some(opened) = opened.filter(|opened| on < *opened) {
            format!(
                "{} is before the stream was opened, on {}.",
                in_words(on),
                in_words(opened)
            )
        } else {
            return Ok(());
        };
        Err(self.refused("/on", reason))
    }

    fn command(&self, kind: Kind) -> Result<Command, ImportError> {
        let step = self.step;
        if !kind.knows(&step.command) {
            let reason = format!("a stream of kind {} has no such command.", kind.name());
            return Err(self.refused("/command", reason));
        }
        let mut particulars = serde_json::Value::Object(step.particulars.clone());
        names::resolve(&mut particulars, "/particulars", &|name| {
            // Any id does here: only the shape is checked.
            self.names.contains_key(name).then(Uuid::nil)
        })
        .map_err(|e| self.refused(&e.pointer, unknown(&e.name)))?;
        let command = kind.read(&step.command, particulars).map_err(|e| {
            self.refused("/particulars", format!("{}.", format::without_position(&e)))
        })?;
        if command.is_coverage() {
            let reason =
                "the importer records how far a history's sources reach, from covers_until.";
            return Err(self.refused("/command", reason));
        }
        Ok(command)
    }

    fn by(&self) -> Result<By, ImportError> {
        let Some(text) = self.step.by.as_deref() else {
            return Ok(By::Operator);
        };
        let Some(name) = names::marked(text) else {
            return match text {
                "secretary_of_state" => Ok(By::Alone(PrincipalKind::SecretaryOfState)),
                "welsh_ministers" => Ok(By::Alone(PrincipalKind::WelshMinisters)),
                "inspectorate" => Ok(By::Alone(PrincipalKind::Inspectorate)),
                _ => Err(self.refused(
                    "/by",
                    "this is \"secretary_of_state\", \"welsh_ministers\", \"inspectorate\", or \
                     the name of an authority or a partnership.",
                )),
            };
        };
        let kind = match self.names.get(name) {
            None => return Err(self.refused("/by", unknown(name))),
            Some(Named::Stream {
                capacity: Some(capacity),
                ..
            }) if capacity.class() == Class::LocalPolicingBody => PrincipalKind::LocalPolicingBody,
            Some(Named::Stream {
                kind: Kind::Authority,
                ..
            }) => PrincipalKind::Authority,
            Some(Named::Stream {
                kind: Kind::Partnership,
                ..
            }) => PrincipalKind::Coordinator,
            Some(_) => {
                let reason = format!("${name} is neither an authority nor a partnership.");
                return Err(self.refused("/by", reason));
            }
        };
        Ok(By::Bound(kind, name.to_owned()))
    }

    /// What can be said of the footing without the ledger; the rest is the bus's to decide.
    fn check_footing(&self, by: &By, command: &Command) -> Result<(), ImportError> {
        let actors = command.actors();
        let reason = match self.step.acting {
            Acting::PastFact if !actors.past_fact => "this cannot be recorded as a past fact.",
            Acting::Reported if !actors.reportable => "this cannot be reported.",
            Acting::Reported if !matches!(by, By::Bound(PrincipalKind::Coordinator, _)) => {
                "only a coordinator reports: name the partnership as the one by whom."
            }
            Acting::Own if *by == By::Operator && !actors.own.contains(&Actor::Operator) => {
                "this is not the operator's own act: record it as a past fact, with its source, \
                 or say by whom it is decided."
            }
            Acting::Own | Acting::Reported | Acting::PastFact => return Ok(()),
        };
        Err(self.refused("/acting", reason))
    }

    fn check_source(&self) -> Result<(), ImportError> {
        let step = self.step;
        if step.acting != Acting::Own && step.source.is_none() {
            return Err(self.refused("/source", "a past fact or a report needs a source."));
        }
        if let Some(name) = &step.source
            && !self.history.sources.contains_key(name)
        {
            return Err(self.refused("/source", format!("there is no source \"{name}\".")));
        }
        if step.establishes.is_some() && step.acting != Acting::PastFact {
            let reason = "only the source of a past fact establishes something about a breach.";
            return Err(self.refused("/establishes", reason));
        }
        Ok(())
    }

    fn check_reasons(&self) -> Result<(), ImportError> {
        for (at, given) in self.step.reasons.iter().enumerate() {
            if row(given.rule.as_str()).is_none() {
                let reason = format!("there is no row {}.", given.rule);
                return Err(self.refused(&format!("/reasons/{at}/rule"), reason));
            }
        }
        Ok(())
    }

    fn check_on_behalf_of(&self) -> Result<(), ImportError> {
        for (at, text) in self.step.on_behalf_of.iter().enumerate() {
            let named = names::marked(text).and_then(|name| self.names.get(name));
            if !matches!(
                named,
                Some(Named::Stream {
                    kind: Kind::Authority,
                    ..
                })
            ) {
                let reason = "this is the name of an authority an earlier step registers.";
                return Err(self.refused(&format!("/on_behalf_of/{at}"), reason));
            }
        }
        Ok(())
    }

    /// The names this step gives.
    fn given_names(
        &self,
        kind: Kind,
        command: &Command,
        opens: bool,
    ) -> Result<Vec<(String, Named)>, ImportError> {
        let step = self.step;
        let mut given = Vec::with_capacity(step.items.len() + 1);
        if let Some(name) = &step.name {
            self.check_name("/name", name)?;
            // On a stream already open, the name only helps to find the step.
            if opens {
                let capacity = command.capacity();
                given.push((
                    name.clone(),
                    Named::Stream {
                        kind,
                        capacity,
                        opened: step.on,
                    },
                ));
            }
        }
        for (name, item) in &step.items {
            let pointer = format!("/items/{name}");
            self.check_name(&pointer, name)?;
            if given.iter().any(|(other, _)| other == name) {
                return Err(self.refused(&pointer, "this name is already given."));
            }
            if item != names::ENTRY && command.creates() != Some(item.as_str()) {
                let reason = match command.creates() {
                    Some(creates) => format!("this command creates \"{creates}\"."),
                    None => "this command creates no item that can be named.".to_owned(),
                };
                return Err(self.refused(&pointer, reason));
            }
            given.push((name.clone(), Named::Item));
        }
        Ok(given)
    }

    fn check_name(&self, pointer: &str, name: &str) -> Result<(), ImportError> {
        if !names::proper(name) {
            return Err(self.refused(pointer, NAME_REASON));
        }
        if self.names.contains_key(name) {
            return Err(self.refused(pointer, "this name is already given."));
        }
        Ok(())
    }
}

fn unknown(name: &str) -> String {
    format!("no earlier step gives the name ${name}.")
}

impl Plan {
    /// The source a step names.
    pub(super) fn source(&self, step: &Step) -> Option<&SourceOf> {
        self.history.sources.get(step.source.as_ref()?)
    }

    /// Refuses decisions of others where nobody may be spoken for.
    pub(super) fn check_live(&self) -> Result<(), ImportError> {
        if self.history.fictional {
            return Err(ImportError::Refused {
                place: Place::document("/fictional"),
                reason: "this ledger is live: nothing fictional is recorded in it. Import such a \
                         history into a sandbox."
                    .to_owned(),
            });
        }
        match self
            .steps
            .iter()
            .position(|planned| planned.by != By::Operator)
        {
            None => Ok(()),
            Some(index) => {
                let name = self.history.steps[index].name.as_deref();
                Err(ImportError::Refused {
                    place: Place::step(index, name, "/by"),
                    reason: "this ledger is live: nobody's decision is made for it. Import such a \
                             history into a sandbox."
                        .to_owned(),
                })
            }
        }
    }
}
