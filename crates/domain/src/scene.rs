//! What a decision sees besides its own stream.

use chrono::NaiveDate;
use uuid::Uuid;

use dutyledger_record::{Principal, StreamId};

use crate::decide::Ids;
use crate::rules::{self, RulePack};
use crate::world::World;

/// What a decision sees besides its own stream: the other streams as true on its date, who asks,
/// and where new ids come from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The stream being decided on.
    pub stream: StreamId,
    /// The date decided for.
    pub on: NaiveDate,
    /// The other streams, as true on that date.
    pub world: &'a World,
    /// The rule pack decided under.
    pub pack: &'static RulePack,
    /// Who asks.
    pub principal: Principal,
    /// Whether it is reported rather than done by the principal.
    pub reported: bool,
    /// Whether it is recorded as a past fact.
    pub past_fact: bool,
    /// Where ids of new items come from.
    pub ids: &'a dyn Ids,
}

impl<'a> Scene<'a> {
    /// A stream looked at under the Act, with nothing decided on it.
    pub(crate) fn looked_at(stream: StreamId, on: NaiveDate, world: &'a World) -> Self {
        Self {
            stream,
            on,
            world,
            pack: rules::enacted().0,
            principal: Principal::SYSTEM,
            reported: false,
            past_fact: false,
            ids: &NoIds,
        }
    }
}

/// Nothing is opened when something is only looked at.
pub(crate) struct NoIds;

impl Ids for NoIds {
    fn next(&self) -> Uuid {
        Uuid::nil()
    }
}
