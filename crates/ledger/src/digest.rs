//! Digests that tell a repeated request from another one under the same idempotency key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The digest of a request: HMAC-SHA256 over its parts, each after its length as eight big-endian
/// bytes, so that no two lists of parts run together into the same bytes.
///
/// It is keyed because the digest is stored: without the key nobody can test guesses at what a
/// request with personal data in it said.
#[must_use]
pub fn request_digest(server_key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(server_key)
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    for part in parts {
        // A usize is at most 64 bits wide on every platform Rust has.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_the_key_and_on_where_each_part_ends() {
        let of = |key: u8, parts: &[&[u8]]| request_digest(&[key; 32], parts);
        assert_eq!(of(1, &[b"ab", b"c"]), of(1, &[b"ab", b"c"]));
        assert_ne!(of(1, &[b"ab", b"c"]), of(1, &[b"a", b"bc"]));
        assert_ne!(of(1, &[b"abc"]), of(1, &[b"abc", b""]));
        assert_ne!(of(1, &[b"abc"]), of(2, &[b"abc"]));
    }
}
