//! The table of who may do and see what, as text: one line for each operation.

use serde_json::{Value, json};

use dutyledger_domain::{Actor, Actors};

use crate::metrics::METRICS;
use crate::reads::audit::REFUSALS;
use crate::reads::exports::EXPORTS;
use crate::reads::proofs::CHECKPOINTS;
use crate::server::openapi;

/// The member of an operation's description that says who may give the command.
pub(crate) const WHO: &str = "x-who";

/// The kinds of principal, in the order of the columns.
const COLUMNS: [(&str, Actor, bool); 8] = [
    ("specified authority", Actor::SpecifiedAuthority, true),
    ("relevant authority", Actor::Subject, true),
    ("local policing body", Actor::LocalPolicingBody, false),
    ("inspectorate", Actor::Inspectorate, false),
    ("Secretary of State", Actor::SecretaryOfState, false),
    ("Welsh Ministers", Actor::WelshMinisters, false),
    ("operator", Actor::Operator, false),
    ("coordinator", Actor::Operator, false),
];

/// Who may give a command, as it stands in the OpenAPI document.
pub(crate) fn of(actors: Actors) -> Value {
    json!({ "own": actors.own, "reported": actors.reportable, "past_fact": actors.past_fact })
}

/// Who may give the commands that are no domain commands of their own.
const OPERATOR_ALONE: [&str; 6] = [
    "issueKey",
    "revokeKey",
    "issueCalendar",
    "revokeCalendar",
    "eraseSealedText",
    "importHistory",
];

/// What comes before there is a partnership, and so before it has a coordinator.
const BEFORE_A_COORDINATOR: &str = "proposePartnership";

/// How the addresses of corrections end. Who may give one hangs on the entry it withdraws.
const CORRECTIONS: &str = "/corrections";

/// What a read shows to whom.
const READS: &[(&str, &str)] = &[
    ("/v1/me", "everyone with a key: itself"),
    ("/v1/areas", "everyone with a key"),
    ("/v1/areas/{id}", "everyone with a key"),
    ("/v1/authorities", "everyone with a key"),
    ("/v1/authorities/{id}", "everyone with a key"),
    ("/v1/rules", "everyone with a key"),
    ("/v1/rules/{rule}", "everyone with a key"),
    ("/v1/keys", "the operator"),
    ("/v1/calendars", "the operator"),
    (
        "/v1/calendar/{address}",
        "whoever has the address: what its principal reads",
    ),
    (
        "/v1/authorities/{id}/next-steps",
        "everyone with a key: of the partnerships whose record it reads, and of its own",
    ),
    (
        "/v1/partnerships/{id}/obligations",
        "those who read the partnership's record; an authority of its areas what is its own",
    ),
    ("/v1/partnerships", RECORD),
    ("/v1/partnerships/{id}", RECORD),
    ("/v1/partnerships/{id}/timeline", RECORD),
    ("/v1/partnerships/{id}/needs-assessments", RECORD),
    ("/v1/partnerships/{id}/strategies", RECORD),
    ("/v1/partnerships/{id}/directions", RECORD),
    ("/v1/partnerships/{id}/triggers", RECORD),
    ("/v1/needs-assessments/{id}", RECORD_OR_PUBLISHED),
    ("/v1/strategies", RECORD_OR_PART),
    ("/v1/strategies/{id}", RECORD_OR_PART),
    (
        "/v1/strategies/{id}/versions/{n}/consultation",
        RECORD_OR_PART,
    ),
    ("/v1/directions", DIRECTIONS),
    ("/v1/directions/{id}", DIRECTIONS),
    ("/v1/reviews", RECORD),
    ("/v1/triggers", RECORD),
    ("/v1/audit/consistency", "everyone with a key"),
    ("/v1/audit/entries", ENTRIES),
    ("/v1/audit/entries/{entry_id}/proof", ENTRY),
    ("/v1/audit/partnerships/{id}/replay", RECORD),
    ("/v1/audit/partnerships/{id}/changes", RECORD),
    ("/v1/audit/partnerships/{id}/explanations", RECORD),
    ("/v1/audit/strategies/{id}/replay", RECORD),
    ("/v1/entries", ENTRIES),
    ("/v1/entries/stream", ENTRIES),
    ("/v1/entries/{entry_id}", ENTRY),
    ("/v1/entries/{entry_id}/sealed-text", SEALED),
];

