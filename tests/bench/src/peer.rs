//! The stock peer, in its own process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dutyledger_test_postgres::{Database, OWNER, Postgres};
use serde_json::Value;

use crate::Fallible;
use crate::sample::Sample;
use crate::store::remove;

/// Numbers of clients its best is looked for among.
const CLIENTS: [usize; 4] = [8, 16, 32, 64];
/// How long each of them is tried.
const TRIED: Duration = Duration::from_secs(1);

/// The peer's program.
#[derive(Clone)]
pub(crate) struct Peer {
    program: PathBuf,
    streams: usize,
}

impl Peer {
    pub(crate) fn new(program: &Path, streams: usize) -> Self {
        Self {
            program: program.to_owned(),
            streams,
        }
    }

    /// The same command by so many clients, on a new database.
    pub(crate) async fn append(
        &self,
        server: &Postgres,
        clients: usize,
        time: Duration,
    ) -> Fallible<Sample> {
        let database = server.database();
        let answer = self.ask(&database, Some((clients, time))).await?;
        let found: u64 = database
            .sql(OWNER, "SELECT count(*) FROM events")?
            .parse()?;
        if answer["rows"].as_u64() != Some(found) {
            let wanted = &answer["rows"];
            return Err(format!("the peer has {found} rows, and was to have {wanted}").into());
        }
        remove(server, &database);
        let micros = |name: &str| answer[name].as_u64().map(Duration::from_micros);
        Ok(Sample {
            rate: answer["rate"].as_f64().ok_or("the peer says no rate")?,
            p50: micros("p50_us"),
            p99: micros("p99_us"),
            ..Sample::default()
        })
    }

    /// The number of clients it does best with.
    pub(crate) async fn best(&self, server: &Postgres) -> Fallible<usize> {
        let mut best = (0.0, CLIENTS[0]);
        for clients in CLIENTS {
            let rate = self.append(server, clients, TRIED).await?.rate;
            eprintln!("  the peer with {clients} clients: {rate:.0}/s");
            if rate > best.0 {
                best = (rate, clients);
            }
        }
        Ok(best.1)
    }

    /// A database with so many of the peer's events, each like one that it wrote.
    pub(crate) async fn filled(&self, server: &Postgres, events: u64) -> Fallible<Database> {
        let database = server.database();
        self.ask(&database, Some((1, Duration::ZERO))).await?;
        let streams = events / 100;
        database.sql(
            OWNER,
            &format!(
                "CREATE TEMPORARY TABLE one AS SELECT * FROM events LIMIT 1; \
                 TRUNCATE events; \
                 INSERT INTO events \
                 SELECT aggregate_type, 'authority-' || stream, number, event_type, \
                        event_version, payload, metadata \
                 FROM one, generate_series(1, 100) AS number, \
                      generate_series(1, {streams}) AS stream \
                 ORDER BY number, stream",
            ),
        )?;
        server.sql(database.name(), "VACUUM ANALYZE");
        server.sql(database.name(), "CHECKPOINT");
        Ok(database)
    }

    /// Its own replay of everything.
    pub(crate) async fn replay(&self, database: &Database, events: u64) -> Fallible<Sample> {
        let answer = self.ask(database, None).await?;
        if answer["rows"].as_u64() != Some(events) {
            return Err(format!("the peer replayed {} of {events}", answer["rows"]).into());
        }
        Ok(Sample {
            rate: answer["rate"].as_f64().ok_or("the peer says no rate")?,
            ..Sample::default()
        })
    }

    async fn ask(&self, database: &Database, append: Option<(usize, Duration)>) -> Fallible<Value> {
        let mut command = Command::new(&self.program);
        match append {
            None => command.arg("replay").arg(database.url(OWNER)),
            Some((clients, time)) => command
                .arg("append")
                .arg(database.url(OWNER))
                .arg(clients.to_string())
                .arg(time.as_secs_f64().to_string())
                .arg(self.streams.to_string()),
        };
        command.stderr(Stdio::inherit());
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        if !output.status.success() {
            return Err("the peer failed".into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
