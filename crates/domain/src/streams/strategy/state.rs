//! What is known of a strategy.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use dutyledger_record::{Envelope, PublicText, StreamId};

use super::events::{StrategyEvent, Tally};
use crate::streams::shown;
use crate::values::{
    ActionStatus, Bases, Capacity, DecisionRule, EngagedGroup, ExceptedDuty, ExceptionGround, Harm,
    ItemId, Position, PublicationForm, ReviewDecision, ReviewScope, Shown, ViolenceCategory,
};

/// A kind of serious violence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kind {
    /// The kind.
    pub category: ViolenceCategory,
    /// More about it.
    pub description: Option<PublicText>,
    /// The needs assessment that evidences it.
    pub assessment: Option<StreamId>,
}

/// A cause of serious violence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The cause.
    pub description: PublicText,
    /// The needs assessment that evidences it.
    pub assessment: Option<StreamId>,
}

/// An authority consulted, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consulted {
    /// Its capacity.
    pub capacity: Capacity,
    /// When.
    pub at: Shown,
}

/// The consultation on a version. Responses are kept apart from it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Consultation {
    /// When it opened.
    pub opened: Option<Shown>,
    /// The date by which responses are asked for.
    pub responses_by: Option<NaiveDate>,
    /// When it closed.
    pub closed: Option<Shown>,
    /// The authorities consulted.
    pub consulted: BTreeMap<StreamId, Consulted>,
    /// The authorities that responded, and when. What they said is sealed.
    pub responses: BTreeMap<StreamId, Shown>,
}

/// A part of a version that was considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Material {
    /// A neutral name for the part.
    pub part: PublicText,
    /// The harms the specified authorities consider it might do; none clears it.
    pub harms: Vec<Harm>,
    /// Whether it was taken out.
    pub removed: bool,
}

impl Material {
    /// Whether it might do harm and is still in the version (s.8(8), 9(9)).
    #[must_use]
    pub fn is_barred(&self) -> bool {
        !self.harms.is_empty() && !self.removed
    }
}

/// An objection to material.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Objection {
    /// The authority that objected.
    pub authority: StreamId,
    /// A neutral name for the part.
    pub part: PublicText,
    /// Whether the specified authorities have determined it.
    pub determined: bool,
}

/// A position on adopting a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PositionHeld {
    /// The position.
    pub position: Position,
    /// When it was recorded.
    pub at: Shown,
}

/// An adoption.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Adoption {
    /// When.
    pub at: Shown,
    /// The rule it was decided by.
    pub decide_by: DecisionRule,
    /// How they stood; none for a past fact.
    pub tally: Option<Tally>,
}

/// A publication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Publication {
    /// When.
    pub at: Shown,
    /// In what form.
    pub form: PublicationForm,
    /// Where it is found.
    pub locator: PublicText,
}

/// A version of a strategy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// When work on it began.
    pub started: Option<Shown>,
    /// The needs assessments it rests on.
    pub assessments: BTreeSet<StreamId>,
    /// The kinds of serious violence identified.
    pub kinds: BTreeMap<ItemId, Kind>,
    /// The causes identified.
    pub causes: BTreeMap<ItemId, Cause>,
    /// Why causes could not be identified.
    pub causes_unknown: Option<PublicText>,
    /// The consultation on it.
    pub consultation: Consultation,
    /// Whose views were gathered.
    pub engaged: BTreeSet<EngagedGroup>,
    /// Whether due regard under the Equality Act was recorded.
    pub equality_assessed: bool,
    /// The actions it specifies.
    pub actions: BTreeSet<ItemId>,
    /// The parts considered.
    pub material: BTreeMap<ItemId, Material>,
    /// The objections to material.
    pub objections: BTreeMap<ItemId, Objection>,
    /// The specified authorities' positions on adopting it.
    pub positions: BTreeMap<StreamId, PositionHeld>,
    /// Its adoption.
    pub adopted: Option<Adoption>,
    /// Its publication.
    pub published: Option<Publication>,
}

