//! Where the duty meets the ledger: the adapter that makes a stream a cqrs-es aggregate, the one
//! command bus, who may do and see what, sealing, keys and import.

pub mod access;
pub mod again;
mod aggregate;
mod authorise;
mod bus;
mod edge;
pub mod erasure;
mod error;
mod flight;
pub mod import;
mod keys;
pub mod load;
mod open;
pub mod schemas;
pub mod sealing;
mod store;
mod warm;

pub use aggregate::{Fact, Stream};
pub use bus::{Answer, Bus, EntryAnswer, Request, Target, Under};
pub use edge::{Edge, Entropy, SystemEntropy, london_date};
pub use error::CommandError;
pub use keys::{ApiSecret, IssuedKey, KeyRequest};
pub use load::LoadError;
pub use open::{Checkpoints, Home, HomeError, MasterKey, opening};
