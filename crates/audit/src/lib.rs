//! The auditor's side: what was true on a date, what was known of it then, what changed between two
//! moments, why something stands as it does, which entries say so, and all of it in one file for an
//! inspection.
//!
//! State has one definition, and it is not here: every answer is a function of histories read up to a
//! position. Answers about a partnership read its own streams and what these hang on, one by one;
//! only searching the log, and finding the streams of a partnership where no projections tell of
//! them, reads entries in their order. Nothing here can record.

mod as_of;
mod cited;
pub mod diff;
pub mod explain;
pub mod export;
#[cfg(test)]
mod given;
mod lines;
mod links;
mod names;
mod outline;
pub mod replay;
pub mod search;
mod words;

pub use as_of::{AsOf, AsOfError, known_at};
pub use links::belonging;
pub use names::Names;
