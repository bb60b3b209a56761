//! What is never a trigger, whatever the record shows of it: s.18(1) lists none of it.

use crate::rules::{Bearer, Layer, Mode, Row};

/// A kind of row that no direction can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Never {
    /// Section 9 duties: such strategies reach s.18 through ss.14(6), 15(3), 15(4) and 17(4) alone.
    SectionNine,
    /// Section 16, which is a power to disclose, and its bars.
    Disclosure,
    /// Section 17(7), and all else that a local policing body must do.
    LocalPolicingBody,
    /// Section 19: having regard to guidance, and consulting on it.
    Guidance,
    /// The Equality Act.
    Equality,
    /// Data protection.
    DataProtection,
    /// The Crime and Disorder Act 1998, with what s.20 adds to it.
    CrimeAndDisorderAct,
    /// The conditions of a grant.
    Grant,
    /// What guidance says, the draft or we ourselves, and what should be or may be: no duty.
    NoDuty,
}

impl Never {
    /// Every kind, in the order in which a row is looked at.
    pub const ALL: &'static [Self] = &[
        Self::SectionNine,
        Self::Disclosure,
        Self::LocalPolicingBody,
        Self::Guidance,
        Self::Equality,
        Self::DataProtection,
        Self::CrimeAndDisorderAct,
        Self::Grant,
        Self::NoDuty,
    ];

    /// Which of these a row is, if it is one.
    #[must_use]
    pub fn of(row: &Row) -> Option<Self> {
        Self::ALL.iter().copied().find(|never| never.is(row))
    }

    fn is(self, row: &Row) -> bool {
        let another_act = row.layer == Layer::OtherAct;
        match self {
            Self::SectionNine => rests_on(row, &["9"]),
            Self::Disclosure => rests_on(row, &["16"]),
            Self::LocalPolicingBody => {
                row.bearers == [Bearer::LocalPolicingBody] || rests_on(row, &["14(2)", "17(7)"])
            }
            Self::Guidance => rests_on(row, &["19"]),
            Self::Equality => row.guidance.as_deref() == Some("46"),
            Self::DataProtection => another_act && rests_on(row, &["16", "17(6)"]),
            Self::CrimeAndDisorderAct => another_act,
            Self::Grant => row.layer == Layer::Grant,
            Self::NoDuty => {
                let bars = matches!(row.mode, Mode::Must | Mode::Excluded);
                !bars || !matches!(row.layer, Layer::Act | Layer::Regulations)
            }
        }
    }
}

/// Whether all a row rests on is one of these sections, or within one.
fn rests_on(row: &Row, sections: &[&str]) -> bool {
    let within = |cited: &str| {
        sections.iter().any(|section| {
            let rest = cited.strip_prefix(section);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    let cited = row.section.as_deref().unwrap_or_default();
    let mut cited = cited.split(", ").filter(|one| !one.is_empty()).peekable();
    cited.peek().is_some() && cited.all(within)
}
