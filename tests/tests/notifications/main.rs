//! Notifications over real NATS servers, killed, wiped, restored and intruded upon: in the end sequence
//! p holds what the mapping makes of entry p, or the relay stands still and says why.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod acknowledgements;
mod book;
mod cluster;
mod connecting;
mod faults;
mod kit;
mod line;
mod process;
mod relays;
mod states;
mod stream;
