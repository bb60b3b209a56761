//! Serving over a socket: how many connections, how slow they may be, and how they end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::Server;
use axum::Router;
use axum::routing::get;
use dutyledger_api::{Limits, serve};
use dutyledger_record::PrincipalKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than any of this takes: what is not over by then never will be.
const FOR_EVER: Duration = Duration::from_secs(60);

/// Routes served on a socket.
struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Serving {
    async fn start(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let serving = tokio::spawn(serve(listener, router, limits, shutdown));
        Self {
            address,
            stop,
            serving,
        }
    }

    /// Asks it to end, and goes on once nobody is let in any more.
    async fn ask_to_end(self) -> JoinHandle<io::Result<()>> {
        self.stop.send(()).unwrap();
        let nobody_is_let_in = async {
            while TcpStream::connect(self.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        let refused = timeout(FOR_EVER, nobody_is_let_in).await;
        refused.expect("nobody is let in any more");
        self.serving
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Asks for a path on a connection that is left open.
async fn send_get(stream: &mut TcpStream, path: &str) {
    send(
        stream,
        &format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"),
    )
    .await;
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let read = timeout(FOR_EVER, stream.read_to_string(&mut answer)).await;
    read.expect("the connection ends").unwrap();
    answer
}

/// The body of an answer of a few digits, on a connection that is left open.
async fn number(stream: &mut TcpStream) -> usize {
    let mut answer = Vec::new();
    loop {
        let head_ends = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(body) = head_ends.map(|at| &answer[at + 4..])
            && let Some(digits) = body.strip_suffix(b".")
        {
            return std::str::from_utf8(digits).unwrap().parse().unwrap();
        }
        let read = timeout(FOR_EVER, stream.read_buf(&mut answer)).await;
        assert_ne!(read.expect("an answer comes").unwrap(), 0);
    }
}

/// Answers each request with how many came before it.
fn counting() -> Router {
    let count = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let before = count.fetch_add(1, Ordering::SeqCst);
        async move { format!("{before}.") }
    };
    Router::new().route("/", get(answer))
}

/// Answers a request when told to, and tells of each that it is under way.
fn waiting() -> (Router, mpsc::UnboundedReceiver<oneshot::Sender<()>>) {
    let (under_way, requests) = mpsc::unbounded_channel();
    let answer = move || {
        let (go_on, told) = oneshot::channel::<()>();
        under_way.send(go_on).unwrap();
        async move {
            told.await.unwrap();
            "finished"
        }
    };
    (Router::new().route("/", get(answer)), requests)
}

#[tokio::test]
async fn a_server_answers_and_stops_when_told_to() {
    let server = Server::start().await;
    let serving = Serving::start(server.router.clone(), Limits::default()).await;
    for (path, status) in [("/health/live", "200 OK"), ("/v1/me", "401 Unauthorized")] {
        let mut stream = serving.connect().await;
        let close = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        send(&mut stream, &close).await;
        let answer = rest(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    let ended = serving.ask_to_end().await;
    timeout(FOR_EVER, ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_head_is_cut_off() {
    let limits = Limits {
        // Long enough for a request that is sent at once, on however busy a machine.
        head_time: Duration::from_secs(2),
        ..Limits::default()
    };
    let serving = Serving::start(counting(), limits).await;
    let mut slow = serving.connect().await;
    send(&mut slow, "GET / HTTP/1.1\r\nhost: te").await;
    assert_eq!(rest(&mut slow).await, "");
    let mut silent = serving.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    let mut idle = serving.connect().await;
    send_get(&mut idle, "/").await;
    assert_eq!(number(&mut idle).await, 0);
    assert_eq!(rest(&mut idle).await, "");
}

#[tokio::test]
async fn a_connection_over_the_cap_waits_until_another_ends() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let serving = Serving::start(counting(), limits).await;
    let mut first = serving.connect().await;
    send_get(&mut first, "/").await;
    assert_eq!(number(&mut first).await, 0);
    let mut second = serving.connect().await;
    send_get(&mut second, "/").await;
    for n in 1..20 {
        send_get(&mut first, "/").await;
        assert_eq!(number(&mut first).await, n);
    }
    drop(first);
    assert_eq!(number(&mut second).await, 20);
}

#[tokio::test]
async fn a_connection_that_waits_for_a_place_does_not_keep_the_server_from_ending() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let serving = Serving::start(counting(), limits).await;
    let mut first = serving.connect().await;
    send_get(&mut first, "/").await;
    assert_eq!(number(&mut first).await, 0);
    let _second = serving.connect().await;
    let ended = serving.ask_to_end().await;
    timeout(FOR_EVER, ended).await.unwrap().unwrap().unwrap();
    assert_eq!(rest(&mut first).await, "");
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_server_ends() {
    let (router, mut requests) = waiting();
    let serving = Serving::start(router, Limits::default()).await;
    let mut stream = serving.connect().await;
    send_get(&mut stream, "/").await;
    let go_on = requests.recv().await.unwrap();
    let ended = serving.ask_to_end().await;
    assert!(!ended.is_finished());
    go_on.send(()).unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("finished"), "{answer}");
    timeout(FOR_EVER, ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_dropped_when_its_time_is_up() {
    let limits = Limits {
        ending_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let (router, mut requests) = waiting();
    let serving = Serving::start(router, limits).await;
    let mut stream = serving.connect().await;
    send_get(&mut stream, "/").await;
    let go_on = requests.recv().await.unwrap();
    let ended = serving.ask_to_end().await;
    timeout(FOR_EVER, ended).await.unwrap().unwrap().unwrap();
    assert!(go_on.is_closed(), "nothing of it is left");
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn those_who_listen_or_wait_do_not_hold_up_the_end() {
    let server = Server::start().await;
    let auditor = server.key(PrincipalKind::Auditor, None).await;
    let serving = Serving::start(server.router.clone(), Limits::default()).await;
    let mut streams = Vec::new();
    for path in [
        format!("/v1/entries?after={}&wait=20", server.bus.ledger().head()),
        "/v1/entries/stream".to_owned(),
    ] {
        let mut stream = serving.connect().await;
        let asked =
            format!("GET {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {auditor}\r\n\r\n");
        send(&mut stream, &asked).await;
        streams.push(stream);
    }
    // Both are under way once the second has begun: connections are taken in turn.
    let mut began = [0; 8];
    streams[1].read_exact(&mut began).await.unwrap();
    let ended = serving.ask_to_end().await;
    // Before the one that waits would have ended by itself.
    let soon = Duration::from_secs(15);
    timeout(soon, ended).await.unwrap().unwrap().unwrap();
    let page = rest(&mut streams[0]).await;
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
}