/// Where an authority stands on an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "stance", rename_all = "snake_case")]
pub enum Stance {
    /// It has said nothing. That is neither agreement nor refusal.
    Silent,
    /// It agreed.
    Agreed {
        /// When.
        at: Shown,
    },
    /// It declined.
    Declined {
        /// When.
        at: Shown,
    },
}

/// An authority an action touches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Touched {
    /// Its capacity, where the record says.
    pub capacity: Option<Capacity>,
    /// Where it stands.
    pub stance: Stance,
    /// The exception it claimed for this action, if any.
    pub exception: Option<Exception>,
}

impl Stance {
    /// Whether it is the authority's own word.
    const fn own(self) -> bool {
        match self {
            Self::Silent => false,
            Self::Agreed { at } | Self::Declined { at } => at.own(),
        }
    }
}

impl Touched {
    /// Takes a stance. What somebody else tells never takes the place of the authority's own word.
    fn stand(&mut self, stance: Stance) {
        if stance.own() || !self.stance.own() {
            self.stance = stance;
        }
    }
}

/// An exception claimed. Whether it holds is not decided here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exception {
    /// The duty it is claimed against.
    pub duty: ExceptedDuty,
    /// The ground.
    pub ground: ExceptionGround,
    /// When.
    pub at: Shown,
    /// When its ground ceased, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Shown>,
}

impl Exception {
    /// Whether an authority itself claims it against a duty, and its ground has not ceased.
    #[must_use]
    pub fn stands_against(&self, duty: ExceptedDuty) -> bool {
        self.duty == duty && self.at.own() && self.ended.is_none()
    }
}

/// How far an action has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// How far.
    pub status: ActionStatus,
    /// When.
    pub at: Shown,
}

/// An action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// A short title.
    pub title: PublicText,
    /// What is to be done.
    pub description: PublicText,
    /// The authority that carries it out.
    pub owner: StreamId,
    /// The date by which it is to be done, where the strategy or the authority that carries it out gives
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<NaiveDate>,
    /// The authorities it touches.
    pub authorities: BTreeMap<StreamId, Touched>,
    /// Whether its cost on a school, prison or secure setting was assessed and agreed.
    pub cost_assessed: bool,
    /// How far it has come; every step is kept.
    pub progress: Vec<Progress>,
}

impl Action {
    /// Whether the last that is known of it is that it is done.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        let last = self.progress.last();
        last.is_some_and(|progress| progress.status == ActionStatus::Completed)
    }
}

/// A completed review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Review {
    /// The item's id.
    pub review: ItemId,
    /// The version reviewed.
    pub version: u32,
    /// What it looked at.
    pub scope: ReviewScope,
    /// What it decided.
    pub decision: ReviewDecision,
    /// When.
    pub at: Shown,
}

/// A strategy superseded by another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Superseded {
    /// The strategy that took its place.
    pub by: StreamId,
    /// When.
    pub at: Shown,
}

/// What is known of a strategy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyState {
    /// The partnership.
    pub partnership: Option<StreamId>,
    /// Its title.
    pub title: Option<PublicText>,
    /// What it is made under.
    pub bases: Bases,
    /// Its versions.
    pub versions: BTreeMap<u32, Version>,
    /// Its actions.
    pub actions: BTreeMap<ItemId, Action>,
    /// Its reviews.
    pub reviews: Vec<Review>,
    /// When the effect on people with protected characteristics was last monitored.
    pub equality_monitored: Option<Shown>,
    /// Exceptions claimed that are about no single action.
    pub exceptions: BTreeMap<StreamId, Exception>,
    /// Whether another strategy took its place.
    pub superseded: Option<Superseded>,
}

impl StrategyState {
    /// The newest version.
    #[must_use]
    pub fn latest(&self) -> Option<(u32, &Version)> {
        self.versions.iter().next_back().map(|(n, v)| (*n, v))
    }

