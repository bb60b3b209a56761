//! The stream: its settings, what is found of it, and whose it is.

use async_nats::jetstream::Context;
use dutyledger_messages::SUBJECT_PREFIX;
use dutyledger_record::LedgerId;
use serde_json::{Map, Value, json};

use crate::api::{ApiError, ask};
use crate::note::NotedStream;
use crate::standing::Trouble;

/// The subjects of all messages.
pub const SUBJECTS: &str = "dutyledger.v1.>";
/// What the name of every generation of the stream begins with.
const NAME: &str = "DUTYLEDGER_";
/// For how long the server knows a message again by its id, in nanoseconds: 2 minutes.
const DUPLICATE_WINDOW: u64 = 120_000_000_000;
/// Settings of other kinds that change nothing of what is in the stream.
const HARMLESS: &[&str] = &[
    "compression",
    "metadata",
    "placement",
    "num_replicas",
    "persist_mode",
];

/// A stream as the server has it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) generation: u32,
    /// The last sequence.
    pub(crate) last: u64,
    config: Value,
    first: u64,
    messages: u64,
    deleted: u64,
}

/// The name of a generation.
pub(crate) fn name_of(generation: u32) -> String {
    format!("{NAME}{generation}")
}

fn generation_of(name: &str) -> Option<u32> {
    name.strip_prefix(NAME)?.parse().ok()
}

fn description_of(ledger: LedgerId) -> String {
    format!("Dutyledger: the entries of ledger {ledger}")
}

/// What has to be so of a stream, whichever server keeps it.
fn wanted(ledger: LedgerId, generation: u32, subjects: &str) -> Value {
    json!({
        "name": name_of(generation),
        "description": description_of(ledger),
        "subjects": [subjects],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs": -1,
        "max_msgs_per_subject": -1,
        "max_bytes": -1,
        "max_age": 0,
        "max_msg_size": -1,
        "max_consumers": -1,
        "duplicate_window": DUPLICATE_WINDOW,
        "deny_delete": true,
        "deny_purge": true,
        "allow_rollup_hdrs": false,
        "allow_direct": false,
        "sealed": false,
        "no_ack": false,
    })
}

/// The names of the streams that take any of the subjects.
async fn taking(js: &Context, subjects: Option<&str>) -> Result<Vec<String>, ApiError> {
    let mut names = Vec::new();
    loop {
        let mut about = json!({ "offset": names.len() });
        if let Some(subjects) = subjects {
            about["subject"] = subjects.into();
        }
        let answer = ask(js, "STREAM.NAMES", &about).await?;
        let page = answer["streams"].as_array().map_or(&[][..], Vec::as_slice);
        let page = page.iter().filter_map(Value::as_str).map(str::to_owned);
        let before = names.len();
        names.extend(page);
        let total = answer["total"].as_u64().unwrap_or(0);
        if names.len() == before || names.len() as u64 >= total {
            return Ok(names);
        }
    }
}

/// The name of the stream that takes our subjects, where there is one.
pub(crate) async fn current_name(js: &Context) -> Result<Option<String>, ApiError> {
    // Two streams never take the same subject, so more than one means that neither takes them all.
    Ok(taking(js, Some(SUBJECTS)).await?.into_iter().next())
}

/// The highest generation there is, current or retired; 0 where there is none.
pub(crate) async fn last_generation(js: &Context) -> Result<u32, ApiError> {
    let names = taking(js, None).await?;
    let generations = names.iter().filter_map(|name| generation_of(name));
    Ok(generations.max().unwrap_or(0))
}

/// The stream that takes our subjects, where there is one.
pub(crate) async fn find(js: &Context) -> Result<Option<Found>, ApiError> {
    let Some(name) = current_name(js).await? else {
        return Ok(None);
    };
    let answer = ask(js, &format!("STREAM.INFO.{name}"), &json!({})).await;
    match answer {
        Ok(info) => Ok(Some(found(name, &info))),
        Err(error) if error.is_no_stream() => Ok(None),
        Err(error) => Err(error),
    }
}

fn found(name: String, info: &Value) -> Found {
    let state = |member: &str| info["state"][member].as_u64().unwrap_or(0);
    Found {
        generation: generation_of(&name).unwrap_or(0),
        last: state("last_seq"),
        first: state("first_seq"),
        messages: state("messages"),
        deleted: state("num_deleted"),
        config: info["config"].clone(),
        name,
    }
}

/// Makes a stream of a generation, and finds it as the server made it.
pub(crate) async fn create(
    js: &Context,
    ledger: LedgerId,
    generation: u32,
    replicas: u32,
) -> Result<Found, ApiError> {
    let mut config = wanted(ledger, generation, SUBJECTS);
    config["num_replicas"] = replicas.into();
    let name = name_of(generation);
    let info = ask(js, &format!("STREAM.CREATE.{name}"), &config).await?;
    tracing::info!(stream = %name, %ledger, "made the stream for notifications");
    Ok(found(name, &info))
}

/// Gives a stream subjects of its own and seals it: its messages stay as they are, whoever may publish
/// to those subjects.
pub(crate) async fn retire(js: &Context, found: &Found) -> Result<String, ApiError> {
    let retired = format!("dutyledger.retired.{}.>", found.name.to_ascii_lowercase());
    let mut config = found.config.clone();
    config["subjects"] = json!([retired]);
    config["sealed"] = true.into();
    ask(js, &format!("STREAM.UPDATE.{}", found.name), &config).await?;
    Ok(retired)
}

impl Found {
    /// Whether the stream is this ledger's.
    pub(crate) fn is_of(&self, ledger: LedgerId) -> bool {
        self.config["description"] == description_of(ledger)
    }

