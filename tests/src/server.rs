//! A real server process with a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;
use crate::output::{done, over, ran};
use crate::wait::{PATIENCE, in_time};

/// The repository's root.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Builds a program of the workspace, which cargo's arguments name, and answers where it is.
///
/// # Panics
/// When it does not build.
#[must_use]
pub fn build(named: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo says of this test to this test: build scripts ask for it, and would run again for
    // another package's.
    for (name, _) in std::env::vars_os() {
        let of_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            cargo.env_remove(name);
        }
    }
    let built = cargo
        .args(["build", "--quiet", "--locked", "--message-format=json"])
        .args(named)
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs, since it runs the tests");
    assert!(built.status.success(), "{named:?} does not build");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .expect("cargo names the program it built")
}

/// The program, built once for all tests of a run.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| build(&["--package", "dutyledger"]));

/// The program.
#[must_use]
pub fn program() -> &'static Path {
    &PROGRAM
}

/// The program that checks a bundle, built once for all tests of a run.
static VERIFIER: LazyLock<PathBuf> = LazyLock::new(|| build(&["--package", "dutyledger-bundle"]));

/// The program that checks a bundle.
#[must_use]
pub fn verifier() -> &'static Path {
    &VERIFIER
}

/// What a server logs, unless more is asked for.
const LOGGED: &str = "warn,dutyledger=info";

/// A server, its folder and its operator's key.
pub struct Server {
    folder: TempDir,
    /// Where the ledger is.
    database: String,
    /// The master key's file, where it is not in the server's own folder.
    master_key: Option<PathBuf>,
    /// Further settings.
    environment: Vec<(String, String)>,
    /// The program that runs it, with its arguments, if it is not run by itself.
    under: Vec<String>,
    logged: String,
    child: Option<Child>,
    address: String,
    operator: String,
    log: Arc<Log>,
}

/// What a process has said, as it says it.
#[derive(Default)]
struct Log {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    text: String,
    ended: bool,
}

impl Log {
    fn say(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().expect("nobody panics here"));
        self.more.notify_all();
    }

    /// Waits until something was said, or the log has ended; answers whether it came to pass.
    fn until(&self, patience: Duration, heard: impl Fn(&Said) -> bool) -> bool {
        let said = self.said.lock().expect("nobody panics here");
        let waited = self
            .more
            .wait_timeout_while(said, patience, |said| !heard(said));
        !waited.expect("nobody panics here").1.timed_out()
    }

    fn text(&self) -> String {
        self.said.lock().expect("nobody panics here").text.clone()
    }
}

/// The address that a log says is served at.
fn served_at(log: &str) -> Option<String> {
    let mut lines = log.lines().filter(|line| line.contains("\"serving\""));
    lines.find_map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let fields = &line["fields"];
        (fields["message"] == "serving").then(|| fields["address"].as_str().map(str::to_owned))?
    })
}

