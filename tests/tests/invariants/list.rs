//! The invariants, one function each, as `tests/invariants.md` lists them in plain words.
//!
//! Each is asked of every entry with what was known before it. It answers nothing where it has
//! nothing to say, and otherwise whether it holds.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::reader::{
    Before, at, class_of, date, enough, event, is_decision, number, own, position, stream, text,
    who,
};

/// What an invariant says of an entry: nothing, or whether it holds.
pub(crate) type Says = Option<bool>;

/// An invariant by its name.
pub(crate) struct Invariant {
    pub(crate) name: &'static str,
    pub(crate) says: fn(&Before<'_>) -> Says,
}

macro_rules! invariants {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[Invariant] = &[
            $(Invariant { name: stringify!($name), says: $name }),+
        ];
    };
}

invariants! {
    positions_have_no_gap,
    versions_have_no_gap,
    nothing_is_recorded_twice,
    nothing_happens_after_it_is_recorded,
    nothing_happens_before_its_stream_opens,
    a_correction_names_an_entry_that_may_be_withdrawn,
    what_is_decided_together_is_withdrawn_together,
    an_entry_names_what_it_rested_on_at_the_version_it_had,
    an_entry_names_its_partnership,
    a_list_is_closed_with_what_it_holds,
    a_past_fact_has_a_source_and_a_mark,
    a_report_is_the_coordinators_with_a_source,
    what_only_its_maker_may_say_is_never_reported,
    no_private_text_stands_open,
    no_decision_under_the_act_is_dated_before_it,
    the_register_is_the_operators,
    an_authority_decides_for_itself,
    a_step_of_a_strategy_is_a_specified_authoritys,
    a_partnership_is_formed_together_for_an_area,
    a_partnership_decides_together,
    a_partnership_is_formed_once_and_dissolved_once,
    nothing_is_drafted_without_a_partnership,
    a_specified_authority_never_leaves,
    a_member_by_law_is_one_by_law,
    a_position_on_a_matter_is_a_specified_authoritys,
    adoption_identifies_kinds,
    adoption_identifies_causes_or_says_why_not,
    adoption_of_a_wide_strategy_is_under_section_9_too,
    adoption_follows_a_list,
    adoption_follows_consultation_of_every_relevant_authority,
    adoption_under_section_9_has_two_makers,
    adoption_under_section_9_consults_the_other_specified_authorities,
    adoption_is_free_of_barred_material,
    adoption_waits_for_objections,
    adoption_is_agreed_on_what_the_version_says,
    adoption_counts_the_positions_held,
    adoption_without_equality_assessment_has_a_reason,
    adoption_without_an_assessment_has_a_reason,
    a_position_is_a_makers_and_precedes_adoption,
    an_adopted_version_does_not_change,
    a_version_is_adopted_once_and_published_once,
    publication_follows_adoption,
    publication_is_free_of_barred_material,
    only_who_was_consulted_responds,
    an_exception_is_against_a_duty_that_has_exceptions,
    an_exception_that_ends_was_claimed,
    an_action_progresses_once_adopted,
    a_review_is_of_the_version_in_force,
    a_late_review_says_why,
    a_revision_begins_from_the_newest_version_once_adopted,
    a_superseded_strategy_is_over,
    a_finding_is_on_an_authority_of_the_area,
    a_policing_body_finds_on_specified_authorities_of_its_area,
    a_case_is_about_one_authority_one_duty_one_area,
    satisfaction_and_direction_are_the_secretary_of_states,
    consent_is_the_welsh_ministers,
    a_direction_follows_the_secretary_of_states_own_satisfaction,
    a_direction_is_for_a_duty_that_section_18_lists,
    a_direction_is_never_to_whom_section_18_5_excludes,
    a_direction_to_a_devolved_welsh_authority_has_consent,
    a_mandatory_order_enforces_a_direction_not_complied_with,
    an_order_is_made_once_it_is_sought,
}

/// Where it is a decision of this event.
fn decided(b: &Before<'_>, what: &str) -> Option<()> {
    (is_decision(b.entry) && event(b.entry) == what).then_some(())
}

