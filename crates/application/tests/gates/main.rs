//! What the duty refuses, what it asks a reason for, and what follows from the record: each row
//! that gates has tests named after it, which fail when the row is removed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod adoption;
mod dates;
mod directions;
mod exceptions;
mod given;
mod marks;
mod obligations;
mod office;
mod order;
mod partnerships;
mod reviews;
mod rows;
mod time;
mod together;
mod triggers;