    /// Whether it is a stream that Dutyledger made, for whichever ledger.
    pub(crate) fn is_ours(&self) -> bool {
        let description = self.config["description"].as_str().unwrap_or_default();
        self.generation > 0 && description.starts_with("Dutyledger: ")
    }

    /// Whether it is what was made, and complete: what can be told without reading its messages.
    pub(crate) fn check(&self, ledger: LedgerId) -> Result<(), Trouble> {
        let stream = self.name.clone();
        if self.is_ours() && !self.is_of(ledger) {
            return Err(Trouble::OtherLedger { stream });
        }
        let differences = self.differences(ledger);
        if !differences.is_empty() {
            return Err(Trouble::Settings {
                stream,
                differences,
            });
        }
        let complete = self.messages == self.last && self.deleted == 0;
        if !complete || (self.last > 0 && self.first != 1) {
            return Err(Trouble::Skipped {
                stream,
                messages: self.messages,
                last: self.last,
            });
        }
        Ok(())
    }

    /// Whether it goes as far as it went.
    pub(crate) fn check_noted(&self, noted: Option<NotedStream>) -> Result<(), Trouble> {
        let Some(noted) = noted else { return Ok(()) };
        let lost = match self.generation.cmp(&noted.generation) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => self.last < noted.sequence,
            std::cmp::Ordering::Greater => false,
        };
        match lost {
            true if self.last == 0 => Err(Trouble::Wiped {
                stream: name_of(noted.generation),
                noted: noted.sequence,
            }),
            true => Err(Trouble::OlderCopy {
                stream: self.name.clone(),
                last: self.last,
                noted_stream: name_of(noted.generation),
                noted: noted.sequence,
            }),
            false => Ok(()),
        }
    }

    /// Where the settings are not what they have to be.
    fn differences(&self, ledger: LedgerId) -> Vec<String> {
        let wanted = wanted(ledger, self.generation.max(1), SUBJECTS);
        let empty = Map::new();
        let (wanted, found) = (
            wanted.as_object().unwrap_or(&empty),
            self.config.as_object().unwrap_or(&empty),
        );
        let mut differences = Vec::new();
        for (setting, value) in wanted {
            let has = found.get(setting).unwrap_or(&Value::Null);
            // A server leaves out what is off.
            let off = is_off(has) && is_off(value);
            if has != value && !off {
                differences.push(format!("{setting} is {has}, not {value}"));
            }
        }
        for (setting, value) in found {
            let known = wanted.contains_key(setting) || HARMLESS.contains(&setting.as_str());
            if !known && !is_off(value) {
                differences.push(format!("{setting} is {value}"));
            }
        }
        differences
    }
}

/// Whether a setting says nothing.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_off),
    }
}

const _: () = {
    // The subjects begin as every message's does.
    let (all, prefix) = (SUBJECTS.as_bytes(), SUBJECT_PREFIX.as_bytes());
    let mut at = 0;
    while at < prefix.len() {
        assert!(all[at] == prefix[at]);
        at += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> LedgerId {
        "00000000-0000-4000-8000-000000000001".parse().unwrap()
    }

    fn with(changed: impl FnOnce(&mut Value)) -> Found {
        let mut info = json!({
            "config": wanted(ledger(), 3, SUBJECTS),
            "state": { "messages": 9, "first_seq": 1, "last_seq": 9 },
        });
        changed(&mut info);
        found("DUTYLEDGER_3".to_owned(), &info)
    }

    #[test]
    fn settings_that_could_lose_or_change_a_message_are_noticed() {
        assert_eq!(with(|_| ()).check(ledger()), Ok(()));
        let harmless = with(|info| {
            info["config"]["num_replicas"] = 3.into();
            info["config"]["metadata"] = json!({ "_nats.level": "1" });
            info["config"]["consumer_limits"] = json!({});
        });
        assert_eq!(harmless.check(ledger()), Ok(()));
        for (setting, value) in [
            ("max_age", json!(1)),
            ("deny_delete", json!(false)),
            ("subjects", json!(["dutyledger.v1.>", "other"])),
            ("sources", json!([{ "name": "OTHER" }])),
            ("allow_msg_ttl", json!(true)),
            ("storage", json!("memory")),
        ] {
            let found = with(|info| info["config"][setting] = value.clone());
            let refused = found.check(ledger());
            assert!(
                matches!(refused, Err(Trouble::Settings { .. })),
                "{setting}"
            );
        }
    }

    #[test]
    fn gaps_other_ledgers_and_lost_ends_are_noticed() {
        let gap = with(|info| info["state"]["messages"] = 8.into());
        assert!(matches!(gap.check(ledger()), Err(Trouble::Skipped { .. })));
        let late = with(|info| info["state"]["first_seq"] = 2.into());
        assert!(matches!(late.check(ledger()), Err(Trouble::Skipped { .. })));
        let other = "00000000-0000-4000-8000-000000000002".parse().unwrap();
        let refused = with(|_| ()).check(other);
        assert!(matches!(refused, Err(Trouble::OtherLedger { .. })));

        let noted = |generation, sequence| {
            Some(NotedStream {
                ledger: ledger(),
                generation,
                sequence,
            })
        };
        let found = with(|_| ());
        assert_eq!(found.check_noted(None), Ok(()));
        assert_eq!(found.check_noted(noted(3, 9)), Ok(()));
        assert_eq!(found.check_noted(noted(2, 99)), Ok(()));
        for lost in [noted(3, 10), noted(4, 1)] {
            let refused = found.check_noted(lost);
            assert!(
                matches!(refused, Err(Trouble::OlderCopy { .. })),
                "{refused:?}"
            );
        }
    }
}
