//! Searching the log: entries by what they concern, who recorded them, and when.

use chrono::{DateTime, NaiveDate, Utc};
use dutyledger_domain::kebab_case;
use dutyledger_record::{EntryId, PrincipalKind, Record, StreamId};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cited::{marks_of, rules_of};
use crate::names::Names;
use crate::words::sentence;

/// Which entries are looked for: those to which everything named applies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Those that concern a partnership.
    pub partnership: Option<StreamId>,
    /// Those that an authority recorded, that were recorded for it, or that name it.
    pub authority: Option<StreamId>,
    /// Those of an event, in PascalCase or kebab-case.
    pub event: Option<String>,
    /// Those that cite a row or bear on it: it warned, was unmet, or sets the date they speak of; they
    /// are evidence for it, or about a duty it bears on.
    pub rule: Option<String>,
    /// Those a kind of principal recorded.
    pub principal_kind: Option<PrincipalKind>,
    /// Those a principal recorded.
    pub principal: Option<StreamId>,
    /// Those of one thing the caller was doing.
    pub correlation_id: Option<Uuid>,
    /// Those that happened on this date or later.
    pub occurred_from: Option<NaiveDate>,
    /// Those that happened on this date or earlier.
    pub occurred_until: Option<NaiveDate>,
    /// Those recorded at this instant or later.
    pub recorded_from: Option<DateTime<Utc>>,
    /// Those recorded at this instant or earlier.
    pub recorded_until: Option<DateTime<Utc>>,
}

/// A look at the text of entries that needs no reading, made once for all of them.
#[derive(Clone, Debug)]
pub struct Look {
    /// What stands in each that is looked for.
    all: Vec<String>,
    /// Of what one at least does, where a row is asked for.
    any: Option<Vec<String>>,
}

impl Look {
    /// Whether the text of an entry can hold what is looked for.
    #[must_use]
    pub fn may_pass(&self, leaf_data: &str) -> bool {
        let holds = |text: &String| leaf_data.contains(text);
        self.all.iter().all(holds) && self.any.as_ref().is_none_or(|any| any.iter().any(holds))
    }
}

impl Filter {
    /// What can be told of an entry by its text alone.
    #[must_use]
    pub fn look(&self) -> Look {
        let streams = [self.partnership, self.authority, self.principal];
        let streams = streams.into_iter().flatten().map(|id| id.to_string());
        let correlation = self.correlation_id.map(|id| id.to_string());
        Look {
            all: streams.chain(correlation).collect(),
            any: self.rule.as_deref().map(marks_of),
        }
    }

    /// Whether an entry is one that is looked for.
    #[must_use]
    pub fn passes(&self, record: &Record) -> bool {
        let entry = &record.entry;
        let standing = &entry.standing;
        let principal = standing.principal;
        let on = standing.occurred_on.date;
        self.partnership
            .is_none_or(|id| standing.partnerships.contains(&id) || entry.stream.id == id)
            && self.authority.is_none_or(|id| names_authority(record, id))
            && self.event.as_ref().is_none_or(|wanted| {
                let event = &record.event.event_type;
                wanted == event || *wanted == kebab_case(event)
            })
            && self
                .rule
                .as_ref()
                .is_none_or(|rule| rules_of(record).contains(rule))
            && self
                .principal_kind
                .is_none_or(|kind| principal.kind == kind)
            && self.principal.is_none_or(|id| principal.id == Some(id))
            && self
                .correlation_id
                .is_none_or(|id| standing.correlation_id == id)
            && self.occurred_from.is_none_or(|from| on >= from)
            && self.occurred_until.is_none_or(|until| on <= until)
            && self
                .recorded_from
                .is_none_or(|from| record.recorded_at >= from)
            && self.is_before_end(record)
    }

    /// Whether an entry was recorded by the last instant looked for. Instants never go back, so those
    /// after one that was not were not either.
    #[must_use]
    pub fn is_before_end(&self, record: &Record) -> bool {
        self.recorded_until
            .is_none_or(|until| record.recorded_at <= until)
    }
}

fn names_authority(record: &Record, id: StreamId) -> bool {
    let entry = &record.entry;
    let standing = &entry.standing;
    standing.principal.id == Some(id)
        || standing.on_behalf_of.contains(&id)
        || entry.stream.id == id
        || says(&entry.payload, &id.to_string())
}

