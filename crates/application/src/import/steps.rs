//! Carrying a checked file out, step by step.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use dutyledger_domain::streams::area::{AreaCommand, AreaEvent};
use dutyledger_domain::streams::ledger::LedgerMode;
use dutyledger_domain::streams::partnership::{PartnershipCommand, StateCoverage};
use dutyledger_domain::streams::{Area, LedgerStream};
use dutyledger_domain::{Acting, History, Refusal};
use dutyledger_record::{NaturalKey, OccurredOn, Principal, StreamId, hex};

use super::command::{Command, Kind, execute};
use super::error::{ImportError, Place};
use super::format::Step;
use super::names;
use super::plan::{By, Plan, Planned};
use super::report::{ImportReport, ImportedStream, SkippedStep};
use crate::bus::{Answer, Bus, Request, Target, Under};
use crate::error::CommandError;
use crate::load;

/// Carries a checked file out.
pub(super) async fn carry_out(
    bus: &Bus,
    operator: Principal,
    text: &str,
    plan: &Plan,
    progress: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<ImportReport, ImportError> {
    if !sandbox(bus).await? {
        plan.check_live()?;
    }
    let file: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let sha256 = hex(&file);
    let head = &plan.history;
    let mut run = Run {
        bus,
        operator,
        plan,
        file,
        correlation_id: NaturalKey(&["import", &sha256]).stream_id().uuid(),
        ids: BTreeMap::new(),
        report: ImportReport {
            name: head.name.as_str().to_owned(),
            about: head.about.as_str().to_owned(),
            sha256,
            fictional: head.fictional,
            covers_until: head.covers_until,
            steps: plan.steps.len(),
            repeated: 0,
            skipped: Vec::new(),
            entries_recorded: 0,
            streams: Vec::new(),
        },
    };
    for (index, planned) in plan.steps.iter().enumerate() {
        run.step(index, planned).await?;
        progress(index + 1, plan.steps.len());
    }
    Ok(run.report)
}

async fn sandbox(bus: &Bus) -> Result<bool, ImportError> {
    let id = StreamId::new(bus.ledger().id().uuid());
    let history = load::history::<LedgerStream>(bus.ledger(), id, None).await?;
    let mode = history.state(chrono::NaiveDate::MAX).mode;
    Ok(mode == Some(LedgerMode::Sandbox))
}

/// An import under way.
struct Run<'a> {
    bus: &'a Bus,
    operator: Principal,
    plan: &'a Plan,
    file: [u8; 32],
    /// Shared by all entries of an import, so that they can be told from those of another.
    correlation_id: Uuid,
    /// What the names given so far stand for.
    ids: BTreeMap<String, Uuid>,
    report: ImportReport,
}

/// What a step comes to.
enum Outcome {
    /// It was carried out, now or by an earlier run.
    Done(Answer),
    /// The ledger already holds what it says.
    Skipped(StreamId, String),
}