fn of_version(b: &Before<'_>) -> u64 {
    number(b.entry, "/payload/version")
}

fn authority<'a>(b: &Before<'a>) -> &'a str {
    text(b.entry, "/payload/authority")
}

fn named<'a>(b: &Before<'a>, id: &str) -> Option<&'a Value> {
    b.all.iter().find(|e| text(e, "/entry_id") == id)
}

fn warned(b: &Before<'_>, rule: &str) -> bool {
    let mut rules = at(b.entry, "/warnings").as_array().into_iter().flatten();
    rules.any(|w| text(w, "/rule") == rule)
}

// The record.

fn positions_have_no_gap(b: &Before<'_>) -> Says {
    let index = usize::try_from(position(b.entry)).unwrap() - 1;
    Some(b.all.get(index) == Some(b.entry))
}

fn versions_have_no_gap(b: &Before<'_>) -> Says {
    let earlier = b.all.iter().take_while(|e| position(e) < position(b.entry));
    let before = earlier.filter(|e| stream(e) == stream(b.entry)).count();
    Some(number(b.entry, "/version") == before as u64 + 1)
}

fn nothing_is_recorded_twice(b: &Before<'_>) -> Says {
    let same = |e: &&Value| text(e, "/entry_id") == text(b.entry, "/entry_id");
    Some(b.all.iter().filter(same).count() == 1)
}

fn nothing_happens_after_it_is_recorded(b: &Before<'_>) -> Says {
    Some(date(b.entry) <= &text(b.entry, "/recorded_at")[..10])
}

fn nothing_happens_before_its_stream_opens(b: &Before<'_>) -> Says {
    let opening = b.all.iter().find(|e| stream(e) == stream(b.entry))?;
    (number(b.entry, "/version") > 1).then(|| date(opening) <= date(b.entry))
}

fn a_correction_names_an_entry_that_may_be_withdrawn(b: &Before<'_>) -> Says {
    let corrects = at(b.entry, "/corrects").as_str()?;
    let Some(wrong) = named(b, corrects) else {
        return Some(false);
    };
    let again = b
        .all
        .iter()
        .any(|e| position(e) < position(b.entry) && text(e, "/corrects") == corrects);
    Some(
        event(b.entry) == "EntryCorrected"
            && stream(wrong) == stream(b.entry)
            && position(wrong) < position(b.entry)
            && date(wrong) <= date(b.entry)
            && number(wrong, "/version") > 1
            && text(wrong, "/basis") != "administrative"
            && at(wrong, "/corrects").is_null()
            && !again,
    )
}

fn what_is_decided_together_is_withdrawn_together(b: &Before<'_>) -> Says {
    let wrong = named(b, at(b.entry, "/corrects").as_str()?)?;
    let together = match event(wrong) {
        "PartnershipFormed"
        | "LeadNamed"
        | "RouteChosen"
        | "DecisionRuleRecorded"
        | "PartnershipDissolved"
        | "StrategyAdopted" => true,
        "PartnershipAreaSet" => {
            let mut ever = b.ever_here();
            ever.any(|e| event(e) == "PartnershipFormed")
        }
        _ => false,
    };
    if !together || !is_decision(wrong) || !own(wrong) || !is_decision(b.entry) {
        return None;
    }
    let matter = json!({ "matter": "correction", "entry_id": text(wrong, "/entry_id") });
    Some(at(b.entry, "/reported") == &Value::Bool(false) && agreed_ever(b, &matter))
}

/// Whether the partnership agreed on the withdrawal of an entry, in whose stream it may stand.
fn agreed_ever(b: &Before<'_>, matter: &Value) -> bool {
    if text(b.entry, "/stream/type") != "partnership" {
        return b.agreed(b.partnership(), matter);
    }
    // The stream's own state is looked at as of its newest entry; the register as of the date.
    let mut held = std::collections::BTreeMap::new();
    let of_matter = b.ever_here().filter(|e| {
        event(e) == "PartnershipPositionRecorded" && own(e) && at(e, "/payload/on_matter") == matter
    });
    for e in of_matter {
        held.insert(text(e, "/payload/authority"), text(e, "/payload/position"));
    }
    let all = b.specified(b.partnership());
    let agreed = all.iter().filter(|id| held.get(*id) == Some(&"agree"));
    let rule = b
        .ever_here()
        .filter(|e| event(e) == "DecisionRuleRecorded" && own(e))
        .last();
    let rule = rule.map_or(&Value::Null, |e| at(e, "/payload/decide_by"));
    enough(rule, agreed.count(), all.len())
}

