//! The shape of the file.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use chrono::NaiveDate;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use dutyledger_domain::{Acting, Establishes, ReasonGiven, SourceGiven};
use dutyledger_record::{PublicText, is_sha256_hex};

use super::error::{ImportError, Place};

/// The format this program reads.
pub const FORMAT: &str = "dutyledger-history/1";
/// The most bytes a file may have.
pub const BYTES_MAX: usize = 8 << 20;
/// The most steps a file may have.
pub const STEPS_MAX: usize = 20_000;

/// The document, its steps not read yet: so that what is wrong with one names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    format: String,
    name: PublicText,
    about: PublicText,
    fictional: bool,
    covers_until: NaiveDate,
    #[serde(deserialize_with = "unique")]
    sources: BTreeMap<String, SourceOf>,
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
}

/// A source that steps name.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceOf {
    title: PublicText,
    reference: PublicText,
    pub(super) date: NaiveDate,
    #[serde(default)]
    sha256: Option<String>,
}

impl SourceOf {
    /// The source as a command takes it.
    pub(super) fn given(&self, establishes: Option<Establishes>) -> SourceGiven {
        SourceGiven {
            title: self.title.clone(),
            reference: self.reference.clone(),
            date: self.date,
            sha256: self.sha256.clone(),
            establishes,
        }
    }

    /// Whether its digest is one.
    pub(super) fn has_proper_digest(&self) -> bool {
        self.sha256.as_deref().is_none_or(is_sha256_hex)
    }
}

/// A step.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) stream: String,
    pub(super) on: NaiveDate,
    #[serde(default)]
    pub(super) assumed: bool,
    #[serde(default)]
    pub(super) acting: Acting,
    #[serde(default)]
    pub(super) by: Option<String>,
    #[serde(default)]
    pub(super) on_behalf_of: Vec<String>,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) establishes: Option<Establishes>,
    #[serde(default)]
    pub(super) reasons: Vec<ReasonGiven>,
    pub(super) command: String,
    pub(super) particulars: Map<String, Value>,
    #[serde(default, deserialize_with = "unique")]
    pub(super) items: BTreeMap<String, String>,
}

/// A file of the right shape.
pub(super) struct History {
    pub(super) name: PublicText,
    pub(super) about: PublicText,
    pub(super) fictional: bool,
    pub(super) covers_until: NaiveDate,
    pub(super) sources: BTreeMap<String, SourceOf>,
    pub(super) steps: Vec<Step>,
}

/// Reads members with names of the file's own, none of them given twice.
fn unique<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Unique<V>(PhantomData<V>);

    impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut read = BTreeMap::new();
            while let Some((name, value)) = members.next_entry::<String, V>()? {
                if read.contains_key(&name) {
                    return Err(A::Error::custom(format!("\"{name}\" is given twice")));
                }
                read.insert(name, value);
            }
            Ok(read)
        }
    }

    deserializer.deserialize_map(Unique(PhantomData))
}

/// Reads a file's shape.
pub(super) fn read(text: &str) -> Result<History, ImportError> {
    let refused = |pointer: &str, reason: String| ImportError::Refused {
        place: Place::document(pointer),
        reason,
    };
    if text.len() > BYTES_MAX {
        let found = text.len();
        return Err(refused(
            "",
            format!("it has {found} bytes; the most is {BYTES_MAX}."),
        ));
    }
    let document: Document<'_> =
        serde_json::from_str(text).map_err(|e| refused("", e.to_string()))?;
    if document.format != FORMAT {
        return Err(refused("/format", format!("this program reads {FORMAT}.")));
    }
    let found = document.steps.len();
    if found == 0 || found > STEPS_MAX {
        let reason = format!("it has {found} steps; a history has 1 to {STEPS_MAX}.");
        return Err(refused("/steps", reason));
    }
    let steps = document
        .steps
        .iter()
        .enumerate()
        .map(|(at, raw)| read_step(at, raw));
    Ok(History {
        name: document.name,
        about: document.about,
        fictional: document.fictional,
        covers_until: document.covers_until,
        sources: document.sources,
        steps: steps.collect::<Result<_, _>>()?,
    })
}

fn read_step(index: usize, raw: &RawValue) -> Result<Step, ImportError> {
    serde_json::from_str(raw.get()).map_err(|e| {
        // The step's name makes it easier to find, even where the step has the wrong shape.
        let name = serde_json::from_str::<Value>(raw.get())
            .ok()
            .and_then(|step| step.get("name")?.as_str().map(str::to_owned));
        ImportError::Refused {
            place: Place::step(index, name.as_deref(), ""),
            reason: without_position(&e),
        }
    })
}

/// A shape error without its line and column, which would count from the start of the step.
pub(super) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
