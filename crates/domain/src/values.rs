//! The vocabulary of the duty.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use dutyledger_record::{EntryId, PublicText, StreamId};

/// Makes a plain closed vocabulary: an enum written in snake_case.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every word of this vocabulary.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

vocabulary! {
    /// Part of the United Kingdom the duty reaches.
    Country {
        /// England.
        England,
        /// Wales.
        Wales,
    }
}

vocabulary! {
    /// The kind of a local government area (s.11(4)).
    AreaKind {
        /// A district, metropolitan or not, or a unitary council's area.
        District,
        /// A London borough.
        LondonBorough,
        /// The City of London, with the Inner and Middle Temple (s.11(5)).
        CityOfLondon,
        /// The Isles of Scilly.
        IslesOfScilly,
        /// A county in Wales.
        WelshCounty,
        /// A county borough in Wales.
        WelshCountyBorough,
    }
}

vocabulary! {
    /// The register an area's code comes from. Codes are attributes in force for a time, never keys.
    CodeScheme {
        /// Office for National Statistics area code (E06…, E07…, E08…, E09…, W06…).
        Gss,
        /// Community Safety Partnership.
        Csp,
        /// Police force area.
        PoliceForceArea,
        /// Fire and rescue authority area.
        FireAndRescueAuthority,
        /// Integrated care board.
        IntegratedCareBoard,
        /// Local health board.
        LocalHealthBoard,
        /// County.
        County,
    }
}

vocabulary! {
    /// The capacity in which a body holds an office (ss.11, 12, 14; Schedules 1 and 2).
    Capacity {
        /// Chief officer of police.
        ChiefOfficerOfPolice,
        /// Provider of probation services.
        ProbationProvider,
        /// Youth offending team.
        YouthOffendingTeam,
        /// Fire and rescue authority.
        FireAndRescueAuthority,
        /// Integrated care board (England).
        IntegratedCareBoard,
        /// Local health board (Wales).
        LocalHealthBoard,
        /// Local authority.
        LocalAuthority,
        /// Educational authority.
        EducationalAuthority,
        /// Prison authority.
        PrisonAuthority,
        /// Youth custody authority.
        YouthCustodyAuthority,
        /// Local policing body.
        LocalPolicingBody,
        /// Clinical commissioning group: named in the draft guidance, abolished before the duty
        /// came into force, so it never owed it.
        ClinicalCommissioningGroup,
        /// A body with no duty of its own, such as one that is invited (s.8(12)).
        OtherBody,
    }
}

vocabulary! {
    /// The class of a capacity.
    Class {
        /// A specified authority (s.11, Schedule 1).
        Specified,
        /// A relevant authority: educational, prison or youth custody (s.12, Schedule 2).
        Relevant,
        /// A local policing body (s.14).
        LocalPolicingBody,
        /// No class of the Act.
        Other,
    }
}

impl Capacity {
    /// The class this capacity belongs to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::ChiefOfficerOfPolice
            | Self::ProbationProvider
            | Self::YouthOffendingTeam
            | Self::FireAndRescueAuthority
            | Self::IntegratedCareBoard
            | Self::LocalHealthBoard
            | Self::LocalAuthority => Class::Specified,
            Self::EducationalAuthority | Self::PrisonAuthority | Self::YouthCustodyAuthority => {
                Class::Relevant
            }
            Self::LocalPolicingBody => Class::LocalPolicingBody,
            Self::ClinicalCommissioningGroup | Self::OtherBody => Class::Other,
        }
    }
}

vocabulary! {
    /// Who holds an office, where s.18(5) makes it matter.
    HeldBy {
        /// Nobody s.18(5) names.
        Ordinary,
        /// The Secretary of State as provider of probation services.
        SecretaryOfStateAsProbationProvider,
        /// The governor of a prison, young offender institution or secure training centre.
        GovernorOfPrisonYoiOrStc,
        /// The principal of a directly managed secure college.
        PrincipalOfDirectlyManagedSecureCollege,
        /// The director of a contracted-out prison, young offender institution or secure training
        /// centre; may be directed.
        DirectorOfContractedOutInstitution,
    }
}

