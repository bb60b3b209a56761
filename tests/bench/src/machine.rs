//! The facts about the machine that figures hang on.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use dutyledger_test_postgres::Postgres;

use crate::Fallible;

/// How many synced appends are timed.
const SYNCS: usize = 200;
/// What PostgreSQL is asked about its settings.
const SETTINGS: [&str; 6] = [
    "shared_buffers",
    "max_wal_size",
    "full_page_writes",
    "fsync",
    "synchronous_commit",
    "wal_sync_method",
];

/// Each fact with its name.
pub(crate) fn facts(server: Option<&Postgres>) -> Fallible<Vec<(String, String)>> {
    let mut facts = vec![
        (
            "cores".to_owned(),
            std::thread::available_parallelism()?.to_string(),
        ),
        ("processor".to_owned(), line("/proc/cpuinfo", "model name")),
        ("memory".to_owned(), line("/proc/meminfo", "MemTotal")),
        ("kernel".to_owned(), read("/proc/sys/kernel/osrelease")),
        ("load before".to_owned(), read("/proc/loadavg")),
        (
            "fdatasync after 4 KiB".to_owned(),
            format!("{:.3} ms (median)", fdatasync()?.as_secs_f64() * 1e3),
        ),
        ("SQLite".to_owned(), rusqlite::version().to_owned()),
        ("NATS".to_owned(), dutyledger_test_nats::version()),
    ];
    if let Some(server) = server {
        facts.push((
            "PostgreSQL".to_owned(),
            server.sql("postgres", "SHOW server_version"),
        ));
        for setting in SETTINGS {
            let value = server.sql("postgres", &format!("SHOW {setting}"));
            facts.push((format!("  {setting}"), value));
        }
    }
    Ok(facts)
}

/// The median time in which 4 KiB more of a file, in the folder the databases are in, are durable.
fn fdatasync() -> Fallible<Duration> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("appended"))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let since = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(since.elapsed());
    }
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}

fn read(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
}

fn line(path: &str, name: &str) -> String {
    let text = read(path);
    let found = text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    });
    found.unwrap_or_else(|| "?".to_owned())
}
