//! The figures of a bundle: derived when it is written, and again when it is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::num::NonZeroU32;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use dutyledger_domain::dates::Dates;
use dutyledger_domain::obligations::obligations;
use dutyledger_domain::rules::{self, ENACTED};
use dutyledger_domain::streams::LedgerStream;
use dutyledger_domain::streams::partnership::Partnership;
use dutyledger_domain::{
    Histories, History, Listed, StreamKind, by_kind, in_words, reviews, triggers,
};
use dutyledger_record::{
    Basis, LedgerId, PublicText, Record, RulePackRef, Stream, StreamId, canonical_json,
    format_instant, is_sha256_hex,
};

use crate::failure::{Failure, Kind};
use crate::manifest::{Scope, is_name, pack_name};

/// Which functions figures and report are. It is raised whenever either comes to something else for
/// entries that a bundle may hold, also where that is because the duty is read otherwise: bundles are
/// kept for years, and who checks one is to be told that another release wrote it, not that it is false.
pub(crate) const DERIVATION: NonZeroU32 = NonZeroU32::new(2).expect("2 is not 0");
/// The derivation of bundles that name none. They have no names in their figures.
pub(crate) const UNNAMED: NonZeroU32 = NonZeroU32::MIN;

/// The most kinds of event that are counted apart.
pub(crate) const KINDS_MAX: usize = 10_000;
/// The most partnerships that are, and that have a name.
const PARTNERSHIPS_MAX: usize = 100_000;
/// The most bytes of their names together, which stand in the figures: no file has more than 32 MiB.
const NAMES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The events that give a partnership its name.
const NAMING: [&str; 2] = ["PartnershipProposed", "PartnershipAmended"];

/// The leaf data of the entries that figures are derived from, by their streams. Each entry is parsed
/// as it is folded.
pub(crate) type Texts = BTreeMap<Stream, Vec<Box<str>>>;

/// What is counted as entries come, in memory that does not grow with them: whatever is kept has a bound.
#[derive(Default)]
pub(crate) struct Tally {
    entries: u64,
    corrections: u64,
    first: Option<String>,
    last: Option<String>,
    by_basis: BTreeMap<&'static str, u64>,
    by_event: BTreeMap<(String, String), u64>,
    streams: BTreeMap<String, u64>,
    by_partnership: BTreeMap<StreamId, u64>,
    /// The name that each partnership was last told to have, and the bytes of all of them.
    names: BTreeMap<StreamId, String>,
    names_bytes: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, record: &Record) -> Result<(), Failure> {
        let standing = &record.entry.standing;
        let stream = record.entry.stream.stream_type.to_string();
        self.entries += 1;
        self.corrections += u64::from(standing.corrects.is_some());
        let at = format_instant(record.recorded_at);
        self.first.get_or_insert_with(|| at.clone());
        self.last = Some(at);
        let basis = match standing.basis {
            Basis::Decision => "decision",
            Basis::PastFact => "past_fact",
            Basis::Administrative => "administrative",
        };
        *self.by_basis.entry(basis).or_default() += 1;
        if record.entry.version == 1 {
            *self.streams.entry(stream.clone()).or_default() += 1;
        }
        let event = (stream, record.event.event_type.clone());
        *self.by_event.entry(event).or_default() += 1;
        for partnership in &standing.partnerships {
            *self.by_partnership.entry(*partnership).or_default() += 1;
        }
        if self.by_event.len() > KINDS_MAX || self.by_partnership.len() > PARTNERSHIPS_MAX {
            return Err(Failure::new(
                Kind::TooLarge,
                "the kinds of event or the partnerships are more than are counted",
            ));
        }
        Ok(())
    }

    /// Keeps the name that an entry of a partnership's own stream gives it. Nobody has vouched for the
    /// entry yet, and a name may be as long as one.
    pub(crate) fn name(&mut self, record: &Record) -> Result<(), Failure> {
        let stream = &record.entry.stream;
        if stream.stream_type.as_str() == Partnership::NAME
            && NAMING.contains(&record.event.event_type.as_str())
            && let Some(name) = record.entry.payload["name"].as_str()
        {
            let before = self.names.insert(stream.id, name.to_owned());
            self.names_bytes += name.len();
            self.names_bytes -= before.map_or(0, |before| before.len());
        }
        if self.names.len() > PARTNERSHIPS_MAX || self.names_bytes > NAMES_BYTES_MAX {
            return Err(Failure::new(
                Kind::TooLarge,
                "the names of partnerships are more than are kept",
            ));
        }
        Ok(())
    }

    fn to_value(&self) -> Value {
        let mut streams = Map::new();
        for ((stream, event), count) in &self.by_event {
            let opened = self.streams.get(stream).copied().unwrap_or_default();
            let one = streams
                .entry(stream.clone())
                .or_insert_with(|| json!({ "events": {}, "streams": opened }));
            one["events"][event.as_str()] = (*count).into();
        }
        let partnerships: Map<String, Value> = self
            .by_partnership
            .iter()
            .map(|(id, count)| (id.to_string(), (*count).into()))
            .collect();
        json!({
            "by_basis": self.by_basis,
            "by_partnership": partnerships,
            "by_stream_type": streams,
            "corrections": self.corrections,
            "entries": self.entries,
            "first_recorded_at": self.first,
            "last_recorded_at": self.last,
        })
    }
}

