//! Our router over loopback, and clients that keep their connection.

use std::net::SocketAddr;

use chrono::Duration;
use dutyledger_api::{Limits, router, serve};
use dutyledger_application::KeyRequest;
use dutyledger_record::{Principal, PrincipalKind, PublicText};
use dutyledger_test_nation::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Fallible;
use crate::load::Client;
use crate::ours::{Ours, Warm, texts};
use crate::rows::{random, uuid};

/// A server on loopback, in this process.
pub(crate) struct Server {
    address: SocketAddr,
    secret: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Serves ours.
    pub(crate) async fn start(ours: &Ours) -> Fallible<Self> {
        let operator = Principal {
            id: None,
            key_id: None,
            kind: PrincipalKind::Operator,
        };
        let request = KeyRequest {
            kind: PrincipalKind::Operator,
            principal_id: None,
            label: PublicText::new("the bench")?,
            expires_at: ours.bus().edge().clock.now() + Duration::days(1),
        };
        let issued = ours.bus().issue_key(operator, request).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let limits = Limits::default();
        let router = router(ours.app()?, limits);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, router, limits, async move {
            // The sender going away is the end as well.
            let _ = stopped.await;
        }));
        Ok(Self {
            address,
            secret: issued.secret.reveal().to_owned(),
            stop,
            serving,
        })
    }

    /// Connected clients, each with its share of the streams.
    pub(crate) async fn clients(
        &self,
        count: usize,
        streams: &[Warm],
    ) -> Fallible<Vec<HttpClient>> {
        let mut clients = Vec::with_capacity(count);
        for client in 0..count {
            let connection = TcpStream::connect(self.address).await?;
            connection.set_nodelay(true)?;
            clients.push(HttpClient {
                connection,
                secret: self.secret.clone(),
                streams: streams
                    .iter()
                    .skip(client)
                    .step_by(count)
                    .copied()
                    .collect(),
                next: 0,
                random: random(),
                buffer: Vec::new(),
                answered: Vec::new(),
            });
        }
        Ok(clients)
    }

    /// Ends, once its connections have.
    pub(crate) async fn end(self) -> Fallible<()> {
        let _ = self.stop.send(());
        self.serving.await??;
        Ok(())
    }
}

/// A client on one connection.
pub(crate) struct HttpClient {
    connection: TcpStream,
    secret: String,
    streams: Vec<Warm>,
    next: usize,
    random: Random,
    buffer: Vec<u8>,
    /// The idempotency keys of the commands that were answered.
    pub(crate) answered: Vec<String>,
}

impl HttpClient {
    /// Reads one answer. Only its status and length are looked at.
    async fn answer(&mut self) -> Fallible<()> {
        self.buffer.clear();
        let head = loop {
            if self.connection.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).unwrap_or_default().to_owned();
        let length: usize = text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .ok_or("an answer without a length")?
            .1
            .parse()?;
        while self.buffer.len() < head + length {
            if self.connection.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server broke off".into());
            }
        }
        if status != "200" {
            let body = String::from_utf8_lossy(&self.buffer[head..]);
            return Err(format!("the server answered {status}: {body}").into());
        }
        Ok(())
    }
}

impl Client for HttpClient {
    async fn ask(&mut self) -> Fallible<()> {
        let stream = self.streams[self.next % self.streams.len()].id;
        self.next += 1;
        let key = uuid(&mut self.random).to_string();
        let (body, devolved) = texts(self.next);
        let json = format!(
            "{{\"particulars\":{{\"body\":\"{body}\",\"devolved_welsh_authority\":\"{devolved}\"}}}}"
        );
        let request = format!(
            "POST /v1/authorities/{stream}/amendments HTTP/1.1\r\n\
             Host: localhost\r\n\
             Authorization: Bearer {}\r\n\
             Content-Type: application/json\r\n\
             Idempotency-Key: {key}\r\n\
             Content-Length: {}\r\n\r\n{json}",
            self.secret,
            json.len()
        );
        self.connection.write_all(request.as_bytes()).await?;
        self.answer().await?;
        self.answered.push(key);
        Ok(())
    }
}
