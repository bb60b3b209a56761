//! Signed notes and their keys, as C2SP `signed-note` has them, with Ed25519 alone.

use std::fmt::{self, Debug, Display, Formatter, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dutyledger_record::is_hex;
use ed25519_dalek::{Signer as _, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The most bytes a note may have. Sixteen signatures must be accepted, each of which may be one of
/// a kind unknown here with nearly 5 kB.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;
/// The most signatures a note may have.
pub const SIGNATURES_MAX: usize = 64;
/// The most bytes the name of a key may have.
pub const KEY_NAME_BYTES_MAX: usize = 255;
/// The bytes of the seed a signing key is made of.
pub const SEED_BYTES: usize = 32;

/// What a signature's line begins with.
const LINE_START: &str = "— ";
/// What the text of a signing key begins with.
const SIGNING_KEY_START: &str = "PRIVATE+KEY+";
/// The byte that names Ed25519 among the kinds of signature.
const ED25519: u8 = 1;
/// The bytes of an id of a key.
const KEY_ID_BYTES: usize = 4;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not written as keys are.
    #[error("it is not written as a key is: name, id and key, joined by +")]
    Form,
    /// The name is empty, too long, or holds white space, a control character or a `+`.
    #[error("the name of a key has 1 to {KEY_NAME_BYTES_MAX} bytes, without white space or +")]
    Name,
    /// It is a key for another kind of signature than Ed25519.
    #[error("it is no key for Ed25519")]
    Kind,
    /// The id is not that of the name and the key.
    #[error("its id is not that of its name and key")]
    Id,
    /// The bytes are no public key, or one that anybody can sign for.
    #[error("its bytes are no public key of Ed25519")]
    Point,
}

/// Why a note is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not written as notes are.
    #[error("it is not a signed note: {0}")]
    Malformed(&'static str),
    /// It bears the name and the id of a known key, but that key did not sign it.
    #[error("the signature of {0} is not that of its key")]
    Forged(String),
    /// No known key signed it.
    #[error("none of its signatures is by a key that is trusted")]
    Unknown,
}

/// A public key with its name: what checks signatures, written as a *vkey*.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl VerifierKey {
    /// Its name; of a ledger's key, the ledger's id.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its id: a hint which key signed, not a proof.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    fn new(name: &str, key: VerifyingKey) -> Result<Self, KeyError> {
        check_name(name)?;
        if key.is_weak() {
            return Err(KeyError::Point);
        }
        Ok(Self {
            name: name.to_owned(),
            id: key_id(name, &key),
            key,
        })
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        ed25519_dalek::Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok())
    }

    fn made(&self, signature: &Signature) -> bool {
        self.name == signature.name && self.id == signature.key_id
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, bytes) = read_key(text)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point)?;
        let read = Self::new(name, key)?;
        if read.id != id {
            return Err(KeyError::Id);
        }
        Ok(read)
    }
}

impl Display for VerifierKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = typed(self.key.as_bytes());
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.id,
            STANDARD.encode(*bytes)
        )
    }
}

impl Debug for VerifierKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// A private key with its name. Its text is shown on request alone, and it is wiped from memory
/// when dropped.
pub struct SigningKey {
    verifier: VerifierKey,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// The key made of a seed, which comes from the operating system's randomness.
    ///
    /// # Errors
    /// When the name is not one a key may have.
    pub fn from_seed(name: &str, seed: &[u8; SEED_BYTES]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key())?;
        Ok(Self { verifier, key })
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// When it is no signing key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix(SIGNING_KEY_START).ok_or(KeyError::Form)?;
        let (name, id, seed) = read_key(rest)?;
        let read = Self::from_seed(name, &seed)?;
        if read.verifier.id != id {
            return Err(KeyError::Id);
        }
        Ok(read)
    }

    /// Its text, which whoever has it can sign with.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let seed = typed(self.key.as_bytes());
        // Written into room that is there beforehand: a text that grows would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(KEY_NAME_BYTES_MAX + 96));
        let key = Zeroizing::new(STANDARD.encode(*seed));
        let VerifierKey { name, id, .. } = &self.verifier;
        // Writing to a string never fails.
        let _ = write!(text, "{SIGNING_KEY_START}{name}+{id:08x}+{}", *key);
        text
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The line this key adds to a note of this text.
    fn sign(&self, text: &str) -> Signature {
        Signature {
            name: self.verifier.name.clone(),
            key_id: self.verifier.id,
            bytes: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl Debug for SigningKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, …)", self.verifier.name)
    }
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let fits = (1..=KEY_NAME_BYTES_MAX).contains(&name.len());
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if fits && !name.contains(odd) {
        Ok(())
    } else {
        Err(KeyError::Name)
    }
}