fn an_entry_names_what_it_rested_on_at_the_version_it_had(b: &Before<'_>) -> Says {
    let rested = at(b.entry, "/rests_on").as_array()?;
    // All entries of one command rest on what was there before the first.
    let correlation = text(b.entry, "/correlation_id");
    let first = b
        .all
        .iter()
        .find(|e| text(e, "/correlation_id") == correlation)?;
    let version = |id: &str| {
        let before = b.all.iter().take_while(|e| position(e) < position(first));
        before.filter(|e| stream(e) == id).count() as u64
    };
    let holds = |on: &Value| number(on, "/version") == version(text(on, "/id"));
    (!rested.is_empty()).then(|| rested.iter().all(holds))
}

fn an_entry_names_its_partnership(b: &Before<'_>) -> Says {
    let of = b.partnership();
    let kind = text(b.entry, "/stream/type");
    matches!(kind, "partnership" | "strategy" | "needs-assessment")
        .then(|| at(b.entry, "/partnerships") == &json!([of]))
}

fn a_list_is_closed_with_what_it_holds(b: &Before<'_>) -> Says {
    (event(b.entry) == "ListClosed").then_some(())?;
    let member = match text(b.entry, "/payload/list") {
        "areas" => "area",
        "assessments" => "assessment",
        "kinds" => "kind",
        "causes" => "cause",
        _ => "authority",
    };
    let count = usize::try_from(number(b.entry, "/payload/count")).unwrap();
    let end = usize::try_from(position(b.entry)).unwrap() - 1;
    let listed = end.checked_sub(count).map(|start| &b.all[start..end])?;
    let ids: Vec<_> = listed
        .iter()
        .map(|e| at(e, &format!("/payload/{member}")).clone())
        .collect();
    let digest = Sha256::digest(Value::Array(ids).to_string().as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(digest == text(b.entry, "/payload/digest"))
}

fn a_past_fact_has_a_source_and_a_mark(b: &Before<'_>) -> Says {
    let told = !at(b.entry, "/past_fact").is_null();
    if text(b.entry, "/basis") != "past_fact" {
        return told.then_some(false);
    }
    let mark = text(b.entry, "/past_fact/mark");
    let marked = matches!(mark, "not_evidenced" | "admitted" | "found");
    Some(told && marked && !at(b.entry, "/source").is_null())
}

fn a_report_is_the_coordinators_with_a_source(b: &Before<'_>) -> Says {
    (at(b.entry, "/reported") == &Value::Bool(true)).then(|| {
        who(b.entry) == ("coordinator", b.partnership()) && !at(b.entry, "/source").is_null()
    })
}

fn what_only_its_maker_may_say_is_never_reported(b: &Before<'_>) -> Says {
    let only = matches!(
        text(b.entry, "/stream/type"),
        "direction" | "area" | "authority"
    ) || matches!(
        event(b.entry),
        "PartnershipProposed"
            | "DecisionRuleRecorded"
            | "StrategyAdopted"
            | "MaterialConsidered"
            | "MaterialRemoved"
            | "ObjectionDetermined"
            | "ExceptionClaimed"
            | "ExceptionEnded"
            | "ActionDateSet"
    );
    only.then(|| at(b.entry, "/reported") == &Value::Bool(false))
}

fn no_private_text_stands_open(b: &Before<'_>) -> Says {
    let members = [
        "reason", "response", "extent", "summary", "reasons", "account", "contact",
    ];
    let payload = members.map(|member| at(b.entry, &format!("/payload/{member}")));
    let warnings = at(b.entry, "/warnings").as_array().into_iter().flatten();
    let reasons = warnings.map(|w| at(w, "/reason"));
    let texts: Vec<_> = payload
        .into_iter()
        .chain(reasons)
        .filter(|text| !text.is_null())
        .collect();
    let sealed = |t: &&Value| !text(t, "/ciphertext").is_empty() && !text(t, "/alg").is_empty();
    (!texts.is_empty()).then(|| texts.iter().all(sealed))
}

fn no_decision_under_the_act_is_dated_before_it(b: &Before<'_>) -> Says {
    let under = matches!(
        event(b.entry),
        "StrategyAdopted"
            | "StrategyPublished"
            | "ExceptionClaimed"
            | "PartnershipFormed"
            | "LeadNamed"
            | "RouteChosen"
            | "DecisionRuleRecorded"
            | "PartnershipDissolved"
            | "MemberLeft"
            | "MemberRecognised"
            | "FindingRecorded"
            | "DirectionIssued"
            | "DirectionVaried"
            | "MandatoryOrderSought"
            | "MandatoryOrderMade"
    );
    (under && is_decision(b.entry)).then(|| date(b.entry) >= "2023-01-31")
}

// Who acts.

fn the_register_is_the_operators(b: &Before<'_>) -> Says {
    let kind = text(b.entry, "/stream/type");
    let register = matches!(kind, "area" | "authority") || event(b.entry) == "CoverageStated";
    register.then(|| who(b.entry).0 == "operator")
}

fn an_authority_decides_for_itself(b: &Before<'_>) -> Says {
    let alone = matches!(
        event(b.entry),
        "ConsultationResponseRecorded"
            | "ActionAgreed"
            | "ActionDeclined"
            | "StrategyPositionRecorded"
            | "ObjectionRaised"
            | "ExceptionClaimed"
            | "ExceptionEnded"
            | "PartnershipPositionRecorded"
            | "MemberLeft"
    );
    (alone && is_decision(b.entry) && own(b.entry))
        .then(|| who(b.entry) == ("authority", authority(b)))
}

fn a_step_of_a_strategy_is_a_specified_authoritys(b: &Before<'_>) -> Says {
    let together = matches!(
        event(b.entry),
        "StrategyDrafted"
            | "StrategyAmended"
            | "AssessmentLinked"
            | "ViolenceKindIdentified"
            | "ViolenceCauseIdentified"
            | "ConsultationOpened"
            | "AuthorityConsulted"
            | "MaterialConsidered"
            | "ObjectionDetermined"
            | "StrategyAdopted"
            | "StrategyPublished"
            | "ReviewCompleted"
            | "RevisionStarted"
    );
    let applies = together && is_decision(b.entry) && own(b.entry);
    applies.then(|| {
        let (kind, id) = who(b.entry);
        kind == "authority" && b.specified(b.partnership()).contains(id)
    })
}

// Partnerships.

fn a_partnership_is_formed_together_for_an_area(b: &Before<'_>) -> Says {
    decided(b, "PartnershipFormed")?;
    let formation = json!({ "matter": "formation" });
    let agreed = !own(b.entry) || b.agreed(b.partnership(), &formation);
    Some(agreed && !b.areas(b.partnership()).is_empty())
}

fn a_partnership_decides_together(b: &Before<'_>) -> Says {
    if !is_decision(b.entry) || !own(b.entry) {
        return None;
    }
    let p = |member: &str| at(b.entry, &format!("/payload/{member}"));
    let formed = b.here().any(|e| event(e) == "PartnershipFormed");
    let matter = match event(b.entry) {
        "LeadNamed" => json!({ "matter": "lead", "authority": p("authority") }),
        "RouteChosen" => json!({ "matter": "route", "route": p("route") }),
        "DecisionRuleRecorded" => json!({ "matter": "decision_rule", "decide_by": p("decide_by") }),
        "PartnershipDissolved" => json!({ "matter": "dissolution" }),
        "PartnershipAreaSet" if formed => json!({ "matter": "areas", "digest": p("digest") }),
        _ => return None,
    };
    Some(b.agreed(b.partnership(), &matter))
}

fn a_partnership_is_formed_once_and_dissolved_once(b: &Before<'_>) -> Says {
    let what = event(b.entry);
    let once = matches!(what, "PartnershipFormed" | "PartnershipDissolved");
    once.then(|| !b.ever_here().any(|e| event(e) == what))
}

fn nothing_is_drafted_without_a_partnership(b: &Before<'_>) -> Says {
    matches!(event(b.entry), "StrategyDrafted" | "NeedsAssessmentOpened").then(|| {
        let of = text(b.entry, "/payload/partnership");
        let said = |what| b.stream(of).any(|e| event(e) == what);
        said("PartnershipFormed") && !said("PartnershipDissolved")
    })
}

fn a_specified_authority_never_leaves(b: &Before<'_>) -> Says {
    decided(b, "MemberLeft")?;
    let of = b.partnership();
    let standing = b.members(of).remove(authority(b)).map(|m| m.standing);
    Some(standing.as_deref() != Some("specified") || !b.by_law(of).contains(authority(b)))
}

fn a_member_by_law_is_one_by_law(b: &Before<'_>) -> Says {
    decided(b, "MemberRecognised")?;
    let specified = text(b.entry, "/payload/standing") == "specified";
    specified.then(|| b.by_law(b.partnership()).contains(authority(b)))
}

fn a_position_on_a_matter_is_a_specified_authoritys(b: &Before<'_>) -> Says {
    (event(b.entry) == "PartnershipPositionRecorded")
        .then(|| b.specified(b.partnership()).contains(authority(b)))
}

// Adoption and publication.

fn adoption_identifies_kinds(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let kinds = [("ViolenceKindIdentified", "kind")];
    (b.bases().0).then(|| !b.content(&kinds, of_version(b)).is_empty())
}

fn adoption_identifies_causes_or_says_why_not(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let causes = [
        ("ViolenceCauseIdentified", "cause"),
        ("CauseRecordedAsUnknown", "why"),
    ];
    (b.bases().0).then(|| !b.content(&causes, of_version(b)).is_empty())
}

fn adoption_of_a_wide_strategy_is_under_section_9_too(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    (b.areas(b.partnership()).len() > 1).then(|| b.bases().1)
}

fn adoption_follows_a_list(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    Some(b.list(b.partnership()).is_some())
}

fn adoption_follows_consultation_of_every_relevant_authority(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let to_be = b.to_be_consulted(b.partnership());
    (!to_be.is_empty()).then(|| to_be.is_subset(&b.consulted(of_version(b))))
}

fn adoption_under_section_9_has_two_makers(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    (b.bases().1).then(|| b.makers().len() >= 2)
}

fn adoption_under_section_9_consults_the_other_specified_authorities(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let others: BTreeSet<_> = b
        .specified(b.partnership())
        .difference(&b.makers())
        .copied()
        .collect();
    (b.bases().1 && !others.is_empty()).then(|| others.is_subset(&b.consulted(of_version(b))))
}

fn adoption_is_free_of_barred_material(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    considered(b).then(|| b.barred(of_version(b)).is_empty())
}

/// Whether any part of the version was ever considered.
fn considered(b: &Before<'_>) -> bool {
    ["MaterialConsidered", "ObjectionDetermined"]
        .iter()
        .any(|what| b.of_version(what, of_version(b)))
}

fn adoption_waits_for_objections(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let of = |what: &'static str| -> BTreeSet<&str> {
        let these = b.here().filter(|e| event(e) == what);
        these
            .filter(|e| number(e, "/payload/version") == of_version(b))
            .map(|e| text(e, "/payload/objection"))
            .collect()
    };
    let raised = of("ObjectionRaised");
    (!raised.is_empty()).then(|| raised.is_subset(&of("ObjectionDetermined")))
}

