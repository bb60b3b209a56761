//! The note of a head, kept outside the database: what tells that entries are missing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::support::{LEDGER, PATIENCE, Place, append, on_both, part};
use dutyledger_ledger::{
    Append, KeptAs, KeptHead, Ledger, LedgerReader, NoContinuation, NotedHead, OpenError, Options,
};
use dutyledger_test_postgres::Postgres;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

on_both!(
    a_ledger_notes_its_head_while_it_runs_and_as_it_closes,
    a_ledger_that_went_on_from_its_note_is_opened,
    an_older_copy_is_refused_and_the_message_says_what_is_lost,
    an_older_copy_that_went_on_differently_is_refused,
    a_copy_of_which_only_a_part_was_put_back_is_refused,
    a_note_of_another_ledger_is_refused,
    a_ledger_that_is_gone_is_not_founded_again,
    notes_written_at_once_are_whole,
    what_is_no_note_is_refused,
    a_ledger_that_does_not_go_on_from_what_was_signed_is_refused,
    the_note_tells_what_is_missing_when_an_older_copy_is_put_back_under_the_ledger,
);

impl Place {
    async fn open_noted(&self) -> Result<Ledger, OpenError> {
        let mut options = Options::at(self.address());
        options.noted = Some(self.note());
        self.open_with(options, LEDGER).await
    }

    /// A place that holds what this one holds now, and the same note. The ledger must be closed.
    fn copy(&self) -> Self {
        let copy = if self.is_file() {
            let copy = Self::sqlite();
            std::fs::copy(self.path(), copy.path()).unwrap();
            copy
        } else {
            Self::of(Postgres::shared().copy(self.database()))
        };
        if self.note().exists() {
            std::fs::copy(self.note(), copy.note()).unwrap();
        }
        copy
    }
}

fn one(version: u64, entry: u128) -> Append {
    append(vec![part(1, version, 1, entry)])
}

fn noted(path: &Path) -> Option<NotedHead> {
    NotedHead::read(path).unwrap()
}

