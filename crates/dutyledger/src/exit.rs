//! How the program ends, and what it says when it fails.

use std::fmt::Display;
use std::process::ExitCode;

use dutyledger_application::{CommandError, HomeError};
use dutyledger_ledger::{CopyError, OpenError};
use dutyledger_transparency::Trouble;

/// The exit codes, for `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0  done
  1  something went wrong on this side
  2  the command line is not right
  3  refused: the duty, the law or the state of things does not allow it
  4  the ledger is in use by another process and could not be reached through it
  5  the ledger, the projections, a key file or the newest checkpoint could not be opened, or is
     not the right one
  6  the ledger stopped while serving: its database failed, or a part of the server did. Nothing
     acknowledged is lost; whether the last commands were recorded is told by asking again under
     their idempotency keys
  7  the ledger does not verify
  8  a ledger that is watched was rolled back, forked, or signed by another key, does not show
     that it goes on, or shows no checkpoint at all, look after look
  9  a checkpoint that was kept is forged: no trusted key signed it, or one that was replaced
     signed more than it may have, or something else
 10  a ledger that is watched hands out hashes that are not those of its own signed checkpoint";

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    pub(crate) fn other(message: impl Display) -> Self {
        Self::new(1, message)
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(2, message)
    }

    pub(crate) fn refused(message: impl Display) -> Self {
        Self::new(3, message)
    }

    pub(crate) fn in_use(message: impl Display) -> Self {
        Self::new(4, message)
    }

    pub(crate) fn cannot_open(message: impl Display) -> Self {
        Self::new(5, message)
    }

    pub(crate) fn stopped(message: impl Display) -> Self {
        Self::new(6, message)
    }

    pub(crate) fn not_verified(message: impl Display) -> Self {
        Self::new(7, message)
    }

    pub(crate) fn alarm(message: impl Display) -> Self {
        Self::new(8, message)
    }

    pub(crate) fn forged(message: impl Display) -> Self {
        Self::new(9, message)
    }

    pub(crate) fn contradicted(message: impl Display) -> Self {
        Self::new(10, message)
    }

    /// Says why on standard error, and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json {
            let problem = serde_json::json!({ "error": self.message, "exit_code": self.code });
            eprintln!("{problem}");
        } else {
            eprintln!("dutyledger: {}", self.message);
        }
        ExitCode::from(self.code)
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        match &error {
            HomeError::Ledger(OpenError::Owned { .. }) => Self::in_use(&error),
            _ => Self::cannot_open(&error),
        }
    }
}

impl From<CopyError> for Failure {
    fn from(error: CopyError) -> Self {
        match &error {
            CopyError::Open(OpenError::Owned { .. }) | CopyError::Busy(_) => Self::in_use(&error),
            CopyError::Open(_) => Self::cannot_open(&error),
            CopyError::NotEmpty(_) => Self::refused(&error),
            CopyError::Broken(_) => Self::not_verified(&error),
            CopyError::Read(_) | CopyError::Write(_) => Self::other(&error),
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match &trouble {
            Trouble::Root(_) | Trouble::Forked(_) | Trouble::Behind { .. } => {
                Self::not_verified(&trouble)
            }
            Trouble::Missing(_) | Trouble::Replaced => Self::cannot_open(&trouble),
            Trouble::Passing(_) => Self::other(&trouble),
        }
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match &error {
            CommandError::Refused { refusal, .. } => {
                let rows: Vec<_> = refusal
                    .rules
                    .iter()
                    .map(|row| row.unmet.rule.to_string())
                    .collect();
                let cited = if rows.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", rows.join(", "))
                };
                Self::refused(format!("{}{cited}", refusal.detail))
            }
            CommandError::Hidden => Self::refused(&error),
            _ => Self::other(&error),
        }
    }
}
