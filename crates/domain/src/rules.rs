//! Rule packs: rows as data, each with its citation.

use std::fmt;
use std::sync::LazyLock;

use chrono::NaiveDate;
use dutyledger_record::{RulePackRef, sha256_hex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::obligations::Evidence;
use crate::values::{Capacity, Class};

/// Names a row: `R-…` of the register of the guidance, `A-…` of the Act alone, `L-…` our own.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RuleId(#[schemars(length(min = 3, max = 20))] String);

impl RuleId {
    /// Names a row.
    #[must_use]
    pub fn of(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How strong a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuses.
    Must,
    /// Warns and asks for a reason.
    Should,
    /// Neither.
    May,
    /// Warns and asks for a reason.
    Encouraged,
    /// Refuses.
    Excluded,
    /// States a fact.
    Fact,
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The Act.
    Act,
    /// The statutory guidance.
    Guidance,
    /// Regulations under the Act.
    Regulations,
    /// The draft guidance of May 2021, not seen in the final one.
    DraftGuidance,
    /// The conditions of a grant.
    Grant,
    /// Another Act, such as the Crime and Disorder Act 1998.
    OtherAct,
    /// Our own.
    Local,
}

impl Layer {
    /// Whether what must be so there refuses a decision: guidance is no duty, what only the draft
    /// says was never in force, and the conditions of a grant bind whoever took it, by contract.
    #[must_use]
    pub const fn binds(self) -> bool {
        !matches!(self, Self::Guidance | Self::DraftGuidance | Self::Grant)
    }
}

/// How far what a row says holds in law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegalStatus {
    /// In force.
    InForce,
    /// Known only from the draft guidance of May 2021, not seen in the final one.
    DraftOnly,
    /// Never in force: what the draft said.
    NeverInForce,
    /// From a source that could not be checked.
    Unverified,
}

/// Whom a row is about: an office of the Act, or a body it has no duty for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Bearer {
    /// Every specified authority of the area.
    SpecifiedAuthority,
    /// Every relevant authority: educational, prison and youth custody.
    RelevantAuthority,
    /// Chief officer of police.
    ChiefOfficerOfPolice,
    /// Provider of probation services.
    ProbationProvider,
    /// Youth offending team.
    YouthOffendingTeam,
    /// Fire and rescue authority.
    FireAndRescueAuthority,
    /// Integrated care board.
    IntegratedCareBoard,
    /// Local health board.
    LocalHealthBoard,
    /// Clinical commissioning group; in the draft alone.
    ClinicalCommissioningGroup,
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
    /// The partnership, which has no legal personality: nothing said of it is a duty of its.
    Partnership,
    /// The Secretary of State.
    SecretaryOfState,
    /// The Welsh Ministers.
    WelshMinisters,
    /// An inspectorate.
    Inspectorate,
    /// A community safety partnership.
    CommunitySafetyPartnership,
    /// A violence reduction unit.
    ViolenceReductionUnit,
    /// A government department.
    GovernmentDepartment,
    /// A combined authority.
    CombinedAuthority,
    /// A higher education provider.
    HigherEducation,
    /// Everyone the duty reaches.
    Everyone,
}

