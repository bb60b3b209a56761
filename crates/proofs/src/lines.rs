//! What the text forms share: base64 of hashes, and decimals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::tree::Hash;

/// A hash as the text forms write it.
pub(crate) fn base64_of(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// The hash that 44 characters of base64 stand for; nothing where it is anything else.
pub(crate) fn hash_from(text: &str) -> Option<Hash> {
    // A length of its own for the buffer, so that no text makes this allocate what it likes.
    if text.len() != 44 {
        return None;
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A decimal without leading zeros, as every text form writes sizes and indexes.
pub(crate) fn decimal_from(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.len() <= 20);
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (plain && digits).then(|| text.parse().ok()).flatten()
}
