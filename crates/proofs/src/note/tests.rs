use super::*;

/// The key, the text and the signatures of the tests and examples of `sumdb/note` in
/// github.com/golang/mod (`note_test.go`, `example_test.go`).
const PETER_SIGNS: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_SIGNED: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_SIGNED: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

/// The example of C2SP `signed-note`, section "Verifier keys".
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn note(text: &str) -> Note {
    Note::parse(text.as_bytes()).unwrap()
}

#[test]
fn the_published_examples_are_signed_and_verified_alike() {
    let example = note(EXAMPLE);
    let example_key = key(EXAMPLE_KEY);
    assert_eq!(example.text(), "This is an example message.\n");
    assert_eq!(example.signed_by([&example_key]), Ok(vec![&example_key]));
    assert_eq!(example.to_string(), EXAMPLE);

    let peter = SigningKey::from_text(PETER_SIGNS).unwrap();
    assert_eq!(peter.verifier().to_string(), PETER);
    assert_eq!(peter.to_text().as_str(), PETER_SIGNS);
    let signed = Note::sign(TEXT.to_owned(), &peter).unwrap();
    assert_eq!(signed.to_string(), format!("{TEXT}\n{PETER_SIGNED}"));
}

#[test]
fn a_key_shows_its_private_half_to_nobody_who_does_not_ask() {
    let shown = format!("{:?}", SigningKey::from_text(PETER_SIGNS).unwrap());
    assert_eq!(shown, "SigningKey(PeterNeumann, …)");
}

#[test]
fn signatures_by_unknown_keys_are_ignored_and_those_of_known_ones_must_hold() {
    let (peter, enoch) = (key(PETER), key(ENOCH));
    let both = note(&format!("{TEXT}\n{PETER_SIGNED}{ENOCH_SIGNED}"));
    assert_eq!(both.signed_by([&peter]), Ok(vec![&peter]));
    assert_eq!(both.signed_by([&enoch, &peter]), Ok(vec![&enoch, &peter]));
    assert_eq!(both.signed_by([]), Err(NoteError::Unknown));
    assert_eq!(both.signed_by([&key(EXAMPLE_KEY)]), Err(NoteError::Unknown));
    // One good signature does not outweigh one forged in the name of the same key, or of another.
    let forged = PETER_SIGNED.replace("ZJkuBS", "ZJkuBT");
    for lines in [
        forged.clone(),
        format!("{PETER_SIGNED}{forged}"),
        format!("{ENOCH_SIGNED}{forged}"),
    ] {
        let forged = note(&format!("{TEXT}\n{lines}"));
        assert_eq!(
            forged.signed_by([&enoch, &peter]),
            Err(NoteError::Forged("PeterNeumann".to_owned()))
        );
    }
    let altered = TEXT.replace("problem", "Problem");
    let altered = note(&format!("{altered}\n{PETER_SIGNED}"));
    assert!(matches!(
        altered.signed_by([&peter]),
        Err(NoteError::Forged(_))
    ));
    // Under another name it is another key's.
    let renamed = PETER_SIGNED.replace("PeterNeumann", "CarmenSandiego");
    assert_eq!(
        note(&format!("{TEXT}\n{renamed}")).signed_by([&peter]),
        Err(NoteError::Unknown)
    );
}

#[test]
fn a_key_with_any_part_missing_or_altered_is_none() {
    let refused = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        assert!(SigningKey::from_text(&text).is_err(), "{text}");
    };
    for whole in [PETER, PETER_SIGNS] {
        for start in 0..whole.len() {
            for end in start..=whole.len() {
                if (start, end) != (0, whole.len()) && !(whole == PETER_SIGNS && start == 12) {
                    refused(&whole.as_bytes()[start..end]);
                }
            }
        }
        let mut altered = whole.as_bytes().to_vec();
        for place in 0..altered.len() {
            altered[place] += 1;
            refused(&altered);
            altered[place] -= 1;
        }
    }
    // Also of those tests: a key of another length, and one of another kind, each with its own id.
    refused(b"PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==");
    assert_eq!(
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse::<VerifierKey>(),
        Err(KeyError::Kind)
    );
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"n".repeat(256)] {
        assert!(SigningKey::from_seed(name, &[7; 32]).is_err(), "{name:?}");
    }
}

#[test]
fn a_key_that_anybody_can_sign_for_is_none() {
    // The identity of the curve: it is of small order, so a signature by it proves nothing.
    let mut identity = [0; 32];
    identity[0] = 1;
    let key = VerifyingKey::from_bytes(&identity).unwrap();
    assert_eq!(VerifierKey::new("weak", key), Err(KeyError::Point));
}

#[test]
fn what_is_not_written_as_notes_are_is_none() {
    let unended = PETER_SIGNED.trim_end();
    let named = PETER_SIGNED.replace("PeterNeumann", "Bad Name");
    for bad in [
        String::new(),
        "\n".to_owned(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}\n{unended}"),
        format!("\u{1}{TEXT}\n{PETER_SIGNED}"),
        format!("{TEXT}\r\n{PETER_SIGNED}"),
        format!("{TEXT}\n{named}"),
        format!("{TEXT}\n{PETER_SIGNED}Unexpected line.\n"),
        format!("{TEXT}\n— PeterNeumann x08go/\n"),
        format!("{TEXT}\n— PeterNeumann x08gow==\n"),
        format!("{TEXT}\n{}", PETER_SIGNED.repeat(SIGNATURES_MAX + 1)),
        format!("{}\n\n{PETER_SIGNED}", "a".repeat(NOTE_BYTES_MAX)),
    ] {
        let read = Note::parse(bad.as_bytes());
        assert!(matches!(read, Err(NoteError::Malformed(_))), "{bad}");
    }
    let not_utf8 = [b"\xff", format!("{TEXT}\n{PETER_SIGNED}").as_bytes()].concat();
    assert!(Note::parse(&not_utf8).is_err());
    // Text that could be taken for another note's cannot be signed.
    let peter = SigningKey::from_text(PETER_SIGNS).unwrap();
    for bad in ["abc", "a\tb\n", ""] {
        assert!(Note::sign(bad.to_owned(), &peter).is_err(), "{bad:?}");
    }
}

#[test]
fn a_text_may_have_empty_lines_and_sixteen_signatures() {
    let text = "Ognuno\n\n\ned è subito sera.\n";
    let peter = SigningKey::from_text(PETER_SIGNS).unwrap();
    let signed = Note::sign(text.to_owned(), &peter).unwrap();
    let read = note(&signed.to_string());
    assert_eq!(read.text(), text);
    assert!(read.signed_by([peter.verifier()]).is_ok());
    let many = note(&format!("{signed}{}", ENOCH_SIGNED.repeat(15)));
    assert!(many.signed_by([peter.verifier()]).is_ok());
}
