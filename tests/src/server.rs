//! A real server process over a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::client::Client;

/// The repository's root.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The program, built once for all tests of a run.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "dutyledger",
            "--message-format=json",
        ])
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs, since it runs the tests");
    assert!(built.status.success(), "the program does not build");
    String::from_utf8_lossy(&built.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .expect("cargo names the program it built")
});

/// The program.
#[must_use]
pub fn program() -> &'static Path {
    &PROGRAM
}

/// A server, its folder and its operator's key.
pub struct Server {
    folder: TempDir,
    child: Option<Child>,
    address: String,
    operator: String,
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

    /// Starts a server over a new ledger of a mode.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_as(mode: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut server = Self {
            folder,
            child: None,
            address: String::new(),
            operator: String::new(),
        };
        server.operator = server.first_key(mode);
        server.go();
        server
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
    /// When the program does not run.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.command(arguments).output().expect("the program runs")
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
        let mut child = self.child.take().expect("the server runs");
        let asked = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(asked.expect("kill runs").success());
        let ended = child.wait().expect("the server has ended");
        assert!(ended.success(), "the server ended with {ended}");
    }

    /// Starts the process again over the same files.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "the server still runs");
        self.go();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&*PROGRAM);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env(
                "DUTYLEDGER_DATABASE_URL",
                format!("sqlite:{}", self.ledger().display()),
            )
            .env("DUTYLEDGER_MODE", "sandbox")
            .env("DUTYLEDGER_OPERATOR_KEY", &self.operator)
            .env("RUST_LOG", "warn,dutyledger=info");
        command
    }

    fn first_key(&self, mode: &str) -> String {
        let arguments = [
            "key", "issue", "--mode", mode, "--kind", "operator", "--label", "tests",
        ];
        let issued = self.command(&arguments).output().expect("the program runs");
        assert!(
            issued.status.success(),
            "{}",
            String::from_utf8_lossy(&issued.stderr)
        );
        String::from_utf8_lossy(&issued.stdout).trim().to_owned()
    }

    fn go(&mut self) {
        let mut child = self
            .command(&["--log-json", "serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut log = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            let read = log.read_line(&mut line).expect("the log can be read");
            assert!(read > 0, "the server ended before it served:\n{said}");
            said.push_str(&line);
            let parsed: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if parsed["fields"]["message"] == "serving" {
                break parsed["fields"]["address"]
                    .as_str()
                    .expect("an address")
                    .to_owned();
            }
        };
        // The log goes on: somebody must read it, or the server would wait for that.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                eprintln!("server: {line}");
            }
        });
        self.address = format!("http://{address}");
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
