//! What the kernel was told, and when: the only witness of a sync.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dutyledger_tests::{number, traceable};

use crate::checker::History;
use crate::driver::{ENTRIES, Ground, Said};

const CALLS: &str = "trace=pwrite64,write,fdatasync,fsync";
/// What stands before an entry's id in its leaf data, as strace shows text.
const ENTRY_ID: &str = r#"\"entry_id\":\""#;

/// What matters of a trace, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// A write to the log begins, with entries of these appends.
    Wrote(BTreeSet<u128>),
    /// A sync of the log, or of the file, has ended well, that began after so much was seen.
    Synced(usize),
    /// A line that acknowledges an append is printed.
    Told(u128),
}

fn read(log: &Path) -> Vec<Seen> {
    seen(&std::fs::read_to_string(log).unwrap())
}

fn seen(text: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    // By thread: the call it is in, and what had been seen when it began.
    let mut within: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let (begun, since) = if call.starts_with("<...") {
            within.remove(thread).unwrap_or(("", 0))
        } else {
            let since = seen.len();
            if call.starts_with("pwrite64(") && call.contains("ledger.db-wal>") {
                seen.push(Seen::Wrote(appends_in(call)));
            }
            if call.starts_with("write(1<")
                && let Some((_, told)) = call.split_once("\"ok ")
            {
                let name = told.split(' ').next().unwrap().parse().unwrap();
                seen.push(Seen::Told(name));
            }
            (call, since)
        };
        if call.contains("<unfinished ...>") {
            within.insert(thread, (call, since));
        } else if (begun.starts_with("fdatasync(") || begun.starts_with("fsync("))
            && begun.contains("ledger.db")
            && call.contains("= 0")
        {
            seen.push(Seen::Synced(since));
        }
    }
    seen
}

/// The appends that a page has entries of.
fn appends_in(call: &str) -> BTreeSet<u128> {
    let ids = call.split(ENTRY_ID).skip(1);
    let ids = ids.filter_map(|text| text.get(..36)?.parse().ok());
    ids.map(|id| number(id) / ENTRIES).collect()
}

/// How many appends were told, each after it was written and what was written was then synced;
/// otherwise which was not.
fn told_once_synced(seen: &[Seen]) -> Result<usize, String> {
    let (mut told, mut synced) = (0, 0);
    let mut written: BTreeMap<u128, usize> = BTreeMap::new();
    for (place, seen) in seen.iter().enumerate() {
        match seen {
            Seen::Wrote(appends) => {
                for append in appends {
                    written.entry(*append).or_insert(place);
                }
            }
            Seen::Synced(since) => synced = synced.max(*since),
            Seen::Told(name) => match written.get(name) {
                None => return Err(format!("append {name} was told before it was written")),
                Some(place) if synced <= *place => {
                    return Err(format!("append {name} was told before it was synced"));
                }
                Some(_) => told += 1,
            },
        }
    }
    Ok(told)
}

/// The most appends that were written between two syncs.
fn largest_batch(seen: &[Seen]) -> usize {
    let (mut largest, mut known) = (0, BTreeSet::<u128>::new());
    for part in seen.split(|seen| matches!(seen, Seen::Synced(_))) {
        let before = known.len();
        for seen in part {
            if let Seen::Wrote(appends) = seen {
                known.extend(appends);
            }
        }
        largest = largest.max(known.len() - before);
    }
    largest
}

/// Three appends in two batches, as strace shows them: the second batch's sync is cut in two by another
/// thread's call, and begins before the first one's last is told.
const TRACE: &str = r#"
101 pwrite64(9</tmp/x/ledger.db-wal>, "7\177\6\202", 32, 0) = 32
101 pwrite64(9</tmp/x/ledger.db-wal>, "\0x{\"entry_id\":\"01931c2e-5a00-7000-8000-00000000000a\"}{\"entry_id\":\"01931c2e-5a00-7000-8000-000000000014\"}", 4096, 32) = 4096
101 fdatasync(9</tmp/x/ledger.db-wal>) = 0
100 write(1<pipe:[7]>, "ok 1 2 2\n", 9) = 9
101 pwrite64(9</tmp/x/ledger.db-wal>, "\0x{\"entry_id\":\"01931c2e-5a00-7000-8000-00000000001e\"}", 4096, 4152) = 4096
101 fdatasync(9</tmp/x/ledger.db-wal> <unfinished ...>
100 write(1<pipe:[7]>, "ok 2 3 3\n", 9) = 9
101 <... fdatasync resumed>) = 0
100 write(1<pipe:[7]>, "ok 3 4 4\n", 9) = 9
"#;

