//! Reading messages back and comparing them with what the ledger makes of its entries.

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::{HeaderMap, HeaderValue};
use dutyledger_ledger::LedgerReader;
use dutyledger_messages::{MESSAGE_ID, Message, message, source};
use dutyledger_record::LedgerId;

use crate::pull::{Pull, Taken};
use crate::relay::Stop;
use crate::standing::Trouble;
use crate::stream::SUBJECTS;

/// How many messages are read back at once.
const PAGE: u32 = 500;
/// Headers that a publisher adds for the server, and that the server keeps.
const EXPECTED: &[&str] = &["Nats-Expected-Stream", "Nats-Expected-Last-Sequence"];

/// Checks that the stream holds from one sequence to another exactly what the mapping makes of the
/// entries at those positions.
pub(crate) async fn verify(
    js: &Context,
    client: &Client,
    ledger: &LedgerReader,
    stream: &str,
    (from, to): (u64, u64),
) -> Result<(), Stop> {
    if from > to {
        return Ok(());
    }
    // The name of an inbox is one that nobody else has.
    let name = client.new_inbox().replace('.', "-");
    let (mut pull, _) = Pull::create(js, client, stream, &name, SUBJECTS, Some(from)).await?;
    let mut next = from;
    while next <= to {
        let entries = ledger.read(next - 1, PAGE).await?;
        let mut taken = Vec::new();
        while taken.len() < entries.len() && next + (taken.len() as u64) <= to {
            let some = pull.take(entries.len() - taken.len()).await?;
            if some.is_empty() {
                return Err(Stop::passing(
                    "the stream does not give what it says it holds",
                ));
            }
            taken.extend(some);
        }
        for (entry, taken) in entries.iter().zip(&taken) {
            let record = entry
                .record()
                .map_err(|e| unpublishable(entry.position, &e))?;
            let made = message(&record).map_err(|e| unpublishable(entry.position, &e))?;
            if !is(taken, &made) {
                let (stream, sequence) = (stream.to_owned(), entry.position);
                let trouble = match is_of(taken, ledger.id()) {
                    true => Trouble::OtherHistory { stream, sequence },
                    false => Trouble::Foreign { stream, sequence },
                };
                return Err(Stop::Standing(trouble));
            }
            next += 1;
        }
        if entries.is_empty() {
            return Err(Stop::passing(
                "the ledger does not give what it says it holds",
            ));
        }
    }
    pull.delete(js, stream, &name).await;
    Ok(())
}

/// Whether the message at a sequence was made of an entry of this ledger, whichever.
pub(crate) async fn is_ours(
    js: &Context,
    client: &Client,
    ledger: LedgerId,
    stream: &str,
    sequence: u64,
) -> Result<bool, Stop> {
    let name = client.new_inbox().replace('.', "-");
    let (mut pull, _) = Pull::create(js, client, stream, &name, SUBJECTS, Some(sequence)).await?;
    let taken = pull.take(1).await?;
    pull.delete(js, stream, &name).await;
    Ok(taken.first().is_some_and(|taken| is_of(taken, ledger)))
}

/// Whether a message has the form of one of this ledger's.
fn is_of(taken: &Taken, ledger: LedgerId) -> bool {
    let header = |name: &str| taken.headers.get(name).map(HeaderValue::as_str);
    let data: serde_json::Value = serde_json::from_str(&taken.data).unwrap_or_default();
    header("ce-source") == Some(source(ledger).as_str())
        && header("ce-id").is_some()
        && header("ce-id") == header(MESSAGE_ID)
        && data["position"] == taken.sequence
}

pub(crate) fn unpublishable(position: u64, why: &impl ToString) -> Stop {
    Stop::Standing(Trouble::Unpublishable {
        position,
        why: why.to_string(),
    })
}

/// Whether what was taken is, byte for byte, what was made.
fn is(taken: &Taken, made: &Message) -> bool {
    taken.sequence == made.position
        && taken.subject == made.subject
        && taken.data == made.data
        && has(&taken.headers, &made.headers)
}

fn has(taken: &HeaderMap, made: &[(&'static str, String)]) -> bool {
    let known = |name: &str| EXPECTED.contains(&name) || made.iter().any(|(own, _)| *own == name);
    let once = |(name, value): &(&'static str, String)| {
        let mut values = taken.get_all(*name);
        values.next().is_some_and(|found| found.as_str() == value) && values.next().is_none()
    };
    taken.iter().all(|(name, _)| known(name.as_ref())) && made.iter().all(once)
}
