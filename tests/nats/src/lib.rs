//! A private NATS server for tests, or a cluster of them: real, with JetStream, on ports of their own,
//! gone when the test process is, however that ends.
//!
//! `DUTYLEDGER_TEST_NATS_SERVER` names the program of another version.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// A server. Dropping it stops it, and so does the end of this process.
pub struct Nats {
    folder: TempDir,
    port: u16,
    /// Further lines of its configuration.
    configuration: String,
    keeper: Option<Keeper>,
}

/// The process that keeps the server: when this process's standard input ends, so does the server.
struct Keeper {
    child: Child,
    input: ChildStdin,
    server: u32,
}

/// The program, whichever version is tested.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn program() -> PathBuf {
    let named = std::env::var_os("DUTYLEDGER_TEST_NATS_SERVER").map(PathBuf::from);
    let usual = ["/usr/sbin/nats-server", "/usr/bin/nats-server"];
    named
        .or_else(|| {
            usual
                .map(PathBuf::from)
                .into_iter()
                .find(|path| path.exists())
        })
        .expect("NATS is not installed: install the Debian package nats-server")
}

/// What the program says its version is.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn version() -> String {
    let said = Command::new(program()).arg("--version").output();
    let said = said.expect("the program runs").stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}

impl Nats {
    /// Starts a server with the usual configuration.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a server with further lines of configuration. What stands for the server's folder in
    /// them is `{folder}`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with(configuration: &str) -> Self {
        Self::start_in(tempfile(), configuration)
    }

    /// Starts servers that make a cluster, each named by its number: `0` and so on. They are ready to be
    /// connected to, and agree on who leads when they have found each other.
    #[must_use]
    pub fn cluster(size: usize) -> Vec<Self> {
        let ports = free_ports(size);
        let routes: Vec<_> = ports
            .iter()
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .collect();
        let routes = routes.join(", ");
        let servers = ports.iter().enumerate().map(|(number, port)| {
            Self::start_with(&format!(
                "server_name: \"{number}\"\n\
                 cluster {{ name: tested, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
            ))
        });
        servers.collect()
    }

    /// Starts a server over a folder that is there.
    #[must_use]
    pub fn start_in(folder: TempDir, configuration: &str) -> Self {
        // The port stays the same however often the server is started again.
        let port = free_ports(1)[0];
        let configuration = configuration.replace("{folder}", &folder.path().display().to_string());
        let mut server = Self {
            folder,
            port,
            configuration,
            keeper: None,
        };
        server.go();
        server
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of its store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder().join("store")
    }

    /// Kills the server without warning.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let keeper = self.keeper.take().expect("the server runs");
        signal("KILL", keeper.server);
        keeper.end();
    }

    /// Stops the server, which writes what it has first.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self) {
        let keeper = self.keeper.take().expect("the server runs");
        signal("TERM", keeper.server);
        // What has ended and was not waited for yet has no command line.
        let command = format!("/proc/{}/cmdline", keeper.server);
        while fs::read(&command).is_ok_and(|line| !line.is_empty()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        keeper.end();
    }

    /// Removes all that the server keeps. It must not run.
    ///
    /// # Panics
    /// When it cannot be removed.
    pub fn wipe(&self) {
        assert!(self.keeper.is_none(), "the server runs");
        fs::remove_dir_all(self.store()).expect("the store is removed");
    }

    /// Keeps a copy of what the server keeps, to be put back later. It must not run.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copy_store(&self) -> TempDir {
        assert!(self.keeper.is_none(), "the server runs");
        let copy = tempfile();
        copy_folder(&self.store(), &copy.path().join("store"));
        copy
    }

    /// Puts a copy back.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn put_back(&self, copy: &TempDir) {
        self.wipe();
        copy_folder(&copy.path().join("store"), &self.store());
    }

    /// Starts the server, for the first time or again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn go(&mut self) {
        let file = self.folder().join("server.conf");
        let configuration = format!(
            "listen: 127.0.0.1:{}\njetstream {{ store_dir: \"{}\" }}\n{}\n",
            self.port,
            self.store().display(),
            self.configuration,
        );
        fs::write(&file, configuration).expect("its configuration is written");
        let log = self.folder().join("log");
        let keep = "\"$@\" & server=$!; echo $server; read -r word; \
                    kill -KILL $server 2>/dev/null; wait $server 2>/dev/null";
        let mut child = Command::new("sh")
            .args(["-c", keep, "sh"])
            .arg(program())
            .arg("--config")
            .arg(&file)
            .arg("--log")
            .arg(&log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("its input is piped");
        let output = child.stdout.take().expect("its output is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("its process is named");
        let server = line.trim().parse().expect("a process id");
        self.keeper = Some(Keeper {
            child,
            input,
            server,
        });
        let since = Instant::now();
        while !self.says_ready(&log) {
            assert!(
                since.elapsed() < START,
                "NATS did not start: {}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        // What is said from here on is of this start.
        fs::rename(&log, self.folder().join("log.before")).expect("the log is moved");
    }

    fn says_ready(&self, log: &Path) -> bool {
        fs::read_to_string(log).is_ok_and(|log| log.contains("Server is ready"))
    }
}

impl Keeper {
    fn end(self) {
        let Self {
            mut child, input, ..
        } = self;
        drop(input);
        let _ = child.wait();
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.end();
        }
    }
}

/// Ports that nobody listens on, each another.
fn free_ports(count: usize) -> Vec<u16> {
    let listen = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listeners: Vec<_> = (0..count).map(listen).collect();
    let port = |listener: &TcpListener| listener.local_addr().expect("it has an address").port();
    listeners.iter().map(port).collect()
}

fn tempfile() -> TempDir {
    tempfile::Builder::new()
        .prefix("dutyledger-nats-")
        .tempdir()
        .expect("a temporary folder")
}

/// Sends a signal to a process.
///
/// # Panics
/// When `kill` does not run.
pub fn signal(name: &str, process: u32) {
    let sent = Command::new("/usr/bin/kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .status();
    assert!(sent.is_ok(), "kill runs");
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|s| s.success()), "the folder is copied");
}
