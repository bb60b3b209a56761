//! The workloads and the ratios that are wanted.

use std::time::Duration;

use crate::cell::{By, Cell, Handing, Work};
use crate::sample::Figure;
use crate::settings::Settings;
use crate::store::Db;

/// A small ledger and a large one, in entries.
const GROWTH: (u64, u64) = (10_000, 10_000_000);

/// Memory that does not grow with the entries.
const FLAT: Target = Target::AtMost(1.25);
/// What a process may take that appends to a large ledger, replays it or verifies it.
const MEMORY: Target = Target::OursAtMost(300.0 * 1024.0 * 1024.0);
/// A million entries in 20 seconds.
const VERIFIED: Target = Target::OursAtLeast(50_000.0);

/// The ratio that is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// In the median, and in each round.
    AtLeastEach(f64, f64),
    /// Or ours in the median below a time.
    AtMostOrBelow(f64, Duration),
    /// Ours in the median, whatever the other is.
    OursAtLeast(f64),
    OursAtMost(f64),
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
    const fn new(
        db: Db,
        (workload, against): (&'static str, &'static str),
        (ours, other): (Cell, Cell),
        target: Target,
        figure: Figure,
    ) -> Self {
        Self {
            db,
            workload,
            against,
            ours,
            other,
            target,
            figure,
        }
    }

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
    let mut rows = vec![
        Row::new(
            db,
            ("1 client in sequence", "raw driver, single-row commits"),
            (ours(1), limit(1)),
            of(0.80, 0.55),
            Figure::Rate,
        ),
        Row::new(
            db,
            (
                "32 clients on distinct streams",
                "raw driver, 32 rows a transaction",
            ),
            (ours(32), limit(32)),
            of(0.50, 0.28),
            Figure::Rate,
        ),
        Row::new(
            db,
            ("256 clients", "raw driver, 128 rows a transaction"),
            (ours(256), limit(128)),
            of(0.60, 0.28),
            Figure::Rate,
        ),
        Row::new(
            db,
            (
                "32 clients on one hot stream",
                "32 clients on distinct streams",
            ),
            (Cell::Hot { db, clients: 32 }, ours(32)),
            of(0.15, 0.15),
            Figure::Rate,
        ),
        Row::new(
            db,
            ("1 client on a stream of 5 000 entries", "on short streams"),
            (Cell::Long { db, cold: false }, ours(1)),
            Target::Shown,
            Figure::Rate,
        ),
        Row::new(
            db,
            ("the first command on it after opening", "those after"),
            (
                Cell::Long { db, cold: true },
                Cell::Long { db, cold: false },
            ),
            Target::Shown,
            Figure::Rate,
        ),
        Row::new(
            db,
            ("HTTP, 64 connections", "in the process, 64 clients"),
            (
                Cell::Http {
                    db,
                    connections: 64,
                },
                ours(64),
            ),
            of(0.40, 0.40),
            Figure::Rate,
        ),
    ];
    if db == Db::Postgres {
        rows.push(Row::new(
            db,
            ("32 clients", "stock peer, 32 clients"),
            (ours(32), Cell::Peer { clients: Some(32) }),
            Target::AtLeast(6.0),
            Figure::Rate,
        ));
        rows.push(Row::new(
            db,
            ("256 clients", "stock peer at its best number of clients"),
            (ours(256), Cell::Peer { clients: None }),
            Target::AtLeast(10.0),
            Figure::Rate,
        ));
    }
    rows
}

fn hogs() -> Vec<Row> {
    vec![Row::new(
        Db::Postgres,
        (
            "32 clients beside two CPU hogs",
            "32 plain connections beside the hogs, single-row commits",
        ),
        (
            Cell::OursBesideHogs { clients: 32 },
            Cell::PlainBesideHogs { connections: 32 },
        ),
        Target::AtLeastEach(0.7, 0.5),
        Figure::Rate,
    )]
}

