//! Cursors, whose reader is taken from its file: trying it needs no server, and none is built.

use std::fmt::Debug;

use chrono::NaiveDate;
use uuid::Uuid;

#[path = "../../../crates/api/src/cursor.rs"]
mod own;

/// The lists that have cursors, among them some whose names begin alike.
pub const LISTS: [&str; 7] = [
    "areas",
    "next-steps",
    "obligations",
    "reviews",
    "review",
    "timeline",
    "triggers",
];

/// Reads a cursor, and the bytes as the key that one is written of: there is one way to write a
/// cursor, no list takes another's, and what is read of a key is what was meant.
///
/// # Panics
/// When the reader is wrong.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let mut of = None;
    for list in LISTS {
        if let Some(key) = own::read(list, text) {
            assert_eq!(own::write(list, &key), text);
            assert_eq!(of.replace(list), None, "two lists take {text}");
            keys(&key);
        }
        let written = own::write(list, text);
        assert_eq!(own::read(list, &written).as_deref(), Some(text));
    }
    keys(text);
}

/// Reads a key in each of its forms; written as it was understood, it is understood alike.
fn keys(key: &str) {
    again(own::place_at(key), |(known_at, place)| {
        own::place_at(&format!("{known_at}.{place}"))
    });
    again(own::dated(key), |(date, id): (NaiveDate, Uuid)| {
        own::dated(&format!("{date}.{id}"))
    });
    let as_known = own::dated_as_known(key);
    again(
        as_known,
        |(known_at, (date, id)): (_, (NaiveDate, Uuid))| {
            let known_at: Option<u64> = known_at;
            let known_at = known_at.map(|position| format!("{position}."));
            own::dated_as_known(&format!("{}{date}.{id}", known_at.unwrap_or_default()))
        },
    );
}

fn again<K: Copy + Debug + PartialEq>(read: Option<K>, reread: impl FnOnce(K) -> Option<K>) {
    if let Some(key) = read {
        assert_eq!(reread(key), Some(key));
    }
}
