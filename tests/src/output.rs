//! What a program that was run has said.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::wait::within;

/// Longer than any command takes over the largest ledger here: beyond it, it never ends.
const FOR_EVER: Duration = Duration::from_secs(600);

/// Runs a command that is to end by itself.
///
/// # Panics
/// When it does not, or does not even begin.
#[must_use]
pub fn ran(command: &mut Command) -> Output {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = piped
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let out = gathered(child.stdout.take().expect("it is piped"));
    let error = gathered(child.stderr.take().expect("it is piped"));
    let mut running = Running(child);
    let status = within(FOR_EVER, || {
        over(&mut running.0).ok_or_else(|| format!("the end of {command:?}"))
    });
    Output {
        status,
        stdout: out.join().expect("it is read"),
        stderr: error.join().expect("it is read"),
    }
}

/// A process that is killed where nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a process ended, once it has.
pub(crate) fn over(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().expect("it is a process of ours")
}

/// Reads everything: whoever wrote it would wait for that.
fn gathered(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).expect("it is read");
        all
    })
}

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
