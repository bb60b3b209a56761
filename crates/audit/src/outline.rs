//! A state as text to read: one line for each thing it says, with names for ids and dates in words.

use chrono::NaiveDate;
use dutyledger_domain::in_words;
use serde_json::Value;

use crate::names::Names;

/// The lines of a state.
pub(crate) fn outline(value: &Value, names: &Names) -> String {
    let mut text = String::new();
    write(value, names, 0, &mut text);
    text
}

fn write(value: &Value, names: &Names, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                item(&label(name, names), value, names, depth, text);
            }
        }
        Value::Array(rows) => {
            for row in rows {
                match plain(row, names) {
                    Some(said) => line(depth, &format!("- {said}"), text),
                    None => {
                        line(depth, "-", text);
                        write(row, names, depth + 1, text);
                    }
                }
            }
        }
        other => line(depth, &plain(other, names).unwrap_or_default(), text),
    }
}

fn item(label: &str, value: &Value, names: &Names, depth: usize, text: &mut String) {
    match plain(value, names) {
        Some(said) => line(depth, &format!("{label}: {said}"), text),
        None if is_empty(value) => line(depth, &format!("{label}: none"), text),
        None => {
            line(depth, &format!("{label}:"), text);
            write(value, names, depth + 1, text);
        }
    }
}

fn line(depth: usize, said: &str, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
    text.push_str(said);
    text.push('\n');
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(rows) => rows.is_empty(),
        _ => false,
    }
}

/// What is said on one line.
fn plain(value: &Value, names: &Names) -> Option<String> {
    match value {
        Value::Null => Some("not recorded".to_owned()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(said(text, names)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text: the name of what it is the id of, a date in words, a word of a closed list, or itself.
pub(crate) fn said(text: &str, names: &Names) -> String {
    if let Some(name) = names.get(text) {
        return name.to_owned();
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return in_words(date);
    }
    let is_word = text.contains('_')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_word {
        text.replace('_', " ")
    } else {
        text.to_owned()
    }
}

/// The name of a member, or of what it is the id of, with a capital letter.
fn label(name: &str, names: &Names) -> String {
    let text = names
        .get(name)
        .map_or_else(|| name.replace('_', " "), str::to_owned);
    capital(&text)
}

/// The text with a capital letter.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
