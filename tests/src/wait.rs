//! Waiting for what comes to pass in its own time.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// After this time what has not come to pass never will, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks, so that whoever is waited for has the processor meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until something is so.
///
/// # Panics
/// When it is not in time.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    in_time(|| so().then_some(()).ok_or(what));
}

/// Looks until something is found; every look before says why it is not there.
///
/// # Panics
/// When it is not found in time, with what was said last.
#[track_caller]
pub fn in_time<T, E: Display>(look: impl FnMut() -> Result<T, E>) -> T {
    within(PATIENCE, look)
}

/// Looks for no longer than this.
#[track_caller]
pub(crate) fn within<T, E: Display>(
    patience: Duration,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let since = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(why) => assert!(since.elapsed() < patience, "waited for in vain: {why}"),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Tells others to stop once it goes, also where a test fails: a scope waits for all its threads.
pub struct Stops<'a>(pub &'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
