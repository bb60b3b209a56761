//! A refusal as its caller may see it: of what one may not see, no refusal tells.

use dutyledger_audit::explain::DecidedAgain;
use dutyledger_domain::StreamKind;
use dutyledger_domain::streams::Partnership;
use dutyledger_record::{Principal, StreamId};

use crate::app::App;
use crate::problem::{Code, MemberProblem, Problem};
use crate::reads::seen::{Stands, stands};

/// What a command is about, as far as a refusal could tell of it.
#[derive(Clone, Copy)]
pub(crate) enum About {
    /// Something new, for the partnership it names.
    New(Option<StreamId>),
    /// The stream in the path, which is there.
    There(StreamId),
    /// What everyone with a key knows of.
    Open,
}

/// The problem as its caller may see it, whatever its code: one that may not see the stream, or the
/// partnership a new one is for, is answered as if that were absent.
pub(super) async fn shown<K: StreamKind>(
    app: &App,
    principal: Principal,
    about: About,
    problem: Problem,
) -> Result<Problem, Problem> {
    // Whoever came this far was let in: it must know that it may have been recorded.
    if problem.code == Code::OutcomeUnknown {
        return Ok(problem);
    }
    match about {
        About::There(id) => Ok(match stands(app, principal, K::NAME, id).await? {
            Stands::Whole => problem,
            Stands::TakesPart => in_part(problem),
            // Whoever is refused for what it is was not let in.
            Stands::LetIn if problem.code != Code::NotPermitted => in_part(problem),
            Stands::LetIn | Stands::Outside => Problem {
                log: problem.log,
                ..Problem::absent()
            },
        }),
        About::New(partnership) => {
            if problem == Problem::absent() {
                return Ok(no_partnership());
            }
            let Some(id) = partnership.filter(|_| tells(problem.code)) else {
                return Ok(problem);
            };
            match stands(app, principal, Partnership::NAME, id).await? {
                Stands::Whole => Ok(problem),
                Stands::LetIn if problem.code != Code::NotPermitted => Ok(problem),
                Stands::TakesPart | Stands::LetIn | Stands::Outside => Ok(no_partnership()),
            }
        }
        About::Open => Ok(problem),
    }
}

/// Whether of a command that is decided again all may be told, or no entry of its stream; what would
/// be answered as if it were absent is so here.
pub(crate) async fn shown_whole(
    app: &App,
    principal: Principal,
    (kind, about): (&str, About),
    decided: &DecidedAgain,
) -> Result<bool, Problem> {
    let stands = match about {
        About::There(id) => stands(app, principal, kind, id).await?,
        About::New(Some(id)) => match stands(app, principal, Partnership::NAME, id).await? {
            Stands::TakesPart => Stands::Outside,
            other => other,
        },
        About::New(None) | About::Open => Stands::Whole,
    };
    let refused_for_what_it_is = decided.code.as_deref() == Some(Code::NotPermitted.name());
    match stands {
        Stands::Whole => Ok(true),
        Stands::TakesPart if !decided.absent => Ok(false),
        Stands::LetIn if !decided.absent && !refused_for_what_it_is => Ok(false),
        Stands::TakesPart | Stands::LetIn | Stands::Outside => Err(Problem::absent()),
    }
}

/// Whether a problem of something new can hang on the partnership it names. The others are the same
/// whether that is there or not.
const fn tells(code: Code) -> bool {
    !matches!(
        code,
        Code::IdempotencyMismatch
            | Code::InFlight
            | Code::Busy
            | Code::Stopped
            | Code::Internal
            | Code::NotThereYet
    )
}

/// A new thing is not missing itself: the partnership it names is.
fn no_partnership() -> Problem {
    let detail = "There is no such partnership.".to_owned();
    let error = MemberProblem {
        pointer: "/particulars/partnership".to_owned(),
        detail: detail.clone(),
    };
    Problem {
        status: Code::Invalid.status(),
        errors: vec![error],
        ..Problem::new(Code::NotFound, detail)
    }
}

/// What one sees in part has no version for it: how many entries there are is not told.
fn in_part(problem: Problem) -> Problem {
    if problem.code != Code::Stale {
        return problem;
    }
    Problem::member(
        Code::Stale,
        "If-Match",
        "It is not at the version you named. If-Match is for those who see it whole.",
    )
}
