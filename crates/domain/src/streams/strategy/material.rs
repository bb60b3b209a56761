//! Material that must not be in a strategy (s.8(8), 9(9)). It is never recorded itself: only a
//! neutral name for the part of the document.

use dutyledger_record::{PlainText, PublicText, Sealed, StreamId};

use super::Strategy;
use super::commands::version_in_preparation;
use super::events::{
    MaterialConsidered, MaterialRemoved, ObjectionDetermined, ObjectionRaised, StrategyEvent,
};
use super::state::StrategyState;
use crate::decide::{Actor, Actors, Particulars};
use crate::refusal::Refusal;
use crate::scene::Scene;
use crate::values::{Harm, ItemId};

/// The specified authorities themselves: it cannot be reported (s.8(8)).
const SPECIFIED_ONLY: Actors = Actors {
    own: &[Actor::SpecifiedAuthority],
    reportable: false,
    past_fact: true,
};

fn check_harms(harms: &[Harm]) -> Result<(), Refusal> {
    let distinct: std::collections::BTreeSet<_> = harms.iter().collect();
    if distinct.len() < harms.len() {
        return Err(Refusal::invalid(
            "/particulars/harms",
            "A harm is named twice.",
        ));
    }
    Ok(())
}

command! {
    /// Records that a part of a version was considered, and what harm it might do.
    ConsiderMaterial {
        /// The version.
        version: u32,
        /// A neutral name for the part of the document. Never the material itself.
        part: PublicText,
        /// The harms it might do; none clears it.
        #[serde(default)]
        #[schemars(length(max = 3))]
        harms: Vec<Harm>,
    }
}

impl Particulars<Strategy> for ConsiderMaterial {
    const NAME: &'static str = "consider-material";
    const ACTORS: Actors = SPECIFIED_ONLY;

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        check_harms(&self.harms)?;
        // An adopted version may be considered too: publication is barred as adoption is.
        super::commands::version(state, self.version)?;
        Ok(vec![
            MaterialConsidered {
                harms: self.harms,
                material: scene.ids.next(),
                part: self.part,
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Records that a part was taken out of a version.
    RemoveMaterial {
        /// The version.
        version: u32,
        /// The part considered.
        material: ItemId,
    }
}

impl Particulars<Strategy> for RemoveMaterial {
    const NAME: &'static str = "remove-material";
    const ACTORS: Actors = SPECIFIED_ONLY;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = super::commands::version(state, self.version)?;
        match version.material.get(&self.material) {
            Some(material) if !material.removed => Ok(vec![
                MaterialRemoved {
                    material: self.material,
                    version: self.version,
                }
                .into(),
            ]),
            Some(_) => Err(Refusal::already("The part is already taken out.")),
            None => Err(
                Refusal::not_found("This version has no such part considered.")
                    .at("/particulars/material"),
            ),
        }
    }
}

command! {
    /// Objects to material in a version. It holds adoption until determined (L-5).
    RaiseObjection {
        /// The version.
        version: u32,
        /// The authority that objects.
        authority: StreamId,
        /// A neutral name for the part of the document.
        part: PublicText,
        /// Why. It is sealed.
        reason: Option<PlainText>,
    }
}

impl Particulars<Strategy> for RaiseObjection {
    const NAME: &'static str = "raise-objection";
    const ACTORS: Actors = Actors::SUBJECT;
    const RESTS_ON_AREAS: bool = true;

    fn subject(&self, _: &StrategyState) -> Option<StreamId> {
        Some(self.authority)
    }

    fn decide(
        self,
        state: &StrategyState,
        scene: &Scene<'_>,
    ) -> Result<Vec<StrategyEvent>, Refusal> {
        let version = version_in_preparation(state, self.version)?;
        let partnership = state
            .partnership
            .and_then(|id| scene.world.partnerships.get(&id));
        let member = partnership.is_some_and(|p| p.has_member(self.authority));
        if !member && !version.consultation.consulted.contains_key(&self.authority) {
            return Err(
                Refusal::not_found("This is neither a member nor a consultee.")
                    .at("/particulars/authority"),
            );
        }
        Ok(vec![
            ObjectionRaised {
                authority: self.authority,
                objection: scene.ids.next(),
                part: self.part,
                reason: self.reason.map(Sealed::from),
                version: self.version,
            }
            .into(),
        ])
    }
}

command! {
    /// Determines an objection: the harms the part might do, or none.
    DetermineObjection {
        /// The version.
        version: u32,
        /// The objection.
        objection: ItemId,
        /// The harms it might do; none finds the objection not made out.
        #[serde(default)]
        #[schemars(length(max = 3))]
        harms: Vec<Harm>,
    }
}

impl Particulars<Strategy> for DetermineObjection {
    const NAME: &'static str = "determine-objection";
    const ACTORS: Actors = SPECIFIED_ONLY;

    fn decide(self, state: &StrategyState, _: &Scene<'_>) -> Result<Vec<StrategyEvent>, Refusal> {
        check_harms(&self.harms)?;
        let version = version_in_preparation(state, self.version)?;
        match version.objections.get(&self.objection) {
            Some(objection) if !objection.determined => Ok(vec![
                ObjectionDetermined {
                    harms: self.harms,
                    objection: self.objection,
                    version: self.version,
                }
                .into(),
            ]),
            Some(_) => Err(Refusal::already("The objection is already determined.")),
            None => Err(Refusal::not_found("This version has no such objection.")
                .at("/particulars/objection")),
        }
    }
}
