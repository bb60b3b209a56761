//! Names and words for the description of commands.

use dutyledger_domain::{Acting, Actor, Actors};

/// Who may give a command, in words.
pub(super) fn who(actors: Actors) -> String {
    let own: Vec<_> = actors
        .own
        .iter()
        .map(|actor| match actor {
            Actor::SpecifiedAuthority => "a specified authority of the partnership",
            Actor::Subject => "the authority it is about",
            Actor::LocalPolicingBody => "the local policing body",
            Actor::Inspectorate => "an inspectorate",
            Actor::SecretaryOfState => "the Secretary of State",
            Actor::WelshMinisters => "the Welsh Ministers",
            Actor::Operator => "the operator",
            Actor::System => "the service itself",
        })
        .collect();
    let mut text = format!("For {}", own.join(" or "));
    if actors.reportable {
        text.push_str(&format!(
            "; the coordinator may report it (`{}`)",
            word(Acting::Reported)
        ));
    }
    if actors.past_fact {
        text.push_str(&format!(
            "; it may be recorded as a `{}`",
            word(Acting::PastFact)
        ));
    }
    text.push('.');
    text
}

fn word(acting: Acting) -> &'static str {
    match acting {
        Acting::Own => "own",
        Acting::Reported => "reported",
        Acting::PastFact => "past_fact",
    }
}

/// A name in camelCase, as clients in most languages want it.
pub(super) fn camel(kebab: &str) -> String {
    let mut name = String::with_capacity(kebab.len());
    let mut raise = false;
    for letter in kebab.chars() {
        match letter {
            '-' => raise = true,
            letter if raise => {
                name.extend(letter.to_uppercase());
                raise = false;
            }
            letter => name.push(letter),
        }
    }
    name
}
