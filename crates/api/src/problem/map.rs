//! What becomes of each way a command can fail: the one place.

use std::fmt::Display;

use dutyledger_application::CommandError;
use dutyledger_domain::{Refusal, RefusalCode};
use dutyledger_record::{ENTRY_BYTES_MAX, EntryError};

use super::{Code, MemberProblem, Problem, RuleProblem};

/// Something is wrong on our side. The caller gets a constant answer; the log gets the cause.
pub(crate) fn internal(cause: impl Display) -> Problem {
    Problem {
        log: Some(cause.to_string().into()),
        ..Problem::plain(Code::Internal)
    }
}

/// The problem of a command that was not carried out.
pub(crate) fn command_problem(error: CommandError) -> Problem {
    match error {
        CommandError::Refused {
            refusal,
            decided_at,
        } => refused(refusal, decided_at),
        CommandError::Hidden => Problem::absent(),
        CommandError::Stale { expected, actual } => Problem::member(
            Code::Stale,
            "If-Match",
            format!("It is at version {actual}; you named version {expected}."),
        ),
        CommandError::Conflict => Problem::plain(Code::Conflict),
        CommandError::IdempotencyMismatch => Problem::plain(Code::IdempotencyMismatch),
        CommandError::InFlight => Problem::plain(Code::InFlight),
        CommandError::Entry(EntryError::TooLarge { found }) => Problem::new(
            Code::TooLarge,
            format!("An entry would have {found} bytes; the most is {ENTRY_BYTES_MAX}."),
        ),
        CommandError::TooLarge(too_large) => Problem::new(
            Code::TooLarge,
            format!("This leads to more than is recorded at once: {too_large}."),
        ),
        CommandError::Entry(error) => Problem::new(Code::Invalid, format!("{error}.")),
        CommandError::OutcomeUnknown => Problem::plain(Code::OutcomeUnknown),
        CommandError::Busy => Problem::plain(Code::Busy),
        CommandError::Stopped => Problem::plain(Code::Stopped),
        CommandError::NotDestroyed(cause) => Problem {
            log: Some(cause.to_string().into()),
            ..Problem::plain(Code::KeyNotDestroyed)
        },
        CommandError::Internal(cause) => internal(cause),
    }
}

const fn code_of(code: RefusalCode) -> Code {
    match code {
        RefusalCode::RuleNotMet => Code::RuleNotMet,
        RefusalCode::ReasonRequired => Code::ReasonRequired,
        RefusalCode::DateAfterToday => Code::DateAfterToday,
        RefusalCode::DateBeforeOpening => Code::DateBeforeOpening,
        RefusalCode::NotFound => Code::NotFound,
        RefusalCode::AlreadySo => Code::AlreadySo,
        RefusalCode::WrongState => Code::WrongState,
        RefusalCode::Invalid => Code::Invalid,
        RefusalCode::NotPermitted => Code::NotPermitted,
        RefusalCode::SourceRequired => Code::SourceRequired,
    }
}

fn refused(refusal: Refusal, decided_at: u64) -> Problem {
    let code = code_of(refusal.code);
    if code == Code::NotFound && refusal.pointer.is_none() {
        return Problem::absent();
    }
    let mut problem = Problem::new(code, refusal.detail);
    if code == Code::NotFound {
        problem.status = Code::Invalid.status();
    }
    if let Some(pointer) = refusal.pointer {
        problem.errors.push(MemberProblem {
            pointer,
            detail: problem.detail.clone(),
        });
    }
    let also = refusal.also.into_iter().map(|also| MemberProblem {
        pointer: also.pointer,
        detail: also.detail,
    });
    problem.errors.extend(also);
    problem.rules = refusal
        .rules
        .into_iter()
        .map(|rule| RuleProblem {
            rule: rule.unmet.rule.to_string(),
            section: rule.section,
            guidance: rule.guidance,
            detail: rule.unmet.detail,
            next: rule.unmet.next,
            pointer: rule.unmet.pointer,
        })
        .collect();
    problem.decided_at = Some(decided_at);
    problem.decided_for = refusal.decided_for;
    problem.decided_on = refusal.decided_on;
    problem
}

#[cfg(test)]
mod tests {
    use dutyledger_domain::PointedError;
    use dutyledger_ledger::{APPEND_BYTES_MAX, APPEND_ROWS_MAX, AppendError, Invalid, VaultError};

    use super::*;

    #[test]
    fn every_refusal_keeps_its_code() {
        for code in RefusalCode::ALL {
            assert_eq!(code_of(*code).name(), code.as_str());
        }
    }

    #[test]
    fn a_stream_that_is_not_there_and_one_that_is_hidden_are_the_same_problem() {
        let refused = |refusal| {
            command_problem(CommandError::Refused {
                refusal,
                decided_at: 7,
            })
        };
        let absent = refused(Refusal::not_found("There is no such stream."));
        assert_eq!(absent, command_problem(CommandError::Hidden));
        let named = refused(Refusal::not_found("There is no such area.").at("/particulars/area"));
        assert_eq!((named.status, named.code), (422, Code::NotFound));
    }

    #[test]
    fn every_row_that_is_wrong_is_told_after_the_first() {
        let row = |n: u8| PointedError {
            pointer: format!("/particulars/rows/{n}"),
            detail: format!("Row {n} is wrong."),
        };
        let refusal = Refusal {
            also: vec![row(1), row(2)],
            ..Refusal::invalid("/particulars/rows/0", "Row 0 is wrong.")
        };
        let problem = command_problem(CommandError::Refused {
            refusal,
            decided_at: 7,
        });
        let pointers: Vec<_> = problem.errors.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/particulars/rows/0",
                "/particulars/rows/1",
                "/particulars/rows/2"
            ]
        );
        assert_eq!(problem.errors[2].detail, "Row 2 is wrong.");
    }

    #[test]
    fn what_is_too_large_to_record_at_once_is_the_callers_to_make_smaller_and_names_the_limit() {
        let too_large = [
            (Invalid::TooManyRows { found: 5_001 }, APPEND_ROWS_MAX),
            (Invalid::TooManyBytes { found: 1 << 25 }, APPEND_BYTES_MAX),
        ];
        let appends = too_large.map(|(invalid, most)| (AppendError::from(invalid).into(), most));
        let entry = EntryError::TooLarge { found: 60_001 };
        for (error, most) in appends.into_iter().chain([(entry.into(), ENTRY_BYTES_MAX)]) {
            let problem = command_problem(error);
            assert_eq!((problem.status, problem.code), (413, Code::TooLarge));
            let named = format!("the most is {most}.");
            assert!(problem.detail.ends_with(&named), "{}", problem.detail);
        }
        // Any other append that is not valid is a fault of ours.
        let ours = AppendError::from(Invalid::Name("stream type"));
        assert_eq!(command_problem(ours.into()).code, Code::Internal);
    }

    #[test]
    fn an_erasure_whose_key_is_not_destroyed_is_recorded_and_asks_to_be_asked_again() {
        let problem = command_problem(CommandError::NotDestroyed(VaultError::LogHeld));
        let expected = (503, Code::KeyNotDestroyed);
        assert_eq!((problem.status, problem.code), expected);
        assert!(problem.detail.starts_with("It is recorded"), "{problem:?}");
        assert!(problem.log.is_some(), "the log has the cause");
    }

    #[test]
    fn a_fault_of_ours_tells_the_caller_nothing() {
        let problem = command_problem(CommandError::Internal("the secret".into()));
        let shown = serde_json::to_string(&problem.document(uuid::Uuid::nil())).unwrap();
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(problem.log.as_deref(), Some("the secret"));
    }
}
