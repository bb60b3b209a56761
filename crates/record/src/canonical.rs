//! RFC 8785 canonical JSON, within the limits of `schemas/record.md`, and its hashes.

use std::io::Write;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The largest integer a record may hold: 2^53 − 1, so that every JSON reader agrees on it.
pub(crate) const INTEGER_MAX: i64 = (1 << 53) - 1;

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
    let mut text = Vec::with_capacity(1_024);
    write(value, &mut text)?;
    String::from_utf8(text).map_err(|e| CanonicalError::Json(e.to_string()))
}

/// Within the limits of this format, RFC 8785 asks for nothing but the order of the members: every
/// number is an integer, and strings are escaped as `serde_json` escapes them. Names are ASCII, so
/// that their bytes order as their UTF-16 code units do. A test compares this with a full
/// implementation.
pub(crate) fn write(value: &Value, out: &mut impl Write) -> Result<(), CanonicalError> {
    match value {
        Value::Array(items) => {
            put("[", out)?;
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    put(",", out)?;
                }
                write(item, out)?;
            }
            put("]", out)
        }
        Value::Object(members) => {
            // They are in order unless some crate has asked serde_json to keep another.
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            put("{", out)?;
            for (place, (name, member)) in members.into_iter().enumerate() {
                if !name.is_ascii() || name.contains('\0') {
                    return Err(CanonicalError::MemberName(name.clone()));
                }
                if place > 0 {
                    put(",", out)?;
                }
                write_plain(name, out)?;
                put(":", out)?;
                write(member, out)?;
            }
            put("}", out)
        }
        Value::Number(n) => match n.as_i64() {
            Some(i) if (-INTEGER_MAX..=INTEGER_MAX).contains(&i) => write_plain(&i, out),
            _ => Err(CanonicalError::Number(n.to_string())),
        },
        Value::String(s) if s.contains('\0') => Err(CanonicalError::Nul),
        Value::Null | Value::Bool(_) | Value::String(_) => write_plain(value, out),
    }
}

fn write_plain(
    value: &(impl Serialize + ?Sized),
    out: &mut impl Write,
) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, value).map_err(|e| CanonicalError::Json(e.to_string()))
}

fn put(text: &str, out: &mut impl Write) -> Result<(), CanonicalError> {
    let put = out.write_all(text.as_bytes());
    put.map_err(|e| CanonicalError::Json(e.to_string()))
}

/// The RFC 6962 leaf hash: SHA-256(0x00 ‖ leaf data).
#[must_use]
pub fn leaf_hash(leaf_data: &str) -> [u8; 32] {
    leaf_hash_of_bytes(leaf_data.as_bytes())
}

/// The same of any bytes: leaf data is text, the published test vectors are not.
#[must_use]
pub fn leaf_hash_of_bytes(leaf_data: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([0u8]);
    hasher.update(leaf_data);
    hasher.finalize().into()
}

/// The SHA-256 of some bytes as 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Whether a text is this many hexadecimal digits, in lower case.
#[must_use]
pub fn is_hex(text: &str, digits: usize) -> bool {
    let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    text.len() == digits && text.bytes().all(digit)
}

/// Whether a text is a SHA-256 as the record writes digests: 64 hexadecimal digits in lower case.
#[must_use]
pub fn is_sha256_hex(text: &str) -> bool {
    is_hex(text, 64)
}

/// The 32 bytes that 64 hexadecimal digits stand for; nothing where it is anything else.
#[must_use]
pub fn unhex(digits: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, _) = <&[u8; 64]>::try_from(digits).ok()?.as_chunks::<2>();
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_and_nothing_is_escaped_that_need_not_be() {
        let text = canonical_json(&json!({"b": [1, true, null], "a": "é\n\u{7f}/"})).unwrap();
        assert_eq!(text, "{\"a\":\"é\\n\u{7f}/\",\"b\":[1,true,null]}");
    }

    /// Any value this format allows, and some it does not.
    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC{0,12}",
            "[\u{0}-\u{1f}\"\\\\/\u{7f}\u{2028}\u{1f600}a-z]{0,12}"
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(|n| Value::from(n >> 10)),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            let name = "[ -~]{0,6}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_has_a_canonical_form_has_that_of_rfc_8785(value in value()) {
            if let Ok(text) = canonical_json(&value) {
                prop_assert_eq!(text, serde_json_canonicalizer::to_string(&value).unwrap());
            } else {
                prop_assert!(value.to_string().contains("\\u0000"));
            }
        }
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
    fn digits_stand_for_the_bytes_they_were_made_of_and_nothing_else_does() {
        let bytes = std::array::from_fn(|at| u8::try_from(at * 8 + 7).unwrap());
        let digits = hex(&bytes);
        assert_eq!(unhex(digits.as_bytes()), Some(bytes));
        assert_eq!(unhex(digits.to_uppercase().as_bytes()), Some(bytes));
        for bad in [
            &digits[1..],
            "",
            &format!("{digits}0"),
            &format!("+{}", &digits[1..]),
        ] {
            assert_eq!(unhex(bad.as_bytes()), None, "{bad}");
        }
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
