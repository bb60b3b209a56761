//! Every system call that matters to durability, as the last thing a process does, or failing.

use std::collections::BTreeMap;
use std::path::Path;

use dutyledger_test_postgres::Postgres;
use dutyledger_tests::traceable;

use crate::checker::History;
use crate::driver::{Ground, Said};

/// How many appends the short workload has.
const APPENDS: u128 = 6;

/// The most calls of these names that one thread makes in a trace.
fn calls(log: &Path, names: &[&str]) -> usize {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(call)) = (words.next(), words.next()) else {
            continue;
        };
        if names
            .iter()
            .any(|name| call.starts_with(&format!("{name}(")))
        {
            *counts.entry(thread.to_owned()).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

fn settle(ground: &Ground, history: &mut History) {
    history.judge_if_founded(ground);
    let said = ground.settle(history.unknown()).run();
    assert_eq!(said.last(), Some(&Said::Closed), "{said:?}");
    history.take(&said);
    assert_eq!(history.unknown(), []);
    history.judge(ground);
}

/// Kills a driver at every one of these calls. Calls are counted for each thread: with enough appends, the
/// one that has the most is the writer's.
fn kill_at(names: &[&str], appends: u128, ground: impl Fn() -> Ground) {
    if !traceable() {
        return;
    }
    let list = names.join(",");
    let trace = format!("trace={list}");
    let most = |appends| {
        let ground = ground();
        let log = ground.folder().join("trace");
        let said = ground
            .append_unnoted(1, 1, appends)
            .traced(&log, &[&trace])
            .run();
        assert_eq!(said.last(), Some(&Said::Closed), "{said:?}");
        calls(&log, names)
    };
    let (opening, most) = (most(0), most(appends));
    assert!(
        most > opening,
        "{list} are called by the writer: {opening}, {most}"
    );
    let mut between = 0;
    for n in 1..=most {
        let ground = ground();
        let log = ground.folder().join("trace");
        let inject = format!("inject={list}:signal=KILL:when={n}");
        let said = ground
            .append_unnoted(1, 1, appends)
            .traced(&log, &[&trace, &inject])
            .run();
        let mut history = History::default();
        history.take(&said);
        let acknowledged = history.acknowledged();
        println!("killed at call {n} of {most} of {list}: {acknowledged} acknowledged");
        between += usize::from(!history.unknown().is_empty());
        settle(&ground, &mut history);
    }
    assert!(
        between > 0,
        "some were killed between an append and its answer"
    );
}

#[test]
fn a_file_is_whole_wherever_its_owner_is_killed_as_it_writes() {
    kill_at(&["pwrite64"], APPENDS, Ground::sqlite);
}

#[test]
fn a_file_is_whole_wherever_its_owner_is_killed_as_it_syncs() {
    kill_at(&["fdatasync", "fsync"], APPENDS, Ground::sqlite);
}

#[test]
fn a_database_is_whole_wherever_a_writer_is_killed_as_it_speaks_to_the_server() {
    // More than it takes to open the ledger, which other threads do.
    let appends = 40;
    kill_at(&["sendto", "sendmsg"], appends, || {
        Ground::postgres(Postgres::shared().database())
    });
}

/// Lets every one of these calls fail once.
fn fail_at(names: &[&str]) {
    if !traceable() {
        return;
    }
    let list = names.join(",");
    let first = Ground::sqlite();
    let log = first.folder().join("trace");
    let trace = "trace=pwrite64,fdatasync,fsync,write";
    first
        .append_unnoted(1, 1, APPENDS)
        .traced(&log, &[trace])
        .run();
    let most = calls(&log, names);
    let mut stopped = 0;
    for n in 1..=most {
        let ground = Ground::sqlite();
        let log = ground.folder().join("trace");
        let inject = format!("inject={list}:error=EIO:when={n}");
        let said = ground
            .append_unnoted(1, 1, APPENDS)
            .traced(&log, &[trace, &inject])
            .run();
        let mut history = History::default();
        history.take(&said);
        let unknown = history.unknown();
        println!("failed at call {n} of {most} of {list}: {:?}", said.last());
        if said.iter().any(|said| matches!(said, Said::Failed(_))) {
            assert_eq!(history.acknowledged(), 0, "it never opened: {said:?}");
        } else if unknown.is_empty() {
            // It hit the tidying up, which the next opening makes good.
            assert_eq!(
                history.acknowledged(),
                usize::try_from(APPENDS).unwrap(),
                "{said:?}"
            );
            assert!(said.contains(&Said::Serving), "{said:?}");
        } else {
            stopped += 1;
            assert_eq!(unknown.len(), 1, "the one in hand: {said:?}");
            assert!(said.contains(&Said::Unknown(unknown[0])), "{said:?}");
            let down = said
                .iter()
                .any(|said| matches!(said, Said::Down(why) if !why.is_empty()));
            assert!(down, "its health says why: {said:?}");
            let at = said
                .iter()
                .position(|s| *s == Said::Unknown(unknown[0]))
                .unwrap();
            let after = &said[at..];
            assert!(
                !after.iter().any(|s| matches!(s, Said::Ok(..))),
                "no more is taken: {said:?}"
            );
            let log = std::fs::read_to_string(&log).unwrap();
            let (_, after) = log.split_once("(INJECTED)").unwrap();
            let (until_told, _) = after.split_once("\"unknown ").unwrap();
            let touched = |line: &&str| {
                line.contains("ledger.db") && (line.contains("sync(") || line.contains("pwrite64("))
            };
            let again = until_told.lines().find(touched);
            assert_eq!(again, None, "nothing is tried again");
            // As the file is closed, what was recorded before may be moved from the log into it.
            let wrote = after
                .lines()
                .find(|line| line.contains("pwrite64(") && line.contains("ledger.db-wal>"));
            assert_eq!(wrote, None, "nothing more is recorded");
        }
        settle(&ground, &mut history);
    }
    assert!(stopped > 0, "some calls belong to commits");
}

#[test]
fn a_failed_sync_stops_the_writer_for_good() {
    fail_at(&["fdatasync", "fsync"]);
}

#[test]
fn a_failed_write_stops_the_writer_for_good() {
    fail_at(&["pwrite64"]);
}
