//! The subscriber's kit: everything its filters let through, once and in order, whatever becomes of the
//! server.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dutyledger_ledger::{LedgerReader, backup};
use dutyledger_messages::message;
use dutyledger_notifications::subscriber::{Settings, SubscribeError, Subscription};
use dutyledger_notifications::{Connection, Credentials, rebuild, refill};
use dutyledger_test_nats::Nats;
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use serde_json::json;
use tempfile::TempDir;

use crate::book::{Book, PATIENCE, connection, partnership};

/// What is not answered by then is not answered: what is, is answered long before.
const NOT_ANSWERED: Duration = Duration::from_secs(2);

/// A subscriber that remembers in what order it was given what.
struct Subscriber {
    folder: TempDir,
    settings: Settings,
    subscription: Option<Subscription>,
    handled: Vec<u64>,
}

impl Subscriber {
    fn new(connection: Connection, filters: &[&str], from: Option<u64>) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = Settings {
            connection,
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            name: Some("city".to_owned()),
            position_file: folder.path().join("position.json"),
            from,
        };
        Self {
            folder,
            settings,
            subscription: None,
            handled: Vec::new(),
        }
    }

    fn subscription(&mut self) -> &mut Subscription {
        let settings = self.settings.clone();
        self.subscription
            .get_or_insert_with(|| Subscription::open(settings).unwrap())
    }

    /// Handles what comes until a position was handled.
    async fn until(&mut self, position: u64) {
        let handling = async {
            while self.handled.last().is_none_or(|last| *last < position) {
                let events = self.subscription().next().await.unwrap();
                for event in events {
                    self.handled.push(event.position);
                    self.subscription().handled(&event).unwrap();
                }
            }
        };
        let waited = tokio::time::timeout(PATIENCE, handling).await;
        assert!(
            waited.is_ok(),
            "{position} was not reached: {:?}",
            self.handled
        );
    }

    /// Goes away, and comes back when it is used again.
    fn leave(&mut self) {
        self.subscription = None;
    }
}

/// The positions whose subjects end in one of these.
async fn expected(ledger: &LedgerReader, ends: &[String]) -> Vec<u64> {
    let entries = ledger.read(0, 100_000).await.unwrap();
    let positions = entries.iter().filter_map(|entry| {
        let subject = message(&entry.record().unwrap()).unwrap().subject;
        let wanted = ends.iter().any(|end| subject.ends_with(end.as_str()));
        wanted.then_some(entry.position)
    });
    positions.collect()
}

