//! Tests on real files and a real server.

mod derivation;
mod file;
mod follow;
mod model;
mod support;
mod turns;
