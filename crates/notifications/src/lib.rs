//! Notifications over NATS JetStream: the relay that publishes each entry once and in order, and the
//! kit of those who subscribe.
//!
//! The sequence of a message in the stream is the position of its entry. The relay publishes each with
//! the sequence it expects the stream to end at, so that the server itself refuses what is out of
//! order or there already; there is no checkpoint to lose, and several relays may race. What is in
//! the stream and not what the ledger makes of it is never covered up: the relay stands still, says
//! what it found, and names the command that puts it right.

mod api;
mod connection;
mod note;
mod publish;
mod pull;
mod rebuild;
mod relay;
mod standing;
mod stream;
pub mod subscriber;
mod verify;

pub use connection::{ConnectError, Connection, Credentials, SettingsError};
pub use note::NotedStream;
pub use rebuild::{RebuildError, Rebuilt, rebuild, refill};
pub use relay::{Relay, Step};
pub use standing::{Look, Standing, State, Trouble, Watch};
pub use stream::SUBJECTS;
