//! Every row the code cites is in the pack, with the strength its gate counts on, and has tests
//! named after it; and the packs are whole and say what can be recorded.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dutyledger_domain::obligations::{Status, Within, obligations};
use dutyledger_domain::rules::{
    DRAFT, ENACTED, Layer, LegalStatus, Mode, Row, RuleId, RulePack, Strength, enacted,
    enacted_ref, newest, pack, row, strength,
};
use dutyledger_domain::streams::{Direction, NeedsAssessment, Partnership, Strategy};
use dutyledger_domain::{EventSchema, Payload, StreamKind};
use dutyledger_record::RulePackRef;

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
    let gates = |row: &&Row| !matches!(row.at_the_gate(), Mode::May | Mode::Fact);
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
            row.gate = None;
        }
        assert_eq!(missing(&weak), BTreeSet::from([id]));
    }
}

/// Every text in a folder of the repository, or the one file of that name.
fn texts(path: &Path, found: &mut Vec<String>) {
    if path.is_dir() {
        let ours = |name: &str| !matches!(name, "target" | "vectors" | "corpus");
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
        for entry in entries.filter(|entry| ours(&entry.file_name().to_string_lossy())) {
            texts(&entry.path(), found);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        found.push(text);
    }
}

/// What a text cites as rows, in quotation marks or not: `R-10.6`, `A-8.7a`, `L-5`, `R-fn8.1`.
fn cited_as_rows(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    let words = words.map(|word| word.trim_end_matches(['.', '-']));
    words.filter(|word| {
        let rest = ["R-", "A-", "L-"].iter().find_map(|p| word.strip_prefix(p));
        let rest = rest.map(|rest| {
            let of_its_own = ["fn", "gl.", "S", "CDA."];
            of_its_own
                .iter()
                .find_map(|begins| rest.strip_prefix(begins))
                .unwrap_or(rest)
        });
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[test]
fn everything_that_cites_a_row_cites_one_that_exists() {
    let held: BTreeSet<_> = packs()
        .into_iter()
        .chain([pack(ENACTED, 1).unwrap().0])
        .flat_map(|pack| &pack.rows)
        .flat_map(|row| std::iter::once(&row.id).chain(&row.also))
        .map(RuleId::as_str)
        .collect();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    for part in [
        "crates",
        "schemas",
        "ops",
        "tests",
        "README.md",
        "ARCHITECTURE.md",
    ] {
        let before = all.len();
        texts(&top.join(part), &mut all);
        assert!(all.len() > before, "{part} is not where it is looked for");
    }
    let cited: BTreeSet<_> = all.iter().flat_map(|text| cited_as_rows(text)).collect();
    assert!(cited.len() > 200, "the rows are not found: {}", cited.len());
    // The tests ask for a row that nobody wrote.
    let missing: Vec<_> = cited
        .difference(&held)
        .filter(|id| **id != "R-0.0")
        .collect();
    assert!(missing.is_empty(), "there are no such rows: {missing:?}");
}

/// The names of the tests in a folder.
fn tests(folder: &str) -> Vec<String> {
    let named = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ").map(str::to_owned)
    };
    let sources = sources(folder);
    let lines = sources.iter().flat_map(|text| text.lines());
    lines.filter_map(named).collect()
}

/// The rows that no test in a folder is named after.
fn untested<'a>(ids: impl IntoIterator<Item = &'a str>, folder: &str) -> Vec<&'a str> {
    let tests = tests(folder);
    let named_after = |id: &str| {
        let begins = format!("{}_", snake(id));
        tests.iter().any(|test| test.starts_with(&begins))
    };
    ids.into_iter().filter(|id| !named_after(id)).collect()
}

#[test]
fn every_row_the_code_cites_has_tests_named_after_it() {
    let cited = cited_in_the_domain();
    let nothing: [&str; 0] = [];
    assert_eq!(
        untested(cited.iter().map(String::as_str), "tests/gates"),
        nothing
    );
}

#[test]
fn every_row_the_record_shows_has_a_test_of_how_it_stands() {
    let shown = enacted().0.rows.iter().filter(|row| row.evidence.is_some());
    let shown: Vec<_> = shown.map(|row| row.id.as_str()).collect();
    assert!(shown.len() >= 84);
    let nothing: [&str; 0] = [];
    assert_eq!(untested(shown, "tests/gates/obligations"), nothing);
}

/// The rows of both packs, by the pack's name.
fn packs() -> [&'static RulePack; 2] {
    [enacted().0, draft()]
}

fn draft() -> &'static RulePack {
    newest(DRAFT).unwrap().0
}

