//! What lets others check the ledger without trusting whoever runs it: the hashes of its Merkle tree
//! in tiles, checkpoints signed on a schedule and on demand, proofs made of both, and the watch that
//! somebody else keeps over them.
//!
//! The text forms and the arithmetic are those of `dutyledger-proofs`; here is what has to be kept
//! and done. Nothing here writes to the ledger.

mod compare;
mod keeper;
mod log;
mod proven;
mod signed;
mod tiles;
mod watch;

pub use compare::{CompareError, Compared, Difference, compare};
pub use keeper::{Keeper, Trouble};
pub use log::{Log, LogError};
pub use proven::Proven;
pub use signed::Signed;
pub use tiles::{Tiles, TilesError};
pub use watch::{Alarm, InARow, Source, Trusted, Watch, WatchError};
