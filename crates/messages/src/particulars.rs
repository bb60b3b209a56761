//! Which members of an event are said.
//!
//! Each is an id, a kind from a closed list, a date, the number of a version, or an object of these. Left out are texts,
//! sealed or not; counts and answers; who represents an authority, because it is a person; and why
//! somebody objected, claimed an exception or removed material.

/// An event, the version of its schema, and the members that are said of it, in alphabetical order.
type Said = (&'static str, u32, &'static [&'static str]);

/// Every version of every event. A released row never changes.
const SAID: &[Said] = &[
    ("ActionAgreed", 1, &["action", "authority"]),
    (
        "ActionAuthorityNamed",
        1,
        &["action", "authority", "capacity"],
    ),
    ("ActionCostAssessed", 1, &["action"]),
    ("ActionDateSet", 1, &["action", "by", "owner"]),
    ("ActionDated", 1, &["action", "by", "version"]),
    ("ActionDeadlineApproached", 1, &["deadline"]),
    ("ActionDeadlineLifted", 1, &["by", "deadline"]),
    ("ActionDeadlineMet", 1, &["by", "deadline", "met_on"]),
    ("ActionDeadlinePassed", 1, &["deadline", "late"]),
    ("ActionDeadlineReached", 1, &["deadline", "late"]),
    ("ActionDeclined", 1, &["action", "authority"]),
    ("ActionLeftOut", 1, &["action", "version"]),
    ("ActionProgressed", 1, &["action", "owner", "status"]),
    ("ActionProposed", 1, &["action", "owner", "version"]),
    ("AreaAmended", 1, &["kind"]),
    ("AreaCodeRecorded", 1, &["from", "scheme", "until"]),
    ("AreaDeadlineApproached", 1, &["deadline"]),
    ("AreaDeadlineLifted", 1, &["by", "deadline"]),
    ("AreaDeadlineMet", 1, &["by", "deadline", "met_on"]),
    ("AreaDeadlinePassed", 1, &["deadline", "late"]),
    ("AreaDeadlineReached", 1, &["deadline", "late"]),
    ("AreaRegistered", 1, &["country", "kind"]),
    ("AreaSucceeded", 1, &["successor"]),
    ("AssessmentFindingRecorded", 1, &[]),
    ("AssessmentLinked", 1, &["assessment", "version"]),
    ("AuthorityAmended", 1, &["held_by"]),
    (
        "AuthorityConsulted",
        1,
        &["authority", "capacity", "version"],
    ),
    ("AuthorityEnded", 1, &["authority", "until"]),
    ("AuthorityRecorded", 1, &["authority", "capacity", "from"]),
    ("AuthorityRegistered", 1, &["capacity", "held_by"]),
    ("AuthoritySucceeded", 1, &["successor"]),
    (
        "CalendarTokenIssued",
        1,
        &["expires_at", "principal_id", "principal_kind", "token_id"],
    ),
    ("CalendarTokenRevoked", 1, &["token_id"]),
    ("CaseTriggerCleared", 1, &["trigger"]),
    ("CaseTriggerOpened", 1, &["trigger"]),
    ("CauseRecordedAsUnknown", 1, &["version"]),
    ("CheckpointKeyAdopted", 1, &[]),
    ("ComplianceAccepted", 1, &[]),
    ("ComplianceReported", 1, &[]),
    ("ConsultationClosed", 1, &["version"]),
    ("ConsultationOpened", 1, &["responses_by", "version"]),
    ("ConsultationResponseRecorded", 1, &["authority", "version"]),
    ("CoverageStated", 1, &["covers_until"]),
    ("DataGapRecorded", 1, &[]),
    ("DeadlineApproached", 1, &["deadline"]),
    ("DeadlineDateSet", 1, &["due_on", "provenance", "rule"]),
    ("DeadlineLifted", 1, &["by", "deadline"]),
    ("DeadlineMet", 1, &["by", "deadline", "met_on"]),
    ("DeadlinePassed", 1, &["deadline", "late"]),
    ("DeadlineReached", 1, &["deadline", "late"]),
    ("DecisionRuleRecorded", 1, &[]),
    (
        "DirectionCaseOpened",
        1,
        &["area", "authority", "duty", "partnership"],
    ),
    ("DirectionIssued", 1, &["comply_by"]),
    ("DirectionVaried", 1, &["comply_by"]),
    ("DirectionWithdrawn", 1, &[]),
    ("EngagementHeld", 1, &["group", "version"]),
    ("EntryCorrected", 1, &[]),
    ("EqualityImpactAssessed", 1, &["version"]),
    ("EqualityImpactMonitored", 1, &["version"]),
    ("ExceptionClaimed", 1, &["action", "authority", "duty"]),
    ("ExceptionEnded", 1, &["action", "authority", "duty"]),
    (
        "ExportServed",
        1,
        &["export", "partnership", "principal_id", "principal_kind"],
    ),
    (
        "FindingRecorded",
        1,
        &["area", "authority", "duty", "partnership"],
    ),
    (
        "KeyIssued",
        1,
        &["expires_at", "key_id", "principal_id", "principal_kind"],
    ),
    ("KeyRevoked", 1, &["key_id"]),
    ("LeadNamed", 1, &["authority"]),
    (
        "LedgerOpened",
        1,
        &["ledger_id", "mode", "pack", "revision"],
    ),
    ("ListClosed", 1, &["item", "list", "on", "strategy_version"]),
    ("MandatoryOrderMade", 1, &[]),
    ("MandatoryOrderSought", 1, &[]),
    ("MaterialConsidered", 1, &["material", "version"]),
    ("MaterialRemoved", 1, &["material", "version"]),
    ("MemberLeft", 1, &["authority"]),
    (
        "MemberRecognised",
        1,
        &["authority", "capacity", "standing"],
    ),
    (
        "MemberSucceeded",
        1,
        &["authority", "capacity", "successor"],
    ),
    ("NeedsAssessmentAmended", 1, &[]),
    ("NeedsAssessmentCompleted", 1, &["publication"]),
    ("NeedsAssessmentOpened", 1, &["partnership"]),
    ("NonComplianceRecorded", 1, &[]),
    ("ObjectionDetermined", 1, &["objection", "version"]),
    ("ObjectionRaised", 1, &["authority", "objection", "version"]),
    ("PartnershipAmended", 1, &[]),
    ("PartnershipAreaNamed", 1, &["area"]),
    ("PartnershipAreaSet", 1, &[]),
    ("PartnershipDissolved", 1, &[]),
    ("PartnershipFormed", 1, &["route"]),
    ("PartnershipPositionRecorded", 1, &["authority", "position"]),
    ("PartnershipProposed", 1, &["route"]),
    (
        "RelevantAuthorityListed",
        1,
        &["authority", "capacity", "list"],
    ),
    ("RepresentativeEnded", 1, &[]),
    ("RepresentativeNamed", 1, &["authority"]),
    (
        "ReviewCompleted",
        1,
        &["decision", "review", "scope", "version"],
    ),
    ("RevisionStarted", 1, &["from_version", "version"]),
    ("RouteChosen", 1, &["route"]),
    ("RulePackAdopted", 1, &["pack", "revision"]),
    ("SealedTextErased", 1, &["entry"]),
    (
        "SealedTextServed",
        1,
        &["entry", "principal_id", "principal_kind"],
    ),
    (
        "SecretaryOfStateSatisfied",
        1,
        &["area", "authority", "duty", "partnership"],
    ),
    ("StrategyAdopted", 1, &["version"]),
    ("StrategyAmended", 1, &[]),
    ("StrategyDrafted", 1, &["partnership"]),
    (
        "StrategyPositionRecorded",
        1,
        &["authority", "position", "version"],
    ),
    ("StrategyPublished", 1, &["form", "version"]),
    ("StrategySuperseded", 1, &["by"]),
    ("TriggerCleared", 1, &["trigger"]),
    ("TriggerOpened", 1, &["trigger"]),
    (
        "ViolenceCauseIdentified",
        1,
        &["assessment", "cause", "version"],
    ),
    (
        "ViolenceKindIdentified",
        1,
        &["assessment", "category", "kind", "version"],
    ),
    ("WelshConsentAnswered", 1, &[]),
];

/// The members said of an event, if this program knows it.
pub(crate) fn said(event_type: &str, version: u32) -> Option<&'static [&'static str]> {
    let row = SAID
        .iter()
        .find(|(known, of, _)| *known == event_type && *of == version);
    row.map(|(_, _, members)| *members)
}

#[cfg(test)]
pub(crate) fn rows() -> &'static [Said] {
    SAID
}
