//! A private PostgreSQL server for tests: real, unprivileged, on a Unix socket of its own, gone when
//! the test process is, however that ends.
//!
//! `DUTYLEDGER_TEST_POSTGRES_BIN` names the folder of another major version's programs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Who owns the databases and runs the migrations.
pub const OWNER: &str = "dutyledger_owner";
/// Who serves: it may insert and read entries, and never change or remove one.
pub const APPLICATION: &str = "dutyledger";

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);

static SHARED: LazyLock<Postgres> = LazyLock::new(Postgres::start);

/// A server. Dropping it stops it, and so does the end of this process.
pub struct Postgres {
    folder: TempDir,
    bin: PathBuf,
    keeper: Option<Keeper>,
    databases: AtomicU32,
    /// Settings other than the usual ones, as `name=value`.
    settings: Vec<String>,
}

/// The process that keeps the server: when this process's standard input ends, so does the server,
/// and its folder goes, unless it was told to keep it. The folder is not left to the process that
/// asked for the server, which may be killed and does not drop what is shared.
struct Keeper {
    child: Child,
    input: ChildStdin,
}

impl Keeper {
    /// Ends the server.
    fn end(self, folder: Folder) {
        let Self {
            mut child,
            mut input,
        } = self;
        if folder == Folder::Keep {
            let _ = input.write_all(b"keep\n");
        }
        drop(input);
        let _ = child.wait();
    }
}

/// What becomes of a server's folder when the server ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folder {
    Keep,
    Remove,
}

/// A new database on a server.
#[derive(Clone, Debug)]
pub struct Database {
    name: String,
    socket: PathBuf,
    bin: PathBuf,
}

impl Postgres {
    /// The server that the tests of one process share.
    #[must_use]
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// A server of one's own, to be stopped, killed or filled.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server of one's own with other settings than the usual ones, each a name and a value.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let bin = programs();
        let folder = tempfile::Builder::new()
            .prefix("dutyledger-pg-")
            .tempdir()
            .expect("a temporary folder");
        give_away(folder.path());
        let data = folder.path().join("data");
        let made = unprivileged(&bin.join("initdb"))
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", text(&made));
        let mut server = Self {
            folder,
            bin,
            keeper: None,
            databases: AtomicU32::new(0),
            settings: settings
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        };
        server.go();
        for role in [OWNER, APPLICATION] {
            server.sql("postgres", &format!("CREATE ROLE {role} LOGIN"));
        }
        server
    }

    /// The folder of the server's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the server's data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A new, empty database that belongs to [`OWNER`].
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {OWNER}"));
        Database {
            name,
            socket: self.socket().to_owned(),
            bin: self.bin.clone(),
        }
    }

    /// A copy of a database, as it is now. Nobody may be connected to it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn copy(&self, of: &Database) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let from = of.name();
        self.sql(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {from} OWNER {OWNER}"),
        );
        Database { name, ..of.clone() }
    }

    /// Runs SQL as the superuser.
    ///
    /// # Panics
    /// When it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        psql(&self.bin, self.socket(), "postgres", database, sql).expect("the statement works")
    }

    /// Stops the server at once, as a crash does: what was not synced is recovered from its log.
    ///
    /// # Panics
    /// When it cannot be stopped.
    pub fn crash(&mut self) {
        let stopped = unprivileged(&self.bin.join("pg_ctl"))
            .args(["stop", "--mode=immediate", "--wait", "--pgdata"])
            .arg(self.data())
            .output()
            .expect("pg_ctl runs");
        assert!(stopped.status.success(), "pg_ctl: {}", text(&stopped));
        if let Some(keeper) = self.keeper.take() {
            keeper.end(Folder::Keep);
        }
    }

    /// Starts the server again after [`crash`](Self::crash).
    ///
    /// # Panics
    /// When it does not start.
    pub fn go(&mut self) {
        let keep = "folder=$1; shift; \"$@\" & server=$!; read -r word; \
                    kill -QUIT $server 2>/dev/null; wait $server; \
                    [ \"$word\" = keep ] || rm -rf \"$folder\"";
        let log = fs::File::create(self.folder.path().join("log")).expect("a log");
        let mut child = unprivileged(Path::new("sh"))
            .args(["-c", keep, "sh"])
            .arg(self.socket())
            .arg(self.bin.join("postgres"))
            .arg("-D")
            .arg(self.data())
            // A test's server keeps little of its log, for there are many. Settings come after it.
            .args(["-c", "listen_addresses=", "-c", "max_wal_size=64MB", "-c"])
            .arg(format!(
                "unix_socket_directories={}",
                self.socket().display()
            ))
            .args(
                self.settings
                    .iter()
                    .flat_map(|setting| ["-c", setting.as_str()]),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("its input is piped");
        self.keeper = Some(Keeper { child, input });
        let since = Instant::now();
        while psql(&self.bin, self.socket(), "postgres", "postgres", "SELECT 1").is_err() {
            assert!(
                since.elapsed() < START,
                "PostgreSQL did not start: {}",
                fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end(Folder::Remove);
        }
    }
}

impl Database {
    /// Its address for a role.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        format!(
            "postgres://{role}@localhost/{}?host={}",
            self.name,
            self.socket.display()
        )
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL as a role, and gives its rows as text, one a line.
    ///
    /// # Errors
    /// What the server says.
    pub fn sql(&self, role: &str, sql: &str) -> Result<String, String> {
        psql(&self.bin, &self.socket, role, &self.name, sql)
    }

    /// One of PostgreSQL's programs, with this database as the last argument.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.arg("--host").arg(&self.socket).args([
            "--username",
            "postgres",
            "--dbname",
            &self.name,
        ]);
        command
    }
}

fn psql(
    bin: &Path,
    socket: &Path,
    role: &str,
    database: &str,
    sql: &str,
) -> Result<String, String> {
    let output = Command::new(bin.join("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--host"])
        .arg(socket)
        .args(["--username", role, "--dbname", database, "--command", sql])
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(text(&output))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// The folder of PostgreSQL's programs.
fn programs() -> PathBuf {
    let named = std::env::var_os("DUTYLEDGER_TEST_POSTGRES_BIN").map(PathBuf::from);
    let installed = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|folder| Some(folder.ok()?.path().join("bin")))
        .max();
    named
        .or(installed)
        .filter(|bin| bin.join("initdb").exists())
        .expect("PostgreSQL is not installed: install the Debian package postgresql")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| {
        use std::os::unix::fs::MetadataExt;
        me.uid() == 0
    })
}

/// A command that does not run as root: PostgreSQL refuses to.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    // A folder that everybody may enter.
    command.current_dir("/");
    command
}

/// Lets the server's user write to a folder, and everybody reach the socket in it.
fn give_away(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("its mode is set");
    if is_root() {
        let given = Command::new("chown")
            .arg("postgres:postgres")
            .arg(folder)
            .status();
        assert!(
            given.is_ok_and(|s| s.success()),
            "the folder is given to postgres"
        );
    }
}
