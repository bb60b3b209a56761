//! A small nation: the same for the same seed, and nothing in it that a ledger would not hold.

use std::collections::{BTreeMap, BTreeSet};

use dutyledger_domain::streams::{
    Area, Authority, Direction, LedgerStream, NeedsAssessment, Partnership, Strategy,
};
use dutyledger_domain::{Histories, Payload, StreamKind};
use dutyledger_record::{LedgerId, Record, Stream};
use dutyledger_test_nation::{Nation, Size, figures};
use uuid::Uuid;

const LEDGER: LedgerId = LedgerId::new(Uuid::from_u128(0x0193_1c2e_5a00_7000_8000_0000_0000_01ed));
const SMALL: Size = Size {
    areas: 3,
    years: 2,
    seed: 7,
};

fn records(size: Size) -> Vec<Record> {
    let mut records = Vec::new();
    for decided in Nation::new(size, LEDGER) {
        let after = records.len() as u64;
        records.extend(decided.records(LEDGER, after, size.today()));
    }
    records
}

#[test]
fn the_same_seed_gives_the_same_nation_and_another_seed_another() {
    let size = Size {
        areas: 2,
        years: 1,
        seed: 7,
    };
    assert!(records(size) == records(size));
    let other = Size { seed: 8, ..size };
    assert!(records(size) != records(other));
}

#[test]
fn every_entry_is_of_the_record_format_and_every_stream_reads_as_a_history() {
    let mut streams: BTreeMap<Stream, Vec<Record>> = BTreeMap::new();
    let mut after = 0;
    for decided in Nation::new(SMALL, LEDGER) {
        let records = decided.records(LEDGER, after, SMALL.today());
        let part = decided.append(LEDGER);
        let held = streams.entry(decided.stream.clone()).or_default();
        assert_eq!(held.len() as u64, decided.expected_version);
        for (record, draft) in records.into_iter().zip(part.drafts) {
            let leaf = draft.leaf_data(record.position, record.recorded_at);
            assert_eq!(Record::verify(&leaf).unwrap(), record);
            after = record.position;
            held.push(record);
        }
    }
    let mut all = Histories::default();
    for (stream, records) in streams {
        all.read(&stream, records).unwrap();
    }
    let world = all.on(SMALL.today());
    assert_eq!(world.areas.len(), 3);
    for strategy in world.strategies.values() {
        assert_eq!(strategy.newest_published().map(|(n, _)| n), Some(2));
    }
    for partnership in world.partnerships.values() {
        assert!(partnership.formed.is_some() && partnership.lead.is_some());
    }
}

#[test]
fn what_goes_wrong_now_and_then_is_in_it() {
    let size = Size {
        areas: 42,
        years: 3,
        seed: 11,
    };
    let (mut events, mut standings) = (BTreeSet::new(), BTreeMap::<_, u32>::new());
    let (mut entries, mut last) = (0_u32, BTreeMap::new());
    let mut counts = BTreeMap::<String, u32>::new();
    for decided in Nation::new(size, LEDGER) {
        for (event, entry) in decided.entries {
            entries += 1;
            let standing = &entry.standing;
            let date = standing.occurred_on.date;
            let before = last.insert(entry.stream.clone(), date);
            let mut count = |what| *standings.entry(what).or_default() += 1;
            if before.is_some_and(|before| date < before) {
                count("late");
            }
            if standing.reported {
                count("reported");
            }
            if standing.past_fact.is_some() {
                count("past fact");
            }
            if standing.warnings.iter().any(|w| w.rule == "R-42.1") {
                count("late review");
            }
            if event.event_type == "EntryCorrected" {
                count("correction");
            }
            *counts.entry(event.event_type.clone()).or_default() += 1;
            events.insert(event.event_type);
        }
    }
    for what in ["late", "reported", "past fact", "late review", "correction"] {
        let found = standings.get(what).copied().unwrap_or_default();
        assert!(found > 0, "nothing is {what}");
        assert!(found < entries / 20, "{found} of {entries} are {what}");
    }
    for event in [
        "ObjectionRaised",
        "ObjectionDetermined",
        "MaterialRemoved",
        "ExceptionClaimed",
        "ActionDeclined",
        "AuthorityEnded",
        "DirectionIssued",
        "ComplianceAccepted",
    ] {
        assert!(events.contains(event), "{event} never happens");
    }
    // Some three million entries in ten years of 318 areas are about 940 for each area and year, and most
    // of them are the schools': some 75 for each area, each consulted on every version and asked about
    // the actions that touch it.
    let area_years = size.areas * size.years;
    let spanning_two = size.areas - count_of(&counts, "PartnershipProposed");
    let of_nation = figures::AREAS - figures::PARTNERSHIPS;
    assert!((1..=of_nation).contains(&spanning_two), "{spanning_two}");
    let each = |name: &str| count_of(&counts, name) / area_years;
    let within = |found: u32, least: u32, most: u32, what: &str| {
        assert!(
            (least..=most).contains(&found),
            "{found} {what} for each area and year"
        );
    };
    within(entries / area_years, 500, 1_400, "entries");
    let schools = figures::SCHOOLS / figures::AREAS;
    within(
        each("AuthorityConsulted"),
        schools / 4,
        schools * 2,
        "consulted",
    );
    within(each("ActionAgreed"), schools, schools * 8, "agreements");
    // A strategy is reviewed each year by guidance, and few years bring more than a revised version.
    let in_ten = |name: &str| 10 * count_of(&counts, name) / area_years;
    within(in_ten("ReviewCompleted"), 5, 15, "reviews in ten years");
    within(in_ten("StrategyAdopted"), 2, 12, "adoptions in ten years");
    within(
        in_ten("StrategyPublished"),
        2,
        12,
        "publications in ten years",
    );
    within(
        in_ten("ActionDated"),
        5,
        200,
        "dates of actions in ten years",
    );
}

