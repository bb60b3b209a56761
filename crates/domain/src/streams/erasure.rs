//! The erasure of sealed texts: the key of a text is destroyed, and its entry stays as it was. It is
//! said in a stream of its own for each entry, so that it never stands in the way of anybody's
//! `If-Match`, and is never folded into the state of what it speaks of.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{EntryId, Envelope, KeyId, NaturalKey, Stream, StreamId, StreamType};

use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Erasure;

/// Why a text is erased (UK GDPR, articles 5 and 17; Data Protection Act 2018, s.47).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErasureGround {
    /// It is not needed any more for what it was collected for (article 17(1)(a)).
    NoLongerNeeded,
    /// The time for which it is kept has ended (article 5(1)(e)).
    RetentionEnded,
    /// Whom it is about withdrew consent, and there is no other ground (article 17(1)(b)).
    ConsentWithdrawn,
    /// Whom it is about objected, and nothing overrides it (article 17(1)(c)).
    ObjectionUpheld,
    /// It was processed unlawfully (article 17(1)(d); s.47(1)(a)).
    UnlawfullyProcessed,
    /// A legal obligation requires it (article 17(1)(e); s.47(1)(b)).
    LegalObligation,
    /// It should not have been recorded, such as the name of a person where none was asked for
    /// (article 5(1)(c) and (d)).
    RecordedByMistake,
}

event! {
    /// The key of sealed texts was destroyed: nobody reads them any more, and every hash still
    /// verifies. What texts they were is said by the entry they are in, never here.
    SealedTextErased {
        /// The data key.
        data_key: KeyId,
        /// The entry whose texts were sealed under it.
        entry: EntryId,
        /// Why.
        ground: ErasureGround,
        /// The partnership the entry concerns, where there is one.
        partnership: Option<StreamId>,
    }
}

events! {
    /// The events of an erasure.
    ErasureEvent { SealedTextErased }
}

/// What is erased of an entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErasureState {
    /// The data keys destroyed, and when.
    pub erased: BTreeMap<KeyId, NaiveDate>,
    /// The partnership the entry concerns, where there is one.
    pub partnership: Option<StreamId>,
}

/// The most data keys an entry has: each seals one text at least, and an entry has few.
const KEYS_MAX: usize = 64;

/// Erases sealed texts of an entry. That they are the entry's, and which partnership it concerns, is
/// for the caller to have read from it.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseSealedText {
    /// The entry.
    pub entry: EntryId,
    /// The data keys to destroy.
    pub data_keys: Vec<KeyId>,
    /// Why.
    pub ground: ErasureGround,
    /// The partnership the entry concerns.
    #[serde(default)]
    pub partnership: Option<StreamId>,
}

impl Particulars<Erasure> for EraseSealedText {
    const NAME: &'static str = "erase-sealed-text";
    const ACTORS: Actors = Actors::OPERATOR;
    const OPENS: Opens = Opens::Either;
    const ADMINISTRATIVE: bool = true;

    fn partnership(&self) -> Option<StreamId> {
        self.partnership
    }

    fn decide(self, state: &ErasureState, scene: &Scene<'_>) -> Result<Vec<ErasureEvent>, Refusal> {
        if scene.stream != stream_of(self.entry).id {
            return Err(Refusal::invalid(
                "/particulars/entry",
                "This is the stream of another entry's erasure.",
            ));
        }
        if self.data_keys.is_empty() || self.data_keys.len() > KEYS_MAX {
            return Err(Refusal::invalid(
                "/particulars/data_keys",
                format!("Name 1 to {KEYS_MAX} data keys."),
            ));
        }
        let mut keys = self.data_keys;
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|key| !state.erased.contains_key(key));
        if keys.is_empty() {
            return Err(Refusal::already("This is already erased."));
        }
        let erased = |data_key| {
            SealedTextErased {
                data_key,
                entry: self.entry,
                ground: self.ground,
                partnership: self.partnership,
            }
            .into()
        };
        Ok(keys.into_iter().map(erased).collect())
    }
}

commands! {
    /// The commands on an erasure.
    ErasureCommand of Erasure { EraseSealedText }
}

/// The stream that says what is erased of an entry.
#[must_use]
pub fn stream_of(entry: EntryId) -> Stream {
    let id = NaturalKey(&["erasure", &entry.to_string()]).stream_id();
    Stream::new(Erasure::TYPE, id)
}

impl StreamKind for Erasure {
    const TYPE: StreamType = StreamType::of("erasure");
    const NAME: &'static str = "erasure";
    /// An erasure may have been dated by a clock that was ahead: what it erased is erased before that
    /// day too, and no other text of the entry is to wait for it.
    const DECIDED_BY_DATE: bool = false;
    type Event = ErasureEvent;
    type State = ErasureState;
    type Command = ErasureCommand;

    fn evolve(state: &mut ErasureState, entry: &Envelope<ErasureEvent>) {
        match &entry.payload {
            ErasureEvent::SealedTextErased(e) => {
                let on = entry.standing.occurred_on.date;
                // The earliest date, whatever order they are applied in.
                let erased = state.erased.entry(e.data_key).or_insert(on);
                *erased = on.min(*erased);
                state.partnership = e.partnership;
            }
            ErasureEvent::EntryCorrected(_) | ErasureEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &ErasureEvent, _: &ErasureState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &ErasureEvent) -> (Actors, Option<StreamId>) {
        (Actors::OPERATOR, None)
    }

    fn partnership(_: StreamId, state: &ErasureState) -> Option<StreamId> {
        state.partnership
    }
}