/// Whether a text stands anywhere in a payload, as the whole of a member.
fn says(payload: &Value, text: &str) -> bool {
    match payload {
        Value::String(said) => said == text,
        Value::Array(rows) => rows.iter().any(|row| says(row, text)),
        Value::Object(members) => members.values().any(|value| says(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Hit {
    /// Its position.
    pub position: u64,
    /// Its id.
    pub entry_id: EntryId,
    /// The kind of stream it stands in.
    pub stream_type: String,
    /// The stream.
    pub stream: StreamId,
    /// Its version in it.
    pub version: u64,
    /// The event.
    pub event_type: String,
    /// The date it happened.
    pub occurred_on: NaiveDate,
    /// Whether that date is assumed.
    pub occurred_on_assumed: bool,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// On what footing it stands.
    pub basis: dutyledger_record::Basis,
    /// Whether it is a report of what another did.
    pub reported: bool,
    /// Who recorded it.
    pub principal_kind: PrincipalKind,
    /// Which of them, for kinds that have one.
    pub principal_id: Option<StreamId>,
    /// The authorities it was done for.
    pub on_behalf_of: Vec<StreamId>,
    /// The partnerships it concerns.
    pub partnerships: Vec<StreamId>,
    /// What the caller was doing.
    pub correlation_id: Uuid,
    /// The rows it cites or bears on.
    pub rules: Vec<String>,
    /// The entry it withdraws.
    pub corrects: Option<EntryId>,
    /// The title of its source.
    pub source: Option<String>,
    /// What it says happened.
    pub sentence: String,
}

impl Hit {
    /// What is told of an entry.
    #[must_use]
    pub fn of(record: &Record, names: &Names) -> Self {
        let entry = &record.entry;
        let standing = &entry.standing;
        let event_type = record.event.event_type.clone();
        Self {
            position: record.position,
            entry_id: entry.entry_id,
            stream_type: entry.stream.stream_type.to_string(),
            stream: entry.stream.id,
            version: entry.version,
            occurred_on: standing.occurred_on.date,
            occurred_on_assumed: standing.occurred_on.assumed,
            recorded_at: record.recorded_at,
            basis: standing.basis,
            reported: standing.reported,
            principal_kind: standing.principal.kind,
            principal_id: standing.principal.id,
            on_behalf_of: standing.on_behalf_of.clone(),
            partnerships: standing.partnerships.clone(),
            correlation_id: standing.correlation_id,
            rules: rules_of(record).into_iter().collect(),
            corrects: standing.corrects,
            source: standing.source.as_ref().map(|s| s.title.to_string()),
            sentence: sentence(&event_type, &entry.payload, standing.occurred_on, names),
            event_type,
        }
    }

    /// As a line to read.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{}: {} Entry {}.",
            self.position, self.sentence, self.entry_id
        )
    }
}

/// The columns of a list for a spreadsheet.
const COLUMNS: [&str; 20] = [
    "position",
    "entry_id",
    "stream_type",
    "stream",
    "version",
    "event_type",
    "occurred_on",
    "occurred_on_assumed",
    "recorded_at",
    "basis",
    "reported",
    "principal_kind",
    "principal_id",
    "on_behalf_of",
    "partnerships",
    "correlation_id",
    "rules",
    "corrects",
    "source",
    "sentence",
];

/// What a formula may begin with.
const BEGINS: [char; 4] = ['=', '+', '-', '@'];
/// White space that some spreadsheets take for the beginning of a formula whatever follows.
const BREAKS: [char; 3] = ['\t', '\r', '\n'];

/// What a spreadsheet would take for a formula, it shows as text: a quotation mark stands before it.
/// A spreadsheet may drop the white space before a formula.
#[must_use]
pub fn guarded(text: &str) -> String {
    if text.starts_with(BREAKS) || text.trim_start().starts_with(BEGINS) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// Rows as a list for spreadsheets (RFC 4180), guarded; with the names of the columns where asked.
///
/// # Errors
/// When a row cannot be written.
pub fn csv(rows: &[Hit], with_names: bool) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        // Not every spreadsheet separates by commas: one that separates by semicolons or tabs would
        // take what follows them for a cell, and so for a formula. Quoted, a text stays one cell.
        .quote_style(csv::QuoteStyle::Always)
        .from_writer(Vec::new());
    if with_names {
        writer.write_record(COLUMNS)?;
    }
    for row in rows {
        let told = serde_json::to_value(row).unwrap_or_default();
        let cells = COLUMNS.map(|column| guarded(&cell(&told[column])));
        writer.write_record(cells)?;
    }
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(rows) => rows.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(source: &str) -> Hit {
        let id: StreamId = "01931c2e-5a00-7000-8000-000000000003".parse().unwrap();
        Hit {
            position: 7,
            entry_id: "01931c2e-5a00-7000-8000-0000000000e3".parse().unwrap(),
            stream_type: "strategy".to_owned(),
            stream: id,
            version: 2,
            event_type: "StrategyAdopted".to_owned(),
            occurred_on: "2024-01-31".parse().unwrap(),
            occurred_on_assumed: false,
            recorded_at: "2024-11-11T09:30:00.5Z".parse().unwrap(),
            basis: dutyledger_record::Basis::PastFact,
            reported: false,
            principal_kind: PrincipalKind::Operator,
            principal_id: None,
            on_behalf_of: Vec::new(),
            partnerships: vec![id, id],
            correlation_id: Uuid::nil(),
            rules: vec!["R-10.6".to_owned(), "L-3".to_owned()],
            corrects: None,
            source: Some(source.to_owned()),
            sentence: "On 31 January 2024 a version of a strategy was adopted.".to_owned(),
        }
    }

    #[test]
    fn a_spreadsheet_takes_no_text_for_a_formula() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1+1",
            "   @SUM(A1)",
            " \t-1",
            "\u{a0}+1",
        ] {
            let list = csv(&[hit(text)], true).unwrap();
            let mut read = csv::Reader::from_reader(list.as_bytes());
            let row = read.records().next().unwrap().unwrap();
            assert_eq!(&row[18], format!("'{text}"), "{text:?}");
            assert!(row.iter().all(|cell| !cell.trim().starts_with(BEGINS)));
        }
        for text in ["Minutes, 3 = 4", " Minutes"] {
            assert_eq!(guarded(text), text);
        }
    }

    #[test]
    fn a_text_stays_one_cell_where_a_spreadsheet_separates_by_semicolons_or_tabs() {
        let text = "Minutes;=1+1\t=2+2";
        let list = csv(&[hit(text)], true).unwrap();
        assert!(list.contains(&format!("\"{text}\"")), "{list}");
    }

    #[test]
    fn a_text_with_commas_quotes_and_line_breaks_stays_one_cell() {
        let text = "Minutes, \"final\"\n=1+1";
        let list = csv(&[hit(text), hit("b")], true).unwrap();
        let mut read = csv::Reader::from_reader(list.as_bytes());
        let rows: Vec<_> = read.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(&rows[0][18], text);
        assert_eq!(&rows[0][16], "R-10.6 L-3");
        assert_eq!(rows[0].len(), COLUMNS.len());
    }
}
