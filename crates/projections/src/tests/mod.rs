//! Tests on real files.

mod file;
mod follow;
mod model;
mod support;
