//! What would not be verified is not written.

use std::io::Cursor;

use dutyledger_bundle::{BundleError, ENTRIES_MAX, Export, Given, Kind, Scope, Writer, verify};
use dutyledger_proofs::Checkpoint;
use dutyledger_test_bundles::{Story, key, of_one_kind};

fn refused(result: Result<impl Sized, BundleError>) -> Option<Kind> {
    match result {
        Err(BundleError::Refused(failure)) => Some(failure.kind),
        Ok(_) | Err(_) => None,
    }
}

/// A whole ledger, exported with a change to what it is made with.
fn exported(change: impl FnOnce(&mut Export)) -> Result<Vec<u8>, BundleError> {
    let story = Story::told();
    let size = story.entries.len();
    let checkpoint = story.checkpoint(size, &key(2));
    let mut export = Story::export(Scope::Ledger, &checkpoint, &key(2));
    change(&mut export);
    let mut writer = Writer::new(Cursor::new(Vec::new()), export)?;
    for entry in &story.entries {
        writer.entry(entry)?;
    }
    let bundle = writer.finish(&[story.consistency(12, size, &checkpoint)])?;
    Ok(bundle.into_inner())
}

#[test]
fn no_bundle_is_written_without_the_schemas_of_its_events() {
    assert!(exported(|_| {}).is_ok());
    let without = exported(|export| {
        let name = "events/area-registered.v1.json";
        export.schemas.retain(|(other, _)| other != name);
    });
    assert_eq!(refused(without), Some(Kind::Released));
    let altered = exported(|export| {
        export
            .schemas
            .iter_mut()
            .for_each(|(_, text)| text.push(' '));
    });
    assert_eq!(refused(altered), Some(Kind::Released));
}

#[test]
fn no_bundle_is_written_of_a_day_that_has_not_come_or_from_before_its_entries() {
    for never in ["2026-11-22", "+10000-01-01", "0000-12-31"] {
        let on = never.parse().unwrap();
        let later = exported(|export| export.on = on);
        assert!(
            matches!(later, Err(BundleError::On(told)) if told == on),
            "it is the date that is wrong, and not the ledger: {later:?}"
        );
    }
    // A clock that is behind the one of the last entry is put right, or nothing could be exported.
    let bundle = exported(|export| {
        export.on = "2024-01-01".parse().unwrap();
        export.exported_at = "2024-01-01T09:30:00Z".parse().unwrap();
    });
    let given = Given {
        key: Some(key(2).verifier().clone()),
        ..Given::default()
    };
    let verified = verify(Cursor::new(bundle.unwrap()), &given).unwrap();
    assert_eq!(verified.figures["on"], "2024-01-01");
}

#[test]
fn no_bundle_of_a_partnership_is_written_of_more_entries_than_it_may_have() {
    let most = usize::try_from(ENTRIES_MAX).unwrap();
    let checkpoint = Checkpoint {
        origin: key(1).verifier().name().to_owned(),
        size: ENTRIES_MAX + 1,
        root: [3; 32],
    };
    let checkpoint = checkpoint.sign(&key(1)).unwrap();
    let scope = Scope::Partnership(Story::partnership());
    let export = Story::export(scope, &checkpoint, &key(1));
    let mut writer = Writer::new(Cursor::new(Vec::new()), export).unwrap();
    let entry = of_one_kind();
    for position in 1..=most {
        writer.entry(&entry(position)).unwrap();
    }
    let more = writer.entry(&entry(most + 1));
    assert_eq!(refused(more), Some(Kind::TooLarge));
}
