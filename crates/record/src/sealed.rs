//! Sealed text: encrypted before the canonical bytes are made, so that it can be erased by
//! destroying its key while every hash still verifies.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::ids::{EntryId, KeyId, LedgerId};
use crate::text::{TextError, check_text};

/// The most characters a text to be sealed may have.
const PLAIN_CHARACTERS_MAX: usize = 8_000;
/// Bytes in an XChaCha20-Poly1305 nonce.
pub const NONCE_BYTES: usize = 24;

/// Text that will be sealed: a reason, a response, a note, a named contact. 1 to 8,000 characters.
/// It never shows itself in logs.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct PlainText(#[schemars(length(min = 1, max = 8000))] String);

impl PlainText {
    /// Checks a text.
    ///
    /// # Errors
    /// When it is empty, too long, or holds control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        check_text(&text, PLAIN_CHARACTERS_MAX)?;
        Ok(Self(text))
    }

    /// The text itself, for those who may read it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PlainText {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl fmt::Debug for PlainText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainText(…)")
    }
}

/// The key of one sealed text or one contact. Wiped by its owner; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(pub [u8; 32]);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// What a ciphertext is bound to: it opens nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The ledger.
    pub ledger: LedgerId,
    /// The entry.
    pub entry: EntryId,
    /// The JSON pointer (RFC 6901) of the sealed member within the leaf data.
    pub member: String,
}

impl Binding {
    /// The associated data: the three parts joined by U+001F.
    fn associated_data(&self) -> String {
        format!("{}\u{1f}{}\u{1f}{}", self.ledger, self.entry, self.member)
    }
}

/// A sealed text as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SealedBox {
    /// Always `xchacha20-poly1305`.
    pub alg: String,
    /// Base64 of the ciphertext with its tag.
    pub ciphertext: String,
    /// The data key it is under.
    pub key_id: KeyId,
    /// Base64 of the 24-byte nonce.
    pub nonce: String,
}

/// Why a sealed text did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// Not the algorithm or encoding of this format.
    #[error("not a sealed text of this format")]
    Malformed,
    /// The key or the place is not the one it was sealed for, or it was altered.
    #[error("the text does not open with this key in this place")]
    WrongKeyOrPlace,
}

const ALG: &str = "xchacha20-poly1305";

fn cipher(key: &DataKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(key.0))
}

impl SealedBox {
    /// Whether it is written as one: what is in it shows when it is opened.
    pub(crate) fn is_of_format(&self) -> bool {
        let nonce = BASE64.decode(&self.nonce);
        let nonce = nonce.is_ok_and(|nonce| nonce.len() == NONCE_BYTES);
        self.alg == ALG
            && nonce
            && BASE64.decode(&self.ciphertext).is_ok()
            && self.key_id.is_of_format()
    }

    /// Encrypts a text for one place, under one key and a nonce never used with it before.
    #[must_use]
    pub fn seal(
        text: &PlainText,
        key_id: KeyId,
        key: &DataKey,
        nonce: [u8; NONCE_BYTES],
        binding: &Binding,
    ) -> Self {
        let aad = binding.associated_data();
        let ciphertext = cipher(key)
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: text.0.as_bytes(),
                    aad: aad.as_bytes(),
                },
            )
            .unwrap_or_else(|_| unreachable!("a text of bounded length always encrypts"));
        Self {
            alg: ALG.to_owned(),
            ciphertext: BASE64.encode(ciphertext),
            key_id,
            nonce: BASE64.encode(nonce),
        }
    }

    /// Decrypts.
    ///
    /// # Errors
    /// When the key or the place is another, or the box was altered.
    pub fn open(&self, key: &DataKey, binding: &Binding) -> Result<PlainText, SealedError> {
        if self.alg != ALG {
            return Err(SealedError::Malformed);
        }
        let decode = |text: &str| BASE64.decode(text).map_err(|_| SealedError::Malformed);
        let nonce: [u8; NONCE_BYTES] = decode(&self.nonce)?
            .try_into()
            .map_err(|_| SealedError::Malformed)?;
        let aad = binding.associated_data();
        let ciphertext = decode(&self.ciphertext)?;
        let plain = cipher(key)
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: &ciphertext,
                    aad: aad.as_bytes(),
                },
            )
            .map_err(|_| SealedError::WrongKeyOrPlace)?;
        String::from_utf8(plain)
            .map(PlainText)
            .map_err(|_| SealedError::Malformed)
    }
}

