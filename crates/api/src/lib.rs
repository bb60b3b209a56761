//! The HTTP side: commands and reads under `/v1`, described by OpenAPI 3.1, refused as problem
//! details.
//!
//! A key is needed for everything under `/v1`; what its principal may not see is answered as if it
//! were absent. Commands go through the one command bus. Lists are answered from the projections,
//! and states as true on a date or as known at a position from the ledger.

mod accept;
mod app;
mod ask;
mod command;
mod cursor;
mod doc;
mod docs;
mod edge;
mod endpoint;
mod health;
mod json;
mod log;
mod metrics;
mod permissions;
mod problem;
mod reads;
mod server;
mod waits;

pub use accept::serve;
pub use app::{App, Limits, Notifications, NotificationsShown};
pub use permissions::permissions;
pub use problem::{Code, MemberProblem, Problem, RuleProblem};
pub use server::{openapi, router};