/// What is posted and changes nothing.
const POSTED_READS: &[(&str, &str)] = &[
    (CHECKPOINTS, LEDGER),
    (EXPORTS, "inspectorates, auditors"),
    (
        REFUSALS,
        "everyone with a key about its own commands; the Secretary of State, inspectorates and \
         auditors about anybody's",
    ),
];
const LEDGER: &str = "the operator, the Secretary of State, inspectorates, auditors";
const RECORD: &str = "those who read the partnership's record";
const RECORD_OR_PART: &str = "those who read the partnership's record; a consultee and an \
     authority it touches in part; everyone what is published";
const RECORD_OR_PUBLISHED: &str =
    "those who read the partnership's record; everyone when it is completed and published";
const ENTRY: &str = "those who read the stream it stands in; of the ledger itself, the operator, \
     the Secretary of State, inspectorates, auditors";
const ENTRIES: &str = "everyone, those entries that it may read";
const DIRECTIONS: &str = "those who read the partnership's record; the authority directed";
const SEALED: &str = "its author, its addressee, the partnership's specified authorities, \
     inspectorates, auditors";

const HEAD: &str = "\
Who may do and see what. Written from the code; the tests try every line.

Commands. The columns are kinds of principal:
  SA specified authority   RA relevant authority   LP local policing body   IN inspectorate
  SS Secretary of State    WM Welsh Ministers      OP operator              CO coordinator
and the letters say on what footing:
  o its own act   i only where it is the authority the command is about
  r as a report, with a source   p as a past fact, with a source   . not at all
  * whoever may record the entry that is withdrawn; what was decided together, only together
An auditor gives no command. An authority acts for partnerships of its own areas, a coordinator for
its partnership. Whoever may record an entry may correct it; what was recorded with somebody's own key is
withdrawn by no report and no past fact.

";

const READ_HEAD: &str = "
Reads. Those who read a partnership's record are its members and its areas' specified authorities,
its coordinator, the local policing bodies of its areas, the Welsh Ministers where an area is in
Wales, the Secretary of State, inspectorates and auditors. What one may not read answers as if absent.

";

/// The table, as text.
#[must_use]
pub fn permissions() -> String {
    let document = openapi();
    let mut commands = Vec::new();
    let mut reads = Vec::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        if let Some((_, who)) = POSTED_READS.iter().find(|(posted, _)| posted == path) {
            reads.push(format!("POST {path}: {who}\n"));
        } else if let Some(operation) = methods.get("post") {
            let cells = if path.ends_with(CORRECTIONS) {
                COLUMNS.map(|_| "* ").join("  ")
            } else {
                cells(operation)
            };
            commands.push(format!("{cells}  POST {path}\n"));
        }
        if methods.get("get").is_some() {
            let who = READS.iter().find(|(known, _)| known == path);
            reads.push(format!(
                "GET {path}: {}\n",
                who.map_or("?", |(_, who)| *who)
            ));
        }
    }
    // It stands outside what is described under `/v1`.
    reads.push(format!("GET {METRICS}: {LEDGER}\n"));
    let names = "SA  RA  LP  IN  SS  WM  OP  CO\n";
    format!(
        "{HEAD}{names}{}{READ_HEAD}{}",
        commands.concat(),
        reads.concat()
    )
}

fn cells(operation: &Value) -> String {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let alone = json!({ "own": [Actor::Operator], "reported": false, "past_fact": false });
    let who = if OPERATOR_ALONE.contains(&id) {
        &alone
    } else {
        &operation[WHO]
    };
    let own = |actor: Actor| {
        let actor = json!(actor);
        who["own"]
            .as_array()
            .is_some_and(|own| own.contains(&actor))
    };
    let (reported, past_fact) = (who["reported"] == true, who["past_fact"] == true);
    let column = |(name, actor, is_authority): (&str, Actor, bool)| {
        let acts = match name {
            "coordinator" => "",
            _ if own(actor) && actor != Actor::Subject => "o",
            _ if is_authority && own(Actor::Subject) => "i",
            _ => "",
        };
        let reports = if name == "coordinator" && reported {
            "r"
        } else {
            ""
        };
        let may_tell = match name {
            "coordinator" => id != BEFORE_A_COORDINATOR,
            "operator" => true,
            _ => !acts.is_empty(),
        };
        let tells = if past_fact && may_tell { "p" } else { "" };
        let cell = format!("{acts}{reports}{tells}");
        if cell.is_empty() {
            ".".to_owned()
        } else {
            cell
        }
    };
    COLUMNS.map(|c| format!("{:<2}", column(c))).join("  ")
}
