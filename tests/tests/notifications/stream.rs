//! The stream as anybody sees it who asks the server.

use async_nats::jetstream::{self, Context};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dutyledger_ledger::LedgerReader;
use dutyledger_messages::message;
use serde_json::{Value, json};

/// Asks JetStream.
pub(crate) async fn ask(url: &str, question: &str, about: Value) -> Value {
    context(url)
        .await
        .request(question.to_owned(), &about)
        .await
        .unwrap()
}

pub(crate) async fn context(url: &str) -> Context {
    jetstream::new(async_nats::connect(url).await.unwrap())
}

/// The last sequence of a stream.
pub(crate) async fn last(url: &str, stream: &str) -> u64 {
    let info = ask(url, &format!("STREAM.INFO.{stream}"), json!({})).await;
    info["state"]["last_seq"]
        .as_u64()
        .unwrap_or_else(|| panic!("{info}"))
}

/// The subjects of a stream.
pub(crate) async fn subjects(url: &str, stream: &str) -> Value {
    ask(url, &format!("STREAM.INFO.{stream}"), json!({})).await["config"]["subjects"].clone()
}

/// Checks that a stream holds the ledger: as many messages as entries, and at each sequence exactly
/// what the mapping makes of the entry at that position.
pub(crate) async fn holds(url: &str, stream: &str, ledger: &LedgerReader) {
    let head = ledger.last_position().await.unwrap();
    assert_eq!(
        last(url, stream).await,
        head,
        "{stream} ends where the ledger does"
    );
    holds_up_to(url, stream, ledger, head).await;
}

pub(crate) async fn holds_up_to(url: &str, stream: &str, ledger: &LedgerReader, head: u64) {
    let js = context(url).await;
    let entries = ledger.read(0, u32::try_from(head).unwrap()).await.unwrap();
    for entry in entries {
        let made = message(&entry.record().unwrap()).unwrap();
        let about = json!({ "seq": entry.position });
        let question = format!("STREAM.MSG.GET.{stream}");
        let found: Value = js.request(question, &about).await.unwrap();
        let found = &found["message"];
        let text = |member: &str| {
            let coded = found[member].as_str().unwrap_or_else(|| panic!("{found}"));
            String::from_utf8(STANDARD.decode(coded).unwrap()).unwrap()
        };
        assert_eq!(found["seq"], entry.position);
        assert_eq!(found["subject"], made.subject.as_str());
        assert_eq!(text("data"), made.data);
        // Headers have no order.
        let mut headers: Vec<_> = text("hdrs")
            .lines()
            .skip(1)
            .filter(|line| !line.is_empty() && !line.starts_with("Nats-Expected-"))
            .map(str::to_owned)
            .collect();
        let mut expected: Vec<_> = made
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        headers.sort();
        expected.sort();
        assert_eq!(headers, expected, "sequence {}", entry.position);
    }
}
