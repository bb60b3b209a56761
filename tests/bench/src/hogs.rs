//! Processes that do nothing but keep a core busy.

use std::hint::spin_loop;
use std::io::{self, Read};
use std::process::{self, Child, Command, Stdio};
use std::thread;

use crate::Fallible;

/// Hogs at work. They end when this is dropped, or when this process ends.
pub(crate) struct Hogs(Vec<Child>);

impl Hogs {
    /// So many of them.
    pub(crate) fn at_work(count: usize) -> Fallible<Self> {
        let program = std::env::current_exe()?;
        let mut hogs = Self(Vec::new());
        for _ in 0..count {
            let hog = Command::new(&program)
                .arg("hog")
                .stdin(Stdio::piped())
                .spawn()?;
            hogs.0.push(hog);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for hog in &mut self.0 {
            // One that has ended already is as good.
            let _ = hog.kill();
            let _ = hog.wait();
        }
    }
}

/// Keeps a core busy until the input ends.
pub(crate) fn be_one() -> ! {
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    loop {
        spin_loop();
    }
}
