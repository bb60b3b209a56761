//! What happened, in words: for every event, what was done with how many of what.

use serde_json::Value;

use dutyledger_domain::in_words;
use dutyledger_record::OccurredOn;

use crate::names::Names;

/// An event, one of what it is about, several of them, and what was done with it or them.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// Every event.
const WORDS: &[Row] = &[
    ("ActionAgreed", "action", "actions", "agreed"),
    (
        "ActionAuthorityNamed",
        "authority that an action touches",
        "authorities that actions touch",
        "named",
    ),
    (
        "ActionCostAssessed",
        "cost of an action",
        "costs of actions",
        "assessed",
    ),
    (
        "ActionDateSet",
        "date of an action",
        "dates of actions",
        "set or moved",
    ),
    (
        "ActionDated",
        "date of an action",
        "dates of actions",
        "set",
    ),
    (
        "ActionDeadlineApproached",
        "date of an action that is ahead",
        "dates of actions that are ahead",
        "announced",
    ),
    (
        "ActionDeadlineLifted",
        "date of an action that no longer holds",
        "dates of actions that no longer hold",
        "announced",
    ),
    (
        "ActionDeadlineMet",
        "date of an action that was met",
        "dates of actions that were met",
        "announced",
    ),
    (
        "ActionDeadlinePassed",
        "date of an action that passed",
        "dates of actions that passed",
        "announced",
    ),
    (
        "ActionDeadlineReached",
        "date of an action that has come",
        "dates of actions that have come",
        "announced",
    ),
    ("ActionDeclined", "action", "actions", "declined"),
    ("ActionLeftOut", "action", "actions", "left out"),
    (
        "ActionProgressed",
        "step of an action",
        "steps of actions",
        "reported",
    ),
    ("ActionProposed", "action", "actions", "proposed"),
    ("AreaAmended", "area", "areas", "described anew"),
    (
        "AreaCodeRecorded",
        "code of an area",
        "codes of areas",
        "recorded",
    ),
    (
        "AreaDeadlineApproached",
        "date for an area that is ahead",
        "dates for areas that are ahead",
        "announced",
    ),
    (
        "AreaDeadlineLifted",
        "date for an area that no longer holds",
        "dates for areas that no longer hold",
        "announced",
    ),
    (
        "AreaDeadlineMet",
        "date for an area that was met",
        "dates for areas that were met",
        "announced",
    ),
    (
        "AreaDeadlinePassed",
        "date for an area that passed",
        "dates for areas that passed",
        "announced",
    ),
    (
        "AreaDeadlineReached",
        "date for an area that has come",
        "dates for areas that have come",
        "announced",
    ),
    ("AreaRegistered", "area", "areas", "registered"),
    ("AreaSucceeded", "area", "areas", "replaced by another"),
    (
        "AssessmentFindingRecorded",
        "finding of a needs assessment",
        "findings of needs assessments",
        "recorded",
    ),
    (
        "AssessmentLinked",
        "needs assessment",
        "needs assessments",
        "linked to a strategy",
    ),
    (
        "AuthorityAmended",
        "authority",
        "authorities",
        "described anew",
    ),
    (
        "AuthorityConsulted",
        "authority",
        "authorities",
        "consulted",
    ),
    (
        "AuthorityEnded",
        "authority of an area",
        "authorities of areas",
        "ended",
    ),
    (
        "AuthorityRecorded",
        "authority of an area",
        "authorities of areas",
        "recorded",
    ),
    (
        "AuthorityRegistered",
        "authority",
        "authorities",
        "registered",
    ),
    (
        "AuthoritySucceeded",
        "authority",
        "authorities",
        "replaced by another",
    ),
    ("CalendarTokenIssued", "calendar", "calendars", "issued"),
    ("CalendarTokenRevoked", "calendar", "calendars", "revoked"),
    (
        "CaseTriggerCleared",
        "direction trigger of a case",
        "direction triggers of cases",
        "cleared",
    ),
    (
        "CaseTriggerOpened",
        "direction trigger of a case",
        "direction triggers of cases",
        "opened",
    ),
    (
        "CauseRecordedAsUnknown",
        "gap in the causes of violence",
        "gaps in the causes of violence",
        "explained",
    ),
    (
        "CheckpointKeyAdopted",
        "key for checkpoints",
        "keys for checkpoints",
        "adopted",
    ),
    (
        "ComplianceAccepted",
        "report of compliance",
        "reports of compliance",
        "accepted",
    ),
    (
        "ComplianceReported",
        "case of compliance with a direction",
        "cases of compliance with a direction",
        "reported",
    ),
    (
        "ConsultationClosed",
        "consultation",
        "consultations",
        "closed",
    ),
    (
        "ConsultationOpened",
        "consultation",
        "consultations",
        "opened",
    ),
    (
        "ConsultationResponseRecorded",
        "response to a consultation",
        "responses to consultations",
        "recorded",
    ),
    (
        "CoverageStated",
        "date that the sources reach",
        "dates that the sources reach",
        "stated",
    ),
    (
        "DataGapRecorded",
        "gap in the data",
        "gaps in the data",
        "recorded",
    ),
    (
        "DeadlineApproached",
        "date that is ahead",
        "dates that are ahead",
        "announced",
    ),
    (
        "DeadlineDateSet",
        "date of a deadline",
        "dates of deadlines",
        "set",
    ),
    (
        "DeadlineLifted",
        "date that no longer holds",
        "dates that no longer hold",
        "announced",
    ),
    (
        "DeadlineMet",
        "date that was met",
        "dates that were met",
        "announced",
    ),
    (
        "DeadlinePassed",
        "date that passed",
        "dates that passed",
        "announced",
    ),
    (
        "DeadlineReached",
        "date that has come",
        "dates that have come",
        "announced",
    ),
    (
        "DecisionRuleRecorded",
        "rule for deciding together",
        "rules for deciding together",
        "recorded",
    ),
    (
        "DirectionCaseOpened",
        "case about a direction",
        "cases about directions",
        "opened",
    ),
    ("DirectionIssued", "direction", "directions", "given"),
    ("DirectionVaried", "direction", "directions", "varied"),
    ("DirectionWithdrawn", "direction", "directions", "withdrawn"),
    ("EngagementHeld", "engagement", "engagements", "held"),
    (
        "EntryCorrected",
        "earlier entry",
        "earlier entries",
        "withdrawn",
    ),
    (
        "EqualityImpactAssessed",
        "assessment of the impact on equality",
        "assessments of the impact on equality",
        "recorded",
    ),
    (
        "EqualityImpactMonitored",
        "look at the effect on equality",
        "looks at the effect on equality",
        "recorded",
    ),
    ("ExceptionClaimed", "exception", "exceptions", "claimed"),
    ("ExceptionEnded", "exception", "exceptions", "ended"),
    ("ExportServed", "export", "exports", "served"),
    (
        "FindingRecorded",
        "finding about an authority",
        "findings about authorities",
        "recorded",
    ),
    ("KeyIssued", "key", "keys", "issued"),
    ("KeyRevoked", "key", "keys", "revoked"),
    ("LeadNamed", "lead", "leads", "named"),
    ("LedgerOpened", "ledger", "ledgers", "opened"),
    ("ListClosed", "list", "lists", "closed"),
    (
        "MandatoryOrderMade",
        "mandatory order",
        "mandatory orders",
        "made",
    ),
    (
        "MandatoryOrderSought",
        "mandatory order",
        "mandatory orders",
        "applied for",
    ),
    (
        "MaterialConsidered",
        "part of a strategy",
        "parts of strategies",
        "considered for harm",
    ),
    (
        "MaterialRemoved",
        "part of a strategy",
        "parts of strategies",
        "taken out",
    ),
    (
        "MemberLeft",
        "departure of a member",
        "departures of members",
        "recorded",
    ),
    ("MemberRecognised", "member", "members", "recognised"),
    (
        "MemberSucceeded",
        "member",
        "members",
        "replaced by another",
    ),
    (
        "NeedsAssessmentAmended",
        "needs assessment",
        "needs assessments",
        "described anew",
    ),
    (
        "NeedsAssessmentCompleted",
        "needs assessment",
        "needs assessments",
        "completed",
    ),
    (
        "NeedsAssessmentOpened",
        "needs assessment",
        "needs assessments",
        "begun",
    ),
    (
        "NonComplianceRecorded",
        "failure to comply with a direction",
        "failures to comply with directions",
        "recorded",
    ),
    (
        "ObjectionDetermined",
        "objection to material",
        "objections to material",
        "determined",
    ),
    (
        "ObjectionRaised",
        "objection to material",
        "objections to material",
        "raised",
    ),
    (
        "PartnershipAmended",
        "partnership",
        "partnerships",
        "described anew",
    ),
    (
        "PartnershipAreaNamed",
        "area of the partnership",
        "areas of the partnership",
        "named",
    ),
    (
        "PartnershipAreaSet",
        "list of the partnership’s areas",
        "lists of the partnership’s areas",
        "set",
    ),
    (
        "PartnershipDissolved",
        "partnership",
        "partnerships",
        "dissolved",
    ),
    ("PartnershipFormed", "partnership", "partnerships", "formed"),
    (
        "PartnershipPositionRecorded",
        "position on a decision of the partnership",
        "positions on decisions of the partnership",
        "recorded",
    ),
    (
        "PartnershipProposed",
        "partnership",
        "partnerships",
        "proposed",
    ),
    (
        "RelevantAuthorityListed",
        "relevant authority",
        "relevant authorities",
        "listed to be consulted",
    ),
    (
        "RepresentativeEnded",
        "end of a representation",
        "ends of representations",
        "recorded",
    ),
    (
        "RepresentativeNamed",
        "post to represent an authority",
        "posts to represent authorities",
        "named",
    ),
    ("ReviewCompleted", "review", "reviews", "completed"),
    ("RevisionStarted", "revision", "revisions", "started"),
    (
        "RouteChosen",
        "structure to work through",
        "structures to work through",
        "chosen",
    ),
    ("RulePackAdopted", "rule pack", "rule packs", "adopted"),
    ("SealedTextErased", "sealed text", "sealed texts", "erased"),
    ("SealedTextServed", "sealed text", "sealed texts", "served"),
    (
        "SecretaryOfStateSatisfied",
        "failure",
        "failures",
        "found by the Secretary of State",
    ),
    (
        "StrategyAdopted",
        "version of a strategy",
        "versions of strategies",
        "adopted",
    ),
    (
        "StrategyAmended",
        "strategy",
        "strategies",
        "described anew",
    ),
    ("StrategyDrafted", "strategy", "strategies", "drafted"),
    (
        "StrategyPositionRecorded",
        "position on adopting a strategy",
        "positions on adopting strategies",
        "recorded",
    ),
    (
        "StrategyPublished",
        "version of a strategy",
        "versions of strategies",
        "published",
    ),
    (
        "StrategySuperseded",
        "strategy",
        "strategies",
        "replaced by another",
    ),
    (
        "TriggerCleared",
        "direction trigger",
        "direction triggers",
        "cleared",
    ),
    (
        "TriggerOpened",
        "direction trigger",
        "direction triggers",
        "opened",
    ),
    (
        "ViolenceCauseIdentified",
        "cause of serious violence",
        "causes of serious violence",
        "identified",
    ),
    (
        "ViolenceKindIdentified",
        "kind of serious violence",
        "kinds of serious violence",
        "identified",
    ),
    (
        "WelshConsentAnswered",
        "request for the Welsh Ministers’ consent",
        "requests for the Welsh Ministers’ consent",
        "answered",
    ),
];