/// A key's bytes behind the byte that names their kind.
fn typed(bytes: &[u8; 32]) -> Zeroizing<[u8; 33]> {
    let mut all = Zeroizing::new([ED25519; 33]);
    all[1..].copy_from_slice(bytes);
    all
}

fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update(b"\n")
        .chain_update([ED25519])
        .chain_update(key.as_bytes())
        .finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Name, id and the 32 bytes of a key, as both kinds of key write them.
fn read_key(text: &str) -> Result<(&str, u32, Zeroizing<[u8; 32]>), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Form);
    };
    check_name(name)?;
    if !is_hex(id, 8) || key.len() > 64 {
        return Err(KeyError::Form);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Form)?;
    let bytes = Zeroizing::new(STANDARD.decode(key).map_err(|_| KeyError::Form)?);
    let Some((kind, bytes)) = bytes.split_first() else {
        return Err(KeyError::Form);
    };
    if *kind != ED25519 {
        return Err(KeyError::Kind);
    }
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| KeyError::Form)?;
    Ok((name, id, Zeroizing::new(bytes)))
}

/// A signature of a note, by whatever key and of whatever kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The id of the key.
    pub key_id: u32,
    /// The signature itself.
    pub bytes: Vec<u8>,
}

impl Signature {
    fn read(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        check_name(name).ok()?;
        let bytes = STANDARD.decode(base64).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<KEY_ID_BYTES>()?;
        (!bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            key_id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        })
    }
}

impl Display for Signature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.to_be_bytes()[..], &self.bytes].concat();
        writeln!(f, "{LINE_START}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text with signatures. That it could be read says nothing about who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text, which ends with a line break.
    ///
    /// # Errors
    /// When no note can have this text.
    pub fn sign(text: String, key: &SigningKey) -> Result<Self, NoteError> {
        check_text(&text)?;
        let signatures = vec![key.sign(&text)];
        let note = Self { text, signatures };
        if note.to_string().len() > NOTE_BYTES_MAX {
            return Err(NoteError::Malformed(TOO_LONG));
        }
        Ok(note)
    }

    /// Reads a note; nothing is trusted yet.
    ///
    /// # Errors
    /// When it is not written as notes are, or is larger than any may be.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Malformed(TOO_LONG));
        }
        let all = str::from_utf8(bytes).map_err(|_| NoteError::Malformed("it is not UTF-8"))?;
        check_text(all)?;
        // The last empty line parts them: the text may have empty lines of its own.
        let end = all
            .rfind("\n\n")
            .ok_or(NoteError::Malformed("it has no signatures"))?;
        let (text, lines) = (&all[..=end], &all[end + 2..]);
        let mut signatures = Vec::new();
        for line in lines.lines() {
            if signatures.len() == SIGNATURES_MAX {
                return Err(NoteError::Malformed("it has too many signatures"));
            }
            let malformed = NoteError::Malformed("a line of its signatures is none");
            signatures.push(Signature::read(line).ok_or(malformed)?);
        }
        if signatures.is_empty() {
            return Err(NoteError::Malformed("it has no signatures"));
        }
        Ok(Self {
            text: text.to_owned(),
            signatures,
        })
    }

    /// Its text, whoever signed it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its signatures, whoever made them.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Which of these keys signed it, in their order. Signatures by keys unknown are ignored.
    ///
    /// # Errors
    /// When it bears the name and id of one of the keys and that key did not sign it, or when none
    /// of them did.
    pub fn signed_by<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k VerifierKey>,
    ) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signed = Vec::new();
        for key in keys {
            let mut by_it = self.signatures.iter().filter(|s| key.made(s)).peekable();
            if by_it.peek().is_none() {
                continue;
            }
            if !by_it.all(|s| key.verifies(&self.text, &s.bytes)) {
                return Err(NoteError::Forged(key.name.clone()));
            }
            signed.push(key);
        }
        if signed.is_empty() {
            return Err(NoteError::Unknown);
        }
        Ok(signed)
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|s| write!(f, "{s}"))
    }
}

const TOO_LONG: &str = "it is longer than any may be";

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed("it holds a control character"));
    }
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("its last line does not end"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