#[test]
fn an_append_that_is_told_without_a_sync_is_found() {
    let of = |text: &str| told_once_synced(&seen(text));
    assert_eq!(of(TRACE), Ok(3));
    assert_eq!(largest_batch(&seen(TRACE)), 2);
    let without = |cut: &dyn Fn(&str) -> bool| {
        let lines: Vec<&str> = TRACE.lines().filter(|line| !cut(line)).collect();
        of(&lines.join("\n"))
    };
    let unsynced = |name| Err(format!("append {name} was told before it was synced"));
    let first = without(&|line| line.contains("fdatasync(") && line.contains("= 0"));
    assert_eq!(first, unsynced(1));
    let last = without(&|line| line.contains("fdatasync resumed"));
    assert_eq!(last, unsynced(3));
    let unwritten = without(&|line| line.contains("4152"));
    let expected = "append 3 was told before it was written";
    assert_eq!(unwritten, Err(expected.into()));
    // One of a batch that is told before the others is not passed over.
    let told = "100 write(1<pipe:[7]>, \"ok 2 3 3\\n\", 9) = 9\n";
    let (before, after) = TRACE.split_once("101 fdatasync").unwrap();
    let early = [before, told, "101 fdatasync", after].concat();
    assert_eq!(of(&early), unsynced(2));
    // A sync that began before the write, or failed, is none.
    let (before, after) = TRACE
        .split_once("101 pwrite64(9</tmp/x/ledger.db-wal>, \"\\0x")
        .unwrap();
    let begun = "101 fdatasync(9</tmp/x/ledger.db-wal> <unfinished ...>\n101 pwrite64(9</tmp/x/ledger.db-wal>, \"\\0x";
    let overlapping = [before, begun, after].concat();
    let ended = "101 <... fdatasync resumed>) = 0\n";
    let overlapping =
        overlapping.replacen("101 fdatasync(9</tmp/x/ledger.db-wal>) = 0\n", ended, 1);
    assert_eq!(of(&overlapping), unsynced(1));
    let failed = TRACE.replace("fdatasync resumed>) = 0", "fdatasync resumed>) = -1 EIO");
    assert_eq!(of(&failed), unsynced(3));
}

#[test]
fn nothing_is_told_before_what_was_written_for_it_is_synced() {
    if !traceable() {
        return;
    }
    // One at a time; and many at once, of which a batch has several.
    for (tasks, least) in [(1, 1), (8, 2)] {
        let ground = Ground::sqlite();
        let log = ground.folder().join("trace");
        let order = ground.append_unnoted(1, tasks, 8);
        let said = order.traced(&log, &[CALLS]).run();
        let ok = said.iter().filter(|said| matches!(said, Said::Ok(..)));
        let ok = ok.count();
        assert!(ok >= 8, "{said:?}");
        let seen = read(&log);
        assert_eq!(told_once_synced(&seen), Ok(ok), "each of {tasks} tasks'");
        assert!(largest_batch(&seen) >= least, "of {tasks} tasks: {seen:?}");
    }
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
            .position(|seen| matches!(seen, Seen::Told(_)))
            .expect("it is settled");
        let before = |one: fn(&Seen) -> bool| seen[..told].iter().any(one);
        let synced = before(|seen| matches!(seen, Seen::Synced(_)));
        assert!(synced, "killed at sync {sync}: {seen:?}");
        replayed += usize::from(!before(|seen| matches!(seen, Seen::Wrote(_))));
    }
    assert!(
        replayed > 0,
        "some of what was killed at its sync is there all the same"
    );
}