/// What the figures are of.
pub(crate) struct Of {
    pub(crate) scope: Scope,
    pub(crate) ledger: LedgerId,
    pub(crate) on: NaiveDate,
    /// The position the ledger is known up to: the size of the checkpoint.
    pub(crate) known_at: u64,
    /// By which functions they are derived: [`DERIVATION`], or [`UNNAMED`].
    pub(crate) derivation: NonZeroU32,
}

/// The figures as canonical JSON. For a partnership they are derived from its entries as well, under
/// the revision of the rule pack that the ledger had adopted. A question asked of a server is answered
/// by the newest reading of that pack, but a bundle is checked for as long as anybody keeps it: a later
/// program, which knows a newer revision, must come to the same figures.
pub(crate) fn figures(
    of: &Of,
    tally: &Tally,
    rules: &RulePackRef,
    texts: Texts,
) -> Result<(Value, String), Failure> {
    let mut all = json!({
        "counts": tally.to_value(),
        "known_at": of.known_at,
        "ledger_id": of.ledger,
        "on": of.on,
        "partnership": Value::Null,
        "rules": { "pack": rules.pack, "revision": rules.revision },
    });
    let mut names: BTreeMap<StreamId, String> = BTreeMap::new();
    match of.scope {
        Scope::Ledger => names.extend(tally.names.clone()),
        Scope::Partnership(id) => {
            let histories = histories(rules, texts)?;
            all["partnership"] = of_partnership(of, id, rules, &histories)?;
            let world = histories.on(of.on);
            let named = |(id, name): (&StreamId, Option<&PublicText>)| {
                Some((*id, name?.as_str().to_owned()))
            };
            let authorities = world.authorities.iter();
            names.extend(
                authorities
                    .map(|(id, a)| (id, a.body.as_ref()))
                    .filter_map(named),
            );
            let areas = world.areas.iter();
            names.extend(areas.map(|(id, a)| (id, a.name.as_ref())).filter_map(named));
        }
    }
    if of.derivation != UNNAMED {
        all["names"] = json!(names);
    }
    let text = canonical_json(&all).map_err(|e| Failure::new(Kind::Unknown, e))?;
    Ok((all, text))
}

/// The streams of a bundle, as they are told in it.
fn histories(rules: &RulePackRef, texts: Texts) -> Result<Histories, Failure> {
    let mut histories = Histories {
        rules: rules.clone(),
        ..Histories::default()
    };
    for (stream, texts) in texts {
        let mut own = History::<LedgerStream>::default();
        for text in texts {
            let record = [Record::parse(&text).map_err(unknown)?];
            by_kind!(stream.stream_type.as_str(), K => {
                let history = K::among(&mut histories).entry(stream.id).or_default();
                history.extend(record)
            }, else own.extend(record))
            .map_err(unknown)?;
        }
        if stream.stream_type.as_str() == LedgerStream::NAME {
            histories.dates = Dates::of(&own);
        }
    }
    Ok(histories)
}

fn unknown(what: impl Display) -> Failure {
    Failure::new(Kind::Unknown, what)
}

