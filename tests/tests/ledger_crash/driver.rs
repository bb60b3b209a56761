//! A process that appends, and what it has said.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::LazyLock;

use dutyledger_ledger::{LedgerReader, Place, PostgresUrl, migrate};
use dutyledger_test_postgres::{APPLICATION, Database, OWNER};
use dutyledger_tests::build;
use tempfile::TempDir;

/// The program, built once for all tests of a run.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    build(&[
        "--package",
        "dutyledger-tests",
        "--example",
        "ledger-driver",
    ])
});

/// An append's entries have its name times this and what follows for ids.
pub(crate) const ENTRIES: u128 = 10;

/// A place for a ledger.
pub(crate) struct Ground {
    folder: TempDir,
    database: Option<Database>,
}

impl Ground {
    pub(crate) fn sqlite() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            database: None,
        }
    }

    pub(crate) fn postgres(database: Database) -> Self {
        let url = postgres_url(&database.url(OWNER));
        runtime().block_on(migrate(&url, APPLICATION)).unwrap();
        Self {
            database: Some(database),
            ..Self::sqlite()
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self) -> String {
        match &self.database {
            Some(database) => database.url(APPLICATION),
            None => format!("sqlite:{}", self.folder.path().join("ledger.db").display()),
        }
    }

    pub(crate) fn place(&self) -> Place {
        Place::parse(&self.url()).unwrap()
    }

    /// How far the ledger goes now.
    pub(crate) fn last_position(&self) -> u64 {
        runtime().block_on(async {
            let reader = LedgerReader::open(self.place()).await.unwrap();
            let position = reader.last_position().await.unwrap();
            reader.close().await;
            position
        })
    }

    /// A driver that appends, noting the head in a file of its own.
    pub(crate) fn append(&self, run: u128, tasks: u128, count: u128) -> Order {
        let note = self.folder.path().join(format!("head-{}", run % 10));
        let mut order = self.order(&note.display().to_string(), "append");
        order
            .0
            .extend([run, tasks, count].map(|number| number.to_string()));
        order
    }

    /// The same without a note, for who counts what it writes.
    pub(crate) fn append_unnoted(&self, run: u128, tasks: u128, count: u128) -> Order {
        let mut order = self.order("-", "append");
        order
            .0
            .extend([run, tasks, count].map(|number| number.to_string()));
        order
    }

    /// A driver that asks again.
    pub(crate) fn settle(&self, names: impl IntoIterator<Item = u128>) -> Order {
        let mut order = self.order("-", "settle");
        order
            .0
            .extend(names.into_iter().map(|name| name.to_string()));
        order
    }

    fn order(&self, note: &str, what: &str) -> Order {
        let program = PROGRAM.to_str().unwrap().to_owned();
        Order(vec![program, self.url(), note.to_owned(), what.to_owned()])
    }
}

pub(crate) fn postgres_url(url: &str) -> PostgresUrl {
    match Place::parse(url) {
        Ok(Place::Postgres(url)) => url,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// A command line.
pub(crate) struct Order(Vec<String>);

impl Order {
    /// The same under strace, which writes what it sees to a file.
    pub(crate) fn traced(mut self, log: &Path, how: &[&str]) -> Self {
        let mut traced = ["strace", "-f", "-y", "-qq", "-s", "8192"]
            .map(str::to_owned)
            .to_vec();
        traced.extend(["-o".to_owned(), log.display().to_string()]);
        traced.extend(
            how.iter()
                .flat_map(|how| ["-e".to_owned(), (*how).to_owned()]),
        );
        traced.append(&mut self.0);
        Self(traced)
    }

    pub(crate) fn start(self) -> Driver {
        let mut child = Command::new(&self.0[0])
            .args(&self.0[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not run: {error}", self.0[0]));
        let lines = BufReader::new(child.stdout.take().unwrap());
        Driver {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Lets it run to its end, whatever that is, and gives what it said.
    pub(crate) fn run(self) -> Vec<Said> {
        self.start().end().0
    }
}

/// One line of a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Opened,
    Failed(String),
    Ask(u128),
    Ok(u128, u64, u64),
    Unknown(u128),
    Stopped(u128),
    Refused(u128),
    Serving,
    Down(String),
    Closed,
}

impl Said {
    fn read(line: &str) -> Self {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let name = || rest.split(' ').next().unwrap().parse().unwrap();
        let number = |n| rest.split(' ').nth(n).unwrap().parse().unwrap();
        match what {
            "opened" => Self::Opened,
            "failed" => Self::Failed(rest.to_owned()),
            "ask" => Self::Ask(name()),
            "ok" => Self::Ok(name(), number(1), number(2)),
            "unknown" => Self::Unknown(name()),
            "stopped" => Self::Stopped(name()),
            "refused" => Self::Refused(name()),
            "serving" => Self::Serving,
            "down" | "unread" => Self::Down(rest.to_owned()),
            "closed" => Self::Closed,
            other => panic!("{other}"),
        }
    }
}

/// A driver that runs.
pub(crate) struct Driver {
    child: Child,
    lines: BufReader<ChildStdout>,
    said: Vec<Said>,
}

impl Driver {
    /// Waits for the next line; nothing once it has ended. A line that a kill tore off is none.
    pub(crate) fn next(&mut self) -> Option<Said> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let said = Said::read(line.strip_suffix('\n')?);
        self.said.push(said.clone());
        Some(said)
    }

    /// Waits until it has said this many lines that are so, or has ended.
    pub(crate) fn until(&mut self, count: usize, so: impl Fn(&Said) -> bool) {
        let mut seen = 0;
        while seen < count {
            match self.next() {
                Some(said) => seen += usize::from(so(&said)),
                None => return,
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs: install the Debian package procps");
        assert!(sent.success());
    }

    /// Kills it, and gives all it has said.
    pub(crate) fn kill(mut self) -> Vec<Said> {
        self.child.kill().unwrap();
        self.end().0
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> (Vec<Said>, ExitStatus) {
        while self.next().is_some() {}
        let mut rest = Vec::new();
        self.lines.read_to_end(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        (self.said, status)
    }
}
