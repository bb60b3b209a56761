//! Serving over a socket, and stopping.

use crate::common::Server;
use dutyledger_api::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn ask(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_server_answers_and_stops_when_told_to() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { stopped.await.unwrap_or_default() };
    let serving = tokio::spawn(serve(listener, server.router.clone(), shutdown));
    let live = "GET /health/live HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    assert!(ask(address, live).await.starts_with("HTTP/1.1 200 OK"));
    let unnamed = "GET /v1/me HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    assert!(
        ask(address, unnamed)
            .await
            .starts_with("HTTP/1.1 401 Unauthorized")
    );
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