impl Run<'_> {
    async fn step(&mut self, index: usize, planned: &Planned) -> Result<(), ImportError> {
        let step = &self.plan.history.steps[index];
        let place = |pointer: &str| Place::step(index, step.name.as_deref(), pointer);
        let stopped = |error: CommandError| ImportError::Stopped {
            place: place(member(&error)),
            error: Box::new(error),
        };
        let command = self.command(step, planned).map_err(&stopped)?;
        let target = self.target(planned, &command).map_err(&stopped)?;
        let found = self
            .already(step, target, &command)
            .await
            .map_err(|e| e.at(place))?;
        let outcome = match found {
            Some((id, why)) => Outcome::Skipped(id, why),
            None => {
                let about = self.about(index, step, planned, target).map_err(&stopped)?;
                Outcome::Done(execute(self.bus, command, about).await.map_err(&stopped)?)
            }
        };
        let stream = match &outcome {
            Outcome::Done(answer) => {
                self.count(answer);
                self.name_items(step, answer).map_err(&stopped)?;
                answer.stream.id
            }
            Outcome::Skipped(id, why) => {
                self.report.skipped.push(SkippedStep {
                    step: index + 1,
                    name: step.name.clone(),
                    why: why.clone(),
                });
                *id
            }
        };
        if planned.on_stream.is_none() {
            if let Some(name) = &step.name {
                self.ids.insert(name.clone(), stream.uuid());
            }
            self.report.streams.push(ImportedStream {
                name: step.name.clone(),
                kind: planned.kind.name().to_owned(),
                id: stream,
            });
            if planned.kind == Kind::Partnership {
                self.state_coverage(index, step, stream)
                    .await
                    .map_err(&stopped)?;
            }
        }
        Ok(())
    }

    /// The command with ids in the place of names.
    fn command(&self, step: &Step, planned: &Planned) -> Result<Command, CommandError> {
        let mut particulars = Value::Object(step.particulars.clone());
        names::resolve(&mut particulars, "", &|name| self.ids.get(name).copied())
            .map_err(|e| nameless(&e.name))?;
        planned
            .kind
            .read(&step.command, particulars)
            .map_err(|e| CommandError::Internal(format!("a checked command does not read: {e}")))
    }

    fn target(&self, planned: &Planned, command: &Command) -> Result<Target, CommandError> {
        match &planned.on_stream {
            Some(name) => Ok(Target::Stream(self.id(name)?)),
            None => Ok(command.natural_id().map_or(Target::New, Target::Stream)),
        }
    }

    fn id(&self, name: &str) -> Result<StreamId, CommandError> {
        self.ids
            .get(name)
            .copied()
            .map(StreamId::new)
            .ok_or_else(|| nameless(name))
    }

    fn about(
        &self,
        index: usize,
        step: &Step,
        planned: &Planned,
        target: Target,
    ) -> Result<Request<()>, CommandError> {
        let principal = match &planned.by {
            By::Operator => self.operator,
            By::Alone(kind) => Principal {
                id: None,
                key_id: None,
                kind: *kind,
            },
            By::Bound(kind, name) => Principal {
                id: Some(self.id(name)?),
                key_id: None,
                kind: *kind,
            },
        };
        let on_behalf_of = step
            .on_behalf_of
            .iter()
            .filter_map(|text| names::marked(text));
        Ok(Request {
            acting: step.acting,
            occurred_on: Some(OccurredOn {
                assumed: step.assumed,
                date: step.on,
            }),
            on_behalf_of: on_behalf_of
                .map(|name| self.id(name))
                .collect::<Result<_, _>>()?,
            source: self
                .plan
                .source(step)
                .map(|source| source.given(step.establishes)),
            reasons: step.reasons.clone(),
            correlation_id: Some(self.correlation_id),
            idempotency: Some(self.under(index, "")),
            ..Request::plain(principal, target, ())
        })
    }

    /// The key a command of this file is given under. The file's digest is in the key, so that the
    /// same key is the same command, and it is never forgotten.
    fn under(&self, index: usize, part: &str) -> Under {
        let key = format!("import:{}:{}{part}", self.report.sha256, index + 1);
        let digest = Sha256::new()
            .chain_update(self.file)
            .chain_update(&key)
            .finalize()
            .into();
        Under {
            key,
            digest,
            lasting: true,
        }
    }

    fn count(&mut self, answer: &Answer) {
        if answer.replayed {
            self.report.repeated += 1;
        } else {
            self.report.entries_recorded += answer.entries.len();
        }
    }

    fn name_items(&mut self, step: &Step, answer: &Answer) -> Result<(), CommandError> {
        for (name, item) in &step.items {
            let id = if item == names::ENTRY {
                answer.entries.first().map(|entry| entry.entry_id.uuid())
            } else {
                let mut members = answer.entries.iter().filter_map(|e| e.payload.get(item));
                members.find_map(|id| Uuid::try_parse(id.as_str()?).ok())
            };
            self.ids
                .insert(name.clone(), id.ok_or_else(|| nameless(name))?);
        }
        Ok(())
    }

    /// States how far the sources reach as soon as a partnership is there, so that nothing is ever
    /// derived from their silence after that. It is the operator's own act, whatever the footing of
    /// the step that opened the partnership.
    async fn state_coverage(
        &mut self,
        index: usize,
        step: &Step,
        partnership: StreamId,
    ) -> Result<(), CommandError> {
        let head = &self.plan.history;
        let coverage = StateCoverage {
            covers_until: head.covers_until,
            fictional: head.fictional,
        };
        let about = Request {
            acting: Acting::Own,
            occurred_on: Some(OccurredOn {
                assumed: step.assumed,
                date: step.on,
            }),
            correlation_id: Some(self.correlation_id),
            idempotency: Some(self.under(index, ":coverage")),
            ..Request::plain(self.operator, Target::Stream(partnership), ())
        };
        let command = Command::Partnership(PartnershipCommand::from(coverage));
        let answer = execute(self.bus, command, about).await?;
        if !answer.replayed {
            self.report.entries_recorded += answer.entries.len();
        }
        Ok(())
    }

    /// Whether another import, or the operator, has already recorded what a step on an area says.
    /// Areas alone have an id that follows from their name, so only they are met again.
    async fn already(
        &self,
        step: &Step,
        target: Target,
        command: &Command,
    ) -> Result<Option<(StreamId, String)>, Met> {
        let (Command::Area(command), Target::Stream(id)) = (command, target) else {
            return Ok(None);
        };
        let history = load::history::<Area>(self.bus.ledger(), id, None).await?;
        let found = match command {
            AreaCommand::RegisterArea(given) => self.registered(step, &history, |event| {
                matches!(event, AreaEvent::AreaRegistered(e)
                    if (e.country, e.kind, &e.name) == (given.country, given.kind, &given.name))
            })?,
            AreaCommand::RecordAreaCode(given) => self.recorded(&history, |event| {
                matches!(event, AreaEvent::AreaCodeRecorded(e)
                    if (e.scheme, &e.code, &e.name, e.from, e.until)
                        == (given.scheme, &given.code, &given.name, given.from, given.until))
            }),
            _ => None,
        };
        Ok(found.map(|why| (id, why.to_owned())))
    }

    fn registered(
        &self,
        step: &Step,
        history: &History<Area>,
        same: impl Fn(&AreaEvent) -> bool,
    ) -> Result<Option<&'static str>, Met> {
        let opening = history.opening();
        let Some(opening) = opening.filter(|e| e.standing.correlation_id != self.correlation_id)
        else {
            return Ok(None);
        };
        if !same(&opening.payload) {
            let reason = "the ledger already holds this area with other particulars.".to_owned();
            return Err(Met::Differs("/particulars", reason));
        }
        let since = opening.standing.occurred_on.date;
        if step.on < since {
            let reason = format!("the ledger holds this area from {since} on, which is later.");
            return Err(Met::Differs("/on", reason));
        }
        Ok(Some(
            "The area is already registered with the same particulars.",
        ))
    }

    fn recorded(
        &self,
        history: &History<Area>,
        same: impl Fn(&AreaEvent) -> bool,
    ) -> Option<&'static str> {
        let withdrawn = history.withdrawn();
        let mut others = history.entries().filter(|e| {
            e.standing.correlation_id != self.correlation_id && !withdrawn.contains(&e.entry_id)
        });
        others
            .any(|e| same(&e.payload))
            .then_some("The code is already recorded for the area.")
    }
}

/// Why looking for what is already there did not end well.
enum Met {
    Ledger(load::LoadError),
    Differs(&'static str, String),
}

impl Met {
    fn at(self, place: impl Fn(&str) -> Place) -> ImportError {
        match self {
            Self::Ledger(error) => ImportError::Ledger(error),
            Self::Differs(pointer, reason) => ImportError::Differs {
                place: place(pointer),
                reason,
            },
        }
    }
}

impl From<load::LoadError> for Met {
    fn from(error: load::LoadError) -> Self {
        Self::Ledger(error)
    }
}

/// A name that a checked file gives stands for nothing: a fault of ours.
fn nameless(name: &str) -> CommandError {
    CommandError::Internal(format!("the name ${name} stands for nothing"))
}

/// The member of a step an error is about.
fn member(error: &CommandError) -> &str {
    match error {
        CommandError::Refused {
            refusal:
                Refusal {
                    pointer: Some(pointer),
                    ..
                },
            ..
        } => match pointer.as_str() {
            "/occurred_on" => "/on",
            pointer => pointer,
        },
        _ => "",
    }
}
