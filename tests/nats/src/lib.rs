//! A private NATS server for tests, or a cluster of them: real, with JetStream, on ports of their own,
//! gone when the test process is, however that ends.
//!
//! `DUTYLEDGER_TEST_NATS_SERVER` names the program of another version.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(60);
/// How long one may take to write what it has and end.
const END: Duration = Duration::from_secs(60);

/// A server. Dropping it stops it, and so does the end of this process.
pub struct Nats {
    folder: TempDir,
    port: Port,
    /// The port that other servers of its cluster reach it at.
    _route: Option<Port>,
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
        let ports: Vec<_> = (0..size).map(|_| Port::free()).collect();
        let routes: Vec<_> = ports
            .iter()
            .map(|port| format!("nats://127.0.0.1:{}", port.number))
            .collect();
        let routes = routes.join(", ");
        let servers = ports.into_iter().enumerate().map(|(number, port)| {
            let listen = format!("127.0.0.1:{}", port.number);
            let mut server = Self::start_with(&format!(
                "server_name: \"{number}\"\n\
                 cluster {{ name: tested, listen: \"{listen}\", routes: [{routes}] }}\n"
            ));
            server._route = Some(port);
            server
        });
        servers.collect()
    }

    /// Starts a server over a folder that is there.
    #[must_use]
    pub fn start_in(folder: TempDir, configuration: &str) -> Self {
        // The port stays the same however often the server is started again.
        let port = Port::free();
        let configuration = configuration.replace("{folder}", &folder.path().display().to_string());
        let mut server = Self {
            folder,
            port,
            _route: None,
            configuration,
            keeper: None,
        };
        server.go();
        server
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port())
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port.number
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
        let since = Instant::now();
        while fs::read(&command).is_ok_and(|line| !line.is_empty()) {
            assert!(since.elapsed() < END, "NATS does not end");
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
            self.port(),
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

/// A port that no other test takes, however often whoever listens on it is gone for a while.
struct Port {
    number: u16,
    /// The port above it, which is listened on as long as this one is ours.
    _held: TcpListener,
}

impl Port {
    /// One that nobody listens on, from which the system connects to nobody either: whoever tries to
    /// reach a server that is gone could otherwise come to be connected to itself.
    fn free() -> Self {
        let connecting = connecting_from();
        let ours =
            |number: u16| !connecting.contains(&number) && !connecting.contains(&(number + 1));
        // Each process looks from elsewhere first.
        let from = usize::from(std::process::id().to_le_bytes()[0]) * 64;
        let all: Vec<u16> = (10_000..60_000).step_by(2).filter(|n| ours(*n)).collect();
        let turned = all.iter().cycle().skip(from).take(all.len());
        let mut free = turned.filter_map(|number| {
            let held = TcpListener::bind(("127.0.0.1", number + 1)).ok()?;
            // Nobody who listens on it lets it be listened on.
            TcpListener::bind(("127.0.0.1", *number)).ok()?;
            Some(Self {
                number: *number,
                _held: held,
            })
        });
        free.next().expect("a free port")
    }
}

/// The ports that the system connects from.
fn connecting_from() -> RangeInclusive<u16> {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let told: Vec<u16> = told
        .split_whitespace()
        .filter_map(|port| port.parse().ok())
        .collect();
    match told[..] {
        [first, last] => first..=last,
        _ => 32_768..=60_999,
    }
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
