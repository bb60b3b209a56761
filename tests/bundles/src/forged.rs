//! Keys and signatures made of points that a strict reader takes for none.

use base64::prelude::{BASE64_STANDARD, Engine};
use curve25519_dalek::constants::ED25519_BASEPOINT_COMPRESSED;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha256, Sha512};

use dutyledger_proofs::SigningKey;

/// The point of order 1: y = 1. It signs nothing, so whatever is said of it holds.
const NEUTRAL: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 1;
    point
};
/// y = 2, for which there is no x on the curve.
const OFF_THE_CURVE: [u8; 32] = {
    let mut point = [0; 32];
    point[0] = 2;
    point
};

/// A note, and the key by which a lax reader finds it signed.
pub(crate) struct Forged {
    pub(crate) key: String,
    pub(crate) note: String,
}

impl Forged {
    /// Signed by nobody: under a key of order 1, R = S·B for every text.
    pub(crate) fn by_weak_key(name: &str, text: &str) -> Self {
        let (key, id) = vkey(name, &NEUTRAL);
        let one = Scalar::ONE;
        let signature = [ED25519_BASEPOINT_COMPRESSED.to_bytes(), one.to_bytes()].concat();
        Self {
            key,
            note: note(name, id, text, &signature),
        }
    }

    /// Signed by a key, with an R of order 1: S is then k·a, and the equation holds.
    pub(crate) fn with_weak_point(key: &SigningKey, text: &str) -> String {
        let name = key.verifier().name();
        let public = bytes_of(&key.verifier().to_string());
        let half: [u8; 32] = Sha512::digest(bytes_of(&key.to_text()))[..32]
            .try_into()
            .unwrap();
        let secret = Scalar::from_bytes_mod_order(clamp_integer(half));
        let hashed = Sha512::new()
            .chain_update(NEUTRAL)
            .chain_update(public)
            .chain_update(text);
        let k = Scalar::from_bytes_mod_order_wide(&hashed.finalize().into());
        let signature = [NEUTRAL, (k * secret).to_bytes()].concat();
        note(name, key_id(name, &public), text, &signature)
    }
}

/// A key whose bytes are those of no point.
pub(crate) fn no_point(name: &str) -> String {
    vkey(name, &OFF_THE_CURVE).0
}

/// The 32 bytes of a key, public or private.
fn bytes_of(key: &str) -> [u8; 32] {
    let (_, written) = key.split_at(key.len() - 44);
    let bytes = BASE64_STANDARD.decode(written).unwrap();
    bytes[1..].try_into().unwrap()
}

fn key_id(name: &str, point: &[u8; 32]) -> [u8; 4] {
    let hashed = Sha256::new().chain_update(name).chain_update(b"\n\x01");
    let digest = hashed.chain_update(point).finalize();
    digest[..4].try_into().unwrap()
}

fn vkey(name: &str, point: &[u8; 32]) -> (String, [u8; 4]) {
    let id = key_id(name, point);
    let written = BASE64_STANDARD.encode([&[1], &point[..]].concat());
    (
        format!("{name}+{:08x}+{written}", u32::from_be_bytes(id)),
        id,
    )
}

fn note(name: &str, id: [u8; 4], text: &str, signature: &[u8]) -> String {
    let line = BASE64_STANDARD.encode([&id, signature].concat());
    format!("{text}\n— {name} {line}\n")
}
