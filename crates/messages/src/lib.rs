//! What others are told of an entry: ids, kinds, dates, rule ids and links, as a CloudEvents 1.0
//! message or as a row of the feed.
//!
//! A message is a function of its entry and of nothing else, so that a stream filled anew holds, byte
//! for byte, what the one before held. No text that somebody wrote is in it, nothing that is sealed,
//! no reason and no content: who may read those asks the API, under a link.
//!
//! Pure: no clock, no network. What is said of an event is listed in `particulars`; its schemas are in
//! `schemas/messages`. A released schema never changes, and neither does what is said of an event of
//! that version: what is in a stream already would no longer be what the entry makes.

mod asyncapi;
mod message;
mod notice;
mod particulars;
mod schemas;

pub use asyncapi::asyncapi;
pub use message::{
    MESSAGE_BYTES_MAX, MESSAGE_ID, Message, NONE, SEVERAL, SUBJECT_PREFIX, event_name, message,
    source,
};
pub use notice::{Notice, Unpublishable, notice};
pub use schemas::schema_files;
