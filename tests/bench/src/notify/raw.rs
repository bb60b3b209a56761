//! JetStream alone: messages that are ready, published by the same client with the same window.

use std::collections::VecDeque;
use std::fs::File;
use std::future::IntoFuture;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use dutyledger_ledger::LedgerReader;
use dutyledger_messages::{Message, message};
use dutyledger_notifications::SUBJECTS;
use dutyledger_record::Record;
use dutyledger_test_nats::Nats;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use crate::Fallible;
use crate::notify::STREAM;
use crate::rows::{Rows, Template};

/// How many messages are on their way at once, as in the relay.
const WINDOW: usize = 512;
/// How many messages or entries are read at once.
const PAGE: u32 = 1_000;

/// A message that is ready.
pub(super) struct Ready {
    subject: String,
    headers: Vec<(String, String)>,
    data: String,
}

impl From<Message> for Ready {
    fn from(message: Message) -> Self {
        let headers = message.headers.into_iter();
        Self {
            subject: message.subject,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            data: message.data,
        }
    }
}

/// Writes all messages of a ledger to a file, so that making them is no part of what is measured.
pub(super) async fn make_ready(ledger: &LedgerReader) -> Fallible<NamedTempFile> {
    let file = NamedTempFile::new()?;
    let mut out = BufWriter::new(file.as_file());
    let mut after = 0;
    loop {
        let entries = ledger.read(after, PAGE).await?;
        let Some(last) = entries.last() else { break };
        after = last.position;
        for entry in &entries {
            write(&mut out, &message(&entry.record()?)?.into())?;
        }
    }
    out.flush()?;
    drop(out);
    Ok(file)
}

/// Messages of entries that the template makes.
pub(super) fn messages(template: &Template) -> impl Iterator<Item = Fallible<Ready>> {
    let mut rows = Rows::new(template, 1);
    (1..).map(move |position| {
        let leaf_data = rows.row(position, chrono::DateTime::UNIX_EPOCH).leaf_data;
        Ok(message(&Record::parse(&leaf_data)?)?.into())
    })
}

/// A connection that publishes.
pub(super) struct Publisher {
    js: Context,
}

impl Publisher {
    /// Connects, and makes a stream as the relay makes its own for a ledger.
    pub(super) async fn connect(nats: &Nats, ledger: &str) -> Fallible<Self> {
        let client = async_nats::connect(nats.url()).await?;
        let js = ContextBuilder::new()
            .max_ack_inflight(WINDOW)
            .backpressure_on_inflight(true)
            .build(client);
        let _ = js
            .create_stream(Config {
                name: STREAM.to_owned(),
                subjects: vec![SUBJECTS.to_owned()],
                description: Some(format!("Dutyledger: the entries of ledger {ledger}")),
                discard: DiscardPolicy::New,
                deny_delete: true,
                deny_purge: true,
                ..Config::default()
            })
            .await?;
        Ok(Self { js })
    }

    /// Publishes the messages in a file.
    pub(super) async fn all(&self, path: &Path) -> Fallible<()> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let (pages, mut read) = mpsc::channel(3);
        let reading = tokio::task::spawn_blocking(move || {
            loop {
                let page = page(&mut file)?;
                if page.is_empty() || pages.blocking_send(page).is_err() {
                    return Fallible::Ok(());
                }
            }
        });
        let mut sent: VecDeque<PublishAckFuture> = VecDeque::new();
        while let Some(page) = read.recv().await {
            for ready in page {
                if sent.len() == WINDOW
                    && let Some(first) = sent.pop_front()
                {
                    let _ = first.into_future().await?;
                }
                sent.push_back(self.send(ready).await?);
            }
        }
        for left in sent {
            let _ = left.into_future().await?;
        }
        reading.await?
    }

    /// Publishes a message and waits for its acknowledgement.
    pub(super) async fn one(&self, ready: Ready) -> Fallible<()> {
        let _ = self.send(ready).await?.into_future().await?;
        Ok(())
    }

    async fn send(&self, ready: Ready) -> Fallible<PublishAckFuture> {
        let mut headers = HeaderMap::new();
        for (name, value) in ready.headers {
            headers.insert(name, value);
        }
        let publish = PublishMessage::build()
            .payload(ready.data.into())
            .headers(headers);
        Ok(self.js.send_publish(ready.subject, publish).await?)
    }
}

fn write(out: &mut impl Write, ready: &Ready) -> Fallible<()> {
    let headers = ready.headers.iter().flat_map(|(name, value)| [name, value]);
    let texts: Vec<_> = [&ready.subject, &ready.data]
        .into_iter()
        .chain(headers)
        .collect();
    out.write_all(&u32::try_from(texts.len())?.to_le_bytes())?;
    for text in texts {
        out.write_all(&u32::try_from(text.len())?.to_le_bytes())?;
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// The next messages of a file; none at its end.
fn page(file: &mut impl Read) -> Fallible<Vec<Ready>> {
    let mut page = Vec::with_capacity(PAGE as usize);
    while page.len() < PAGE as usize {
        let count = match number(file) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error.into()),
        };
        let mut texts = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let mut text = vec![0; number(file)? as usize];
            file.read_exact(&mut text)?;
            texts.push(String::from_utf8(text)?);
        }
        let mut texts = texts.into_iter();
        let (subject, data) = texts.next().zip(texts.next()).ok_or("not a message")?;
        let mut headers = Vec::new();
        while let Some(header) = texts.next().zip(texts.next()) {
            headers.push(header);
        }
        page.push(Ready {
            subject,
            headers,
            data,
        });
    }
    Ok(page)
}

fn number(file: &mut impl Read) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