fn filters(ends: &[String]) -> Vec<String> {
    ends.iter()
        .map(|end| format!("dutyledger.v1.*.*.{end}"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_filters_are_one_in_the_order_of_the_ledger() {
    let mut nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    let ends = [
        partnership(2).to_string(),
        "several".to_owned(),
        "none".to_owned(),
    ];
    let wanted = filters(&ends);
    let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
    let mut subscriber = Subscriber::new(connection(&nats.url()), &wanted, Some(1));
    for round in 0..6 {
        let writing = book.append(300);
        let last = async {
            let head = book.ledger.head() + 295;
            subscriber.until(head).await;
        };
        tokio::join!(writing, last);
        match round {
            1 => subscriber.leave(),
            2 => {
                nats.kill();
                nats.go();
            }
            _ => {}
        }
    }
    relay.published(book.ledger.head()).await;
    let expected = expected(&book.ledger, &ends).await;
    subscriber.until(*expected.last().unwrap()).await;
    assert_eq!(subscriber.handled, expected);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_begins_with_what_comes_next_unless_told() {
    let nats = Nats::start();
    let book = Book::new().await;
    let relay = book.relay(&nats.url());
    relay.published(book.append(50).await).await;
    let mut subscriber = Subscriber::new(connection(&nats.url()), &[], None);
    assert!(subscriber.subscription().ready().await.unwrap().is_empty());
    // It is kept where it began: what comes while it is away is not missed.
    subscriber.leave();
    let head = book.append(20).await;
    relay.published(head).await;
    subscriber.until(head).await;
    assert_eq!(subscriber.handled, (52..=head).collect::<Vec<_>>());

    let mut told = Subscriber::new(connection(&nats.url()), &[], Some(10));
    told.until(head).await;
    assert_eq!(told.handled, (10..=head).collect::<Vec<_>>());
    let file = told.settings.position_file.clone();
    let second = Subscription::open(Settings {
        position_file: file,
        ..told.settings.clone()
    });
    assert!(
        matches!(second, Err(SubscribeError::File { .. })),
        "one at a time"
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_handled_twice_when_nats_is_wiped_and_filled_again() {
    let mut nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    let mut subscriber = Subscriber::new(connection(&url), &[], Some(1));
    let head = book.append(100).await;
    subscriber.until(head).await;
    relay.stop().await;
    nats.stop();
    nats.wipe();
    nats.go();
    let head = book.append(50).await;
    refill(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    subscriber.until(head).await;
    // And once more, into a stream of the next generation, with the subscriber away meanwhile.
    subscriber.leave();
    let head = book.append(50).await;
    rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    subscriber.until(head).await;
    // And while it is there.
    rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    let relay = book.relay(&url);
    let head = book.append(50).await;
    subscriber.until(head).await;
    assert_eq!(subscriber.handled, (1..=head).collect::<Vec<_>>());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_is_not_passed_over() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    book.append(10).await;
    let restored = TempDir::new().unwrap();
    backup(&book.path(), &restored.path().join("ledger.db"))
        .await
        .unwrap();
    let head = book.append(10).await;
    let mut subscriber = Subscriber::new(connection(&url), &[], Some(1));
    subscriber.until(head).await;
    relay.stop().await;
    drop(book.close().await);
    let book = Book::open(restored).await;
    book.append(30).await;
    rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    let waiting = async {
        loop {
            match subscriber.subscription().next().await {
                Ok(events) => assert!(events.is_empty(), "{events:?}"),
                Err(error) => return error,
            }
        }
    };
    let refused = tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    assert!(
        matches!(refused, SubscribeError::HistoryChanged { position: 21 }),
        "{refused}"
    );
    drop(subscriber.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_restored_is_noticed_before_it_is_as_long_again() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    book.append(10).await;
    let restored = TempDir::new().unwrap();
    backup(&book.path(), &restored.path().join("ledger.db"))
        .await
        .unwrap();
    let head = book.append(40).await;
    let mut subscriber = Subscriber::new(connection(&url), &[], Some(1));
    subscriber.until(head).await;
    relay.stop().await;
    drop(book.close().await);
    let book = Book::open(restored).await;
    rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
        .await
        .unwrap();
    // What was handled before comes again, and is passed over.
    assert!(subscriber.subscription().ready().await.unwrap().is_empty());
    let relay = book.relay(&url);
    relay.published(book.append(1).await).await;
    let refused = subscriber.subscription().next();
    let refused = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert!(
        matches!(
            refused,
            Err(SubscribeError::HistoryChanged { position: 51 })
        ),
        "{refused:?}"
    );
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_stream_is_followed_though_news_never_cease() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    let mut subscriber = Subscriber::new(connection(&url), &[], Some(1));
    subscriber.until(book.append(20).await).await;
    let stop = AtomicBool::new(false);
    let writing = async {
        while !stop.load(Ordering::Relaxed) {
            book.append(1).await;
        }
    };
    let following = async {
        rebuild(&book.ledger, &connection(&url), 1, 1, |_, _| ())
            .await
            .unwrap();
        let head = book.ledger.head() + 20;
        subscriber.until(head).await;
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, following);
    let handled = &subscriber.handled;
    assert!(handled.iter().copied().eq(1..=handled.len() as u64));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_without_a_name_do_not_take_from_each_other() {
    let nats = Nats::start();
    let url = nats.url();
    let book = Book::new().await;
    let relay = book.relay(&url);
    let ends = [partnership(2).to_string(), partnership(3).to_string()];
    let mut subscribers = filters(&ends).into_iter().map(|filter| {
        let mut subscriber = Subscriber::new(connection(&url), &[&filter], Some(1));
        subscriber.settings.name = None;
        subscriber
    });
    let (mut one, mut other) = (subscribers.next().unwrap(), subscribers.next().unwrap());
    for _ in 0..3 {
        book.append(50).await;
        for (subscriber, end) in [&mut one, &mut other].into_iter().zip(&ends) {
            let expected = expected(&book.ledger, std::slice::from_ref(end)).await;
            subscriber.until(*expected.last().unwrap()).await;
            assert_eq!(subscriber.handled, expected);
        }
    }
    relay.stop().await;
}

/// The example of the documentation: a subscriber that reads its partnership and nothing else.
fn permissions() -> String {
    let path: PathBuf = dutyledger_tests::repository().join("ops/nats/permissions.conf");
    let text = std::fs::read_to_string(path).unwrap();
    text.replace("PARTNERSHIP_ID", &partnership(2).to_string())
}

fn user(user: &str, inbox: Option<&str>, nats: &Nats) -> Connection {
    Connection {
        credentials: Credentials::User {
            user: user.to_owned(),
            password: format!("{user}-password"),
        },
        inbox_prefix: inbox.map(str::to_owned),
        ..connection(&nats.url())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_subscriber_reads_its_own_and_nothing_else() {
    let nats = Nats::start_with(&permissions());
    let book = Book::new().await;
    let mut relay = dutyledger_notifications::Relay::new(
        (*book.ledger).clone(),
        book.ledger.tail(),
        user("relay", None, &nats),
        1,
    );
    let watch = relay.watch();
    let (stop, mut stopping) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(async move {
        let stopped = async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        relay.run(stopped).await;
    });
    let head = book.append(100).await;
    // An entry of the ledger's own stream and a direction without a partnership end in none as well,
    // and are not for everybody.
    book.append_event(
        "direction",
        "DirectionWithdrawn",
        json!({ "note": null }),
        vec![],
    )
    .await;
    let all = watch.until(|standing| standing.published > head);
    tokio::time::timeout(PATIENCE, all).await.unwrap().unwrap();

    let own = partnership(2);
    let wanted = [
        format!("dutyledger.v1.*.*.{own}"),
        "dutyledger.v1.*.*.several".to_owned(),
        "dutyledger.v1.area.*.none".to_owned(),
        "dutyledger.v1.authority.*.none".to_owned(),
    ];
    let wanted: Vec<_> = wanted.iter().map(String::as_str).collect();
    let mut subscriber =
        Subscriber::new(user("city", Some("_INBOX_city"), &nats), &wanted, Some(1));
    let ends = [own.to_string(), "several".to_owned(), "none".to_owned()];
    let mut expected = expected(&book.ledger, &ends).await;
    expected.retain(|position| *position != 1 && *position != head + 1);
    subscriber.until(*expected.last().unwrap()).await;
    assert_eq!(subscriber.handled, expected);

    // Whatever else it asks for is refused.
    let options = async_nats::ConnectOptions::with_user_and_password(
        "city".to_owned(),
        "city-password".to_owned(),
    );
    let client = options
        .custom_inbox_prefix("_INBOX_city")
        .request_timeout(Some(PATIENCE))
        .connect(nats.url())
        .await
        .unwrap();
    let other = partnership(3);
    let consumer = |filter: &str| {
        json!({ "stream_name": "DUTYLEDGER_1", "config": { "name": "city-0",
            "ack_policy": "none", "deliver_policy": "all", "filter_subject": filter } })
        .to_string()
    };
    let everything = consumer("");
    let others = consumer(&format!("dutyledger.v1.*.*.{other}"));
    let pushed = json!({ "stream_name": "DUTYLEDGER_1", "config": { "name": "city-0",
        "deliver_subject": "_INBOX_city.x", "ack_policy": "none", "deliver_policy": "all" } });
    let asked: &[(String, String)] = &[
        (
            "$JS.API.STREAM.MSG.GET.DUTYLEDGER_1".into(),
            json!({ "seq": 1 }).to_string(),
        ),
        (
            "$JS.API.DIRECT.GET.DUTYLEDGER_1".into(),
            json!({ "seq": 1 }).to_string(),
        ),
        (
            format!(
                "$JS.API.DIRECT.GET.DUTYLEDGER_1.dutyledger.v1.strategy.engagement-held.{other}"
            ),
            String::new(),
        ),
        ("$JS.API.STREAM.INFO.DUTYLEDGER_1".into(), String::new()),
        ("$JS.API.STREAM.DELETE.DUTYLEDGER_1".into(), String::new()),
        ("$JS.API.STREAM.PURGE.DUTYLEDGER_1".into(), String::new()),
        (
            "$JS.API.CONSUMER.CREATE.DUTYLEDGER_1".into(),
            everything.clone(),
        ),
        (
            "$JS.API.CONSUMER.CREATE.DUTYLEDGER_1.city-0".into(),
            everything.clone(),
        ),
        (
            "$JS.API.CONSUMER.DURABLE.CREATE.DUTYLEDGER_1.city-0".into(),
            everything.clone(),
        ),
        (
            format!("$JS.API.CONSUMER.CREATE.DUTYLEDGER_1.city-0.dutyledger.v1.*.*.{other}"),
            others.clone(),
        ),
        (
            "$JS.API.CONSUMER.MSG.NEXT.DUTYLEDGER_1.archive-0".into(),
            "1".into(),
        ),
        (
            "dutyledger.v1.strategy.strategy-adopted.none".into(),
            "{}".into(),
        ),
        // The subject is allowed and what is asked for is more.
        (
            format!("$JS.API.CONSUMER.CREATE.DUTYLEDGER_1.city-0.dutyledger.v1.*.*.{own}"),
            everything,
        ),
        (
            format!("$JS.API.CONSUMER.CREATE.DUTYLEDGER_1.city-0.dutyledger.v1.*.*.{own}"),
            others,
        ),
        (
            format!("$JS.API.CONSUMER.CREATE.DUTYLEDGER_1.city-0.dutyledger.v1.*.*.{own}"),
            pushed.to_string(),
        ),
    ];
    // What it may ask for is answered, and there is something to take from the archive's consumer.
    subscriber.leave();
    let allowed = "$JS.API.CONSUMER.DELETE.DUTYLEDGER_1.city-0";
    let ask = async || {
        let answer = client.request(allowed, "".into()).await;
        String::from_utf8_lossy(&answer.unwrap().payload).into_owned()
    };
    let answer = ask().await;
    assert!(!answer.contains("\"error\""), "{answer}");
    let archive = Connection {
        inbox_prefix: Some("_INBOX_archive".to_owned()),
        ..user("archive", None, &nats)
    };
    let mut archive = Subscriber::new(archive, &[], Some(1));
    archive.settings.name = Some("archive".to_owned());
    archive.until(head + 1).await;
    assert_eq!(archive.handled, (1..=head + 1).collect::<Vec<_>>());

    // What may not be asked is never answered.
    let answers = asked.iter().map(|(subject, body)| {
        let answer = client.request(subject.clone(), body.clone().into());
        tokio::time::timeout(NOT_ANSWERED, answer)
    });
    let answers = join_all(answers).await;
    let answered = asked.iter().zip(answers).filter_map(|(asked, answer)| {
        let payload = answer.ok()?.ok()?.payload;
        let text = String::from_utf8_lossy(&payload).into_owned();
        (!text.contains("\"error\"")).then_some((asked, text))
    });
    let answered: Vec<_> = answered.collect();
    assert!(answered.is_empty(), "{answered:?}");
    let mut heard = client
        .subscribe(format!("dutyledger.v1.*.*.{other}"))
        .await
        .unwrap();
    let mut everything = client.subscribe("dutyledger.>").await.unwrap();
    let mut inboxes = client.subscribe("_INBOX.>").await.unwrap();
    // Whatever is answered over this connection comes after what was sent over it before: once asked now,
    // it listens, and once asked again, it was given everything it is ever given.
    let _ = ask().await;
    let head = book.append(10).await;
    let all = watch.until(|standing| standing.published >= head);
    tokio::time::timeout(PATIENCE, all).await.unwrap().unwrap();
    let _ = ask().await;
    assert!(heard.next().now_or_never().flatten().is_none());
    assert!(everything.next().now_or_never().flatten().is_none());
    assert!(inboxes.next().now_or_never().flatten().is_none());
    stop.send(true).unwrap();
    running.await.unwrap();
}
