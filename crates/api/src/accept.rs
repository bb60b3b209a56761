//! Connections: how many at once, how long a client may take to say what it asks for, and how they
//! end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::app::Limits;
use crate::waits::Ending;

/// How long nothing is accepted after a failure that is not one connection's own, such as having
/// no file descriptors left.
const PAUSE: Duration = Duration::from_millis(500);

/// Serves until `shutdown` completes, and then finishes what is under way, within
/// [`Limits::ending_time`]; what is not finished by then is dropped.
///
/// # Errors
/// When connections can no longer be counted. A failure to accept one is survived.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut http = Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_time);
    let room = Arc::new(Semaphore::new(limits.connections));
    let ending = GracefulShutdown::new();
    let (end, told) = watch::channel(false);
    let router = router.layer(Extension(Ending(told)));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted?,
        };
        let (http, router, watcher) = (http.clone(), router.clone(), ending.watcher());
        connections.spawn(answer(stream, place, http, router, watcher));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // Those who wait for what may come are not waited for.
    end.send_replace(true);
    let ended = timeout(limits.ending_time, ending.shutdown()).await;
    while connections.try_join_next().is_some() {}
    if ended.is_err() {
        let left = connections.len();
        tracing::warn!(left, "dropping connections that did not end in time");
    }
    // Nothing that a request held may outlive the server.
    connections.shutdown().await;
    Ok(())
}

/// The next connection, once there is a place for it. Until then it waits outside.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(room)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, place)),
            Err(error) if is_one_connections_own(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted; trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Whether a failure to accept is that of a client that went away, and says nothing of the next.
fn is_one_connections_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Answers the requests of a connection until it ends.
async fn answer(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    http: Builder,
    router: Router,
    watcher: Watcher,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps small packets back");
    }
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke off");
    }
    drop(place);
}
