//! Deciding in memory as the command bus does, and writing down what was decided.

use std::collections::VecDeque;

use chrono::NaiveDate;
use dutyledger_domain::rules::{RuleId, enacted_ref};
use dutyledger_domain::streams::{Area, Authority, Partnership, area, partnership};
use dutyledger_domain::{
    About, Acting, CommandSet, Establishes, Given, Histories, Ids, Listed, Payload, ReasonGiven,
    Refusal, SourceGiven, Surroundings, by_kind, decide,
};
use dutyledger_ledger::StreamAppend;
use dutyledger_record::{
    Binding, DataKey, Draft, EntryId, Envelope, Event, KeyId, LedgerId, NONCE_BYTES, OccurredOn,
    PlainText, Principal, PublicText, Record, Sealed, SealedBox, Stream, StreamId,
};
use serde_json::Value;

use crate::random::{Counter, Random};

/// A key that seals texts of an entry, and the nonce it is wrapped under.
pub type SealingKey = (KeyId, DataKey, [u8; NONCE_BYTES]);

/// What one command came to: entries of one stream, next to each other.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The stream.
    pub stream: Stream,
    /// The version it had before.
    pub expected_version: u64,
    /// The entries.
    pub entries: Vec<(Event, Envelope<Value>)>,
    /// The keys of the texts sealed in them. Made from the seed, they keep nothing secret.
    pub keys: Vec<SealingKey>,
}

impl Decided {
    /// As it is appended to a ledger.
    ///
    /// # Panics
    /// When an entry steps outside the record's format.
    #[must_use]
    pub fn append(&self, ledger: LedgerId) -> StreamAppend {
        let drafts = self.entries.iter().map(|(event, entry)| {
            Draft::new(ledger, event.clone(), entry).expect("an entry of the record's format")
        });
        StreamAppend {
            stream: self.stream.clone(),
            expected_version: self.expected_version,
            drafts: drafts.collect(),
        }
    }

    /// The records a ledger makes of it at a position, as if all were recorded at noon of the last of
    /// its days.
    #[must_use]
    pub fn records(&self, ledger: LedgerId, after: u64, recorded_on: NaiveDate) -> Vec<Record> {
        let noon = recorded_on.and_time(chrono::NaiveTime::MIN).and_utc();
        let entries = self.entries.iter().zip(after + 1..);
        let records = entries.map(|((event, entry), position)| Record {
            ledger_id: ledger,
            position,
            recorded_at: noon + chrono::Duration::hours(12),
            event: event.clone(),
            entry: entry.clone(),
        });
        records.collect()
    }
}

/// On what footing, by whom and when a command is given.
#[derive(Clone, Debug)]
pub(crate) struct How {
    pub(crate) principal: Principal,
    pub(crate) on: NaiveDate,
    acting: Acting,
    source: Option<SourceGiven>,
    /// The reason given for every row that warns, if any is.
    because: Option<&'static str>,
}

impl How {
    pub(crate) const fn by(principal: Principal, on: NaiveDate) -> Self {
        Self {
            principal,
            on,
            acting: Acting::Own,
            source: None,
            because: None,
        }
    }

    /// With a reason for going on in spite of rows that warn.
    pub(crate) const fn because(mut self, reason: &'static str) -> Self {
        self.because = Some(reason);
        self
    }

    /// As something that already happened, with a source that establishes nothing about a breach.
    pub(crate) fn past_fact(mut self) -> Self {
        self.acting = Acting::PastFact;
        self.source = Some(source(self.on, None));
        self
    }

    /// As a coordinator's report.
    pub(crate) fn reported(mut self, coordinator: Principal) -> Self {
        self.principal = coordinator;
        self.acting = Acting::Reported;
        self.source = Some(source(self.on, None));
        self
    }
}

fn source(on: NaiveDate, establishes: Option<Establishes>) -> SourceGiven {
    SourceGiven {
        title: text("Minutes of the partnership"),
        reference: text("An item of the minutes"),
        date: on,
        sha256: None,
        establishes,
    }
}

