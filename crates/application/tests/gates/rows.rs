//! Every row the code cites is in the pack, with the strength its gate counts on, and has tests
//! named after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use dutyledger_domain::rules::{
    Layer, Mode, Row, RulePack, Strength, enacted, enacted_ref, row, strength,
};

use crate::given::*;

/// Every text of Rust under a folder.
fn sources(folder: &str) -> Vec<String> {
    fn collect(folder: &Path, found: &mut Vec<String>) {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = Vec::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut found,
    );
    assert!(!found.is_empty());
    found
}

/// The rows cited as strings, such as "R-10.6" in quotation marks.
fn cited(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|quoted| {
        let named = quoted.strip_prefix("R-").or(quoted.strip_prefix("A-"));
        named.or(quoted.strip_prefix("L-")).is_some_and(|rest| {
            (1..=12).contains(&rest.len())
                && rest
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
        })
    })
}

fn cited_in_the_domain() -> BTreeSet<String> {
    sources("../domain/src")
        .iter()
        .flat_map(|text| cited(text))
        .map(str::to_owned)
        .collect()
}

/// The rows the domain cites that a pack does not hold, or holds without any strength.
fn missing(pack: &RulePack) -> BTreeSet<String> {
    let gates = |row: &&Row| !matches!(row.mode, Mode::May | Mode::Fact);
    let held: BTreeSet<_> = pack
        .rows
        .iter()
        .filter(gates)
        .map(|row| row.id.as_str().to_owned())
        .collect();
    cited_in_the_domain().difference(&held).cloned().collect()
}

/// A row's id as the name of a test begins with it.
fn snake(id: &str) -> String {
    id.to_lowercase().replace(['-', '.'], "_")
}

#[test]
fn every_row_the_code_cites_is_in_the_pack() {
    assert_eq!(missing(enacted().0), BTreeSet::new());
    assert!(
        cited_in_the_domain().len() >= 38,
        "the rows are not found where they are looked for"
    );
}

#[test]
fn a_gates_row_missing_from_the_pack_or_without_strength_is_noticed() {
    for id in cited_in_the_domain() {
        let mut gone = enacted().0.clone();
        gone.rows.retain(|row| row.id.as_str() != id);
        assert_eq!(
            missing(&gone),
            BTreeSet::from([id.clone()]),
            "{id} taken out"
        );

        let mut weak = enacted().0.clone();
        for row in weak.rows.iter_mut().filter(|row| row.id.as_str() == id) {
            row.mode = Mode::May;
        }
        assert_eq!(missing(&weak), BTreeSet::from([id]));
    }
}

#[test]
fn every_row_the_code_cites_has_tests_named_after_it() {
    let tests: Vec<String> = sources("tests/gates")
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| Some(line.strip_prefix("fn ")?.to_owned()))
        .chain(sources("tests/gates").iter().flat_map(|text| {
            let tests = text
                .lines()
                .filter_map(|line| line.strip_prefix("async fn "));
            tests.map(str::to_owned).collect::<Vec<_>>()
        }))
        .collect();
    let untested: Vec<_> = cited_in_the_domain()
        .into_iter()
        .filter(|id| {
            let begins = format!("{}_", snake(id));
            !tests.iter().any(|test| test.starts_with(&begins))
        })
        .collect();
    assert_eq!(untested, Vec::<String>::new());
}

#[test]
fn the_pack_is_well_formed() {
    let (pack, _) = enacted();
    assert_eq!(
        (pack.name.as_str(), pack.in_force_from),
        ("enacted-2022", day("2023-01-31"))
    );
    let mut seen = BTreeMap::new();
    for row in &pack.rows {
        let id = row.id.as_str();
        assert_eq!(seen.insert(id, ()), None, "{id} stands twice");
        assert!(!row.says.is_empty(), "{id}");
        assert_eq!(
            row.layer == Layer::Act,
            row.section.is_some(),
            "{id}: the Act has sections"
        );
        assert_eq!(
            row.layer == Layer::Local,
            id.starts_with("L-"),
            "{id}: our own rows are local"
        );
        if matches!(row.layer, Layer::Guidance | Layer::DraftGuidance) {
            assert!(row.guidance.is_some(), "{id} cites no paragraph");
            assert!(
                !matches!(row.mode, Mode::Must | Mode::Excluded),
                "{id}: guidance is no duty"
            );
        }
    }
}

#[test]
fn a_row_does_what_its_mode_says_from_the_day_the_pack_is_in_force() {
    for Row {
        id, mode, layer, ..
    } in &enacted().0.rows
    {
        let expected = match mode {
            Mode::Must | Mode::Excluded => Strength::Refuses,
            Mode::Should | Mode::Encouraged => Strength::Warns,
            Mode::May | Mode::Fact => Strength::Silent,
        };
        let before = if *layer == Layer::Local {
            expected
        } else {
            Strength::Silent
        };
        assert_eq!(
            strength(&enacted_ref(), id.as_str(), day("2023-01-31")),
            expected,
            "{id}"
        );
        assert_eq!(
            strength(&enacted_ref(), id.as_str(), day("2023-01-30")),
            before,
            "{id}"
        );
    }
    assert_eq!(row("R-0.0"), None);
    assert_eq!(
        strength(&enacted_ref(), "R-0.0", day(TODAY)),
        Strength::Silent
    );
}