fn adoption_is_agreed_on_what_the_version_says(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let (makers, positions) = (b.makers(), b.own_positions(of_version(b)));
    let agreed = makers
        .iter()
        .filter(|id| positions.get(*id) == Some(&"agree"));
    Some(enough(
        b.rule(b.partnership()),
        agreed.count(),
        makers.len(),
    ))
}

fn adoption_counts_the_positions_held(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let (makers, positions) = (b.makers(), b.own_positions(of_version(b)));
    let held = |position: Option<&str>| {
        let these = makers
            .iter()
            .filter(|id| positions.get(*id).copied() == position);
        these.count() as u64
    };
    let tally = |member: &str| number(b.entry, &format!("/payload/tally/{member}"));
    Some(
        tally("agreed") == held(Some("agree"))
            && tally("objected") == held(Some("object"))
            && tally("abstained") == held(Some("abstain"))
            && tally("silent") == held(None),
    )
}

fn adoption_without_equality_assessment_has_a_reason(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let assessed = b.of_version("EqualityImpactAssessed", of_version(b));
    Some(assessed != warned(b, "R-46.1"))
}

fn adoption_without_an_assessment_has_a_reason(b: &Before<'_>) -> Says {
    decided(b, "StrategyAdopted")?;
    let linked = b.content(&[("AssessmentLinked", "assessment")], of_version(b));
    let completed = |id: &&str| b.stream(id).any(|e| event(e) == "NeedsAssessmentCompleted");
    Some(linked.iter().any(completed) != warned(b, "R-14.1"))
}

