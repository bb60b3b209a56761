//! Killed, stopped and woken under load, at moments a seed decides.

use std::time::Instant;

use dutyledger_ledger::STOPPED_WRITER_MAX;
use dutyledger_test_postgres::Postgres;
use dutyledger_tests::long;

use crate::checker::History;
use crate::driver::{Driver, Ground, Said};

/// As many as a task can have names for: more than it can do before it is killed.
const ENDLESS: u128 = 10_000;
/// Numbers that look random and are the same each time.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, most: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most).unwrap()
    }
}

fn is_ok(said: &Said) -> bool {
    matches!(said, Said::Ok(..))
}

fn settle(ground: &Ground, history: &mut History) {
    let said = ground.settle(history.unknown()).run();
    assert_eq!(said.last(), Some(&Said::Closed), "{said:?}");
    history.take(&said);
    assert_eq!(
        history.unknown(),
        [],
        "an idempotency key settles everything"
    );
    history.judge(ground);
}

#[test]
fn a_file_holds_what_was_told_however_its_owner_was_killed() {
    let mut seeded = Seeded(0x5eed_0001);
    let ground = Ground::sqlite();
    let mut history = History::default();
    for run in 1..=if long() { 60 } else { 5 } {
        let mut driver = ground.append(run, 4, ENDLESS).start();
        // Some die as they open, some in the middle of much.
        let acknowledged = seeded.below(40);
        driver.until(acknowledged, is_ok);
        let asked = seeded.below(3);
        driver.until(asked, |said| matches!(said, Said::Ask(_)));
        let said = driver.kill();
        assert!(
            !said.iter().any(|said| matches!(said, Said::Failed(_))),
            "{said:?}"
        );
        history.take(&said);
        history.judge(&ground);
        // Half of the time what is unknown stays so while the next one appends.
        if run % 2 == 0 {
            settle(&ground, &mut history);
        }
    }
    settle(&ground, &mut history);
    assert!(history.acknowledged() > 20);
}

#[test]
fn a_server_holds_what_was_told_by_several_writers_that_are_killed_or_stopped_and_woken() {
    let mut seeded = Seeded(0x5eed_0002);
    let ground = Ground::postgres(Postgres::shared().database());
    let mut history = History::default();
    let rounds = if long() { 25 } else { 4 };
    for round in 0..rounds {
        let mut drivers: Vec<Driver> = (0..3)
            .map(|n| ground.append(1 + round * 3 + n, 3, ENDLESS).start())
            .collect();
        for driver in &mut drivers {
            driver.until(1 + seeded.below(15), is_ok);
        }
        // One is stopped wherever it is, and the others go on without it.
        let stopped = seeded.below(3);
        drivers[stopped].signal("STOP");
        let since = Instant::now();
        // What was told before, or is still to be told of what was recorded before, is not counted.
        let before = ground.last_position();
        let went_on = |said: &Said| matches!(said, Said::Ok(_, first, _) if *first > before);
        for (n, driver) in drivers.iter_mut().enumerate() {
            if n != stopped {
                driver.until(10 + seeded.below(20), went_on);
            }
        }
        let waited = since.elapsed();
        assert!(waited < STOPPED_WRITER_MAX * 4, "{waited:?}");
        drivers[stopped].signal("CONT");
        // It goes on, or has lost its turn and says so.
        drivers[stopped].until(seeded.below(30), |_| true);
        if round % 2 == 0 {
            let first = drivers.remove(seeded.below(3));
            history.take(&first.kill());
            for driver in &mut drivers {
                driver.until(seeded.below(20), is_ok);
            }
        }
        for driver in drivers {
            history.take(&driver.kill());
        }
        settle(&ground, &mut history);
    }
    assert!(history.acknowledged() > 50);
}

#[test]
fn a_server_that_crashes_under_load_holds_what_was_told() {
    let mut seeded = Seeded(0x5eed_0003);
    let mut server = Postgres::start();
    let ground = Ground::postgres(server.database());
    let mut history = History::default();
    for round in 0..if long() { 12 } else { 2 } {
        let mut drivers: Vec<Driver> = (0..2)
            .map(|n| ground.append(1 + round * 2 + n, 4, ENDLESS).start())
            .collect();
        for driver in &mut drivers {
            driver.until(5 + seeded.below(40), is_ok);
        }
        server.crash();
        for driver in drivers {
            let (said, _) = driver.end();
            let down = |said: &Said| matches!(said, Said::Down(_));
            assert!(said.iter().any(down), "it says that it stopped: {said:?}");
            history.take(&said);
        }
        server.go();
        settle(&ground, &mut history);
    }
}
