//! The Serious Violence Duty: what happens, what may happen, and what follows from it.
//!
//! Pure: plain `decide` and `evolve`, folds over entries, and rule packs as data. There is no
//! clock, no randomness, no runtime and no database here; they are parameters, or elsewhere.

pub mod dates;
pub mod deadlines;
mod decide;
pub mod depends;
pub mod first_strategy;
mod history;
mod kebab;
pub mod obligations;
mod refusal;
pub mod reviews;
pub mod rules;
mod scene;
pub mod streams;
#[cfg(test)]
#[expect(
    unreachable_pub,
    reason = "the macros that declare events and commands make them public"
)]
mod testing;
pub mod triggers;
pub mod upcast;
mod values;
mod world;

pub use decide::{
    About, Acting, Actor, Actors, CommandSet, Given, Ids, Opens, Particulars, ReasonGiven,
    SourceGiven, Surroundings, decide, unmet_now,
};
pub use history::{EventSchema, History, HistoryError, Payload, StreamKind};
pub use kebab::kebab_case;
pub use refusal::{PointedError, Refusal, RefusalCode, Unmet};
pub use scene::Scene;
pub use values::*;
pub use world::{Histories, Listed, World};
