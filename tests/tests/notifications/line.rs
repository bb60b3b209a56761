//! A line between a relay and a real server, on which acknowledgements meet with mishaps.
//!
//! It understands as much of NATS' protocol as that takes: which of the messages that go up are
//! published as entries, and which of those that come down acknowledges each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of an acknowledgement.
pub(crate) enum Fate {
    /// It comes as it was sent.
    Comes,
    /// It never comes, and the line holds.
    IsLost,
    /// The line is cut before it comes: what it acknowledges is stored.
    IsCutOff,
    /// It comes, and says this.
    Says(String),
}

type Fates = dyn Fn(u64) -> Fate + Send + Sync;

/// The line. Whoever is connected stays so when it is dropped.
pub(crate) struct Line {
    port: u16,
    known: Arc<Known>,
}

/// What the line knows of the messages on it.
#[derive(Default)]
struct Known {
    /// The positions whose messages were published, as often as they were, in their order.
    published: Mutex<Vec<u64>>,
    /// The subjects that acknowledgements are awaited on, with the positions.
    awaited: Mutex<HashMap<String, u64>>,
}

impl Line {
    /// A line to the server at a port, on which the acknowledgement of each position meets its fate.
    pub(crate) async fn to(
        server: u16,
        fates: impl Fn(u64) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let known = Arc::<Known>::default();
        let (shared, fates) = (
            Arc::clone(&known),
            Arc::<Fates>::from(Box::new(fates) as Box<Fates>),
        );
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", server)).await else {
                    continue;
                };
                let (near_out, mut near_in) = near.into_split();
                let (far_out, far_in) = far.into_split();
                let mut near_out = BufReader::new(near_out);
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                let fates = Arc::clone(&fates);
                tokio::spawn(async move {
                    // Once either way has ended, both have.
                    tokio::select! {
                        () = up.carry_up(&mut near_out, far_in) => {}
                        () = down.carry_down(BufReader::new(far_out), &mut near_in, &*fates) => {}
                    }
                    // Who closes before all is read tears off what the other has yet to read.
                    let _ = near_in.shutdown().await;
                    let _ = tokio::io::copy(&mut near_out, &mut tokio::io::sink()).await;
                });
            }
        });
        Self { port, known }
    }

    /// The address of its near end.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The positions whose messages were published, as often as they were, in their order.
    pub(crate) fn published(&self) -> Vec<u64> {
        self.known.published.lock().unwrap().clone()
    }
}

impl Known {
    async fn carry_up(&self, mut from: impl AsyncBufRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        while let Some(frame) = Frame::read(&mut from).await {
            if let Some((reply, position)) = frame.published() {
                self.awaited.lock().unwrap().insert(reply, position);
                self.published.lock().unwrap().push(position);
            }
            if frame.write(&mut to).await.is_none() {
                return;
            }
        }
    }

    async fn carry_down(
        &self,
        mut from: impl AsyncBufRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        fates: &Fates,
    ) {
        while let Some(mut frame) = Frame::read(&mut from).await {
            let awaited = frame.subject();
            let position = awaited.and_then(|on| self.awaited.lock().unwrap().remove(on));
            match position.map_or(Fate::Comes, fates) {
                Fate::Comes => {}
                Fate::IsLost => continue,
                Fate::IsCutOff => return,
                Fate::Says(other) => frame.say(&other),
            }
            if frame.write(&mut to).await.is_none() {
                return;
            }
        }
    }
}

/// A line of the protocol, with the message that follows it where one does.
struct Frame {
    words: Vec<String>,
    body: Vec<u8>,
}

impl Frame {
    async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Option<Self> {
        let mut line = String::new();
        if from.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut body = Vec::new();
        if matches!(words.first()?.as_str(), "PUB" | "HPUB" | "MSG" | "HMSG") {
            let size: usize = words.last()?.parse().ok()?;
            body.resize(size + 2, 0);
            from.read_exact(&mut body).await.ok()?;
        }
        Some(Self { words, body })
    }

    async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> Option<()> {
        let line = format!("{}\r\n", self.words.join(" "));
        let all = [line.as_bytes(), &self.body].concat();
        to.write_all(&all).await.ok()
    }

    /// On what an acknowledgement is awaited and of which position, where this publishes an entry.
    fn published(&self) -> Option<(String, u64)> {
        let [kind, subject, reply, headers, _] = self.words.as_slice() else {
            return None;
        };
        if kind != "HPUB" || !subject.starts_with("dutyledger.v1.") {
            return None;
        }
        let headers = self.body.get(..headers.parse().ok()?)?;
        let expected = std::str::from_utf8(headers)
            .ok()?
            .lines()
            .find_map(|line| line.strip_prefix("Nats-Expected-Last-Sequence: "))?;
        Some((reply.clone(), expected.parse::<u64>().ok()? + 1))
    }

    /// The subject of a message that comes down.
    fn subject(&self) -> Option<&str> {
        let kind = self.words.first()?;
        let comes = matches!(kind.as_str(), "MSG" | "HMSG");
        comes
            .then(|| self.words.get(1).map(String::as_str))
            .flatten()
    }

    /// Has a message without headers say something else.
    fn say(&mut self, other: &str) {
        assert_eq!(self.words[0], "MSG", "an acknowledgement has no headers");
        if let Some(size) = self.words.last_mut() {
            *size = other.len().to_string();
        }
        self.body = format!("{other}\r\n").into_bytes();
    }
}