fn a_position_is_a_makers_and_precedes_adoption(b: &Before<'_>) -> Says {
    decided(b, "StrategyPositionRecorded")?;
    let adopted = b.of_version("StrategyAdopted", of_version(b));
    Some(b.makers().contains(authority(b)) && !adopted)
}

fn an_adopted_version_does_not_change(b: &Before<'_>) -> Says {
    let changes = matches!(
        event(b.entry),
        "AssessmentLinked"
            | "ViolenceKindIdentified"
            | "ViolenceCauseIdentified"
            | "CauseRecordedAsUnknown"
            | "AuthorityConsulted"
            | "ActionProposed"
            | "StrategyPositionRecorded"
    );
    (changes && is_decision(b.entry)).then(|| {
        !b.ever_here().any(|e| {
            event(e) == "StrategyAdopted" && number(e, "/payload/version") == of_version(b)
        })
    })
}

fn a_version_is_adopted_once_and_published_once(b: &Before<'_>) -> Says {
    let what = event(b.entry);
    matches!(what, "StrategyAdopted" | "StrategyPublished").then(|| {
        let same = |e: &Value| event(e) == what && number(e, "/payload/version") == of_version(b);
        !b.ever_here().any(same)
    })
}

fn publication_follows_adoption(b: &Before<'_>) -> Says {
    decided(b, "StrategyPublished")?;
    Some(b.of_version("StrategyAdopted", of_version(b)))
}