    /// The actions of a version.
    pub fn actions_of<'a>(&'a self, version: &'a Version) -> impl Iterator<Item = &'a Action> {
        let ids = version.actions.iter();
        ids.filter_map(|id| self.actions.get(id))
    }

    /// The newest adopted version.
    #[must_use]
    pub fn in_force(&self) -> Option<(u32, &Version)> {
        self.versions
            .iter()
            .rev()
            .find(|(_, v)| v.adopted.is_some())
            .map(|(n, v)| (*n, v))
    }

    /// The newest published version.
    #[must_use]
    pub fn newest_published(&self) -> Option<(u32, &Version)> {
        self.versions
            .iter()
            .rev()
            .find(|(_, v)| v.published.is_some())
            .map(|(n, v)| (*n, v))
    }

    /// A version whose content changes: positions were on what it said before. An adopted version's
    /// stay, for what is added to it later is only told.
    fn content(&mut self, number: u32) -> &mut Version {
        let version = self.version(number);
        if version.adopted.is_none() {
            version.positions.clear();
        }
        version
    }

    /// What every version in preparation says has changed: positions were on what it was before.
    fn agree_anew(&mut self) {
        for version in self.versions.values_mut().filter(|v| v.adopted.is_none()) {
            version.positions.clear();
        }
    }

    fn version(&mut self, number: u32) -> &mut Version {
        self.versions.entry(number).or_default()
    }

