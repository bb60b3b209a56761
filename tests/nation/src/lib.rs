//! A nation for tests and the bench: every area of England and Wales, its schools and prisons, ten
//! years of the duty. The numbers are those of the real one ([`figures`]); the places and bodies are
//! made up, and what befalls them did not happen.
//!
//! Everything is decided by the domain, command by command, as the command bus does; so there is
//! nothing in it that a ledger would not hold. Late entries, corrections, reports, past facts, late
//! reviews, objections, exceptions and directions come at small rates.

mod bodies;
pub mod figures;
mod fill;
mod life;
mod nation;
mod random;
mod recorder;

pub use fill::{FillError, fill};
pub use nation::{Nation, Size};
pub use random::Random;
pub use recorder::{Decided, SealingKey};
