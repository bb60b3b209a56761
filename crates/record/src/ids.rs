//! Identifiers: UUIDs with a type each, and stream ids made from natural keys.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::form::is_uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident of $($version:literal)|+) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Gives a UUID its type.
            #[must_use]
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Whether it is a UUID of the kind that names one in this format.
            #[must_use]
            pub fn is_of_format(self) -> bool {
                is_uuid(self.0) && matches!(self.0.get_version_num(), $($version)|+)
            }

            /// The bare UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

id!(
    /// Names a ledger: random, carried by its first entry.
    LedgerId of 7
);
id!(
    /// Names an entry: UUIDv7.
    EntryId of 7
);
id!(
    /// Names a stream: UUIDv7 where a command opens it, UUIDv8 where it must exist once.
    StreamId of 7 | 8
);
id!(
    /// Names a key: an API key, or the data key of a sealed text.
    KeyId of 7
);

/// A kind of stream (`strategy`, `partnership`, …): an open set of lower-case words and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamType(Cow<'static, str>);

impl StreamType {
    /// A stream type known when the program was written.
    #[must_use]
    pub const fn of(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A stream type read from data.
    #[must_use]
    pub fn read(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of a natural key, from which the id of a stream that must exist once is made.
///
/// The id is UUIDv8: the first 16 bytes of SHA-256 over the UTF-8 parts joined by U+001F, with the
/// version and variant bits of RFC 9562 set.
#[derive(Clone, Copy, Debug)]
pub struct NaturalKey<'a>(pub &'a [&'a str]);

impl NaturalKey<'_> {
    /// The stream id this key stands for.
    #[must_use]
    pub fn stream_id(self) -> StreamId {
        let digest = Sha256::digest(self.0.join("\u{1f}").as_bytes());
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        StreamId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_natural_key_always_gives_the_same_id_and_marks_it_as_version_8() {
        let id = NaturalKey(&["area", "england", "city of london"]).stream_id();
        assert_eq!(
            id,
            NaturalKey(&["area", "england", "city of london"]).stream_id()
        );
        assert_ne!(
            id,
            NaturalKey(&["area", "wales", "city of london"]).stream_id()
        );
        assert_eq!(id.uuid().get_version_num(), 8);
        assert_eq!(id.uuid().get_variant(), uuid::Variant::RFC4122);
    }
}