fn count_of(counts: &BTreeMap<String, u32>, name: &str) -> u32 {
    counts.get(name).copied().unwrap_or_default()
}

#[test]
fn the_full_size_has_the_figures_of_the_real_one() {
    assert_eq!((Size::FULL.areas, Size::FULL.years), (figures::AREAS, 10));
    // Its bodies alone: nothing is decided of its partnerships until it is asked for.
    let mut kinds = BTreeMap::<String, u32>::new();
    for decided in Nation::new(
        Size {
            years: 0,
            ..Size::FULL
        },
        LEDGER,
    ) {
        for (_, entry) in decided.entries {
            if let Some(capacity) = entry.payload.get("capacity").filter(|_| entry.version == 1) {
                let name = capacity.as_str().unwrap().to_owned();
                *kinds.entry(name).or_default() += 1;
            }
        }
    }
    let near = |name: &str, figure: u32| {
        let found = kinds[name];
        assert!(found.abs_diff(figure) * 8 <= figure, "{found} of {name}");
    };
    near("educational_authority", figures::SCHOOLS);
    near("prison_authority", figures::PRISONS);
    near("youth_custody_authority", figures::YOUTH_CUSTODY);
    for (name, figure) in [
        ("fire_and_rescue_authority", figures::FIRE_AUTHORITIES),
        ("integrated_care_board", figures::INTEGRATED_CARE_BOARDS),
        ("local_policing_body", figures::FORCES),
        ("probation_provider", figures::PROBATION_REGIONS),
        ("youth_offending_team", figures::YOUTH_OFFENDING_TEAMS),
    ] {
        assert_eq!(kinds[name], figure, "{name}");
    }
    assert_eq!(kinds["chief_officer_of_police"], figures::FORCES);
    assert_eq!(kinds["local_authority"], figures::AREAS);
    assert_eq!(kinds["local_health_board"], figures::LOCAL_HEALTH_BOARDS);
}

/// Every event of the kinds of stream that others rest on is known here by name.
#[test]
fn no_event_is_of_the_ledger_itself() {
    fn names<K: StreamKind>() -> BTreeSet<&'static str> {
        K::Event::schemas().iter().map(|s| s.event_type).collect()
    }
    let mut known = names::<Area>();
    known.extend(names::<Authority>());
    known.extend(names::<Partnership>());
    known.extend(names::<NeedsAssessment>());
    known.extend(names::<Strategy>());
    known.extend(names::<Direction>());
    let own: BTreeSet<_> = names::<LedgerStream>()
        .difference(&known)
        .copied()
        .collect();
    for decided in Nation::new(SMALL, LEDGER) {
        for (event, _) in decided.entries {
            assert!(!own.contains(event.event_type.as_str()));
        }
    }
}
