//! Why a history was not imported, or not to its end.

use std::fmt;

use crate::error::CommandError;
use crate::load::LoadError;

/// Where in the file something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The step, counted from 1, where it is in one.
    pub step: Option<usize>,
    /// The step's name, where it has one.
    pub name: Option<String>,
    /// The JSON pointer within the file; it counts from 0.
    pub pointer: String,
}

impl Place {
    /// A member of the document itself.
    pub(super) fn document(pointer: &str) -> Self {
        Self {
            step: None,
            name: None,
            pointer: pointer.to_owned(),
        }
    }

    /// A member of a step, by its index.
    pub(super) fn step(index: usize, name: Option<&str>, pointer: &str) -> Self {
        Self {
            step: Some(index + 1),
            name: name.map(str::to_owned),
            pointer: format!("/steps/{index}{pointer}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.step, &self.name) {
            (Some(step), Some(name)) => write!(f, "step {step} ({name}), at {}", self.pointer),
            (Some(step), None) => write!(f, "step {step}, at {}", self.pointer),
            (None, _) if self.pointer.is_empty() => write!(f, "the file"),
            (None, _) => write!(f, "the file, at {}", self.pointer),
        }
    }
}

/// Why a history was not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Only the operator imports.
    #[error("only an operator imports a history")]
    NotOperator,
    /// The file is refused as a whole.
    #[error("{place}: {reason}")]
    Refused {
        /// Where.
        place: Place,
        /// Why, in plain English.
        reason: String,
    },
    /// A step was not carried out. The steps before it stay recorded.
    #[error("{place}: {error}")]
    Stopped {
        /// Where.
        place: Place,
        /// Why.
        error: Box<CommandError>,
    },
    /// A step does not fit what the ledger already holds. The steps before it stay recorded.
    #[error("{place}: {reason}")]
    Differs {
        /// Where.
        place: Place,
        /// Why, in plain English.
        reason: String,
    },
    /// The ledger could not be read. Steps may have been recorded.
    #[error("the ledger could not be read: {0}")]
    Ledger(#[from] LoadError),
}

impl ImportError {
    /// Whether it is certain that this attempt recorded nothing.
    #[must_use]
    pub const fn recorded_nothing(&self) -> bool {
        match self {
            Self::NotOperator | Self::Refused { .. } => true,
            Self::Stopped { .. } | Self::Differs { .. } | Self::Ledger(_) => false,
        }
    }

    /// Where in the file, as far as it is about a place in it.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        match self {
            Self::Refused { place, .. }
            | Self::Stopped { place, .. }
            | Self::Differs { place, .. } => Some(place),
            Self::NotOperator | Self::Ledger(_) => None,
        }
    }
}