impl HeldBy {
    /// Whether s.18(5) puts this holder beyond direction.
    #[must_use]
    pub const fn beyond_direction(self) -> bool {
        match self {
            Self::SecretaryOfStateAsProbationProvider
            | Self::GovernorOfPrisonYoiOrStc
            | Self::PrincipalOfDirectlyManagedSecureCollege => true,
            Self::Ordinary | Self::DirectorOfContractedOutInstitution => false,
        }
    }
}

vocabulary! {
    /// The structure a partnership works through (R-11.1, R-17.1, R-S4.1 to R-S4.3).
    Route {
        /// A Community Safety Partnership.
        CommunitySafetyPartnership,
        /// A Violence Reduction Unit.
        ViolenceReductionUnit,
        /// A Health and Wellbeing Board.
        HealthAndWellbeingBoard,
        /// Multi-agency safeguarding arrangements.
        SafeguardingArrangements,
        /// A criminal justice board.
        CriminalJusticeBoard,
        /// Several existing structures together.
        SeveralStructures,
        /// A new structure.
        NewStructure,
        /// A voluntary arrangement.
        Voluntary,
    }
}

vocabulary! {
    /// In what standing a body is a member of a partnership.
    MemberStanding {
        /// By law (s.11).
        Specified,
        /// On request (s.15(3)).
        Relevant,
        /// Invited (s.8(6), 8(12)).
        Invited,
    }
}

vocabulary! {
    /// An authority's position on a matter decided together.
    Position {
        /// Agrees.
        Agree,
        /// Objects.
        Object,
        /// Abstains.
        Abstain,
    }
}

/// How specified authorities decide together (L-3). Silence is never agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum DecisionRule {
    /// Every specified authority has agreed.
    Unanimous,
    /// More than half of the specified authorities have agreed.
    Majority,
    /// At least this many specified authorities have agreed.
    AtLeast {
        /// How many, from 1.
        count: u32,
    },
}

impl DecisionRule {
    /// Whether `agreed` of `all` specified authorities are enough.
    #[must_use]
    pub const fn met(self, agreed: usize, all: usize) -> bool {
        match self {
            Self::Unanimous => all > 0 && agreed == all,
            Self::Majority => agreed * 2 > all,
            Self::AtLeast { count } => agreed >= count as usize && agreed > 0,
        }
    }
}

/// A matter of the partnership that its specified authorities decide together (¶17, 27, 33).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "matter", rename_all = "snake_case", deny_unknown_fields)]
pub enum Matter {
    /// Forming the partnership as proposed.
    Formation,
    /// Who leads.
    Lead {
        /// The authority proposed.
        authority: StreamId,
    },
    /// Through which structure it works.
    Route {
        /// The structure proposed.
        route: Route,
    },
    /// Which areas it is for.
    Areas {
        /// The digest of the ids of the areas, in ascending order.
        digest: String,
    },
    /// How they decide.
    DecisionRule {
        /// The rule proposed.
        decide_by: DecisionRule,
    },
    /// Dissolving it.
    Dissolution,
    /// Withdrawing an entry that was decided together, of the partnership or of a strategy of its.
    Correction {
        /// The entry.
        entry_id: EntryId,
    },
}

vocabulary! {
    /// A kind of serious violence (R-23.1, R-24.1, R-25.1; s.13).
    ViolenceCategory {
        /// Homicide.
        Homicide,
        /// Violence against the person, other than the kinds below.
        ViolenceAgainstThePerson,
        /// Knife crime.
        KnifeCrime,
        /// Gun crime.
        GunCrime,
        /// Public space youth violence.
        PublicSpaceYouthViolence,
        /// County lines and drug market violence.
        CountyLines,
        /// Domestic abuse (s.13(3)).
        DomesticAbuse,
        /// Sexual offences (s.13(3)).
        SexualOffences,
        /// Robbery.
        Robbery,
        /// Violence in the night-time economy.
        NightTimeEconomy,
        /// Violence against property (s.13(2)).
        ViolenceAgainstProperty,
        /// Another kind, described.
        Other,
    }
}

/// What a strategy is made under. Wider than one area under s.8 only if also under s.9 (s.8(9)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bases {
    /// Section 8: a local government area.
    pub section_8: bool,
    /// Section 9: a relevant area.
    pub section_9: bool,
    /// Section 6 of the Crime and Disorder Act 1998.
    pub crime_and_disorder_act_section_6: bool,
}