impl Bearer {
    /// Whether an office of this capacity is one of them.
    #[must_use]
    pub fn is(self, capacity: Capacity) -> bool {
        match self {
            Self::SpecifiedAuthority => capacity.class() == Class::Specified,
            Self::RelevantAuthority => capacity.class() == Class::Relevant,
            Self::Everyone => capacity.class() != Class::Other,
            Self::ChiefOfficerOfPolice => capacity == Capacity::ChiefOfficerOfPolice,
            Self::ProbationProvider => capacity == Capacity::ProbationProvider,
            Self::YouthOffendingTeam => capacity == Capacity::YouthOffendingTeam,
            Self::FireAndRescueAuthority => capacity == Capacity::FireAndRescueAuthority,
            Self::IntegratedCareBoard => capacity == Capacity::IntegratedCareBoard,
            Self::LocalHealthBoard => capacity == Capacity::LocalHealthBoard,
            Self::ClinicalCommissioningGroup => capacity == Capacity::ClinicalCommissioningGroup,
            Self::LocalAuthority => capacity == Capacity::LocalAuthority,
            Self::EducationalAuthority => capacity == Capacity::EducationalAuthority,
            Self::PrisonAuthority => capacity == Capacity::PrisonAuthority,
            Self::YouthCustodyAuthority => capacity == Capacity::YouthCustodyAuthority,
            Self::LocalPolicingBody => capacity == Capacity::LocalPolicingBody,
            Self::Partnership
            | Self::SecretaryOfState
            | Self::WelshMinisters
            | Self::Inspectorate
            | Self::CommunitySafetyPartnership
            | Self::ViolenceReductionUnit
            | Self::GovernmentDepartment
            | Self::CombinedAuthority
            | Self::HigherEducation => false,
        }
    }
}

/// Where a date comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// The Act.
    Act,
    /// Regulations.
    Regulations,
    /// The statutory guidance.
    Guidance,
    /// The draft guidance.
    DraftGuidance,
    /// Another Act.
    OtherAct,
    /// The conditions of a grant.
    Grant,
    /// The authorities' own, or ours.
    Local,
    /// The direction that sets it.
    Direction,
    /// A source that could not be checked.
    Unverified,
    /// There is no period.
    None,
}

/// What a date runs until, where that is not the same as what shows the row met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// A strategy is published for each area.
    PublishedForEachArea,
}

/// By when something is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadlineRule {
    /// By when, in words.
    pub due: String,
    /// The one date, where there is one for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<NaiveDate>,
    /// Where that comes from.
    pub provenance: Provenance,
    /// What the one date runs until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A chapter of the guidance its paragraph stands in, or where else a row is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Chapter {
    /// Chapter 1.
    #[serde(rename = "1")]
    One,
    /// Chapter 2.
    #[serde(rename = "2")]
    Two,
    /// Chapter 3.
    #[serde(rename = "3")]
    Three,
    /// Chapter 4.
    #[serde(rename = "4")]
    Four,
    /// Chapter 5.
    #[serde(rename = "5")]
    Five,
    /// Chapter 6.
    #[serde(rename = "6")]
    Six,
    /// Rows of the Act alone.
    #[serde(rename = "act")]
    Act,
    /// Other documents.
    #[serde(rename = "other")]
    Other,
}

/// A row of a rule pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its id.
    pub id: RuleId,
    /// The ids of other paragraphs that say the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<RuleId>,
    /// How strong it is.
    pub mode: Mode,
    /// How strong its gate is, where that is not the same: what only some may do is a power, and
    /// whoever else does it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Mode>,
    /// Where it comes from.
    pub layer: Layer,
    /// How far it holds in law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<LegalStatus>,
    /// The date it is in force from, where that is not the pack's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_from: Option<NaiveDate>,
    /// The section of the enacted Act, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The clause of the draft, whose numbers are not those of the Act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft_section: Option<String>,
    /// The paragraph of the guidance, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guidance: Option<String>,
    /// The document, where it is neither the Act nor the guidance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bearers: Vec<Bearer>,
    /// What it says, in our words.
    pub says: String,
    /// What brings it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlineRule>,
    /// When it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceptions: Option<String>,
    /// What of it the evidence does not speak of, in words, where that answers it only in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves_out: Option<String>,
    /// How the record shows whether it is met; nothing where it is not recorded here yet, and for a
    /// fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The events that will show it, where they cannot be recorded here yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaits: Vec<String>,
}

