//! `dutyledger audit`: the auditor's questions, answered on the database or a copy of it. Nothing is
//! recorded, and no lock is taken.

use std::collections::BTreeSet;
use std::io::{self, Write};

use chrono::NaiveDate;
use serde::Serialize;

use dutyledger_application::{Home, LoadError, load};
use dutyledger_audit::diff::{Moment, diff as between};
use dutyledger_audit::explain::{self, ExplainError, Explanations, Refused};
use dutyledger_audit::replay::{Question, replay as replayed, replay_strategy};
use dutyledger_audit::search::{Filter, Hit, csv};
use dutyledger_audit::{AsOf, AsOfError, Names, belonging, known_at};
use dutyledger_domain::Histories;
use dutyledger_domain::streams::Strategy;
use dutyledger_ledger::LedgerReader;
use dutyledger_projections::Links;
use dutyledger_record::{Stream, StreamId};

use crate::cli::{
    DiffSettings, ExplainObligationSettings, ExplainRefusalSettings, ExplainTriggerSettings,
    FoundFormat, MomentSettings, Place, ReplayOf, ReplaySettings, SearchSettings,
};
use crate::exit::Failure;
use crate::keys::edge;
use crate::output;

/// How many entries are read at once.
const PAGE: u32 = 2_000;

/// A ledger that is asked.
pub(crate) struct Asked {
    home: Home,
    ledger: LedgerReader,
    today: NaiveDate,
}

impl Asked {
    pub(crate) async fn open(place: &Place) -> Result<Self, Failure> {
        let home = place.home()?;
        let ledger = LedgerReader::open(&home.ledger).await;
        Ok(Self {
            ledger: ledger.map_err(Failure::cannot_open)?,
            today: edge().today(),
            home,
        })
    }

    async fn as_of(&self, moment: &MomentSettings) -> Result<AsOf, Failure> {
        let on = moment.on.unwrap_or(self.today);
        let known_at = known_at(&self.ledger, moment.known_at, moment.known_by).await?;
        Ok(AsOf { on, known_at })
    }

    /// Everything a partnership hangs on, as known at each of some positions. Which streams belong to
    /// it, the projections tell as far as they go; without them the ledger is read once.
    pub(crate) async fn histories(
        &self,
        partnership: StreamId,
        known_at: &[u64],
    ) -> Result<Vec<Histories>, Failure> {
        let known = belonging_known(&self.home, &self.ledger, partnership).await;
        let bar = output::progress("reading");
        let shown = bar.clone();
        let streams = belonging(&self.ledger, partnership, known, move |done, total| {
            shown.set_length(total);
            shown.set_position(done);
        });
        let streams = streams.await?;
        bar.finish_and_clear();
        let mut all = Vec::with_capacity(known_at.len());
        for position in known_at {
            let own = streams.iter().cloned();
            all.push(load::of_partnership(&self.ledger, partnership, own, *position).await?);
        }
        Ok(all)
    }

    async fn known(&self, partnership: StreamId, as_of: AsOf) -> Result<Histories, Failure> {
        let found = self.histories(partnership, &[as_of.known_at]).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }
}

/// The streams the projections say belong to a partnership, and the position up to which they know
/// it; none where they cannot say.
pub(crate) async fn belonging_known(
    home: &Home,
    ledger: &LedgerReader,
    partnership: StreamId,
) -> (BTreeSet<Stream>, u64) {
    let known = async {
        let links = Links::open(home.projections.clone()).await?;
        let known = links.belonging(ledger, partnership).await;
        links.close().await;
        known
    };
    known.await.unwrap_or_else(|error| {
        tracing::debug!(%error, "the whole ledger is read");
        (BTreeSet::new(), 0)
    })
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::other(error)
    }
}

impl From<AsOfError> for Failure {
    fn from(error: AsOfError) -> Self {
        match error {
            AsOfError::Load(error) => Self::other(error),
            error => Self::usage(error),
        }
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Load(error) => Self::other(error),
            ExplainError::Internal(cause) => Self::other(cause),
            error @ ExplainError::Written(_) => Self::usage(error),
        }
    }
}

fn nothing() -> Failure {
    Failure::usage("nothing of that is known as of then")
}

/// Writes an answer, as JSON or as text. Whoever reads it may go away early.
fn say(json: bool, answer: &impl Serialize, text: &str) -> Result<(), Failure> {
    let said = if json {
        serde_json::to_string(answer).map_err(Failure::other)? + "\n"
    } else {
        text.to_owned()
    };
    written(io::stdout().write_all(said.as_bytes()))
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::other),
    }
}

pub(crate) async fn replay(settings: &ReplaySettings, json: bool) -> Result<(), Failure> {
    let asked = Asked::open(&settings.place).await?;
    let as_of = asked.as_of(&settings.moment).await?;
    let id = settings.id;
    let question = match settings.of {
        ReplayOf::Partnership => Some(Question::Partnership),
        ReplayOf::Obligations => Some(Question::Obligations),
        ReplayOf::Reviews => Some(Question::Reviews),
        ReplayOf::Triggers => Some(Question::Triggers),
        ReplayOf::Strategy => None,
    };
    let (histories, found) = match question {
        Some(question) => {
            let histories = asked.known(id, as_of).await?;
            let found = replayed(id, question, &histories, as_of);
            (histories, found)
        }
        None => {
            let history = load::history::<Strategy>(&asked.ledger, id, None).await?;
            let of = history.state(NaiveDate::MAX).partnership;
            let histories = asked.known(of.ok_or_else(nothing)?, as_of).await?;
            let found = replay_strategy(id, &histories, as_of);
            (histories, found)
        }
    };
    let found = found.ok_or_else(nothing)?;
    say(json, &found, &found.text(&Names::of(&histories)))
}