fn publication_is_free_of_barred_material(b: &Before<'_>) -> Says {
    decided(b, "StrategyPublished")?;
    considered(b).then(|| b.barred(of_version(b)).is_empty())
}

// A strategy otherwise.

fn only_who_was_consulted_responds(b: &Before<'_>) -> Says {
    (event(b.entry) == "ConsultationResponseRecorded")
        .then(|| b.consulted(of_version(b)).contains(authority(b)))
}

fn an_exception_that_ends_was_claimed(b: &Before<'_>) -> Says {
    decided(b, "ExceptionEnded")?;
    let same = |e: &&Value| {
        ["action", "authority"].iter().all(|member| {
            at(e, &format!("/payload/{member}")) == at(b.entry, &format!("/payload/{member}"))
        })
    };
    let all = b
        .here()
        .filter(|e| matches!(event(e), "ExceptionClaimed" | "ExceptionEnded"));
    let last = all.filter(same).last();
    Some(last.is_some_and(|e| {
        event(e) == "ExceptionClaimed" && at(e, "/payload/duty") == at(b.entry, "/payload/duty")
    }))
}

fn an_exception_is_against_a_duty_that_has_exceptions(b: &Before<'_>) -> Says {
    decided(b, "ExceptionClaimed")?;
    let of = b.partnership();
    let recognised = b
        .stream(of)
        .filter(|e| match event(e) {
            "MemberRecognised" => authority(b) == text(e, "/payload/authority"),
            "MemberSucceeded" => authority(b) == text(e, "/payload/successor"),
            _ => false,
        })
        .last()
        .map(|e| text(e, "/payload/capacity"));
    let areas = b.areas(of);
    let mut recorded = areas
        .iter()
        .filter_map(|area| Some(b.recorded(area).get(authority(b))?.0));
    let capacity = recognised.or_else(|| recorded.next()).unwrap_or_default();
    Some(matches!(
        (class_of(capacity), text(b.entry, "/payload/duty")),
        ("specified", "15(3)" | "15(3)-kinds-causes-preparation")
            | ("relevant", "15(3)" | "15(4)" | "15(5)(b)")
    ))
}

