//! What the kernel was told, and when: the only witness of a sync.

use std::collections::BTreeMap;
use std::path::Path;

use dutyledger_tests::traceable;

use crate::checker::History;
use crate::driver::{Ground, Said};

const CALLS: &str = "trace=pwrite64,write,fdatasync,fsync";

/// What matters of a trace, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// A write to the log begins.
    Wrote,
    /// A sync of the log, or of the file, has ended well.
    Synced,
    /// A line that acknowledges an append is printed.
    Told,
}

fn read(log: &Path) -> Vec<Seen> {
    seen(&std::fs::read_to_string(log).unwrap())
}

fn seen(text: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    // By thread: the call it is in.
    let mut within: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let begun = if call.starts_with("<...") {
            within.remove(thread).unwrap_or("")
        } else {
            if call.starts_with("pwrite64(") && call.contains("ledger.db-wal>") {
                seen.push(Seen::Wrote);
            }
            if call.starts_with("write(1<") && call.contains("\"ok ") {
                seen.push(Seen::Told);
            }
            call
        };
        if call.contains("<unfinished ...>") {
            within.insert(thread, call);
        } else if (begun.starts_with("fdatasync(") || begun.starts_with("fsync("))
            && begun.contains("ledger.db")
            && call.contains("= 0")
        {
            seen.push(Seen::Synced);
        }
    }
    seen
}

/// How many appends were told, each after something was written for it and then synced; otherwise
/// which was not.
fn told_once_synced(seen: &[Seen]) -> Result<usize, String> {
    let mut told = 0;
    let (mut written, mut synced) = (false, true);
    for seen in seen {
        match seen {
            Seen::Wrote => (written, synced) = (true, false),
            Seen::Synced => synced = true,
            Seen::Told if !written => {
                return Err(format!("append {told} was told before it was written"));
            }
            Seen::Told if !synced => {
                return Err(format!("append {told} was told before it was synced"));
            }
            Seen::Told => {
                written = false;
                told += 1;
            }
        }
    }
    Ok(told)
}

/// Two appends, as strace shows them: the second's sync is cut in two by another thread's call.
const TRACE: &str = r#"
101 pwrite64(9</tmp/x/ledger.db-wal>, "7\177\6\202"..., 32, 0) = 32
101 pwrite64(9</tmp/x/ledger.db-wal>, "\0\0\0\1"..., 4120, 32) = 4120
101 fdatasync(9</tmp/x/ledger.db-wal>) = 0
100 write(1<pipe:[7]>, "ok 1 2 2\n", 9) = 9
101 pwrite64(9</tmp/x/ledger.db-wal>, "\0\0\0\2"..., 4120, 4152) = 4120
101 fdatasync(9</tmp/x/ledger.db-wal> <unfinished ...>
100 write(1<pipe:[7]>, "ask 3\n", 6) = 6
101 <... fdatasync resumed>) = 0
100 write(1<pipe:[7]>, "ok 2 3 3\n", 9) = 9
"#;

#[test]
fn an_append_that_is_told_without_a_sync_is_found() {
    assert_eq!(told_once_synced(&seen(TRACE)), Ok(2));
    let without = |cut: &dyn Fn(&str) -> bool| {
        let lines: Vec<&str> = TRACE.lines().filter(|line| !cut(line)).collect();
        told_once_synced(&seen(&lines.join("\n")))
    };
    let first = without(&|line| line.contains("fdatasync(") && line.contains("= 0"));
    assert_eq!(first, Err("append 0 was told before it was synced".into()));
    let second = without(&|line| line.contains("fdatasync resumed"));
    assert_eq!(second, Err("append 1 was told before it was synced".into()));
    let unwritten = without(&|line| line.contains("4152"));
    let expected = "append 1 was told before it was written";
    assert_eq!(unwritten, Err(expected.into()));
    // A sync that failed is none.
    let failed = TRACE.replace("fdatasync resumed>) = 0", "fdatasync resumed>) = -1 EIO");
    let failed = told_once_synced(&seen(&failed));
    assert_eq!(failed, Err("append 1 was told before it was synced".into()));
}

#[test]
fn nothing_is_told_before_what_was_written_for_it_is_synced() {
    if !traceable() {
        return;
    }
    let ground = Ground::sqlite();
    let log = ground.folder().join("trace");
    let said = ground.append_unnoted(1, 1, 8).traced(&log, &[CALLS]).run();
    let ok = said
        .iter()
        .filter(|said| matches!(said, Said::Ok(..)))
        .count();
    assert_eq!(ok, 8, "{said:?}");
    let told = told_once_synced(&read(&log)).unwrap();
    assert_eq!(told, 8, "every acknowledgement was seen");
}

#[test]
fn what_a_killed_writer_left_unsynced_is_synced_before_it_is_told() {
    if !traceable() {
        return;
    }
    let mut replayed = 0;
    for sync in 1..30 {
        let ground = Ground::sqlite();
        let log = ground.folder().join("trace");
        let kill = format!("inject=fdatasync,fsync:signal=KILL:when={sync}");
        let said = ground
            .append_unnoted(1, 1, 3)
            .traced(&log, &[CALLS, &kill])
            .run();
        if said.last() == Some(&Said::Closed) {
            break;
        }
        let mut history = History::default();
        history.take(&said);
        if history.unknown().is_empty() {
            continue;
        }
        // Its log has the whole batch, and the kernel was never told to keep it.
        let log = ground.folder().join("trace-again");
        let said = ground
            .settle(history.unknown())
            .traced(&log, &[CALLS])
            .run();
        history.take(&said);
        history.judge(&ground);
        let seen = read(&log);
        let told = seen
            .iter()
            .position(|seen| *seen == Seen::Told)
            .expect("it is settled");
        assert!(
            seen[..told].contains(&Seen::Synced),
            "killed at sync {sync}: {seen:?}"
        );
        replayed += usize::from(!seen[..told].contains(&Seen::Wrote));
    }
    assert!(
        replayed > 0,
        "some of what was killed at its sync is there all the same"
    );
}