fn of_partnership(
    of: &Of,
    id: StreamId,
    rules: &RulePackRef,
    histories: &Histories,
) -> Result<Value, Failure> {
    let (pack, _) = rules::pack(&rules.pack, rules.revision)
        .ok_or_else(|| unknown(format!("the rule pack {} {}", rules.pack, rules.revision)))?;
    let world = histories.on(of.on);
    let Some(state) = world.partnerships.get(&id) else {
        return Err(unknown("the partnership itself is not among its entries"));
    };
    let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
    let mut to_do = Vec::new();
    for one in obligations(id, histories, pack, of.on) {
        let status = serde_json::to_value(one.status).map_err(unknown)?;
        *by_status
            .entry(status.as_str().unwrap_or_default().to_owned())
            .or_default() += 1;
        if one.status.asks_for_something() {
            to_do.push(json!({
                "authority": one.authority,
                "due": one.due.map(|due| due.on),
                "mode": one.mode,
                "rule": one.rule,
                "says": one.says,
                "status": status,
                "why": one.why,
            }));
        }
    }
    let mut strategies = Vec::new();
    for (strategy, state_) in &world.strategies {
        if state_.partnership != Some(id) {
            continue;
        }
        let versions: Vec<Value> = state_
            .versions
            .iter()
            .map(|(number, version)| {
                json!({
                    "actions": version.actions.len(),
                    "adopted_on": version.adopted.as_ref().map(|a| a.at.on),
                    "number": number,
                    "published_on": version.published.as_ref().map(|p| p.at.on),
                })
            })
            .collect();
        let due = reviews::due(state_);
        let mut one = json!({
            "id": strategy,
            "review": {
                "assumed": due.map(|due| due.assumed),
                "due_on": due.map(|due| due.on),
                "status": reviews::status(state_, Some(state), of.on),
            },
            "reviews": state_.reviews.len(),
            "versions": versions,
        });
        if of.derivation != UNNAMED {
            one["title"] = json!(state_.title);
        }
        strategies.push(one);
    }
    let mut shown = triggers::triggers(id, histories, of.on);
    shown.retain(|trigger| trigger.since <= of.on);
    let authorities: BTreeSet<_> = state.members.keys().collect();
    let mut all = json!({
        "areas": state.areas.len(),
        "dissolved_on": state.dissolved.as_ref().map(|at| at.on),
        "formed_on": state.formed.as_ref().map(|at| at.on),
        "id": id,
        "members": authorities.len(),
        "name": state.name,
        "obligations": by_status,
        "sources_reach": state.coverage.as_ref().map(|c| c.covers_until),
        "strategies": strategies,
        "to_do": to_do,
        "triggers": shown,
    });
    if of.derivation != UNNAMED {
        all["of_areas"] = json!(state.areas);
    }
    Ok(all)
}

/// Whether a stream is one that what is derived rests on.
pub(crate) fn is_read(stream: &Stream) -> bool {
    by_kind!(stream.stream_type.as_str(), K => {
        let _: Option<K> = None;
        true
    }, else stream.stream_type.as_str() == LedgerStream::NAME)
}

/// Whether an entry of the ledger's own stream adopts a rule pack.
pub(crate) fn adopts_pack(record: &Record) -> bool {
    record.entry.stream.stream_type.as_str() == LedgerStream::NAME
        && matches!(
            record.event.event_type.as_str(),
            "LedgerOpened" | "RulePackAdopted"
        )
}

/// The rule pack it adopts, and the SHA-256 of its file, which a bundle can hold.
pub(crate) fn adopted_pack(record: &Record) -> Option<(RulePackRef, String)> {
    let payload = &record.entry.payload;
    let rules = RulePackRef {
        pack: payload["pack"].as_str()?.to_owned(),
        revision: payload["revision"].as_u64()?.try_into().ok()?,
    };
    let sha256 = payload["pack_sha256"].as_str()?;
    let named = is_name(&pack_name(&rules.pack, rules.revision));
    (is_sha256_hex(sha256) && named).then(|| (rules, sha256.to_owned()))
}

/// The pack in force where the entries name none.
pub(crate) fn no_pack() -> RulePackRef {
    RulePackRef {
        pack: ENACTED.to_owned(),
        revision: 1,
    }
}

/// A date in words, where a figure is one.
pub(crate) fn words(value: &Value) -> String {
    let date = value.as_str().and_then(|text| text.parse().ok());
    date.map_or_else(|| "–".to_owned(), |date: NaiveDate| in_words(date))
}
