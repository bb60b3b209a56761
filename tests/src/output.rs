//! What a program that was run has said.

use std::process::Output;

/// All it said.
#[must_use]
pub fn said(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// What it answered.
///
/// # Panics
/// When it did not end well.
#[must_use]
pub fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).expect("an answer is text")
}
