//! A strategy as those who see a part of it see it.

use dutyledger_application::access::{Sight, strategy_seen, takes_part};
use dutyledger_domain::streams::StrategyState;
use dutyledger_domain::streams::strategy::Version;
use dutyledger_record::{Principal, PrincipalKind};
use serde_json::{Value, json};

const ENTRY: &str = "0198d0c2-6f00-7000-8000-000000000009";
const OWN: &str = "0198d0c2-6f00-7000-8000-000000000001";

/// A published version with an action, as seen in part by an authority.
fn part(consulted: bool) -> Value {
    let at = json!({
        "assumed": false, "entry_id": ENTRY, "on": "2024-01-31", "reported": false,
        "past_fact": false,
    });
    let mut state = serde_json::to_value(StrategyState::default()).unwrap();
    let mut version = serde_json::to_value(Version::default()).unwrap();
    version["adopted"] = json!({
        "at": at, "decide_by": { "rule": "unanimous" },
        "tally": { "agreed": 3, "objected": 1, "abstained": 1, "silent": 2 },
    });
    version["published"] = json!({ "at": at, "form": "stand_alone", "locator": "L/1" });
    version["consultation"]["opened"] = at.clone();
    version["consultation"]["closed"] = at.clone();
    version["consultation"]["responses_by"] = json!("2024-01-31");
    if consulted {
        let row = json!({ "capacity": "educational_authority", "at": at });
        version["consultation"]["consulted"] = json!({ OWN: row });
    }
    version["actions"] = json!([ENTRY]);
    state["versions"] = json!({ "1": version });
    state["actions"] = json!({ ENTRY: {
        "title": "A", "description": "B", "owner": ENTRY, "authorities": {},
        "cost_assessed": true, "progress": [{ "status": "started", "at": at }],
    } });
    let state: StrategyState = serde_json::from_value(state).unwrap();
    assert!(state.versions[&1].adopted.as_ref().unwrap().tally.is_some());
    let school = Principal {
        id: Some(OWN.parse().unwrap()),
        key_id: None,
        kind: PrincipalKind::Authority,
    };
    assert_eq!(takes_part(&state, school), consulted);
    let seen = strategy_seen(&state, Sight::Part, school).unwrap();
    serde_json::to_value(seen).unwrap()
}

#[test]
fn how_the_members_voted_and_how_far_others_are_is_not_for_those_who_see_a_part() {
    for consulted in [true, false] {
        let seen = part(consulted);
        let version = &seen["versions"]["1"];
        assert_eq!(version["adopted"]["at"]["on"], "2024-01-31");
        assert_eq!(version["adopted"]["tally"], Value::Null);
        assert_eq!(seen["actions"][ENTRY]["title"], "A");
        assert_eq!(seen["actions"][ENTRY]["progress"], json!([]));
        assert_eq!(seen["actions"][ENTRY]["cost_assessed"], false);
    }
}

#[test]
fn when_others_were_consulted_is_for_those_consulted() {
    let opened = |consulted| {
        let consultation = part(consulted)["versions"]["1"]["consultation"].clone();
        ["opened", "closed", "responses_by"].map(|member| !consultation[member].is_null())
    };
    assert_eq!(opened(true), [true; 3]);
    assert_eq!(opened(false), [false; 3]);
}
