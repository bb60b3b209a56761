//! The projections: the current state of everything in a ledger, as rows that can be asked for.
//!
//! State *as true on D, as known at K* is one function of the entries:
//! [`History::state`](dutyledger_domain::History::state) of a history read up to K. The rows here
//! are that function at today and the head. Nothing is ever dated after today, so they fold every
//! entry, and they do not change as days pass: what depends on today's date is computed at the
//! question. An entry that is dated before others of its stream, or that withdraws one, changes
//! nothing in how this works: a touched stream is always folded as a whole.
//!
//! One [`Projector`] at a time writes the rows and follows the ledger; [`Projections`] reads it. The
//! checkpoint moves in the transaction that writes the rows, so a projector that is stopped at any
//! moment goes on where it was. The rows hold nothing that the ledger does not: [`rebuild`] makes
//! it anew, and that is also how its shape changes.

mod cache;
mod checkpoint;
mod database;
mod derivation;
mod derived;
mod error;
mod kinds;
mod links;
mod lock;
mod page;
mod projections;
mod projector;
mod query;
mod rebuild;
mod rows;
mod rules;
mod streams;
mod timeline;
mod turn;
mod values;

#[cfg(test)]
mod tests;

pub use database::postgres::migrate;
pub use error::{MigrateError, OpenError, ProjectionError, QueryError, Stale};
pub use links::Links;
pub use projections::{Freshness, Projections};
pub use projector::{PAGE_ENTRIES_MAX, Projector};
pub use query::PAGE_ROWS_MAX;
pub use rebuild::rebuild;
pub use rows::{
    AreaAuthorityRow, ConsultationRow, MarkRow, MemberRow, Page, PublishedRow, ReviewRow, Row,
    TimelineFrom, TimelineRow, TriggerRow,
};
pub use turn::TAKE_OVER;
