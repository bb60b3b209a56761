//! Taking messages from a consumer, as many as there are, without waiting for more.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, HeaderMap, Subscriber};
use futures_util::StreamExt;
use serde_json::json;

use crate::api::{ApiError, ask};
use crate::connection::ANSWER;

/// How long a consumer outlives whoever asked for it, in nanoseconds: 5 minutes.
const OUTLIVES: u64 = 300_000_000_000;

/// A message as it stands in the stream.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) sequence: u64,
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) data: String,
}

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the connection failed: {0}")]
    Connection(String),
    /// The consumer is gone, or messages of it may have been lost on the way.
    #[error("the consumer has to be made anew: {0}")]
    Broken(String),
}

/// A consumer of a stream, kept by the server in memory alone. Where it is, is ours to know.
pub(crate) struct Pull {
    client: Client,
    filter: String,
    next: String,
    inbox: String,
    answers: Subscriber,
    /// How many messages were taken: the server counts them as well.
    taken: u64,
}

impl Pull {
    /// Makes a consumer with a name, or finds it gone and makes it anew. Answers it with the last
    /// sequence of the stream at that moment.
    pub(crate) async fn create(
        js: &Context,
        client: &Client,
        stream: &str,
        name: &str,
        filter: &str,
        from: Option<u64>,
    ) -> Result<(Self, u64), PullError> {
        // One that was left over is somewhere else in the stream.
        let _ = ask(js, &format!("CONSUMER.DELETE.{stream}.{name}"), &json!({})).await;
        let mut config = json!({
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subject": filter,
            "inactive_threshold": OUTLIVES,
            "mem_storage": true,
            "num_replicas": 1,
            "max_deliver": 1,
        });
        match from {
            Some(sequence) => {
                config["deliver_policy"] = "by_start_sequence".into();
                config["opt_start_seq"] = sequence.into();
            }
            None => config["deliver_policy"] = "new".into(),
        }
        let about = json!({ "stream_name": stream, "config": config });
        let question = format!("CONSUMER.CREATE.{stream}.{name}.{filter}");
        let made = ask(js, &question, &about).await?;
        // A server that does not know a setting drops it.
        let settings = [
            "filter_subject",
            "deliver_policy",
            "opt_start_seq",
            "ack_policy",
        ];
        let mut dropped = settings.into_iter();
        if let Some(setting) = dropped.find(|one| made["config"][*one] != config[*one]) {
            return Err(PullError::Broken(format!("the server dropped {setting}")));
        }
        let end = made["delivered"]["stream_seq"].as_u64().unwrap_or(0);
        let inbox = client.new_inbox();
        let failed = |e: async_nats::SubscribeError| PullError::Connection(e.to_string());
        let answers = client.subscribe(inbox.clone()).await.map_err(failed)?;
        let pull = Self {
            client: client.clone(),
            filter: filter.to_owned(),
            next: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"),
            inbox,
            answers,
            taken: 0,
        };
        Ok((pull, end))
    }

    /// Lets go of the consumer; one that is left over the server forgets by itself.
    pub(crate) async fn delete(self, js: &Context, stream: &str, name: &str) {
        let _ = ask(js, &format!("CONSUMER.DELETE.{stream}.{name}"), &json!({})).await;
    }

    /// Takes at most `limit` messages. Fewer means that there were no more when the server looked.
    pub(crate) async fn take(&mut self, limit: usize) -> Result<Vec<Taken>, PullError> {
        let asked = json!({ "batch": limit, "no_wait": true }).to_string();
        let failed = |e: async_nats::PublishError| PullError::Connection(e.to_string());
        self.client
            .publish_with_reply(self.next.clone(), self.inbox.clone(), asked.into())
            .await
            .map_err(failed)?;
        let mut all = Vec::new();
        while all.len() < limit {
            let answer = tokio::time::timeout(ANSWER, self.answers.next()).await;
            let message = match answer {
                Ok(Some(message)) => message,
                Ok(None) => return Err(PullError::Connection("it was closed".to_owned())),
                Err(_) => return Err(PullError::Broken("no answer in time".to_owned())),
            };
            if let Some(status) = message.status {
                match status.as_u16() {
                    // No more messages; the request is done.
                    404 | 408 => return Ok(all),
                    code => return Err(PullError::Broken(format!("status {code}"))),
                }
            }
            let place = message.reply.as_ref().and_then(|reply| place(reply));
            let Some((stream_sequence, consumer_sequence)) = place else {
                return Err(PullError::Broken("a message without a place".to_owned()));
            };
            self.taken += 1;
            if consumer_sequence != self.taken {
                return Err(PullError::Broken(
                    "a message was lost on the way".to_owned(),
                ));
            }
            if !lets_through(&self.filter, &message.subject) {
                return Err(PullError::Broken(
                    "another subscriber has made a consumer of the same name".to_owned(),
                ));
            }
            all.push(Taken {
                sequence: stream_sequence,
                subject: message.subject.to_string(),
                headers: message.headers.unwrap_or_default(),
                data: String::from_utf8_lossy(&message.payload).into_owned(),
            });
        }
        Ok(all)
    }
}

/// Whether a filter lets a subject through: `*` stands for a word, `>` for all that follow.
pub(crate) fn lets_through(filter: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for wanted in filter.split('.') {
        match (wanted, words.next()) {
            (">", Some(_)) => return true,
            (_, None) => return false,
            ("*", Some(_)) => {}
            (wanted, Some(word)) if wanted == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

/// The sequences in the stream and in the consumer, from the subject a message would be acknowledged
/// on: `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`, where
/// newer servers may put a domain and an account first.
fn place(reply: &str) -> Option<(u64, u64)> {
    let tokens: Vec<_> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    let first = if tokens.len() > 8 { 5 } else { 3 };
    let number = |at: usize| tokens.get(at)?.parse().ok();
    Some((number(first)?, number(first + 1)?))
}

/// How long to wait before a consumer is made anew.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_through_what_a_server_would() {
        for (filter, subject, through) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("a.b.c", "a.b", false),
            ("a.*.c", "a.b.c", true),
            ("a.*", "a.b.c", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            (">", "a", true),
            ("a.*", "b.a", false),
        ] {
            assert_eq!(lets_through(filter, subject), through, "{filter} {subject}");
        }
    }

    #[test]
    fn a_place_is_read_from_both_forms_of_the_acknowledgement() {
        assert_eq!(place("$JS.ACK.S.C.1.42.7.1600000000.3"), Some((42, 7)));
        assert_eq!(
            place("$JS.ACK._.hash.S.C.1.42.7.1600000000.3.x"),
            Some((42, 7))
        );
        assert_eq!(place("_INBOX.x"), None);
    }
}
