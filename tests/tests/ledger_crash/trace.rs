//! What the kernel was told, and when: the only witness of a sync.

use std::collections::BTreeMap;
use std::path::Path;

use crate::checker::History;
use crate::driver::{Ground, Said};
use crate::matrix::traceable;

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
    let mut seen = Vec::new();
    // By thread: the call it is in.
    let mut within: BTreeMap<&str, &str> = BTreeMap::new();
    let text = std::fs::read_to_string(log).unwrap();
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
    let mut told = 0;
    let (mut written, mut synced) = (false, true);
    for seen in read(&log) {
        match seen {
            Seen::Wrote => (written, synced) = (true, false),
            Seen::Synced => synced = true,
            Seen::Told => {
                assert!(written, "append {told} was written before it was told");
                assert!(synced, "append {told} was synced before it was told");
                written = false;
                told += 1;
            }
        }
    }
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