fn an_action_progresses_once_adopted(b: &Before<'_>) -> Says {
    (event(b.entry) == "ActionProgressed").then(|| {
        let action = text(b.entry, "/payload/action");
        let adopted = b.here().filter(|e| event(e) == "StrategyAdopted");
        let mut versions = adopted.map(|e| number(e, "/payload/version"));
        versions.any(|n| {
            b.content(&[("ActionProposed", "action")], n)
                .contains(action)
        })
    })
}

fn a_review_is_of_the_version_in_force(b: &Before<'_>) -> Says {
    (event(b.entry) == "ReviewCompleted").then(|| {
        let adopted = b.here().filter(|e| event(e) == "StrategyAdopted");
        let in_force = adopted.map(|e| number(e, "/payload/version")).max();
        in_force == Some(of_version(b))
    })
}

fn a_late_review_says_why(b: &Before<'_>) -> Says {
    decided(b, "ReviewCompleted")?;
    let counts = |e: &&Value| match event(e) {
        "StrategyAdopted" => true,
        "ReviewCompleted" => text(e, "/payload/scope") == "whole",
        _ => false,
    };
    let from = b.here().filter(counts).map(date).max()?;
    // Twelve months on; 29 February becomes 28 February.
    let year: u32 = from[..4].parse().unwrap();
    let day = if &from[4..] == "-02-29" {
        "-02-28"
    } else {
        &from[4..]
    };
    let due = format!("{}{day}", year + 1);
    Some((b.on() > due.as_str()) == warned(b, "R-42.1"))
}

fn a_revision_begins_from_the_newest_version_once_adopted(b: &Before<'_>) -> Says {
    (event(b.entry) == "RevisionStarted").then(|| {
        let begun = b.here().filter(|e| event(e) == "RevisionStarted");
        let newest = begun
            .map(|e| number(e, "/payload/version"))
            .max()
            .unwrap_or(1);
        let from = number(b.entry, "/payload/from_version");
        from == newest && of_version(b) == from + 1 && b.of_version("StrategyAdopted", from)
    })
}

fn a_superseded_strategy_is_over(b: &Before<'_>) -> Says {
    let goes_on = matches!(
        event(b.entry),
        "StrategyAmended"
            | "AssessmentLinked"
            | "ViolenceKindIdentified"
            | "AuthorityConsulted"
            | "ActionProposed"
            | "ActionLeftOut"
            | "ActionProgressed"
            | "StrategyAdopted"
            | "StrategyPublished"
            | "ReviewCompleted"
            | "RevisionStarted"
            | "StrategySuperseded"
    );
    goes_on.then(|| b.last("StrategySuperseded").is_none())
}

// Directions.

fn a_finding_is_on_an_authority_of_the_area(b: &Before<'_>) -> Says {
    matches!(
        event(b.entry),
        "FindingRecorded" | "SecretaryOfStateSatisfied"
    )
    .then(|| {
        let recorded = b.recorded(text(b.entry, "/payload/area"));
        let exists = recorded.get(authority(b));
        exists.is_some_and(|(_, from, until)| *from <= b.on() && b.on() <= *until)
    })
}

fn a_policing_body_finds_on_specified_authorities_of_its_area(b: &Before<'_>) -> Says {
    decided(b, "FindingRecorded")?;
    let (kind, id) = who(b.entry);
    if kind != "local_policing_body" {
        return Some(kind == "inspectorate");
    }
    let area = text(b.entry, "/payload/area");
    let capacity = b.authority(authority(b)).map_or("", |a| a.0);
    Some(b.existing(area, "policing body").contains(id) && class_of(capacity) == "specified")
}