impl Server {
    /// Starts a server over a new sandbox ledger.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_as("sandbox")
    }

    /// Starts a server over a new sandbox ledger with further settings, each the name of an
    /// environment variable and its value.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut server = Self::new(None, LOGGED);
        server.set(settings);
        server.first("sandbox")
    }

    /// Starts a server over a new ledger of a mode.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_as(mode: &str) -> Self {
        Self::new(None, LOGGED).first(mode)
    }

    /// Starts a server over a new sandbox ledger in a prepared PostgreSQL database.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_on(database: &str) -> Self {
        Self::start_logging(database, LOGGED)
    }

    /// Starts a server over a PostgreSQL database that logs as much as is asked for.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_logging(database: &str, logged: &str) -> Self {
        Self::new(Some(database), logged).first("sandbox")
    }

    /// Starts another server over the same database, with a folder of its own and the same master
    /// key.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn another(&self) -> Self {
        let mut server = self.beside(&self.database);
        server.go();
        server
    }

    /// Starts another server over a copy of this one's ledger in a PostgreSQL database, with a
    /// folder of its own, the same master key and the keys brought along.
    ///
    /// # Panics
    /// When the keys cannot be brought along, or it does not start.
    #[must_use]
    pub fn on(&self, database: &str) -> Self {
        let mut server = self.beside(database);
        let keys = server.folder().join("brought-along.keys.db");
        let keys = keys.to_str().expect("a path of plain text");
        for (from, what) in [(self, "backup"), (&server, "restore")] {
            let _ = done(&from.run(&["vault", what, keys]));
        }
        server.go();
        server
    }

    /// A server over a PostgreSQL database, with a folder of its own and this one's master key.
    fn beside(&self, database: &str) -> Self {
        let mut server = Self::new(Some(database), &self.logged);
        let usual = || {
            let file = self.database.starts_with("sqlite:");
            let name = if file { "ledger" } else { "dutyledger" };
            self.folder().join(format!("{name}.master.key"))
        };
        server.master_key = Some(self.master_key.clone().unwrap_or_else(usual));
        server.operator.clone_from(&self.operator);
        server
    }

    fn new(database: Option<&str>, logged: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = || format!("sqlite:{}", folder.path().join("ledger.db").display());
        Self {
            database: database.map_or_else(file, str::to_owned),
            folder,
            master_key: None,
            environment: Vec::new(),
            under: Vec::new(),
            logged: logged.to_owned(),
            child: None,
            address: String::new(),
            operator: String::new(),
            log: Arc::default(),
        }
    }

    fn first(mut self, mode: &str) -> Self {
        self.operator = self.first_key(mode);
        self.go();
        self
    }

    /// The folder of its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ledger's file.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.folder.path().join("ledger.db")
    }

    /// Its address, such as `http://127.0.0.1:34567`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The operator's key.
    #[must_use]
    pub fn operator_key(&self) -> &str {
        &self.operator
    }

    /// A client with the operator's key.
    #[must_use]
    pub fn operator(&self) -> Client {
        self.client(&self.operator)
    }

    /// A client with a key.
    #[must_use]
    pub fn client(&self, key: &str) -> Client {
        Client::new(&self.address, Some(key))
    }

    /// A client without a key.
    #[must_use]
    pub fn stranger(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Runs another command of the program on this server's ledger.
    ///
    /// # Panics
    /// When the program does not run, or does not end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        ran(&mut self.command(arguments))
    }

    /// Kills the process without warning.
    ///
    /// # Panics
    /// When it is not running.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("the server can be killed");
        child.wait().expect("the server has ended");
    }

    /// Asks the process to end, and waits until it has.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn end(&mut self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status();
        assert!(asked.expect("kill runs").success());
        let ended = self.ended();
        assert!(ended.success(), "the server ended with {ended}");
    }

    /// Waits until the process has ended, and has said everything.
    ///
    /// # Panics
    /// When it does not end.
    pub fn ended(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("the server ran");
        let ended = in_time(|| over(child).ok_or("the server's end"));
        assert!(
            self.log.until(PATIENCE, |said| said.ended),
            "its log has no end"
        );
        self.child = None;
        ended
    }

    /// Everything the process has logged since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the process has logged a text.
    ///
    /// # Panics
    /// When it does not.
    pub fn until_logged(&self, text: &str) {
        let heard = |said: &Said| said.ended || said.text.contains(text);
        let waited = self.log.until(PATIENCE, heard);
        let log = self.log();
        assert!(
            waited && log.contains(text),
            "{text} is not in the log:\n{log}"
        );
    }

    /// Changes the settings it is started with the next time.
    pub fn set(&mut self, settings: &[(&str, &str)]) {
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.environment = settings.collect();
    }

    /// Lets another program run it the next time, such as one that traces it.
    pub fn run_under(&mut self, program: &[&str]) {
        self.under = program.iter().map(|part| (*part).to_owned()).collect();
    }

    /// Starts the process again over the same files.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server still runs");
        self.go();
    }

    /// Another command of the program on this server's ledger, not yet started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&*PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("DUTYLEDGER_DATABASE_URL", &self.database)
            .env("DUTYLEDGER_MODE", "sandbox")
            .env("DUTYLEDGER_OPERATOR_KEY", &self.operator)
            .env("RUST_LOG", &self.logged)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(file) = &self.master_key {
            command.env("DUTYLEDGER_MASTER_KEY_FILE", file);
        }
        command
    }

    /// A command as the program that runs the server runs it.
    fn under(&self, command: Command) -> Command {
        let Some((program, arguments)) = self.under.split_first() else {
            return command;
        };
        let mut under = Command::new(program);
        under
            .args(arguments)
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(self.folder.path());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                under.env(name, value);
            }
        }
        under
    }

    fn first_key(&self, mode: &str) -> String {
        let arguments = [
            "key", "issue", "--mode", mode, "--kind", "operator", "--label", "tests",
        ];
        done(&self.run(&arguments)).trim().to_owned()
    }

    fn go(&mut self) {
        let serve = self.command(&["--log-json", "serve", "--listen", "127.0.0.1:0"]);
        let mut child = self
            .under(serve)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stderr.take().expect("it is piped"));
        self.log = Arc::default();
        let log = Arc::clone(&self.log);
        let shown = self.logged == LOGGED;
        // Somebody must read the log, or the server would wait for that.
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if shown {
                    eprintln!("server: {line}");
                }
                log.say(|said| {
                    said.text.push_str(&line);
                    said.text.push('\n');
                });
            }
            log.say(|said| said.ended = true);
        });
        let heard = |said: &Said| said.ended || served_at(&said.text).is_some();
        let waited = self.log.until(PATIENCE, heard);
        let address = served_at(&self.log.text());
        assert!(
            waited && address.is_some(),
            "the server does not serve:\n{}",
            self.log.text()
        );
        self.address = format!("http://{}", address.unwrap_or_default());
        self.child = Some(child);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Issues a key through the API.
///
/// # Panics
/// When it is refused.
#[must_use]
pub fn key(operator: &Client, kind: &str, principal_id: Option<&str>) -> String {
    let mut body = serde_json::json!({
        "kind": kind,
        "label": format!("a test's {kind}"),
        "expires_at": "2029-01-01T00:00:00.000000Z",
    });
    if let Some(id) = principal_id {
        body["principal_id"] = id.into();
    }
    let answer = operator.post("/v1/keys", &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["secret"]
        .as_str()
        .expect("the key is shown once")
        .to_owned()
}