pub(crate) fn text(text: &str) -> PublicText {
    PublicText::new(text).expect("a text that may be published")
}

/// Decides commands on the streams it keeps, and keeps what they come to.
pub(crate) struct Recorder {
    ledger: LedgerId,
    today: NaiveDate,
    ids: Counter,
    sealing: Random,
    kept: Histories,
    decided: VecDeque<Decided>,
}

impl Recorder {
    pub(crate) fn new(ledger: LedgerId, seed: u64, today: NaiveDate) -> Self {
        Self {
            ledger,
            today,
            ids: Counter::seeded(seed),
            sealing: Random::seeded(seed ^ 0x5EA1),
            kept: Histories::default(),
            decided: VecDeque::new(),
        }
    }

    /// What was decided, the oldest first; it is handed out once.
    pub(crate) fn next(&mut self) -> Option<Decided> {
        self.decided.pop_front()
    }

    /// An id for a new stream.
    pub(crate) fn new_id(&self) -> StreamId {
        StreamId::new(self.ids.next())
    }

    /// The history of a stream that is kept.
    pub(crate) fn state<K: Listed>(&mut self, id: StreamId) -> std::sync::Arc<K::State> {
        let history = K::among(&mut self.kept).entry(id).or_default();
        history.state(NaiveDate::MAX)
    }

    /// Lets go of streams that nothing is decided on any more.
    pub(crate) fn forget<K: Listed>(&mut self, ids: impl IntoIterator<Item = StreamId>) {
        let kept = K::among(&mut self.kept);
        for id in ids {
            kept.remove(&id);
        }
    }

    /// The last entry of a stream.
    pub(crate) fn last<K: Listed>(&mut self, id: StreamId) -> EntryId {
        let history = &K::among(&mut self.kept)[&id];
        let last = history.entries().next_back();
        last.expect("a stream that has entries").entry_id
    }

    /// The streams a command rests on, as the command bus loads them.
    fn rests_on<K: Listed>(
        &mut self,
        id: StreamId,
        command: &K::Command,
        on: NaiveDate,
    ) -> Histories {
        let history = K::among(&mut self.kept).entry(id).or_default().clone();
        let (state, latest) = (history.state(on), history.state(NaiveDate::MAX));
        let mut found = Histories::default();
        let of = match history.version() {
            0 => command.partnership(),
            _ => K::partnership(id, &latest),
        };
        if let Some(of) = of {
            self.add(&mut found, &partnership::stream(of));
        }
        loop {
            let world = found.on(on);
            let mut wanted = command.needs(&state, &world);
            if command.rests_on_areas() {
                let areas = world.partnerships.values().flat_map(|p| p.areas.iter());
                wanted.extend(areas.map(|id| area::stream(*id)));
            }
            wanted.retain(|stream| !found.holds(stream));
            if wanted.is_empty() {
                return found;
            }
            for stream in &wanted {
                self.add(&mut found, stream);
            }
        }
    }

    fn add(&mut self, to: &mut Histories, stream: &Stream) {
        by_kind!(stream.stream_type.as_str(), Kind => {
            let history = Kind::among(&mut self.kept).get(&stream.id).cloned();
            Kind::among(to).insert(stream.id, history.unwrap_or_default());
        }, else unreachable!("nothing rests on a stream of this kind"));
    }

    /// Gives a command that is accepted.
    ///
    /// # Panics
    /// When it is refused: then the story is wrong.
    pub(crate) fn give<K: Listed>(
        &mut self,
        id: StreamId,
        how: How,
        command: impl Into<K::Command>,
    ) {
        let command = command.into();
        let name = command.name();
        if let Err(refusal) = self.try_give::<K>(id, how, command) {
            panic!("{} {name}: {refusal:#?}", K::NAME);
        }
    }

