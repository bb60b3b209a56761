//! Who looked: one entry for each request that was answered with sealed texts or an export, each in
//! a stream of its own, so that a read never stands in the way of anybody's `If-Match`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{
    EntryId, Envelope, KeyId, Principal, PrincipalKind, Stream, StreamId, StreamType,
};

use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access;

/// The most characters of the name of a kind of export.
const EXPORT_CHARACTERS_MAX: usize = 40;

/// A kind of export: lower-case words joined by hyphens. An open set, as kinds of stream are.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct ExportKind(#[schemars(regex(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$"))] String);

/// The name of a kind of export is not lower-case words joined by hyphens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kind of export is named by lower-case words joined by hyphens")]
pub struct ExportKindError;

impl ExportKind {
    /// Checks a name.
    ///
    /// # Errors
    /// When it is not lower-case words joined by hyphens.
    pub fn new(name: impl Into<String>) -> Result<Self, ExportKindError> {
        let name = name.into();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
        if name.len() <= EXPORT_CHARACTERS_MAX && name.split('-').all(word) {
            Ok(Self(name))
        } else {
            Err(ExportKindError)
        }
    }
}

impl TryFrom<String> for ExportKind {
    type Error = ExportKindError;

    fn try_from(name: String) -> Result<Self, ExportKindError> {
        Self::new(name)
    }
}

impl From<ExportKind> for String {
    fn from(kind: ExportKind) -> Self {
        kind.0
    }
}

impl fmt::Display for ExportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

event! {
    /// Sealed texts of an entry were served. Recorded before the answer was sent.
    SealedTextServed {
        /// The entry they are in.
        entry: EntryId,
        /// The API key used.
        key_id: Option<KeyId>,
        /// The authority or partnership that read them.
        principal_id: Option<StreamId>,
        /// The kind of principal that read them.
        principal_kind: PrincipalKind,
    }
}
event! {
    /// An export was served. Recorded before the answer was sent.
    ExportServed {
        /// What kind of export.
        export: ExportKind,
        /// The API key used.
        key_id: Option<KeyId>,
        /// The partnership it is about, where it is about one.
        partnership: Option<StreamId>,
        /// The authority or partnership that was given it.
        principal_id: Option<StreamId>,
        /// The kind of principal that was given it.
        principal_kind: PrincipalKind,
    }
}

events! {
    /// The events of an access.
    AccessEvent { SealedTextServed, ExportServed }
}

/// What is known of an access: that it was recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessState {
    /// Whether it was.
    pub recorded: bool,
}

/// What was served.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum Served {
    /// Sealed texts of an entry.
    SealedText {
        /// The entry.
        entry: EntryId,
    },
    /// An export.
    Export {
        /// What kind of export.
        export: ExportKind,
        /// The partnership it is about, where it is about one.
        partnership: Option<StreamId>,
    },
}

/// Records who is about to be served what. Given by the service itself.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordAccess {
    /// Who is served.
    pub reader: Principal,
    /// What is served.
    pub served: Served,
}

impl Particulars<Access> for RecordAccess {
    const NAME: &'static str = "record-access";
    const ACTORS: Actors = Actors::SYSTEM;
    const OPENS: Opens = Opens::Yes;
    const ADMINISTRATIVE: bool = true;

    fn decide(self, _: &AccessState, _: &Scene<'_>) -> Result<Vec<AccessEvent>, Refusal> {
        let Principal { id, key_id, kind } = self.reader;
        Ok(vec![match self.served {
            Served::SealedText { entry } => SealedTextServed {
                entry,
                key_id,
                principal_id: id,
                principal_kind: kind,
            }
            .into(),
            Served::Export {
                export,
                partnership,
            } => ExportServed {
                export,
                key_id,
                partnership,
                principal_id: id,
                principal_kind: kind,
            }
            .into(),
        }])
    }
}

commands! {
    /// The commands on an access.
    AccessCommand of Access { RecordAccess }
}

/// Names an access's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(Access::TYPE, id)
}

impl StreamKind for Access {
    const TYPE: StreamType = StreamType::of("access");
    const NAME: &'static str = "access";
    type Event = AccessEvent;
    type State = AccessState;
    type Command = AccessCommand;

    fn evolve(state: &mut AccessState, entry: &Envelope<AccessEvent>) {
        match &entry.payload {
            AccessEvent::SealedTextServed(_) | AccessEvent::ExportServed(_) => {
                state.recorded = true;
            }
            AccessEvent::EntryCorrected(_) | AccessEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &AccessEvent, _: &AccessState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &AccessEvent) -> (Actors, Option<StreamId>) {
        (Actors::SYSTEM, None)
    }

    // Who looked is for the operator and those who read everything, so it names no partnership.
    fn partnership(_: StreamId, _: &AccessState) -> Option<StreamId> {
        None
    }
}
