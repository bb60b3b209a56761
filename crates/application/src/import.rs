//! Importing a history: one JSON document of commands, carried out through the same bus as any
//! other command. The format is described in `schemas/history.md`.
//!
//! The whole file is checked before the first command. Each step then runs under an idempotency
//! key made from the file and the step's number, so that an import interrupted anywhere is
//! completed by running it again, without duplicates, however much later.

pub(crate) mod command;
mod error;
mod format;
mod names;
mod plan;
mod report;
mod steps;

use dutyledger_record::{Principal, PrincipalKind};

use crate::bus::Bus;

pub use error::{ImportError, Place};
pub use format::{BYTES_MAX, FORMAT, STEPS_MAX};
pub use report::{ImportReport, ImportedStream, SkippedStep};

/// Imports a history. `progress` is told, after each step, how many are done and how many there
/// are.
///
/// # Errors
/// [`ImportError::Refused`] and the other errors that record nothing: see
/// [`ImportError::recorded_nothing`]. [`ImportError::Stopped`] leaves the steps before it
/// recorded; running the same file again goes on from there.
pub async fn run(
    bus: &Bus,
    operator: Principal,
    text: &str,
    progress: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<ImportReport, ImportError> {
    if operator.kind != PrincipalKind::Operator {
        return Err(ImportError::NotOperator);
    }
    let plan = plan::read(text, bus.edge().today())?;
    steps::carry_out(bus, operator, text, &plan, progress).await
}