    fn try_give<K: Listed>(
        &mut self,
        id: StreamId,
        how: How,
        command: K::Command,
    ) -> Result<(), Refusal> {
        let warned = match self.decide::<K>(id, &how, command.clone(), Vec::new()) {
            Err(refusal) => match how.because {
                // Every row that asks for a reason is given one.
                Some(_) if !refusal.rules.is_empty() => refusal.rules,
                _ => return Err(refusal),
            },
            Ok(entries) => {
                self.keep::<K>(id, entries);
                return Ok(());
            }
        };
        let reason = PlainText::new(how.because.unwrap_or_default()).expect("a reason");
        let reasons = warned.into_iter().map(|row| ReasonGiven {
            rule: RuleId::of(row.unmet.rule.as_str()),
            reason: reason.clone(),
        });
        let entries = self.decide::<K>(id, &how, command, reasons.collect())?;
        self.keep::<K>(id, entries);
        Ok(())
    }

    fn decide<K: Listed>(
        &mut self,
        id: StreamId,
        how: &How,
        command: K::Command,
        reasons: Vec<ReasonGiven>,
    ) -> Result<Vec<Envelope<K::Event>>, Refusal> {
        let surroundings = Surroundings {
            stream: id,
            today: self.today,
            rests_on: self.rests_on::<K>(id, &command, how.on),
            rules: enacted_ref(),
            ids: Box::new(self.ids.clone()),
        };
        let about = About {
            principal: how.principal,
            acting: how.acting,
            occurred_on: Some(OccurredOn {
                assumed: false,
                date: how.on,
            }),
            on_behalf_of: Vec::new(),
            source: how.source.clone(),
            reasons,
            correlation_id: self.ids.next(),
            causation_id: None,
        };
        let history = K::among(&mut self.kept).entry(id).or_default();
        decide::<K>(history, Given { about, command }, &surroundings)
    }

    fn keep<K: Listed>(&mut self, id: StreamId, entries: Vec<Envelope<K::Event>>) {
        let expected_version = K::among(&mut self.kept)[&id].version();
        let (mut keys, mut encoded) = (Vec::new(), Vec::with_capacity(entries.len()));
        for mut entry in entries {
            self.seal(&mut entry, &mut keys);
            let event = entry.payload.event();
            let payload = entry.payload.to_payload().expect("every text is sealed");
            encoded.push((
                event,
                Envelope {
                    entry_id: entry.entry_id,
                    stream: entry.stream.clone(),
                    version: entry.version,
                    standing: entry.standing.clone(),
                    payload,
                },
            ));
            K::among(&mut self.kept).entry(id).or_default().push(entry);
        }
        self.decided.push_back(Decided {
            stream: Stream::new(K::TYPE, id),
            expected_version,
            entries: encoded,
            keys,
        });
    }

    /// Seals the open texts of an entry, all under one key.
    fn seal<P: Payload>(&mut self, entry: &mut Envelope<P>, keys: &mut Vec<SealingKey>) {
        let (ledger, id) = (self.ledger, entry.entry_id);
        let mut own: Option<(KeyId, DataKey)> = None;
        let mut seal = |sealed: &mut Sealed, member: String| {
            let Sealed::Open(plain) = sealed else { return };
            let (key_id, key) = own.get_or_insert_with(|| {
                let key = DataKey(self.sealing.bytes());
                let key_id = KeyId::new(self.ids.next());
                keys.push((key_id, key.clone(), self.sealing.bytes()));
                (key_id, key)
            });
            let binding = Binding {
                ledger,
                entry: id,
                member,
            };
            let closed = SealedBox::seal(plain, *key_id, key, self.sealing.bytes(), &binding);
            *sealed = Sealed::Closed(Box::new(closed));
        };
        for (pointer, sealed) in entry.payload.sealed() {
            seal(sealed, format!("/payload{pointer}"));
        }
        for (row, warning) in entry.standing.warnings.iter_mut().enumerate() {
            seal(&mut warning.reason, format!("/warnings/{row}/reason"));
        }
    }
}

/// The kinds of stream a partnership's life leaves behind.
pub(crate) fn forget_partnership(
    recorder: &mut Recorder,
    partnership: StreamId,
    areas: &[StreamId],
    relevant: impl IntoIterator<Item = StreamId>,
) {
    recorder.forget::<Partnership>([partnership]);
    recorder.forget::<Area>(areas.iter().copied());
    recorder.forget::<Authority>(relevant);
}
