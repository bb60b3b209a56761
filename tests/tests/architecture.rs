//! The house's walls: which crate may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every crate of the workspace and those of ours it may depend on. Dependencies point inwards.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("dutyledger-record", &[]),
    ("dutyledger-domain", &["dutyledger-record"]),
    ("dutyledger-proofs", &["dutyledger-record"]),
    (
        "dutyledger-bundle",
        &[
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-proofs",
        ],
    ),
    ("dutyledger-ledger", &["dutyledger-record"]),
    (
        "dutyledger-messages",
        &["dutyledger-record", "dutyledger-domain"],
    ),
    (
        "dutyledger-notifications",
        &[
            "dutyledger-record",
            "dutyledger-ledger",
            "dutyledger-messages",
        ],
    ),
    (
        "dutyledger-application",
        &[
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-ledger",
        ],
    ),
    (
        "dutyledger-projections",
        &[
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-ledger",
        ],
    ),
    (
        "dutyledger-audit",
        &[
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-ledger",
            "dutyledger-application",
            "dutyledger-proofs",
            "dutyledger-bundle",
            "dutyledger-transparency",
        ],
    ),
    (
        "dutyledger-clock",
        &[
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-ledger",
            "dutyledger-application",
            "dutyledger-projections",
        ],
    ),
    (
        "dutyledger-transparency",
        &[
            "dutyledger-record",
            "dutyledger-proofs",
            "dutyledger-ledger",
        ],
    ),
    (
        "dutyledger-api",
        &[
            "dutyledger-proofs",
            "dutyledger-transparency",
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-ledger",
            "dutyledger-messages",
            "dutyledger-application",
            "dutyledger-audit",
            "dutyledger-projections",
        ],
    ),
    (
        "dutyledger",
        &[
            "dutyledger-record",
            "dutyledger-domain",
            "dutyledger-ledger",
            "dutyledger-messages",
            "dutyledger-notifications",
            "dutyledger-application",
            "dutyledger-audit",
            "dutyledger-projections",
            "dutyledger-clock",
            "dutyledger-proofs",
            "dutyledger-transparency",
            "dutyledger-api",
        ],
    ),
];

/// Foreign crates that must not be anywhere in a crate's tree.
const MUST_NOT_REACH: &[(&str, &[&str])] = &[
    ("dutyledger-record", &["tokio", "sqlx", "cqrs-es", "axum"]),
    (
        "dutyledger-domain",
        &["tokio", "sqlx", "cqrs-es", "axum", "async-nats"],
    ),
    (
        "dutyledger-messages",
        &["tokio", "sqlx", "cqrs-es", "axum", "async-nats"],
    ),
    (
        "dutyledger-proofs",
        &["tokio", "sqlx", "cqrs-es", "axum", "hyper", "async-nats"],
    ),
    (
        "dutyledger-bundle",
        &[
            "tokio",
            "sqlx",
            "cqrs-es",
            "axum",
            "hyper",
            "ureq",
            "rustls",
            "async-nats",
        ],
    ),
    ("dutyledger-ledger", &["cqrs-es", "axum", "aide"]),
    ("dutyledger-notifications", &["cqrs-es", "axum", "aide"]),
    ("dutyledger-api", &["async-nats"]),
    ("dutyledger-application", &["axum", "aide"]),
    ("dutyledger-audit", &["axum", "aide"]),
    ("dutyledger-projections", &["cqrs-es", "axum", "aide"]),
];

/// What tests and measures the house from outside may know every room of it.
const OUTSIDE: &[&str] = &[
    "dutyledger-tests",
    "dutyledger-test-bundles",
    "dutyledger-test-fuzz",
    "dutyledger-test-nation",
    "dutyledger-test-nats",
    "dutyledger-test-postgres",
    "dutyledger-bench",
];

struct Graph {
    /// A package's normal dependencies, by package id.
    edges: BTreeMap<String, BTreeSet<String>>,
    names: BTreeMap<String, String>,
    members: BTreeSet<String>,
}

fn graph() -> Graph {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    // For this platform alone: crates of others need not be on this machine.
    let version = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", host])
        .args(["--manifest-path", manifest])
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut edges = BTreeMap::new();
    for node in metadata["resolve"]["nodes"].as_array().unwrap() {
        let normal = node["deps"].as_array().unwrap().iter().filter(|dep| {
            dep["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|kind| kind["kind"].is_null())
        });
        edges.insert(
            text(&node["id"]),
            normal.map(|dep| text(&dep["pkg"])).collect(),
        );
    }
    let packages = metadata["packages"].as_array().unwrap();
    Graph {
        edges,
        names: packages
            .iter()
            .map(|p| (text(&p["id"]), text(&p["name"])))
            .collect(),
        members: metadata["workspace_members"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect(),
    }
}

impl Graph {
    fn id(&self, name: &str) -> &String {
        self.members
            .iter()
            .find(|id| self.names[*id] == name)
            .unwrap_or_else(|| panic!("{name} is in the table and not in the workspace"))
    }

    fn reached_from(&self, id: &String) -> BTreeSet<&String> {
        let (mut reached, mut next) = (BTreeSet::new(), vec![id]);
        while let Some(id) = next.pop() {
            for dependency in &self.edges[id] {
                if reached.insert(dependency) {
                    next.push(dependency);
                }
            }
        }
        reached
    }
}

#[test]
fn crates_know_only_those_further_in() {
    let graph = graph();
    let listed: BTreeSet<_> = MAY_KNOW.iter().map(|(name, _)| *name).collect();
    for id in &graph.members {
        let name = graph.names[id].as_str();
        assert!(
            listed.contains(name) || OUTSIDE.contains(&name),
            "{name} is a new crate: say in this table which others it may know"
        );
    }
    for (name, allowed) in MAY_KNOW {
        let ours = graph.edges[graph.id(name)]
            .iter()
            .filter(|id| graph.members.contains(*id));
        for id in ours {
            let known = graph.names[id].as_str();
            assert!(allowed.contains(&known), "{name} must not know {known}");
        }
    }
}

#[test]
fn the_domain_is_pure_and_each_crate_is_free_of_what_it_must_not_reach() {
    let graph = graph();
    for (name, forbidden) in MUST_NOT_REACH {
        for id in graph.reached_from(graph.id(name)) {
            let reached = graph.names[id].as_str();
            assert!(!forbidden.contains(&reached), "{name} reaches {reached}");
        }
    }
}

#[test]
fn the_top_level_is_exactly_what_it_should_be() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new("git")
        .args(["-C", root, "ls-files"])
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let top: BTreeSet<_> = listed
        .lines()
        .filter_map(|path| path.split('/').next())
        .collect();
    let allowed: BTreeSet<_> = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "ARCHITECTURE.md",
        "README.md",
        "clippy.toml",
        "deny.toml",
        "rustfmt.toml",
        "crates",
        "schemas",
        "ops",
        "tests",
    ]
    .into();
    let strangers: Vec<_> = top
        .iter()
        .filter(|name| !name.starts_with('.') && !allowed.contains(*name))
        .collect();
    assert!(
        strangers.is_empty(),
        "{strangers:?} do not belong at the top level"
    );
}