#[test]
fn the_packs_are_well_formed() {
    let in_force = |pack: &RulePack| (pack.name.clone(), pack.in_force_from);
    let [enacted, draft] = packs();
    assert_eq!(in_force(enacted), (ENACTED.into(), Some(day("2023-01-31"))));
    assert_eq!(in_force(draft), (DRAFT.into(), None));
    for pack in packs() {
        for row in &pack.rows {
            well_formed(row, pack.in_force_from.is_some());
        }
    }
}

fn well_formed(row: &Row, enacted: bool) {
    let id = row.id.as_str();
    assert!(!row.says.is_empty(), "{id}");
    let local = row.layer == Layer::Local;
    assert_eq!(local, id.starts_with("L-"), "{id}: our own rows are local");
    if enacted {
        let act = row.layer == Layer::Act;
        assert!(!act || row.section.is_some(), "{id}: the Act has sections");
        assert_ne!(row.status, Some(LegalStatus::NeverInForce), "{id}");
    } else {
        assert_eq!(row.section, None, "{id}: the draft has clauses of its own");
    }
    if matches!(row.layer, Layer::Guidance | Layer::DraftGuidance) {
        let cited = row.guidance.is_some() || row.source.is_some();
        assert!(cited, "{id} cites no paragraph");
    }
    if row.layer == Layer::Guidance {
        let duty = matches!(row.mode, Mode::Must | Mode::Excluded);
        assert!(!duty, "{id}: guidance is no duty");
    }
    let in_part = row.leaves_out.is_none() || row.evidence.is_some();
    assert!(in_part, "{id} leaves out a part of nothing");
    let told = usize::from(row.evidence.is_some()) + usize::from(!row.awaits.is_empty());
    let silent = local || row.mode == Mode::Fact;
    assert!(
        told <= usize::from(!silent),
        "{id} is shown, awaited, or neither"
    );
}

/// The lines of a list beside the packs.
fn list(file: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../domain/packs");
    let text = fs::read_to_string(folder.join(file)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_pack_holds_every_id_that_is_its_own_once() {
    let ids = list("ids.txt");
    let count = |prefix| ids.iter().filter(|id| id.starts_with(prefix)).count();
    // The register has 169; its corrections add eight.
    assert_eq!((count("R-"), count("A-"), ids.len()), (169 + 8, 34, 211));
    for (pack, prefixes) in [(enacted().0, ["R-", "A-"]), (draft(), ["R-", "R-"])] {
        let of_it = |id: &&str| prefixes.iter().any(|prefix| id.starts_with(prefix));
        let mut expected: Vec<_> = ids.iter().map(String::as_str).filter(of_it).collect();
        let rows = pack.rows.iter().filter(|row| row.layer != Layer::Local);
        let mut held: Vec<_> = rows
            .flat_map(|row| std::iter::once(&row.id).chain(&row.also))
            .map(RuleId::as_str)
            .collect();
        expected.sort_unstable();
        held.sort_unstable();
        assert_eq!(held, expected, "{}", pack.name);
    }
}

#[test]
fn a_later_revision_says_no_more_strongly_what_an_earlier_one_said() {
    let (earlier, _) = pack(ENACTED, 1).unwrap();
    assert!(enacted().0.revision > earlier.revision);
    let does = |pack: &RulePack, row: &Row| {
        let rules = RulePackRef {
            pack: pack.name.clone(),
            revision: pack.revision,
        };
        strength(&rules, row.id.as_str(), day(TODAY))
    };
    for row in &earlier.rows {
        assert_eq!(does(enacted().0, row), does(earlier, row), "{}", row.id);
    }
}

#[test]
fn the_list_of_what_is_not_recorded_yet_is_true() {
    let not_at_all = packs()
        .into_iter()
        .flat_map(|pack| {
            let histories = setting().histories;
            obligations(partnership_id(), &histories, pack, day(DECIDED_ON))
        })
        .filter(|one| one.status == Status::NotRecordedYet)
        .map(|one| one.rule.to_string());
    let rows = packs().into_iter().flat_map(|pack| &pack.rows);
    let in_part = rows
        .filter(|row| row.leaves_out.is_some())
        .map(|row| format!("{} in part", row.id));
    let shown: BTreeSet<_> = not_at_all.chain(in_part).collect();
    let listed: BTreeSet<_> = list("not-recorded-yet.txt").into_iter().collect();
    let now_recorded: Vec<_> = listed.difference(&shown).collect();
    assert!(
        now_recorded.is_empty(),
        "these are recorded now: take them out of packs/not-recorded-yet.txt: {now_recorded:?}"
    );
    let unlisted: Vec<_> = shown.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "the list only ever grows shorter; record these: {unlisted:?}"
    );
}

#[test]
fn the_list_of_deadlines_that_cannot_speak_yet_is_true() {
    let listed: BTreeSet<_> = list("deadlines-not-recorded-yet.txt").into_iter().collect();
    let rows = enacted().0.rows.iter();
    let silent = rows.filter(|row| row.deadline.is_some()).filter_map(|row| {
        let in_part = row.leaves_out.is_some();
        let listed = if in_part { " in part" } else { "" };
        (in_part || !row.awaits.is_empty()).then(|| format!("{}{listed}", row.id))
    });
    let silent: BTreeSet<_> = silent.collect();
    let now_recorded: Vec<_> = listed.difference(&silent).collect();
    assert!(
        now_recorded.is_empty(),
        "these are recorded now: let their dates speak, and take them out of \
         packs/deadlines-not-recorded-yet.txt: {now_recorded:?}"
    );
    let unlisted: Vec<_> = silent.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "the list only ever grows shorter; record these: {unlisted:?}"
    );
}