fn a_case_is_about_one_authority_one_duty_one_area(b: &Before<'_>) -> Says {
    let names = !text(b.entry, "/payload/duty").is_empty();
    (text(b.entry, "/stream/type") == "direction" && names).then(|| {
        let member = |name: &str| text(b.entry, &format!("/payload/{name}"));
        b.case() == (member("authority"), member("duty"), member("area"))
    })
}

fn satisfaction_and_direction_are_the_secretary_of_states(b: &Before<'_>) -> Says {
    let theirs = matches!(
        event(b.entry),
        "SecretaryOfStateSatisfied"
            | "DirectionIssued"
            | "DirectionVaried"
            | "DirectionWithdrawn"
            | "ComplianceAccepted"
            | "NonComplianceRecorded"
            | "MandatoryOrderSought"
            | "MandatoryOrderMade"
    );
    (theirs && is_decision(b.entry)).then(|| who(b.entry).0 == "secretary_of_state")
}

fn consent_is_the_welsh_ministers(b: &Before<'_>) -> Says {
    decided(b, "WelshConsentAnswered")?;
    Some(who(b.entry).0 == "welsh_ministers")
}

fn directs(b: &Before<'_>) -> Option<()> {
    decided(b, "DirectionIssued").or_else(|| decided(b, "DirectionVaried"))
}

/// The last step of a kind, if none of those that end it came after.
fn standing<'a>(b: &Before<'a>, what: &[&str], ended_by: &[&str]) -> Option<&'a Value> {
    let mut found = None;
    for e in b.steps() {
        if ended_by.contains(&event(e)) {
            found = None;
        }
        if what.contains(&event(e)) {
            found = Some(e);
        }
    }
    found
}

fn a_direction_follows_the_secretary_of_states_own_satisfaction(b: &Before<'_>) -> Says {
    directs(b)?;
    let satisfied = standing(b, &["SecretaryOfStateSatisfied"], &["DirectionWithdrawn"]);
    Some(satisfied.is_some_and(own))
}

fn a_direction_is_for_a_duty_that_section_18_lists(b: &Before<'_>) -> Says {
    directs(b)?;
    let (id, duty, _) = b.case();
    let capacity = b.authority(id).map_or("", |a| a.0);
    Some(match class_of(capacity) {
        "specified" => !matches!(duty, "9" | "15(4)" | "15(5)(b)"),
        "relevant" => matches!(duty, "15(3)" | "15(4)" | "15(5)(b)" | "17(4)"),
        _ => false,
    })
}

fn a_direction_is_never_to_whom_section_18_5_excludes(b: &Before<'_>) -> Says {
    directs(b)?;
    let held_by = b.authority(b.case().0).map_or("", |a| a.1);
    Some(!matches!(
        held_by,
        "secretary_of_state_as_probation_provider"
            | "governor_of_prison_yoi_or_stc"
            | "principal_of_directly_managed_secure_college"
    ))
}

fn a_direction_to_a_devolved_welsh_authority_has_consent(b: &Before<'_>) -> Says {
    directs(b)?;
    let devolved = b.authority(b.case().0).is_some_and(|a| a.2);
    devolved.then(|| {
        let ended_by = ["DirectionIssued", "DirectionVaried"];
        let answered = standing(b, &["WelshConsentAnswered"], &ended_by);
        answered.is_some_and(|e| own(e) && at(e, "/payload/given") == &Value::Bool(true))
    })
}

fn a_mandatory_order_enforces_a_direction_not_complied_with(b: &Before<'_>) -> Says {
    decided(b, "MandatoryOrderSought")?;
    let issued = ["DirectionIssued", "DirectionVaried"];
    let direction = standing(b, &issued, &["ComplianceAccepted", "DirectionWithdrawn"]);
    let since = ["DirectionIssued", "DirectionVaried", "ComplianceReported"];
    let failed = standing(b, &["NonComplianceRecorded"], &since);
    Some(direction.is_some_and(own) && failed.is_some_and(own))
}

fn an_order_is_made_once_it_is_sought(b: &Before<'_>) -> Says {
    decided(b, "MandatoryOrderMade")?;
    let sought = standing(b, &["MandatoryOrderSought"], &["DirectionWithdrawn"]);
    Some(sought.is_some_and(own))
}