/// Wraps a data key under a master key: nonce ‖ ciphertext, bound to the key's id.
#[must_use]
pub fn wrap_key(
    master: &DataKey,
    key_id: KeyId,
    key: &DataKey,
    nonce: [u8; NONCE_BYTES],
) -> Vec<u8> {
    let aad = key_id.uuid();
    let wrapped = cipher(master)
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: &key.0,
                aad: aad.as_bytes(),
            },
        )
        .unwrap_or_else(|_| unreachable!("32 bytes always encrypt"));
    [nonce.as_slice(), &wrapped].concat()
}

/// Unwraps a data key.
///
/// # Errors
/// When the master key or the id is another, or the bytes were altered.
pub fn unwrap_key(master: &DataKey, key_id: KeyId, wrapped: &[u8]) -> Result<DataKey, SealedError> {
    let (nonce, ciphertext) = wrapped
        .split_at_checked(NONCE_BYTES)
        .ok_or(SealedError::Malformed)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealedError::Malformed)?;
    let aad = key_id.uuid();
    let plain = cipher(master)
        .decrypt(
            &XNonce::from(nonce),
            Payload {
                msg: ciphertext,
                aad: aad.as_bytes(),
            },
        )
        .map_err(|_| SealedError::WrongKeyOrPlace)?;
    Ok(DataKey(
        plain.try_into().map_err(|_| SealedError::Malformed)?,
    ))
}

/// A sealed member of an event: still open between the decision and the sealing, closed for ever
/// after. Only the closed form can be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Not sealed yet; refuses to be serialised.
    Open(PlainText),
    /// Sealed.
    Closed(Box<SealedBox>),
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Open(_) => Err(serde::ser::Error::custom(
                "a text must be sealed before it is recorded",
            )),
            Self::Closed(sealed) => sealed.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SealedBox::deserialize(deserializer).map(|sealed| Self::Closed(Box::new(sealed)))
    }
}

impl JsonSchema for Sealed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        SealedBox::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        SealedBox::json_schema(generator)
    }
}

impl From<PlainText> for Sealed {
    fn from(text: PlainText) -> Self {
        Self::Open(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn binding(member: &str) -> Binding {
        Binding {
            ledger: LedgerId::new(Uuid::from_u128(1)),
            entry: EntryId::new(Uuid::from_u128(2)),
            member: member.to_owned(),
        }
    }

    #[test]
    fn a_sealed_text_opens_only_in_its_place_with_its_key() {
        let (id, key) = (KeyId::new(Uuid::from_u128(3)), DataKey([7; 32]));
        let text = PlainText::new("the reason").unwrap();
        let sealed = SealedBox::seal(&text, id, &key, [9; 24], &binding("/payload/reason"));
        assert_eq!(sealed.open(&key, &binding("/payload/reason")), Ok(text));
        let elsewhere = sealed.open(&key, &binding("/payload/response"));
        assert_eq!(elsewhere, Err(SealedError::WrongKeyOrPlace));
        let other_key = sealed.open(&DataKey([8; 32]), &binding("/payload/reason"));
        assert_eq!(other_key, Err(SealedError::WrongKeyOrPlace));
    }

    #[test]
    fn text_that_is_not_sealed_cannot_be_written_down_or_shown() {
        let open = Sealed::from(PlainText::new("secret").unwrap());
        assert!(serde_json::to_value(&open).is_err());
        assert!(!format!("{open:?}").contains("secret"));
    }

    #[test]
    fn a_data_key_unwraps_only_under_its_master_key_and_id() {
        let (master, key) = (DataKey([1; 32]), DataKey([2; 32]));
        let id = KeyId::new(Uuid::from_u128(4));
        let wrapped = wrap_key(&master, id, &key, [3; 24]);
        assert_eq!(unwrap_key(&master, id, &wrapped), Ok(key));
        assert!(unwrap_key(&DataKey([9; 32]), id, &wrapped).is_err());
        assert!(unwrap_key(&master, KeyId::new(Uuid::from_u128(5)), &wrapped).is_err());
        assert!(unwrap_key(&master, id, &wrapped[..10]).is_err());
    }
}
