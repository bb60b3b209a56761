//! An authority: an office, keyed by body and capacity. It outlives its holder and can have
//! successors, as a clinical commissioning group's is an integrated care board.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{Envelope, PublicText, Stream, StreamId, StreamType};

use crate::decide::{Actors, Opens, Particulars, commands};
use crate::history::{StreamKind, events};
use crate::refusal::{Refusal, Unmet};
use crate::scene::Scene;
use crate::values::{Capacity, HeldBy};
use crate::world::World;

/// The kind of stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Authority;

/// An authority was entered in the register.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityRegistered {
    /// The body that holds the office. Names no person.
    pub body: PublicText,
    /// In what capacity.
    pub capacity: Capacity,
    /// Where it is known that it is a devolved Welsh authority: the source of that (s.18(4)).
    /// Being in Wales is not enough.
    pub devolved_welsh_authority: Option<PublicText>,
    /// Who holds the office, where s.18(5) makes it matter.
    pub held_by: HeldBy,
}

/// The authority's particulars changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorityAmended {
    /// The body from now on.
    pub body: PublicText,
    /// The source of its being a devolved Welsh authority, from now on.
    pub devolved_welsh_authority: Option<PublicText>,
    /// Who holds the office from now on.
    pub held_by: HeldBy,
}

/// Another authority took this one's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthoritySucceeded {
    /// The authority that succeeds it.
    pub successor: StreamId,
}

events! {
    /// The events of an authority.
    AuthorityEvent { AuthorityRegistered, AuthorityAmended, AuthoritySucceeded }
}

/// What is known of an authority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuthorityState {
    /// The body that holds the office.
    pub body: Option<PublicText>,
    /// In what capacity.
    pub capacity: Option<Capacity>,
    /// The source of its being a devolved Welsh authority.
    pub devolved_welsh_authority: Option<PublicText>,
    /// Who holds the office.
    pub held_by: Option<HeldBy>,
    /// The authority that took its place.
    pub successor: Option<StreamId>,
}

/// Enters an authority in the register.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterAuthority {
    /// The body that holds the office. Names no person.
    pub body: PublicText,
    /// In what capacity.
    pub capacity: Capacity,
    /// Where it is known that it is a devolved Welsh authority: the source of that.
    #[serde(default)]
    pub devolved_welsh_authority: Option<PublicText>,
    /// Who holds the office, where s.18(5) makes it matter.
    #[serde(default)]
    pub held_by: Option<HeldBy>,
}

impl Particulars<Authority> for RegisterAuthority {
    const NAME: &'static str = "register-authority";
    const ACTORS: Actors = Actors::OPERATOR;
    const OPENS: Opens = Opens::Yes;

    fn decide(self, _: &AuthorityState, _: &Scene<'_>) -> Result<Vec<AuthorityEvent>, Refusal> {
        Ok(vec![
            AuthorityRegistered {
                body: self.body,
                capacity: self.capacity,
                devolved_welsh_authority: self.devolved_welsh_authority,
                held_by: self.held_by.unwrap_or(HeldBy::Ordinary),
            }
            .into(),
        ])
    }
}

/// Changes an authority's particulars. Its capacity stays: another capacity is another authority.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendAuthority {
    /// The body from now on.
    pub body: PublicText,
    /// The source of its being a devolved Welsh authority, from now on. Left out, what is known of that
    /// stays: a new name takes nobody out of s.18(4).
    #[serde(default)]
    pub devolved_welsh_authority: Option<PublicText>,
    /// Who holds the office from now on. Left out, whoever held it holds it still (s.18(5)).
    #[serde(default)]
    pub held_by: Option<HeldBy>,
}

impl Particulars<Authority> for AmendAuthority {
    const NAME: &'static str = "amend-authority";
    const ACTORS: Actors = Actors::OPERATOR;

    fn decide(self, state: &AuthorityState, _: &Scene<'_>) -> Result<Vec<AuthorityEvent>, Refusal> {
        let devolved = self.devolved_welsh_authority;
        Ok(vec![
            AuthorityAmended {
                body: self.body,
                devolved_welsh_authority: devolved
                    .or_else(|| state.devolved_welsh_authority.clone()),
                held_by: self.held_by.or(state.held_by).unwrap_or(HeldBy::Ordinary),
            }
            .into(),
        ])
    }
}

/// Records that another authority took this one's place.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SucceedAuthority {
    /// The authority that succeeds it.
    pub successor: StreamId,
}

impl Particulars<Authority> for SucceedAuthority {
    const NAME: &'static str = "succeed-authority";
    const ACTORS: Actors = Actors::OPERATOR;

    fn needs(&self, _: &AuthorityState, _: &World) -> Vec<Stream> {
        vec![stream(self.successor)]
    }

    fn decide(
        self,
        state: &AuthorityState,
        scene: &Scene<'_>,
    ) -> Result<Vec<AuthorityEvent>, Refusal> {
        if state.successor.is_some() {
            return Err(Refusal::already(
                "Another authority has already taken its place.",
            ));
        }
        let successor = scene.world.authorities.get(&self.successor);
        if self.successor == scene.stream || successor.is_none_or(|a| a.capacity.is_none()) {
            return Err(Refusal::not_found("There is no such other authority.")
                .at("/particulars/successor"));
        }
        Ok(vec![
            AuthoritySucceeded {
                successor: self.successor,
            }
            .into(),
        ])
    }
}

commands! {
    /// The commands on an authority.
    AuthorityCommand of Authority { RegisterAuthority, AmendAuthority, SucceedAuthority }
}

/// Names an authority's stream.
#[must_use]
pub fn stream(id: StreamId) -> Stream {
    Stream::new(Authority::TYPE, id)
}

impl StreamKind for Authority {
    const TYPE: StreamType = StreamType::of("authority");
    const NAME: &'static str = "authority";
    type Event = AuthorityEvent;
    type State = AuthorityState;
    type Command = AuthorityCommand;

    fn evolve(state: &mut AuthorityState, entry: &Envelope<AuthorityEvent>) {
        match &entry.payload {
            AuthorityEvent::AuthorityRegistered(e) => {
                state.body = Some(e.body.clone());
                state.capacity = Some(e.capacity);
                state.devolved_welsh_authority = e.devolved_welsh_authority.clone();
                state.held_by = Some(e.held_by);
            }
            AuthorityEvent::AuthorityAmended(e) => {
                state.body = Some(e.body.clone());
                state.devolved_welsh_authority = e.devolved_welsh_authority.clone();
                state.held_by = Some(e.held_by);
            }
            AuthorityEvent::AuthoritySucceeded(e) => state.successor = Some(e.successor),
            AuthorityEvent::EntryCorrected(_) | AuthorityEvent::ListClosed(_) => {}
        }
    }

    fn unmet(_: &AuthorityEvent, _: &AuthorityState, _: &Scene<'_>) -> Vec<Unmet> {
        Vec::new()
    }

    fn recordable_by(_: &AuthorityEvent) -> (Actors, Option<StreamId>) {
        (Actors::OPERATOR, None)
    }

    fn partnership(_: StreamId, _: &AuthorityState) -> Option<StreamId> {
        None
    }
}
