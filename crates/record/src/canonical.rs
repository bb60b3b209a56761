//! RFC 8785 canonical JSON, within the limits of `schemas/record.md`, and its hashes.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The largest integer a record may hold: 2^53 − 1, so that every JSON reader agrees on it.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// Why a value has no canonical form in this format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction or an exponent, or outside ±(2^53 − 1).
    #[error("the number {0} is not an integer within ±(2^53 − 1); decimals are written as strings")]
    Number(String),
    /// A member name with a character outside ASCII.
    #[error("the member name {0:?} is not ASCII")]
    MemberName(String),
    /// A string with the character U+0000.
    #[error("a string holds the character U+0000")]
    Nul,
    /// The value could not be written as JSON.
    #[error("cannot be written as JSON: {0}")]
    Json(String),
}

/// The RFC 8785 text of a value.
///
/// # Errors
/// When the value steps outside the format: see [`CanonicalError`].
pub fn canonical_json(value: &Value) -> Result<String, CanonicalError> {
    check(value)?;
    serde_json_canonicalizer::to_string(value).map_err(|e| CanonicalError::Json(e.to_string()))
}

fn check(value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(n) => match n.as_i64() {
            Some(i) if (-INTEGER_MAX..=INTEGER_MAX).contains(&i) => Ok(()),
            _ => Err(CanonicalError::Number(n.to_string())),
        },
        Value::String(s) if s.contains('\0') => Err(CanonicalError::Nul),
        Value::String(_) => Ok(()),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            if !name.is_ascii() || name.contains('\0') {
                return Err(CanonicalError::MemberName(name.clone()));
            }
            check(value)
        }),
    }
}

/// The RFC 6962 leaf hash: SHA-256(0x00 ‖ leaf data).
#[must_use]
pub fn leaf_hash(leaf_data: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([0u8]);
    hasher.update(leaf_data.as_bytes());
    hasher.finalize().into()
}

/// The SHA-256 of some bytes as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_and_nothing_is_escaped_that_need_not_be() {
        let text = canonical_json(&json!({"b": [1, true, null], "a": "é\n\u{7f}/"})).unwrap();
        assert_eq!(text, "{\"a\":\"é\\n\u{7f}/\",\"b\":[1,true,null]}");
    }

    #[test]
    fn numbers_outside_the_format_are_refused() {
        assert!(canonical_json(&json!(9_007_199_254_740_991i64)).is_ok());
        assert!(canonical_json(&json!(-9_007_199_254_740_991i64)).is_ok());
        for bad in [
            json!(9_007_199_254_740_992i64),
            json!(1.5),
            json!(1e3),
            json!(u64::MAX),
        ] {
            assert!(
                matches!(canonical_json(&bad), Err(CanonicalError::Number(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn member_names_are_ascii_and_no_string_holds_nul() {
        assert!(matches!(
            canonical_json(&json!({"é": 1})),
            Err(CanonicalError::MemberName(_))
        ));
        assert_eq!(canonical_json(&json!(["a\0b"])), Err(CanonicalError::Nul));
    }

    #[test]
    fn the_leaf_hash_is_that_of_rfc_6962() {
        // RFC 6962 section 2.1: the hash of a leaf with no data is SHA-256 of one zero byte.
        assert_eq!(
            hex(&leaf_hash("")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
