//! The ledger seen from outside its process: whatever is done to the process, what it told is so.

mod checker;
mod driver;
mod kill;
mod matrix;
mod trace;