/// The events of the stream an entry must have happened in.
fn schemas(within: Within) -> Vec<EventSchema> {
    fn of<K: StreamKind>() -> Vec<EventSchema> {
        <K::Event as Payload>::schemas()
    }
    match within {
        Within::Partnership => of::<Partnership>(),
        Within::NeedsAssessment => of::<NeedsAssessment>(),
        Within::Strategy => of::<Strategy>(),
        Within::Direction => of::<Direction>(),
    }
}

#[test]
fn what_shows_a_row_can_be_recorded_where_it_is_looked_for() {
    for row in packs().into_iter().flat_map(|pack| &pack.rows) {
        let Some(evidence) = &row.evidence else {
            continue;
        };
        let schemas = schemas(evidence.within);
        for event in &evidence.events {
            let found = schemas.iter().find(|schema| schema.event_type == event);
            let schema = found.unwrap_or_else(|| panic!("{}: there is no {event}", row.id));
            for member in evidence.r#where.keys() {
                let members = &schema.schema["properties"];
                assert!(
                    members.get(member).is_some(),
                    "{}: {event} {member}",
                    row.id
                );
            }
        }
        for gate in &evidence.gates {
            let held = enacted().0.row(gate.as_str());
            assert!(held.is_some(), "{}: there is no row {gate}", row.id);
        }
    }
}

#[test]
fn a_row_does_what_its_mode_says_from_the_day_the_pack_is_in_force() {
    for row in &enacted().0.rows {
        let Row { id, layer, .. } = row;
        let expected = match row.at_the_gate() {
            Mode::Must | Mode::Excluded if layer.binds() => Strength::Refuses,
            Mode::Must | Mode::Excluded | Mode::Should | Mode::Encouraged => Strength::Warns,
            Mode::May | Mode::Fact => Strength::Silent,
        };
        let before = if *layer == Layer::Local || row.in_force_from.is_some() {
            expected
        } else {
            Strength::Silent
        };
        let on = |date| strength(&enacted_ref(), id.as_str(), day(date));
        assert_eq!(on("2023-01-31"), expected, "{id}");
        assert_eq!(on("2023-01-30"), before, "{id}");
        if row.in_force_from.is_some() {
            assert_eq!(on("2022-04-28"), expected, "{id}");
            assert_eq!(on("2022-04-27"), Strength::Silent, "{id}");
        }
    }
    assert_eq!(row("R-0.0"), None);
    assert_eq!(
        strength(&enacted_ref(), "R-0.0", day(TODAY)),
        Strength::Silent
    );
}

#[test]
fn what_must_be_regarded_and_needs_no_document_is_a_duty_whose_gate_asks_for_a_reason() {
    for id in ["R-46.1", "R-fn8.2"] {
        assert_eq!(row(id).unwrap().mode, Mode::Must, "{id}");
        let does = strength(&enacted_ref(), id, day(TODAY));
        assert_eq!(does, Strength::Warns, "{id}");
    }
}

#[test]
fn what_only_the_draft_or_a_grant_says_refuses_nothing() {
    for id in ["R-fn21.1", "R-63.1", "R-65.2", "R-79.1"] {
        let cited = row(id).unwrap();
        assert!(matches!(cited.mode, Mode::Must | Mode::Excluded), "{id}");
        assert_eq!(
            strength(&enacted_ref(), id, day(TODAY)),
            Strength::Warns,
            "{id}"
        );
    }
}

#[test]
fn the_list_of_enforced_rows_is_that_of_the_gates() {
    let listed: BTreeSet<_> = enacted()
        .0
        .rows
        .iter()
        .map(|row| row.id.as_str())
        .filter(|id| dutyledger_domain::rules::is_enforced(id))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        listed,
        cited_in_the_domain(),
        "bring packs/enforced.txt up to date"
    );
}
