use super::*;

const LEDGER: &str = "01931c2e-5a00-7000-8000-000000000001";

fn key(name: &str) -> SigningKey {
    SigningKey::from_seed(name, &[7; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: LEDGER.to_owned(),
        size: 5,
        root: [3; 32],
    }
}

#[test]
fn the_example_of_the_specification_is_read_and_written_alike() {
    // C2SP `tlog-checkpoint`; the key of its signature is not published.
    let text = "example.com/behind-the-sofa\n20852163\n\
                CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let read = Checkpoint::parse(text).unwrap();
    assert_eq!(read.origin, "example.com/behind-the-sofa");
    assert_eq!(read.size, 20_852_163);
    assert_eq!(read.to_string(), text);
    // What follows the third line is the log's own business.
    assert_eq!(Checkpoint::parse(&format!("{text}more\n")).unwrap(), read);
}

#[test]
fn a_signed_checkpoint_counts_for_its_own_ledger_and_key() {
    let key_ = key(LEDGER);
    let note = checkpoint().sign(&key_).unwrap();
    let read = Note::parse(note.to_string().as_bytes()).unwrap();
    let (opened, signed) = Checkpoint::open(&read, [key_.verifier()]).unwrap();
    assert_eq!(opened, checkpoint());
    assert_eq!(signed, [key_.verifier()]);

    let other = SigningKey::from_seed(LEDGER, &[8; 32]).unwrap();
    assert_eq!(
        Checkpoint::open(&read, [other.verifier()]),
        Err(NoteError::Unknown.into())
    );
    // The key of one ledger says nothing of another.
    let stranger = key("another");
    assert!(checkpoint().sign(&stranger).is_err());
    let forged = Note::sign(checkpoint().to_string(), &stranger).unwrap();
    assert!(matches!(
        Checkpoint::open(&forged, [stranger.verifier()]),
        Err(CheckpointError::Origin { .. })
    ));
}

#[test]
fn what_is_not_written_as_checkpoints_are_is_none() {
    let root = base64_of(&[3; 32]);
    let empty = base64_of(&empty_root());
    assert!(Checkpoint::parse(&format!("o\n0\n{empty}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("o\n{SIZE_MAX}\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("o\n{}\n{root}\n", SIZE_MAX + 1)).is_err());
    for bad in [
        String::new(),
        "\n".to_owned(),
        format!("\n5\n{root}\n"),
        "o\n5\n".to_owned(),
        format!("o\n5\n{root}"),
        format!("o\n05\n{root}\n"),
        format!("o\n+5\n{root}\n"),
        format!("o\n-5\n{root}\n"),
        format!("o\n 5\n{root}\n"),
        format!("o\n0x5\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n5\n{root}=\n"),
        format!("o\n5\n{}\n", &root[..40]),
        // The last character has bits that stand for nothing.
        format!("o\n5\n{}N=\n", &root[..42]),
        format!("o\n5\n{root}\n\n"),
        format!("o\n5\n{root}\na\n\nb\n"),
        // Of no entries there is one root.
        format!("o\n0\n{root}\n"),
    ] {
        let read = Checkpoint::parse(&bad);
        assert!(
            matches!(read, Err(CheckpointError::Malformed(_))),
            "{bad:?}: {read:?}"
        );
    }
}