impl Row {
    /// Whether a ledger may set another date for it: nobody sets what the Act, the guidance or the
    /// authorities themselves have set.
    #[must_use]
    pub fn date_may_be_set(&self) -> bool {
        let own = self.deadline.as_ref();
        own.is_some_and(|own| own.provenance == Provenance::Unverified)
    }

    /// How strong it is where it stands in the way of a decision.
    #[must_use]
    pub fn at_the_gate(&self) -> Mode {
        self.gate.unwrap_or(self.mode)
    }

    /// Whether it says what must, should or is encouraged to be done: neither a power, an exclusion nor
    /// a fact.
    #[must_use]
    pub const fn is_duty(&self) -> bool {
        matches!(self.mode, Mode::Must | Mode::Should | Mode::Encouraged)
    }

    /// Where it stands; nothing for a row of our own.
    #[must_use]
    pub fn chapter(&self) -> Option<Chapter> {
        let id = self.id.as_str();
        let Some(paragraph) = id.strip_prefix("R-") else {
            return id.starts_with("A-").then_some(Chapter::Act);
        };
        let number = paragraph.split('.').next().unwrap_or_default();
        let digits = number.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        Some(match (number, digits.parse::<u32>()) {
            (_, Ok(..=31)) | ("fn8", _) => Chapter::One,
            (_, Ok(32..=54)) | ("fn16", _) => Chapter::Two,
            (_, Ok(55..=76)) => Chapter::Three,
            (_, Ok(77..=120)) | ("fn21", _) => Chapter::Four,
            (_, Ok(121..=130)) => Chapter::Five,
            (_, Ok(_)) | ("gl", _) => Chapter::Six,
            _ => Chapter::Other,
        })
    }
}

/// A rule pack.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePack {
    /// Its name.
    pub name: String,
    /// Its revision, from 1.
    pub revision: u32,
    /// The date from which its rows are in force; none for a pack that never was. Rows of the local
    /// layer always are.
    pub in_force_from: Option<NaiveDate>,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl RulePack {
    /// The row of an id, or the one that says the same.
    #[must_use]
    pub fn row(&self, id: &str) -> Option<&Row> {
        let own = self.rows.iter().find(|row| row.id.as_str() == id);
        let same = |row: &&Row| row.also.iter().any(|also| also.as_str() == id);
        own.or_else(|| self.rows.iter().find(same))
    }

    /// Whether a row applies on a date. A pack that was never in force applies only where somebody
    /// chose it: to a question, or in a ledger for trying things out, and then on every date.
    #[must_use]
    pub fn applies(&self, row: &Row, on: NaiveDate) -> bool {
        let from = row.in_force_from.or(self.in_force_from);
        row.layer == Layer::Local || from.is_none_or(|from| on >= from)
    }
}

/// The files of every released revision, oldest first. None is ever taken out: what was decided
/// under a revision is explained by it.
const RELEASED: &[&str] = &[
    include_str!("../packs/enacted-2022.r1.json"),
    include_str!("../packs/enacted-2022.r2.json"),
    include_str!("../packs/enacted-2022.r3.json"),
    include_str!("../packs/enacted-2022.r4.json"),
    include_str!("../packs/enacted-2022.r5.json"),
    include_str!("../packs/enacted-2022.r6.json"),
    include_str!("../packs/draft-2021.r1.json"),
    include_str!("../packs/draft-2021.r2.json"),
    include_str!("../packs/draft-2021.r3.json"),
    include_str!("../packs/draft-2021.r4.json"),
];

static PACKS: LazyLock<Vec<(RulePack, String)>> = LazyLock::new(|| {
    let read = |text: &&str| {
        let pack = serde_json::from_str(text)
            .unwrap_or_else(|e| unreachable!("packs are compiled in and read by a test: {e}"));
        (pack, sha256_hex(text.as_bytes()))
    };
    RELEASED.iter().map(read).collect()
});