/// Waits until a note says something.
async fn until(path: &Path, says: impl Fn(&NotedHead) -> bool) {
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < PATIENCE, "the note says something else");
        if noted(path).is_some_and(|head| says(&head)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn head(ledger: &LedgerReader) -> NotedHead {
    NotedHead::of(ledger).await.unwrap().unwrap()
}

fn refusal(opened: Result<Ledger, OpenError>) -> NoContinuation {
    match opened {
        Err(OpenError::NoContinuation(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn a_ledger_notes_its_head_while_it_runs_and_as_it_closes(place: Place) {
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    until(&place.note(), |head| head.position == 2).await;
    assert_eq!(noted(&place.note()), Some(head(&ledger).await));
    ledger.append(one(1, 11)).await.unwrap();
    ledger.append(one(2, 12)).await.unwrap();
    let expected = head(&ledger).await;
    assert_eq!(expected.position, 4);
    // No time for the note that is due in a second.
    ledger.close().await;
    assert_eq!(noted(&place.note()), Some(expected));
    let beside: Vec<_> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ledger.head"))
        .collect();
    assert_eq!(beside, ["ledger.head"], "nothing half-written is left");
}

async fn a_ledger_that_went_on_from_its_note_is_opened(place: Place) {
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    ledger.close().await;
    // Entries recorded without a note, in one commit and then in another.
    let ledger = place.open().await;
    ledger
        .append(append(vec![part(1, 1, 3, 20)]))
        .await
        .unwrap();
    ledger.append(one(4, 30)).await.unwrap();
    ledger.close().await;
    let ledger = place.open_noted().await.unwrap();
    assert_eq!(ledger.head(), 6);
    ledger.close().await;
    assert_eq!(noted(&place.note()).unwrap().position, 6);
}

async fn a_copy_of_which_only_a_part_was_put_back_is_refused(place: Place) {
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    ledger.append(one(1, 11)).await.unwrap();
    ledger.close().await;
    for (lost, first) in [
        ("DELETE FROM entry", 1),
        ("DELETE FROM entry WHERE position < 3", 1),
        ("DELETE FROM entry WHERE position = 3", 3),
        ("DELETE FROM root WHERE position = 3", 3),
    ] {
        let part = place.copy();
        part.may_remove().await;
        part.by_hand(lost).await;
        for noted in [true, false] {
            if !noted {
                std::fs::remove_file(part.note()).unwrap();
            }
            let why = refusal(part.open_noted().await);
            let (last, position) = (3, first);
            assert_eq!(why, NoContinuation::InPart { last, position }, "{lost}");
        }
    }
}

async fn an_older_copy_is_refused_and_the_message_says_what_is_lost(place: Place) {
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    ledger.close().await;
    let older = place.copy();
    let ledger = place.open_noted().await.unwrap();
    ledger
        .append(append(vec![part(1, 1, 3, 20)]))
        .await
        .unwrap();
    ledger.close().await;
    std::fs::copy(place.note(), older.note()).unwrap();

    let why = refusal(older.open_noted().await);
    let note = older.note().display().to_string();
    let behind = NoContinuation::Behind {
        kept: KeptAs::Note,
        note,
        noted: 5,
        found: 2,
    };
    assert_eq!(why, behind);
    assert!(why.to_string().contains("positions 3 to 5"), "{why}");
    // Nothing was touched, the note least of all, and who accepts the loss goes on.
    assert_eq!(noted(&older.note()), noted(&place.note()));
    let reader = older.reader().await.unwrap();
    head(&reader).await.write(&older.note()).unwrap();
    reader.close().await;
    let ledger = older.open_noted().await.unwrap();
    assert_eq!(ledger.append(one(1, 40)).await.unwrap().first_position, 3);
    ledger.close().await;
    // The one that has everything is still good.
    place.open_noted().await.unwrap().close().await;
}

async fn an_older_copy_that_went_on_differently_is_refused(place: Place) {
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    ledger.close().await;
    let older = place.copy();
    let ledger = place.open_noted().await.unwrap();
    ledger
        .append(append(vec![part(1, 1, 2, 20)]))
        .await
        .unwrap();
    ledger.close().await;
    // The same position by another way: once with a commit that ends there, once without, and
    // once far beyond.
    for commits in [&[2][..], &[3], &[2, 5]] {
        let other = older.copy();
        let ledger = other.open().await;
        let mut version = 1;
        for &count in commits {
            let more = append(vec![part(1, version, count, 100 + u128::from(version))]);
            ledger.append(more).await.unwrap();
            version += count;
        }
        ledger.close().await;
        std::fs::copy(place.note(), other.note()).unwrap();
        let note = other.note().display().to_string();
        let why = refusal(other.open_noted().await);
        assert_eq!(why, NoContinuation::Other { note, noted: 4 });
    }
}

async fn a_note_of_another_ledger_is_refused(place: Place) {
    place.open_noted().await.unwrap().close().await;
    let mut other = noted(&place.note()).unwrap();
    let found = other.ledger_id;
    other.ledger_id = dutyledger_record::LedgerId::new(uuid::Uuid::from_u128(7));
    other.write(&place.note()).unwrap();
    let why = refusal(place.open_noted().await);
    let expected = NoContinuation::OtherLedger {
        note: place.note().display().to_string(),
        noted: other.ledger_id,
        found,
    };
    assert_eq!(why, expected);
    assert_eq!(
        noted(&place.note()),
        Some(other),
        "the note stays as it was"
    );
}

async fn a_ledger_that_is_gone_is_not_founded_again(place: Place) {
    let elsewhere = Place::sqlite();
    let ledger = elsewhere.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    ledger.close().await;
    std::fs::copy(elsewhere.note(), place.note()).unwrap();
    let why = refusal(place.open_noted().await);
    let note = place.note().display().to_string();
    let (noted, found) = (2, 0);
    let behind = NoContinuation::Behind {
        kept: KeptAs::Note,
        note,
        noted,
        found,
    };
    assert_eq!(why, behind);
    assert!(place.reader().await.is_err(), "nothing was founded");
}

async fn notes_written_at_once_are_whole(place: Place) {
    let ledger = place.open().await;
    ledger.append(one(0, 10)).await.unwrap();
    let long = head(&ledger).await;
    ledger.close().await;
    let far = NotedHead {
        position: u64::MAX,
        ..long.clone()
    };
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let head = if n % 2 == 0 {
                long.clone()
            } else {
                far.clone()
            };
            let path = place.note();
            std::thread::spawn(move || {
                for _ in 0..25 {
                    head.write(&path).unwrap();
                    assert!(NotedHead::read(&path).unwrap().is_some());
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
}

async fn what_is_no_note_is_refused(place: Place) {
    place.open_noted().await.unwrap().close().await;
    let good = std::fs::read_to_string(place.note()).unwrap();
    for text in [
        "",
        "{}",
        &good[..good.len() - 3],
        &good.replace('{', "{\"more\":1,"),
    ] {
        std::fs::write(place.note(), text).unwrap();
        let refused = place.open_noted().await;
        assert!(matches!(refused, Err(OpenError::Io(_))), "{refused:?}");
    }
}

async fn the_note_tells_what_is_missing_when_an_older_copy_is_put_back_under_the_ledger(
    place: Place,
) {
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    place.keep_copy().await;
    ledger.append(one(1, 11)).await.unwrap();
    ledger.append(one(2, 12)).await.unwrap();
    // There was no time yet for the note that is due in a second.
    let expected = head(&ledger).await;
    place.put_back().await;
    ledger.close().await;
    assert_eq!(noted(&place.note()), Some(expected));
    let why = refusal(place.open_noted().await);
    let note = place.note().display().to_string();
    let behind = NoContinuation::Behind {
        kept: KeptAs::Note,
        note,
        noted: 4,
        found: 2,
    };
    assert_eq!(why, behind);
}

async fn a_ledger_that_does_not_go_on_from_what_was_signed_is_refused(place: Place) {
    let ledger = place.open().await;
    ledger.append(one(0, 10)).await.unwrap();
    ledger.close().await;
    let older = place.copy();
    let ledger = place.open().await;
    ledger.append(one(1, 11)).await.unwrap();
    let signed = head(&ledger).await;
    ledger.append(one(2, 12)).await.unwrap();
    ledger.close().await;
    let open = async |place: &Place| {
        let mut options = Options::at(place.address());
        options.signed = Some(KeptHead {
            file: "ledger.checkpoint".into(),
            kept: KeptAs::Checkpoint,
            head: signed.clone(),
        });
        place.open_with(options, LEDGER).await
    };
    open(&place).await.unwrap().close().await;

    // Although no note is left.
    let behind = |found| NoContinuation::Behind {
        kept: KeptAs::Checkpoint,
        note: "ledger.checkpoint".to_owned(),
        noted: 3,
        found,
    };
    let why = refusal(open(&older).await);
    assert_eq!(why, behind(2));
    assert!(
        why.to_string().contains("move that checkpoint away"),
        "{why}"
    );
    // Nor is another founded in the place of one that is gone.
    let gone = match place.is_file() {
        true => Place::sqlite(),
        false => Place::postgres().await,
    };
    assert_eq!(refusal(open(&gone).await), behind(0));
    assert!(gone.reader().await.is_err(), "nothing was founded");
    // Nor is one gone on from that came as far on another way.
    let ledger = older.open().await;
    ledger.append(one(1, 99)).await.unwrap();
    ledger.close().await;
    let other = NoContinuation::Other {
        note: "ledger.checkpoint".to_owned(),
        noted: 3,
    };
    assert_eq!(refusal(open(&older).await), other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_note_stays_when_another_history_has_come_further() {
    let place = Place::postgres().await;
    let ledger = place.open_noted().await.unwrap();
    ledger.append(one(0, 10)).await.unwrap();
    place.keep_copy().await;
    ledger.append(one(1, 11)).await.unwrap();
    until(&place.note(), |head| head.position == 3).await;
    let expected = noted(&place.note());
    place.put_back().await;
    let theirs = place.open().await;
    theirs
        .append(append(vec![part(2, 0, 5, 20)]))
        .await
        .unwrap();
    theirs.close().await;
    ledger.close().await;
    assert_eq!(noted(&place.note()), expected);
}

/// Counts what is logged at a level.
struct Said {
    level: Level,
    count: Arc<AtomicUsize>,
}

/// Counts what this thread logs at a level, while it is watched.
fn watched(level: Level) -> (Arc<AtomicUsize>, DefaultGuard) {
    let count = Arc::new(AtomicUsize::new(0));
    let said = Said {
        level,
        count: Arc::clone(&count),
    };
    (count, tracing::subscriber::set_default(said))
}

impl Subscriber for Said {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == self.level
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

// On one thread, whose log is watched.
#[tokio::test]
async fn that_a_ledger_which_goes_on_has_no_note_is_told_as_it_is_opened() {
    let place = Place::sqlite();
    let (warnings, _watched) = watched(Level::WARN);
    for (note, told) in [("first", 0), ("first", 0), ("another", 1)] {
        let mut options = Options::at(place.address());
        options.noted = Some(place.folder.path().join(note));
        let ledger = place.open_with(options, LEDGER).await.unwrap();
        ledger.close().await;
        assert_eq!(warnings.load(Ordering::SeqCst), told, "{note}");
    }
}

// On one thread, whose log is watched.
#[tokio::test]
async fn a_note_that_could_not_be_written_is_written_later() {
    let place = Place::sqlite();
    let ledger = place.open().await;
    ledger.append(one(0, 10)).await.unwrap();
    ledger.close().await;
    let (errors, _watched) = watched(Level::ERROR);
    let folder = place.folder.path().join("later");
    let mut options = Options::at(place.address());
    options.noted = Some(folder.join("ledger.head"));
    let ledger = place.open_with(options, LEDGER).await.unwrap();
    let since = Instant::now();
    while errors.load(Ordering::SeqCst) == 0 {
        assert!(since.elapsed() < PATIENCE, "that it failed is told");
        tokio::task::yield_now().await;
    }
    std::fs::create_dir(&folder).unwrap();
    // Although nothing more is recorded.
    until(&folder.join("ledger.head"), |head| head.position == 2).await;
    ledger.close().await;
}