pub(crate) async fn diff(settings: &DiffSettings, json: bool) -> Result<(), Failure> {
    let asked = Asked::open(&settings.place).await?;
    let to = asked.as_of(&settings.to).await?;
    let from = match (settings.from_known_at, settings.from_known_by) {
        (None, None) => to.known_at,
        (position, instant) => known_at(&asked.ledger, position, instant).await?,
    };
    let from = AsOf {
        on: settings.from_on,
        known_at: from,
    };
    let positions = [from.known_at, to.known_at];
    let histories = asked.histories(settings.id, &positions).await?;
    let [before, after] = histories.as_slice() else {
        return Err(nothing());
    };
    if !after.partnerships.contains_key(&settings.id) {
        return Err(nothing());
    }
    let names = Names::of(after);
    let moment = |histories, as_of| Moment { histories, as_of };
    let found = between(settings.id, moment(before, from), moment(after, to), &names);
    say(json, &found, &found.text(&names))
}

pub(crate) async fn explain_obligation(
    settings: &ExplainObligationSettings,
    json: bool,
) -> Result<(), Failure> {
    let asked = Asked::open(&settings.place).await?;
    let as_of = asked.as_of(&settings.moment).await?;
    let histories = asked.known(settings.id, as_of).await?;
    let row = explain::Row {
        rule: settings.rule.clone(),
        authority: settings.authority,
        about: settings.about,
    };
    let found = explain::obligation(&asked.ledger, settings.id, &row, &histories, as_of).await?;
    explained(json, &found, &histories)
}

pub(crate) async fn explain_trigger(
    settings: &ExplainTriggerSettings,
    json: bool,
) -> Result<(), Failure> {
    let asked = Asked::open(&settings.place).await?;
    let as_of = asked.as_of(&settings.moment).await?;
    let histories = asked.known(settings.id, as_of).await?;
    let (id, trigger) = (settings.id, settings.trigger);
    let found = explain::trigger(&asked.ledger, id, trigger, &histories, as_of).await?;
    explained(json, &found, &histories)
}

fn explained(json: bool, found: &Explanations, histories: &Histories) -> Result<(), Failure> {
    if found.total == 0 {
        return Err(nothing());
    }
    say(json, found, &found.text(&Names::of(histories)))
}

pub(crate) async fn explain_refusal(
    settings: &ExplainRefusalSettings,
    json: bool,
) -> Result<(), Failure> {
    let asked = Asked::open(&settings.place).await?;
    let text = std::fs::read_to_string(&settings.file).map_err(Failure::cannot_open)?;
    let given: Refused = serde_json::from_str(&text).map_err(Failure::usage)?;
    known_at(&asked.ledger, Some(given.decided_at), None).await?;
    let names = Names::default();
    let found = explain::refusal(&asked.ledger, given, &names).await?;
    say(json, &found, &found.explanation.text(&names))
}

pub(crate) async fn search(settings: &SearchSettings, json: bool) -> Result<(), Failure> {
    let asked = Asked::open(&settings.place).await?;
    let filter = Filter {
        partnership: settings.partnership,
        authority: settings.authority,
        event: settings.event.clone(),
        rule: settings.rule.clone(),
        principal_kind: settings.principal_kind.map(Into::into),
        principal: settings.principal,
        correlation_id: settings.correlation_id,
        occurred_from: settings.occurred_from,
        occurred_until: settings.occurred_until,
        recorded_from: settings.recorded_from,
        recorded_until: settings.recorded_until,
    };
    let format = if json {
        FoundFormat::JsonLines
    } else {
        settings.format
    };
    let head = asked.ledger.last_position().await.map_err(Failure::other)?;
    let bar = output::progress("searching");
    bar.set_length(head);
    let names = Names::default();
    let by_text = filter.look();
    let mut found = 0_usize;
    let mut after = 0;
    let mut first = true;
    'pages: while after < head {
        let page = asked
            .ledger
            .read(after, PAGE)
            .await
            .map_err(Failure::other)?;
        let Some(last) = page.last() else { break };
        after = last.position;
        let mut hits = Vec::new();
        let mut over = false;
        for stored in page {
            if !by_text.may_pass(&stored.leaf_data) && filter.recorded_until.is_none() {
                continue;
            }
            let record = stored.record().map_err(Failure::other)?;
            over = !filter.is_before_end(&record);
            if over {
                break;
            }
            if filter.passes(&record) {
                hits.push(Hit::of(&record, &names));
            }
        }
        found += hits.len();
        let text = listed(&hits, format, first).map_err(Failure::other)?;
        first = false;
        // The bar is on another stream, and hides itself while this is written.
        let wrote = bar.suspend(|| io::stdout().write_all(text.as_bytes()));
        if wrote
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
        {
            break 'pages;
        }
        written(wrote)?;
        bar.set_position(after);
        if over {
            break 'pages;
        }
    }
    bar.finish_and_clear();
    eprintln!("{found} entries found.");
    Ok(())
}

fn listed(
    hits: &[Hit],
    format: FoundFormat,
    first: bool,
) -> Result<String, Box<dyn std::error::Error>> {
    let mut text = String::new();
    match format {
        FoundFormat::Csv => return Ok(csv(hits, first)?),
        FoundFormat::JsonLines => {
            for hit in hits {
                text.push_str(&serde_json::to_string(hit)?);
                text.push('\n');
            }
        }
        FoundFormat::Text => {
            for hit in hits {
                text.push_str(&hit.line());
                text.push('\n');
            }
        }
    }
    Ok(text)
}