/// A released revision of a rule pack, and the SHA-256 of its file.
#[must_use]
pub fn pack(name: &str, revision: u32) -> Option<(&'static RulePack, &'static str)> {
    let found = PACKS
        .iter()
        .find(|(p, _)| p.name == name && p.revision == revision);
    found.map(|(pack, sha256)| (pack, sha256.as_str()))
}

/// The file of a released revision, as it is compiled in.
#[must_use]
pub fn file(name: &str, revision: u32) -> Option<&'static str> {
    let (_, sha256) = pack(name, revision)?;
    RELEASED
        .iter()
        .copied()
        .find(|text| sha256_hex(text.as_bytes()) == sha256)
}

/// The newest revision of a rule pack, and the SHA-256 of its file.
#[must_use]
pub fn newest(name: &str) -> Option<(&'static RulePack, &'static str)> {
    let newest = PACKS.iter().rev().find(|(p, _)| p.name == name);
    newest.map(|(pack, sha256)| (pack, sha256.as_str()))
}

/// The newest revision of the enacted pack, and the SHA-256 of its file.
#[must_use]
pub fn enacted() -> (&'static RulePack, &'static str) {
    newest(ENACTED).unwrap_or_else(|| unreachable!("the enacted pack is compiled in"))
}

/// The date from which the duty is owed: Chapter 1 of Part 2 of the Act, but for s.13, came into
/// force on 31 January 2023.
#[must_use]
pub fn commencement() -> NaiveDate {
    let from = enacted().0.in_force_from;
    from.unwrap_or_else(|| unreachable!("the enacted pack is in force, as a test sees to"))
}

/// The name of the pack of the enacted law.
pub const ENACTED: &str = "enacted-2022";
/// The name of the pack of the draft of May 2021, which was never in force.
pub const DRAFT: &str = "draft-2021";

/// The newest revision of the enacted pack, by name.
#[must_use]
pub fn enacted_ref() -> RulePackRef {
    let (pack, _) = enacted();
    RulePackRef {
        pack: pack.name.clone(),
        revision: pack.revision,
    }
}

/// A row of the newest revision of the enacted pack, for its citation.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    enacted().0.row(id)
}

/// The rows that stand in the way of decisions, one a line. A test compares them with the gates.
const ENFORCED: &str = include_str!("../packs/enforced.txt");

/// Whether a row stands in the way of a decision that does not meet it, or asks for a reason.
#[must_use]
pub fn is_enforced(id: &str) -> bool {
    ENFORCED.lines().any(|line| line == id)
}

/// What a row that is not met does to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// It refuses.
    Refuses,
    /// It asks for a reason.
    Warns,
    /// Nothing.
    Silent,
}

/// The pack a ledger adopted. A ledger that adopted one this program does not hold is not opened in
/// the first place.
#[must_use]
pub fn pack_of(rules: &RulePackRef) -> &'static RulePack {
    pack(&rules.pack, rules.revision).unwrap_or_else(enacted).0
}

/// The newest revision of the pack a ledger adopted, by which questions are answered: a question is no
/// decision, which stands under the revision it was made by.
#[must_use]
pub fn newest_of(rules: &RulePackRef) -> &'static RulePack {
    newest(&rules.pack).unwrap_or_else(enacted).0
}

/// What a row of a pack does on a date. A pack is never applied to a time before it was in force; a
/// row that is not in the pack does nothing, so every gate's row must be there (a test sees to it).
#[must_use]
pub fn strength(rules: &RulePackRef, id: &str, on: NaiveDate) -> Strength {
    let pack = pack_of(rules);
    let Some(row) = pack.row(id).filter(|row| pack.applies(row, on)) else {
        return Strength::Silent;
    };
    match row.at_the_gate() {
        Mode::Must | Mode::Excluded if row.layer.binds() => Strength::Refuses,
        Mode::Must | Mode::Excluded | Mode::Should | Mode::Encouraged => Strength::Warns,
        Mode::May | Mode::Fact => Strength::Silent,
    }
}
