//! The workloads and the ratios that are wanted.

use std::time::Duration;

use crate::cell::{By, Cell, Handing};
use crate::sample::Figure;
use crate::settings::Settings;
use crate::store::Db;

/// A small ledger and a large one, in entries.
const GROWTH: (u64, u64) = (10_000, 10_000_000);

/// Memory that does not grow with the entries.
const FLAT: Target = Target::AtMost(1.25);

/// The ratio that is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// In the median, and in each round.
    AtLeastEach(f64, f64),
    /// Or ours in the median below a time.
    AtMostOrBelow(f64, Duration),
    /// None: the figures are shown.
    Shown,
}

/// A workload: a figure of ours and the one it is held against.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) db: Db,
    pub(crate) workload: &'static str,
    pub(crate) against: &'static str,
    pub(crate) ours: Cell,
    pub(crate) other: Cell,
    pub(crate) target: Target,
    pub(crate) figure: Figure,
}

/// Workloads whose cells alternate.
pub(crate) struct Group {
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: usize,
}

impl Group {
    /// Every cell once.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for cell in self.rows.iter().flat_map(|row| [row.ours, row.other]) {
            if !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }
}

impl Row {
    /// What `--only` looks in.
    pub(crate) fn name(&self) -> String {
        format!("{}: {} / {}", self.db.name(), self.workload, self.against)
    }

    /// Whether every word of a pattern is in the name.
    fn is_asked_for(&self, pattern: Option<&str>) -> bool {
        let name = self.name().to_lowercase();
        let words = pattern.unwrap_or_default().to_lowercase();
        words.split_whitespace().all(|word| name.contains(word))
    }
}

/// The groups that are asked for.
pub(crate) fn groups(settings: &Settings) -> Vec<Group> {
    let mut groups = vec![
        (append(Db::Sqlite), 3),
        (append(Db::Postgres), 3),
        (hogs(), 5),
        (replay(Db::Sqlite), 3),
        (replay(Db::Postgres), 3),
        (notifications(Db::Sqlite), 3),
        (notifications(Db::Postgres), 3),
        (audit(Db::Sqlite, settings), 3),
        (audit(Db::Postgres, settings), 3),
    ];
    if settings.large {
        groups.extend([(growth(Db::Sqlite), 3), (growth(Db::Postgres), 3)]);
    }
    let pattern = settings.only.as_deref();
    groups
        .into_iter()
        .map(|(rows, least)| Group {
            rows: rows
                .into_iter()
                .filter(|row| row.is_asked_for(pattern))
                .collect(),
            rounds: settings.rounds(least),
        })
        .filter(|group| !group.rows.is_empty())
        .collect()
}

fn append(db: Db) -> Vec<Row> {
    let ours = |clients| Cell::Ours { db, clients };
    let limit = |rows| Cell::Limit { db, rows };
    let of = |postgres, sqlite| {
        Target::AtLeast(match db {
            Db::Postgres => postgres,
            Db::Sqlite => sqlite,
        })
    };
    let row = |workload, against, ours, other, target| Row {
        db,
        workload,
        against,
        ours,
        other,
        target,
        figure: Figure::Rate,
    };
    let mut rows = vec![
        row(
            "1 client in sequence",
            "raw driver, single-row commits",
            ours(1),
            limit(1),
            of(0.80, 0.55),
        ),
        row(
            "32 clients on distinct streams",
            "raw driver, 32 rows a transaction",
            ours(32),
            limit(32),
            of(0.50, 0.28),
        ),
        row(
            "256 clients",
            "raw driver, 128 rows a transaction",
            ours(256),
            limit(128),
            of(0.60, 0.28),
        ),
        row(
            "32 clients on one hot stream",
            "32 clients on distinct streams",
            Cell::Hot { db, clients: 32 },
            ours(32),
            of(0.15, 0.15),
        ),
        row(
            "1 client on a stream of 5 000 entries",
            "on short streams",
            Cell::Long { db, cold: false },
            ours(1),
            Target::Shown,
        ),
        row(
            "the first command on it after opening",
            "those after",
            Cell::Long { db, cold: true },
            Cell::Long { db, cold: false },
            Target::Shown,
        ),
        row(
            "HTTP, 64 connections",
            "in the process, 64 clients",
            Cell::Http {
                db,
                connections: 64,
            },
            ours(64),
            of(0.40, 0.40),
        ),
    ];
    if db == Db::Postgres {
        rows.push(row(
            "32 clients",
            "stock peer, 32 clients",
            ours(32),
            Cell::Peer { clients: Some(32) },
            Target::AtLeast(6.0),
        ));
        rows.push(row(
            "256 clients",
            "stock peer at its best number of clients",
            ours(256),
            Cell::Peer { clients: None },
            Target::AtLeast(10.0),
        ));
    }
    rows
}

fn hogs() -> Vec<Row> {
    vec![Row {
        db: Db::Postgres,
        workload: "32 clients beside two CPU hogs",
        against: "32 plain connections beside the hogs, single-row commits",
        ours: Cell::OursBesideHogs { clients: 32 },
        other: Cell::PlainBesideHogs { connections: 32 },
        target: Target::AtLeastEach(0.7, 0.5),
        figure: Figure::Rate,
    }]
}