fn replay(db: Db) -> Vec<Row> {
    let by = |by, decoded| Cell::Replay { db, by, decoded };
    let target = match db {
        Db::Postgres => 0.7,
        Db::Sqlite => 0.3,
    };
    let mut rows = vec![
        Row::new(
            db,
            (
                "replay in order, decoded",
                "raw driver's ordered scan, decoded",
            ),
            (by(By::Ours, true), by(By::Raw, true)),
            Target::AtLeast(target),
            Figure::Rate,
        ),
        Row::new(
            db,
            (
                "replay in order, as text",
                "raw driver's ordered scan, as text",
            ),
            (by(By::Ours, false), by(By::Raw, false)),
            Target::Shown,
            Figure::Rate,
        ),
    ];
    if db == Db::Postgres {
        rows.push(Row::new(
            db,
            ("replay in order, decoded", "stock peer's replay_all"),
            (by(By::Ours, true), by(By::Peer, true)),
            Target::AtLeast(3.0),
            Figure::Rate,
        ));
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
    let row = |workload, clients| {
        Row::new(
            db,
            (
                workload,
                "the same after 10 million (the ratio is how the time grew)",
            ),
            (grown(small, clients), grown(large, clients)),
            Target::AtMost(1.5),
            Figure::Rate,
        )
    };
    let apart = |work| {
        let of = |entries| Cell::Apart { db, entries, work };
        (of(large), of(small))
    };
    let memory = |workload, work| {
        let against = "of 10 thousand";
        Row::new(db, (workload, against), apart(work), MEMORY, Figure::Peak)
    };
    vec![
        row("append by 1 client after 10 thousand entries", 1),
        row("append by 32 clients after 10 thousand entries", 32),
        memory("the memory of appending to 10 million", Work::Append),
        memory("the memory of replaying 10 million", Work::Replay),
        memory("the memory of verifying 10 million", Work::Verify),
        Row::new(
            db,
            ("verifying 10 million", "10 thousand"),
            apart(Work::Verify),
            VERIFIED,
            Figure::Rate,
        ),
    ]
}

fn notifications(db: Db) -> Vec<Row> {
    let notice = |by| Cell::Notice { db, by };
    let at_200 = (
        "notification, from a command's start to its receipt at 200 a second",
        "JetStream alone, from publishing to receipt",
    );
    let mut rows = vec![
        Row::new(
            db,
            (
                "notifications of a backlog",
                "JetStream alone, the same messages",
            ),
            (
                Cell::Drain { db, by: By::Ours },
                Cell::Drain { db, by: By::Raw },
            ),
            Target::AtLeast(0.5),
            Figure::Rate,
        ),
        Row::new(
            db,
            (
                "notifications delivered while 32 clients append",
                "what 32 clients append without them",
            ),
            (
                Cell::Live { db, clients: 32 },
                Cell::Silent { db, clients: 32 },
            ),
            Target::AtLeast(0.6),
            Figure::Rate,
        ),
    ];
    let notices = (notice(By::Ours), notice(By::Raw));
    let of = |(figure, most)| Row::new(db, at_200, notices, Target::AtMost(most), figure);
    rows.extend([(Figure::P50, 4.0), (Figure::P99, 10.0)].map(of));
    rows
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
    let answers = (
        "audit, obligations of one partnership of a nation as of a moment",
        "the entries they rest on, read and decoded",
    );
    let verified = (
        "audit, every entry verified",
        "the same pages read and hashed",
    );
    let verifying = (verify(By::Ours), verify(By::Raw));
    let mut rows = Vec::from(
        [Target::AtLeast(0.5), VERIFIED]
            .map(|target| Row::new(db, verified, verifying, target, Figure::Rate)),
    );
    let asked = (as_of(By::Ours), as_of(By::Raw));
    rows.extend(
        [
            (Figure::P50, Target::AtMostOrBelow(2.0, ANSWER)),
            (Figure::P99, Target::Shown),
        ]
        .map(|(figure, target)| Row::new(db, answers, asked, target, figure)),
    );
    rows.extend([
        Row::new(
            db,
            (
                "audit, a ledger exported",
                "a plain copy of its entries' text",
            ),
            (hand(Handing::Export), hand(Handing::Copy)),
            Target::Shown,
            Figure::Rate,
        ),
        Row::new(
            db,
            (
                "audit, the memory of an export",
                "of a tenth of the entries",
            ),
            (hand(Handing::Export), tenth(Handing::Export)),
            FLAT,
            Figure::Peak,
        ),
    ]);
    // Whichever database it came from, a bundle is the same.
    if db == Db::Sqlite {
        rows.extend([
            Row::new(
                db,
                (
                    "audit, a bundle checked offline",
                    "a plain copy of its entries' text",
                ),
                (hand(Handing::Check), hand(Handing::Copy)),
                Target::Shown,
                Figure::Rate,
            ),
            Row::new(
                db,
                (
                    "audit, the memory of checking a bundle",
                    "of a tenth of the entries",
                ),
                (hand(Handing::Check), tenth(Handing::Check)),
                FLAT,
                Figure::Peak,
            ),
        ]);
    }
    rows
}