vocabulary! {
    /// A harm that material in a strategy might do (s.8(8), 9(9)).
    Harm {
        /// Jeopardise the safety of any person.
        Safety,
        /// Prejudice the prevention, detection, investigation or prosecution of an offence.
        CrimePreventionOrProsecution,
        /// Compromise the security, good order or discipline of an institution.
        InstitutionSecurity,
    }
}

vocabulary! {
    /// A ground of exception (s.15(7); R-fn8.1).
    ExceptionGround {
        /// (a) Incompatible with another statutory duty.
        IncompatibleWithStatutoryDuty,
        /// (b) An adverse effect on the authority's functions.
        AdverseEffectOnFunctions,
        /// (c) Disproportionate to the need.
        Disproportionate,
        /// (d) Unreasonable costs.
        UnreasonableCosts,
    }
}

impl ExceptionGround {
    /// Its letter in s.15(7).
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::IncompatibleWithStatutoryDuty => "a",
            Self::AdverseEffectOnFunctions => "b",
            Self::Disproportionate => "c",
            Self::UnreasonableCosts => "d",
        }
    }
}

vocabulary! {
    /// A duty a s.15(7) exception may be claimed against, or not.
    ExceptedDuty {
        /// s.15(3): collaborate on request.
        #[serde(rename = "15(3)")]
        Collaborate,
        /// s.15(3), for help to identify kinds or causes or to prepare a strategy.
        #[serde(rename = "15(3)-kinds-causes-preparation")]
        CollaborateOnKindsCausesOrPreparation,
        /// s.15(4): carry out actions a strategy specifies.
        #[serde(rename = "15(4)")]
        CarryOutActions,
        /// s.15(5)(b): collaborate with another relevant authority.
        #[serde(rename = "15(5)(b)")]
        CollaborateWithRelevantAuthority,
        /// Any other duty.
        #[serde(rename = "other")]
        Other,
    }
}

vocabulary! {
    /// How far an action has come.
    ActionStatus {
        /// Under way.
        Started,
        /// Done. It stays on the record for later evaluation.
        Completed,
        /// Given up.
        Stopped,
    }
}

vocabulary! {
    /// What a review looked at.
    ReviewScope {
        /// The whole strategy.
        Whole,
        /// A part of it.
        Part,
    }
}

vocabulary! {
    /// What a review decided.
    ReviewDecision {
        /// No change.
        NoChange,
        /// A new action, without revising the strategy.
        NewAction,
        /// To revise the strategy.
        Revise,
    }
}

vocabulary! {
    /// Who was engaged.
    EngagedGroup {
        /// The voluntary and community sector.
        VoluntarySector,
        /// Children and young people.
        YoungPeople,
        /// People who use services.
        ServiceUsers,
        /// Businesses.
        Businesses,
    }
}

vocabulary! {
    /// The form a strategy was published in.
    PublicationForm {
        /// On its own.
        StandAlone,
        /// As part of another document that clearly shows it.
        Embedded,
    }
}

vocabulary! {
    /// What was decided about publishing a needs assessment. The Act asks for nothing here.
    AssessmentPublication {
        /// Published.
        Published,
        /// Given to professionals on request.
        OnRequest,
        /// Not published.
        Withheld,
        /// Not said.
        NotStated,
    }
}