fn replay(db: Db) -> Vec<Row> {
    let by = |by, decoded| Cell::Replay { db, by, decoded };
    let target = match db {
        Db::Postgres => 0.7,
        Db::Sqlite => 0.3,
    };
    let mut rows = vec![
        Row {
            db,
            workload: "replay in order, decoded",
            against: "raw driver's ordered scan, decoded",
            ours: by(By::Ours, true),
            other: by(By::Raw, true),
            target: Target::AtLeast(target),
            figure: Figure::Rate,
        },
        Row {
            db,
            workload: "replay in order, as text",
            against: "raw driver's ordered scan, as text",
            ours: by(By::Ours, false),
            other: by(By::Raw, false),
            target: Target::Shown,
            figure: Figure::Rate,
        },
    ];
    if db == Db::Postgres {
        rows.push(Row {
            db,
            workload: "replay in order, decoded",
            against: "stock peer's replay_all",
            ours: by(By::Ours, true),
            other: by(By::Peer, true),
            target: Target::AtLeast(3.0),
            figure: Figure::Rate,
        });
    }
    rows
}

fn growth(db: Db) -> Vec<Row> {
    let (small, large) = GROWTH;
    let grown = |entries, clients| Cell::Grown {
        db,
        entries,
        clients,
    };
    let row = |workload, clients| Row {
        db,
        workload,
        against: "the same after 10 million (the ratio is how the time grew)",
        ours: grown(small, clients),
        other: grown(large, clients),
        target: Target::AtMost(1.5),
        figure: Figure::Rate,
    };
    vec![
        row("append by 1 client after 10 thousand entries", 1),
        row("append by 32 clients after 10 thousand entries", 32),
    ]
}

fn notifications(db: Db) -> Vec<Row> {
    let notice = |by| Cell::Notice { db, by };
    let row = |workload, against, ours, other, target, figure| Row {
        db,
        workload,
        against,
        ours,
        other,
        target,
        figure,
    };
    let (at_200, alone) = (
        "notification, from a command's start to its receipt at 200 a second",
        "JetStream alone, from publishing to receipt",
    );
    vec![
        row(
            "notifications of a backlog",
            "JetStream alone, the same messages",
            Cell::Drain { db, by: By::Ours },
            Cell::Drain { db, by: By::Raw },
            Target::AtLeast(0.5),
            Figure::Rate,
        ),
        row(
            "notifications delivered while 32 clients append",
            "what 32 clients append without them",
            Cell::Live { db, clients: 32 },
            Cell::Silent { db, clients: 32 },
            Target::AtLeast(0.6),
            Figure::Rate,
        ),
        row(
            at_200,
            alone,
            notice(By::Ours),
            notice(By::Raw),
            Target::AtMost(4.0),
            Figure::P50,
        ),
        row(
            at_200,
            alone,
            notice(By::Ours),
            notice(By::Raw),
            Target::AtMost(10.0),
            Figure::P99,
        ),
    ]
}

/// What an answer as of a moment may take, however long reading its entries takes.
const ANSWER: Duration = Duration::from_millis(50);

fn audit(db: Db, settings: &Settings) -> Vec<Row> {
    let verify = |by| Cell::Verify { db, by };
    let as_of = |by| Cell::AsOf { db, by };
    let entries = settings.audited();
    let hand = |what| Cell::Hand { db, entries, what };
    let tenth = |what| Cell::Hand {
        db,
        entries: entries / 10,
        what,
    };
    let row = |workload, against, ours, other, target, figure| Row {
        db,
        workload,
        against,
        ours,
        other,
        target,
        figure,
    };
    let (answers, read) = (
        "audit, obligations of one partnership of a nation as of a moment",
        "the entries they rest on, read and decoded",
    );
    let mut rows = vec![
        row(
            "audit, every entry verified",
            "the same pages read and hashed",
            verify(By::Ours),
            verify(By::Raw),
            Target::AtLeast(0.5),
            Figure::Rate,
        ),
        row(
            answers,
            read,
            as_of(By::Ours),
            as_of(By::Raw),
            Target::AtMostOrBelow(2.0, ANSWER),
            Figure::P50,
        ),
        row(
            answers,
            read,
            as_of(By::Ours),
            as_of(By::Raw),
            Target::Shown,
            Figure::P99,
        ),
        row(
            "audit, a ledger exported",
            "a plain copy of its entries' text",
            hand(Handing::Export),
            hand(Handing::Copy),
            Target::Shown,
            Figure::Rate,
        ),
        row(
            "audit, the memory of an export",
            "of a tenth of the entries",
            hand(Handing::Export),
            tenth(Handing::Export),
            FLAT,
            Figure::Peak,
        ),
    ];
    // Whichever database it came from, a bundle is the same.
    if db == Db::Sqlite {
        rows.extend([
            row(
                "audit, a bundle checked offline",
                "a plain copy of its entries' text",
                hand(Handing::Check),
                hand(Handing::Copy),
                Target::Shown,
                Figure::Rate,
            ),
            row(
                "audit, the memory of checking a bundle",
                "of a tenth of the entries",
                hand(Handing::Check),
                tenth(Handing::Check),
                FLAT,
                Figure::Peak,
            ),
        ]);
    }
    rows
}