    /// The exceptions that an authority claimed, or is told to have, from carrying out an action: for
    /// that action or for none in particular.
    pub fn exceptions_from<'s>(
        &'s self,
        action: &'s Action,
        authority: StreamId,
    ) -> impl Iterator<Item = &'s Exception> {
        let of_action = action.authorities.get(&authority);
        let of_action = of_action.and_then(|touched| touched.exception.as_ref());
        let all = of_action.into_iter().chain(self.exceptions.get(&authority));
        all.filter(|exception| exception.duty == ExceptedDuty::CarryOutActions)
    }

    /// The exception from carrying out an action that an authority itself claims, while its ground lasts.
    #[must_use]
    pub fn excepted_from<'s>(
        &'s self,
        action: &'s Action,
        authority: StreamId,
    ) -> Option<&'s Exception> {
        self.exceptions_from(action, authority)
            .find(|exception| exception.stands_against(ExceptedDuty::CarryOutActions))
    }

    pub(super) fn apply(&mut self, entry: &Envelope<StrategyEvent>) {
        use StrategyEvent as E;
        let at = shown(entry);
        match &entry.payload {
            E::StrategyDrafted(e) => {
                self.partnership = Some(e.partnership);
                self.title = Some(e.title.clone());
                self.bases = e.bases;
                self.version(1).started = Some(at);
            }
            E::StrategyAmended(e) => {
                self.title = Some(e.title.clone());
                if e.bases != self.bases {
                    self.agree_anew();
                }
                self.bases = e.bases;
            }
            E::AssessmentLinked(e) => {
                self.content(e.version).assessments.insert(e.assessment);
            }
            E::ViolenceKindIdentified(e) => {
                let kind = Kind {
                    category: e.category,
                    description: e.description.clone(),
                    assessment: e.assessment,
                };
                self.content(e.version).kinds.insert(e.kind, kind);
            }
            E::ViolenceCauseIdentified(e) => {
                let cause = Cause {
                    description: e.description.clone(),
                    assessment: e.assessment,
                };
                self.content(e.version).causes.insert(e.cause, cause);
            }
            E::CauseRecordedAsUnknown(e) => {
                self.content(e.version).causes_unknown = Some(e.why.clone());
            }
            E::ConsultationOpened(e) => {
                let consultation = &mut self.version(e.version).consultation;
                consultation.opened = Some(at);
                consultation.responses_by = Some(e.responses_by);
            }
            E::AuthorityConsulted(e) => {
                let consulted = Consulted {
                    capacity: e.capacity,
                    at,
                };
                self.version(e.version)
                    .consultation
                    .consulted
                    .insert(e.authority, consulted);
            }
            E::ConsultationResponseRecorded(e) => {
                let responses = &mut self.version(e.version).consultation.responses;
                if at.own() || responses.get(&e.authority).is_none_or(|held| !held.own()) {
                    responses.insert(e.authority, at);
                }
            }
            E::ConsultationClosed(e) => self.version(e.version).consultation.closed = Some(at),
            E::EngagementHeld(e) => {
                self.version(e.version).engaged.insert(e.group);
            }
            E::EqualityImpactAssessed(e) => self.version(e.version).equality_assessed = true,
            E::EqualityImpactMonitored(_) => self.equality_monitored = Some(at),
            E::ActionProposed(_)
            | E::ActionLeftOut(_)
            | E::ActionDated(_)
            | E::ActionDateSet(_)
            | E::ExceptionEnded(_)
            | E::ActionAuthorityNamed(_)
            | E::ActionAgreed(_)
            | E::ActionDeclined(_)
            | E::ExceptionClaimed(_)
            | E::ActionCostAssessed(_)
            | E::ActionProgressed(_) => self.apply_to_actions(&entry.payload, at),
            E::MaterialConsidered(e) => {
                let material = Material {
                    part: e.part.clone(),
                    harms: e.harms.clone(),
                    removed: false,
                };
                self.version(e.version)
                    .material
                    .insert(e.material, material);
            }
            E::MaterialRemoved(e) => {
                if let Some(material) = self.version(e.version).material.get_mut(&e.material) {
                    material.removed = true;
                }
            }
            E::ObjectionRaised(e) => {
                let objection = Objection {
                    authority: e.authority,
                    part: e.part.clone(),
                    determined: false,
                };
                self.version(e.version)
                    .objections
                    .insert(e.objection, objection);
            }
            E::ObjectionDetermined(e) => {
                let version = self.version(e.version);
                if let Some(objection) = version.objections.get_mut(&e.objection) {
                    objection.determined = true;
                    let material = Material {
                        part: objection.part.clone(),
                        harms: e.harms.clone(),
                        removed: false,
                    };
                    version.material.insert(e.objection, material);
                }
            }
            E::StrategyPositionRecorded(e) => {
                let held = PositionHeld {
                    position: e.position,
                    at,
                };
                let positions = &mut self.version(e.version).positions;
                // What somebody else tells never takes the place of the authority's own word.
                if at.own()
                    || positions
                        .get(&e.authority)
                        .is_none_or(|held| !held.at.own())
                {
                    positions.insert(e.authority, held);
                }
            }
            E::StrategyAdopted(e) => {
                self.version(e.version).adopted = Some(Adoption {
                    at,
                    decide_by: e.decide_by,
                    tally: e.tally.clone(),
                });
            }
            E::StrategyPublished(e) => {
                self.version(e.version).published = Some(Publication {
                    at,
                    form: e.form,
                    locator: e.locator.clone(),
                });
            }
            E::ReviewCompleted(e) => self.reviews.push(Review {
                review: e.review,
                version: e.version,
                scope: e.scope,
                decision: e.decision,
                at,
            }),
            E::RevisionStarted(e) => {
                let from = self
                    .versions
                    .get(&e.from_version)
                    .cloned()
                    .unwrap_or_default();
                let version = self.version(e.version);
                version.started = Some(at);
                version.assessments.extend(from.assessments);
                version.kinds.extend(from.kinds);
                version.causes.extend(from.causes);
                version.causes_unknown = version.causes_unknown.take().or(from.causes_unknown);
                version.actions.extend(from.actions);
                // A part that might do harm came along with the rest, until it is taken out.
                let left_in = from.material.into_iter();
                version
                    .material
                    .extend(left_in.filter(|(_, part)| part.is_barred()));
            }
            E::StrategySuperseded(e) => self.superseded = Some(Superseded { by: e.by, at }),
            // Whatever was withdrawn, what is then adopted is agreed anew.
            E::EntryCorrected(_) => self.agree_anew(),
            E::ListClosed(_) => {}
        }
    }

    fn apply_to_actions(&mut self, event: &StrategyEvent, at: Shown) {
        use StrategyEvent as E;
        match event {
            E::ActionProposed(e) => {
                self.content(e.version).actions.insert(e.action);
                self.actions.insert(
                    e.action,
                    Action {
                        title: e.title.clone(),
                        description: e.description.clone(),
                        owner: e.owner,
                        by: None,
                        authorities: BTreeMap::new(),
                        cost_assessed: false,
                        progress: Vec::new(),
                    },
                );
            }
            E::ActionLeftOut(e) => {
                self.content(e.version).actions.remove(&e.action);
            }
            E::ActionDated(e) => {
                self.content(e.version);
                if let Some(action) = self.actions.get_mut(&e.action) {
                    action.by = Some(e.by);
                }
            }
            E::ActionDateSet(e) => {
                // Positions on a version in preparation were on the date it had before.
                let versions = self.versions.values_mut();
                let with_it = versions.filter(|version| version.actions.contains(&e.action));
                for version in with_it.filter(|version| version.adopted.is_none()) {
                    version.positions.clear();
                }
                if let Some(action) = self.actions.get_mut(&e.action) {
                    action.by = Some(e.by);
                }
            }
            E::ActionAuthorityNamed(e) => {
                if let Some(touched) = self.touched(e.action, e.authority) {
                    touched.capacity = Some(e.capacity);
                }
            }
            E::ActionAgreed(e) => {
                if let Some(touched) = self.touched(e.action, e.authority) {
                    touched.stand(Stance::Agreed { at });
                }
            }
            E::ActionDeclined(e) => {
                if let Some(touched) = self.touched(e.action, e.authority) {
                    touched.stand(Stance::Declined { at });
                }
            }
            E::ExceptionClaimed(e) => {
                let exception = Exception {
                    duty: e.duty,
                    ground: e.ground,
                    at,
                    ended: None,
                };
                let newer =
                    |held: Option<&Exception>| at.own() || held.is_none_or(|held| !held.at.own());
                match e.action {
                    Some(action) => {
                        if let Some(touched) = self.touched(action, e.authority)
                            && newer(touched.exception.as_ref())
                        {
                            touched.exception = Some(exception);
                        }
                    }
                    None if newer(self.exceptions.get(&e.authority)) => {
                        self.exceptions.insert(e.authority, exception);
                    }
                    None => {}
                }
            }
            E::ExceptionEnded(e) => {
                // What somebody else tells never ends what the authority itself claims.
                let ends =
                    |held: &&mut Exception| held.duty == e.duty && (at.own() || !held.at.own());
                if let Some(held) = self.claimed(e.action, e.authority).filter(ends) {
                    held.ended = Some(at);
                }
            }
            E::ActionCostAssessed(e) => {
                if let Some(action) = self.actions.get_mut(&e.action) {
                    action.cost_assessed = true;
                }
            }
            E::ActionProgressed(e) => {
                if let Some(action) = self.actions.get_mut(&e.action) {
                    action.progress.push(Progress {
                        status: e.status,
                        at,
                    });
                }
            }
            _ => {}
        }
    }

    /// The exception an authority claimed last, for an action or for none in particular.
    fn claimed(&mut self, action: Option<ItemId>, authority: StreamId) -> Option<&mut Exception> {
        match action {
            Some(action) => {
                let touched = self
                    .actions
                    .get_mut(&action)?
                    .authorities
                    .get_mut(&authority)?;
                touched.exception.as_mut()
            }
            None => self.exceptions.get_mut(&authority),
        }
    }

    /// Where an authority stands on an action that exists.
    fn touched(&mut self, action: ItemId, authority: StreamId) -> Option<&mut Touched> {
        let action = self.actions.get_mut(&action)?;
        Some(action.authorities.entry(authority).or_insert(Touched {
            capacity: None,
            stance: Stance::Silent,
            exception: None,
        }))
    }
}
