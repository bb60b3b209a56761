//! What a decision sees besides its own stream.

use chrono::NaiveDate;

use dutyledger_record::{Principal, StreamId};

use crate::decide::Ids;
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
    /// Who asks.
    pub principal: Principal,
    /// Whether it is reported rather than done by the principal.
    pub reported: bool,
    /// Whether it is recorded as a past fact.
    pub past_fact: bool,
    /// Where ids of new items come from.
    pub ids: &'a dyn Ids,
}