/// The words of an event this program does not know: a newer one recorded it.
const UNKNOWN: Row = (
    "",
    "entry of another kind",
    "entries of other kinds",
    "recorded",
);

fn row(event: &str) -> Row {
    let known = WORDS.iter().find(|(name, ..)| *name == event);
    known.copied().unwrap_or(UNKNOWN)
}

/// What something is counted by, where several entries may be about one.
pub(crate) fn counted_by(event: &str) -> Option<&'static str> {
    match event {
        "ActionAgreed" | "ActionDeclined" => Some("action"),
        _ => None,
    }
}

const NUMBERS: [&str; 21] = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// A number in words, where it is a small one.
pub(crate) fn number(count: usize) -> String {
    let word = NUMBERS.get(count);
    word.map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// How many of something there are.
pub(crate) fn several(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// What happened how often: "two actions were agreed".
pub(crate) fn clause(event: &str, count: usize) -> String {
    let (_, one, many, done) = row(event);
    let verb = if count == 1 { "was" } else { "were" };
    format!("{} {verb} {done}", several(count, one, many))
}

/// What one entry says happened, as a sentence.
pub(crate) fn sentence(
    event: &str,
    payload: &Value,
    occurred_on: OccurredOn,
    names: &Names,
) -> String {
    let (_, one, _, done) = row(event);
    let article = if one.starts_with(['a', 'e', 'i', 'o']) {
        "an"
    } else {
        "a"
    };
    let on = in_words(occurred_on.date);
    let assumed = if occurred_on.assumed {
        " (an assumed date)"
    } else {
        ""
    };
    let details = details(payload, names);
    let details = if details.is_empty() {
        String::new()
    } else {
        format!(": {}", details.join(", "))
    };
    format!("On {on}{assumed} {article} {one} was {done}{details}.")
}

/// What an entry is about, as far as it has a name.
fn details(payload: &Value, names: &Names) -> Vec<String> {
    let mut found = Vec::new();
    let text = |member: &str| payload.get(member).and_then(Value::as_str);
    for member in ["name", "title", "body", "label"] {
        if let Some(title) = text(member) {
            found.push(format!("“{title}”"));
        }
    }
    for member in [
        "action",
        "authority",
        "owner",
        "area",
        "assessment",
        "successor",
        "by",
    ] {
        let known = text(member).and_then(|id| names.get(id));
        if let Some(name) = known {
            found.push(name.to_owned());
        }
    }
    if let Some(version) = payload.get("version").and_then(Value::as_u64) {
        found.push(format!("version {version}"));
    }
    let of = [
        payload.get("position"),
        payload.get("decision"),
        payload.get("status"),
    ];
    for word in of.into_iter().flatten().filter_map(Value::as_str) {
        found.push(word.replace('_', " "));
    }
    if let Some(due) = payload.pointer("/deadline/due_on").and_then(Value::as_str)
        && let Ok(date) = due.parse()
    {
        found.push(in_words(date));
    }
    found
}

/// Joins parts of a sentence.
pub(crate) fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dutyledger_domain::streams::event_schemas;

    use super::*;

    /// Every event of the domain.
    fn events() -> impl Iterator<Item = &'static str> {
        event_schemas()
            .into_iter()
            .map(|(schema, _)| schema.event_type)
    }

    #[test]
    fn every_event_has_words_and_no_words_are_of_no_event() {
        let known: BTreeSet<_> = events().collect();
        let told: BTreeSet<_> = WORDS.iter().map(|(event, ..)| *event).collect();
        assert_eq!(known, told);
        assert_eq!(told.len(), WORDS.len(), "an event is told of twice");
    }

    #[test]
    fn every_event_makes_a_whole_sentence_however_often_it_happened() {
        let on = OccurredOn {
            assumed: false,
            date: "2025-05-03".parse().unwrap(),
        };
        for event in events() {
            let said = sentence(event, &Value::Null, on, &Names::default());
            let begins =
                said.starts_with("On 3 May 2025 a ") || said.starts_with("On 3 May 2025 an ");
            assert!(
                begins && said.contains(" was ") && said.ends_with('.'),
                "{said}"
            );
            let (one, two) = (clause(event, 1), clause(event, 2));
            assert!(one.starts_with("one ") && one.contains(" was "), "{one}");
            assert!(two.starts_with("two ") && two.contains(" were "), "{two}");
            assert_ne!(
                one,
                two.replacen("two", "one", 1).replacen("were", "was", 1),
                "{event}"
            );
        }
        assert_eq!(clause("ActionAgreed", 2), "two actions were agreed");
        assert_eq!(clause("ActionAgreed", 300), "300 actions were agreed");
    }

    #[test]
    fn a_date_is_said_to_be_ahead_and_not_by_how_much() {
        let on = OccurredOn {
            assumed: false,
            date: "2025-05-03".parse().unwrap(),
        };
        // Told of late, it may be one day ahead.
        let payload = serde_json::json!({ "deadline": { "due_on": "2025-05-04" } });
        let said = |event| sentence(event, &payload, on, &Names::default());
        for (event, what) in [
            ("DeadlineApproached", "date"),
            ("AreaDeadlineApproached", "date for an area"),
            ("ActionDeadlineApproached", "date of an action"),
        ] {
            let told = said(event);
            let whole = format!("On 3 May 2025 a {what} that is ahead was announced: 4 May 2025.");
            assert_eq!(told, whole);
            assert!(clause(event, 2).contains("that are ahead"), "{event}");
        }
    }

    #[test]
    fn what_has_a_name_is_called_by_it() {
        let on = OccurredOn {
            assumed: true,
            date: "2025-05-03".parse().unwrap(),
        };
        let payload = serde_json::json!({ "title": "Outreach", "version": 2 });
        assert_eq!(
            sentence("ActionProposed", &payload, on, &Names::default()),
            "On 3 May 2025 (an assumed date) an action was proposed: “Outreach”, version 2."
        );
    }
}