vocabulary! {
    /// A duty for whose failure the Secretary of State may direct (s.18(1)), and s.9 duties, which
    /// are listed so that asking for them can be refused with the reason.
    Duty {
        /// s.8(1)–(2): collaborate and plan.
        #[serde(rename = "8(1)-(2)")]
        CollaborateAndPlan,
        /// s.8(3)(a): identify the kinds of serious violence.
        #[serde(rename = "8(3)(a)")]
        IdentifyKinds,
        /// s.8(3)(b): identify the causes so far as possible.
        #[serde(rename = "8(3)(b)")]
        IdentifyCauses,
        /// s.8(3)(c): prepare and implement a strategy.
        #[serde(rename = "8(3)(c)")]
        PrepareAndImplement,
        /// s.8(4): consult each relevant authority.
        #[serde(rename = "8(4)")]
        Consult,
        /// s.8(7)(a): publish the strategy.
        #[serde(rename = "8(7)(a)")]
        Publish,
        /// s.8(7)(b): keep the strategy under review.
        #[serde(rename = "8(7)(b)")]
        KeepUnderReview,
        /// s.8(7)(c): revise the strategy from time to time.
        #[serde(rename = "8(7)(c)")]
        Revise,
        /// s.8(8): leave out barred material.
        #[serde(rename = "8(8)")]
        LeaveOutBarredMaterial,
        /// s.9: duties about a strategy for a relevant area.
        #[serde(rename = "9")]
        SectionNine,
        /// s.14(6): co-operate with the local policing body.
        #[serde(rename = "14(6)")]
        CooperateWithLocalPolicingBody,
        /// s.15(3): collaborate on request.
        #[serde(rename = "15(3)")]
        CollaborateOnRequest,
        /// s.15(4): carry out actions a strategy specifies.
        #[serde(rename = "15(4)")]
        CarryOutActions,
        /// s.15(5)(b): collaborate with another relevant authority.
        #[serde(rename = "15(5)(b)")]
        CollaborateWithRelevantAuthority,
        /// s.17(4): supply information.
        #[serde(rename = "17(4)")]
        SupplyInformation,
    }
}

impl Duty {
    /// The section of the enacted Act, as it is cited.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::CollaborateAndPlan => "8(1)-(2)",
            Self::IdentifyKinds => "8(3)(a)",
            Self::IdentifyCauses => "8(3)(b)",
            Self::PrepareAndImplement => "8(3)(c)",
            Self::Consult => "8(4)",
            Self::Publish => "8(7)(a)",
            Self::KeepUnderReview => "8(7)(b)",
            Self::Revise => "8(7)(c)",
            Self::LeaveOutBarredMaterial => "8(8)",
            Self::SectionNine => "9",
            Self::CooperateWithLocalPolicingBody => "14(6)",
            Self::CollaborateOnRequest => "15(3)",
            Self::CarryOutActions => "15(4)",
            Self::CollaborateWithRelevantAuthority => "15(5)(b)",
            Self::SupplyInformation => "17(4)",
        }
    }

    /// Whether s.18(1) lets the Secretary of State direct an authority of this class for it.
    #[must_use]
    pub const fn may_be_directed(self, class: Class) -> bool {
        match class {
            Class::Specified => !matches!(
                self,
                Self::SectionNine | Self::CarryOutActions | Self::CollaborateWithRelevantAuthority
            ),
            Class::Relevant => matches!(
                self,
                Self::CollaborateOnRequest
                    | Self::CarryOutActions
                    | Self::CollaborateWithRelevantAuthority
                    | Self::SupplyInformation
            ),
            Class::LocalPolicingBody | Class::Other => false,
        }
    }
}

vocabulary! {
    /// What a source establishes about a breach; without it a past fact is only not evidenced.
    Establishes {
        /// The body's own document admits it.
        Admitted,
        /// A court, an inspectorate or a monitor found it.
        Found,
    }
}

/// A post, never a person (R-S2.3): whose title, of which body, in what capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// The body that has the post.
    pub body: PublicText,
    /// The capacity the holder acts in.
    pub capacity: Capacity,
    /// The title of the post, such as "Director of Public Health". Names no person.
    pub title: PublicText,
}

/// A date as people write it: 21 November 2026.
#[must_use]
pub fn in_words(date: NaiveDate) -> String {
    date.format("%-d %B %Y").to_string()
}

/// When something was, and by which entry it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Whether the date is assumed.
    pub assumed: bool,
    /// The entry.
    pub entry_id: EntryId,
    /// The date.
    pub on: NaiveDate,
    /// Whether it rests on a report rather than on the authority's own act.
    pub reported: bool,
    /// Whether it rests on a past fact.
    pub past_fact: bool,
}

impl Shown {
    /// Whether it is the authority's own act, with its own key: neither a report nor a past fact
    /// that somebody else recorded.
    #[must_use]
    pub const fn own(&self) -> bool {
        !self.reported && !self.past_fact
    }
}

/// Names an item within a stream: an action, a review, a representative, a list, an objection.
pub type ItemId = Uuid;

/// The latest date a history's sources reach (L-4; absence after it shows nothing).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    /// The date.
    pub covers_until: NaiveDate,
    /// Whether what is told is fictional.
    pub fictional: bool,
}
