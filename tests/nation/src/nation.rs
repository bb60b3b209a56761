//! The nation, partnership by partnership.

use chrono::{Months, NaiveDate};
use dutyledger_domain::rules::commencement;
use dutyledger_record::LedgerId;

use crate::bodies::{Wide, share};
use crate::figures;
use crate::life;
use crate::random::Random;
use crate::recorder::{Decided, Recorder};

/// How large a nation is, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many areas; all other numbers are in proportion.
    pub areas: u32,
    /// How many years from the day the duty began.
    pub years: u32,
    /// The same seed gives the same nation, to the byte.
    pub seed: u64,
}

impl Size {
    /// England and Wales for ten years: about three million entries.
    pub const FULL: Self = Self {
        areas: figures::AREAS,
        years: 10,
        seed: 2022,
    };

    /// The last day: nothing is dated after it, and a ledger of the nation is read as of it.
    #[must_use]
    pub fn today(self) -> NaiveDate {
        commencement() + Months::new(12 * self.years)
    }
}

/// What happens in a nation, in an order in which it may be recorded.
///
/// Every command is decided by the domain. One partnership's years follow those of another, so that
/// no more than one is kept in memory besides the bodies that several share; all dates are true to
/// each partnership's own years.
pub struct Nation {
    size: Size,
    recorder: Recorder,
    random: Random,
    wide: Wide,
    /// The first area of the next partnership.
    next_area: u32,
}

impl Nation {
    /// A nation, its entries sealed for a ledger.
    #[must_use]
    pub fn new(size: Size, ledger: LedgerId) -> Self {
        let mut recorder = Recorder::new(ledger, size.seed, size.today());
        let wide = Wide::register(&mut recorder, size.areas, commencement());
        Self {
            size,
            recorder,
            random: Random::seeded(size.seed),
            wide,
            next_area: 0,
        }
    }

    /// How many of its areas are done.
    #[must_use]
    pub const fn areas_done(&self) -> u32 {
        self.next_area
    }

    /// How many areas the next partnership is for: a few span two.
    fn width(&self) -> u32 {
        let wide = share(figures::AREAS - figures::PARTNERSHIPS, self.size.areas);
        let every = (self.size.areas / wide).max(2);
        let both = self.next_area % every == every - 2 && self.next_area + 1 < self.size.areas;
        1 + u32::from(both)
    }
}

impl Iterator for Nation {
    type Item = Decided;

    fn next(&mut self) -> Option<Decided> {
        loop {
            if let Some(decided) = self.recorder.next() {
                return Some(decided);
            }
            if self.next_area == self.size.areas {
                return None;
            }
            let areas = self.next_area..self.next_area + self.width();
            self.next_area = areas.end;
            // Each partnership has numbers of its own, whatever became of the others.
            let mut random = Random::seeded(self.random.next());
            life::live(
                &mut self.recorder,
                &mut random,
                &self.wide,
                self.size,
                areas,
            );
        }
    }
}
