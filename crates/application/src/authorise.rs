//! Who may give which command (L-2, and the table of who may do what).

use chrono::NaiveDate;

use dutyledger_domain::streams::PartnershipState;
use dutyledger_domain::{Acting, Actor, Actors, Class, Refusal, World};
use dutyledger_record::{Principal, PrincipalKind, StreamId};

/// What a command is about, as far as authorisation asks.
pub(crate) struct Asked<'a> {
    pub(crate) principal: Principal,
    pub(crate) acting: Acting,
    pub(crate) actors: Actors,
    /// The authority whose act it is.
    pub(crate) subject: Option<StreamId>,
    /// The partnership it concerns, where it exists already.
    pub(crate) partnership: Option<(StreamId, &'a PartnershipState)>,
    pub(crate) world: &'a World,
    pub(crate) on: NaiveDate,
}

impl Asked<'_> {
    /// Whether the principal may give the command.
    ///
    /// # Errors
    /// A refusal under L-2.
    pub(crate) fn authorise(&self) -> Result<(), Refusal> {
        if self.acting == Acting::Reported && self.principal.kind != PrincipalKind::Coordinator {
            return Err(Refusal::not_permitted(
                "Only a coordinator reports for others.",
            ));
        }
        let permitted = match self.principal.kind {
            PrincipalKind::Coordinator => self.coordinator_may(),
            PrincipalKind::Operator => {
                self.own(Actor::Operator)
                    || (self.acting == Acting::PastFact && self.actors.past_fact)
            }
            PrincipalKind::Authority => {
                (self.own(Actor::SpecifiedAuthority) && self.is_specified())
                    || (self.own(Actor::Subject) && self.is_subject())
            }
            PrincipalKind::LocalPolicingBody => {
                self.own(Actor::LocalPolicingBody) && self.polices_an_area()
            }
            PrincipalKind::SecretaryOfState => self.own(Actor::SecretaryOfState),
            PrincipalKind::WelshMinisters => self.own(Actor::WelshMinisters),
            PrincipalKind::Inspectorate => self.own(Actor::Inspectorate),
            PrincipalKind::System => self.own(Actor::System),
            PrincipalKind::Auditor => false,
        };
        if permitted {
            Ok(())
        } else {
            Err(Refusal::not_permitted(self.why_not()))
        }
    }

    fn own(&self, actor: Actor) -> bool {
        self.actors.own.contains(&actor)
    }

    fn coordinator_may(&self) -> bool {
        let own_partnership = self
            .partnership
            .is_some_and(|(id, _)| self.principal.id == Some(id));
        own_partnership
            && match self.acting {
                Acting::Own => false,
                Acting::Reported => self.actors.reportable,
                Acting::PastFact => self.actors.past_fact,
            }
    }

    /// Whether it is the authority the command is about, or took its place in the partnership, and has to
    /// do with the partnership: naming oneself makes nobody a party.
    fn is_subject(&self) -> bool {
        let (Some(own), Some(subject)) = (self.principal.id, self.subject) else {
            return false;
        };
        let in_its_place = |p: &PartnershipState| p.in_place_of(subject) == own;
        if own != subject && !self.partnership.is_some_and(|(_, p)| in_its_place(p)) {
            return false;
        }
        let party = |p: &PartnershipState| {
            p.takes_part(own, self.world, self.on)
                || p.areas
                    .iter()
                    .filter_map(|id| self.world.areas.get(id))
                    .any(|area| {
                        area.authorities
                            .get(&own)
                            .is_some_and(|a| a.exists_on(self.on))
                    })
        };
        self.partnership.is_none_or(|(_, p)| party(p))
    }

    fn is_specified(&self) -> bool {
        let Some(own) = self.principal.id else {
            return false;
        };
        match self.partnership {
            Some((_, partnership)) => partnership
                .specified_authorities(self.world, self.on)
                .contains(&own),
            // Before there is a partnership: a specified authority of one of the areas named.
            None => self.world.areas.values().any(|area| {
                area.authorities_of(Class::Specified, self.on)
                    .any(|(id, _)| id == own)
            }),
        }
    }

    fn polices_an_area(&self) -> bool {
        self.world.areas.values().any(|area| {
            area.authorities_of(Class::LocalPolicingBody, self.on)
                .any(|(id, _)| Some(id) == self.principal.id)
        })
    }

    fn why_not(&self) -> &'static str {
        match (self.principal.kind, self.acting) {
            (PrincipalKind::Coordinator, Acting::Own) => {
                "A coordinator does not act for a member: it reports, with a source."
            }
            (PrincipalKind::Coordinator, Acting::Reported) => {
                "This cannot be reported: only the authority itself may do it."
            }
            (PrincipalKind::Authority, _) if self.own(Actor::Subject) => {
                "This is for the authority it is about, with its own key."
            }
            _ => "This principal may not do this.",
        }
    }
}
