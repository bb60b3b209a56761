use proptest::prelude::*;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::note::SigningKey;

const HEAD: &str =
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n";

/// The request body that C2SP `tlog-witness` shows for `add-checkpoint`.
fn example() -> String {
    format!(
        "old 20852014\n\
         PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
         jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
         5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
         /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
         \n{HEAD}\
         — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
         — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
    )
}

fn signed() -> Note {
    let key = SigningKey::from_seed("o", &[7; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: "o".to_owned(),
        size: 9,
        root: [3; 32],
    };
    checkpoint.sign(&key).unwrap()
}

#[test]
fn the_example_of_the_specification_is_read_and_written_alike() {
    let proof = ConsistencyProof::parse(example().as_bytes()).unwrap();
    assert_eq!((proof.old, proof.hashes.len()), (20_852_014, 4));
    assert_eq!(proof.checkpoint.signatures().len(), 2);
    assert_eq!(proof.to_string(), example());
    let checkpoint = Checkpoint::parse(proof.checkpoint.text()).unwrap();
    assert_eq!(checkpoint.size, 20_852_163);
}

#[test]
fn what_is_written_is_read_back() {
    for extra in [None, Some(b"beside".to_vec())] {
        for hashes in [Vec::new(), vec![[1; 32], [2; 32]], vec![[9; 32]; 63]] {
            let proof = InclusionProof {
                extra: extra.clone(),
                index: 8,
                hashes,
                checkpoint: signed(),
            };
            let text = proof.to_string();
            assert!(text.starts_with("c2sp.org/tlog-proof@v1\n"));
            assert_eq!(InclusionProof::parse(text.as_bytes()), Ok(proof));
        }
    }
}

#[test]
fn what_is_not_written_as_proofs_are_is_none() {
    let good = InclusionProof {
        extra: None,
        index: 8,
        hashes: vec![[1; 32]],
        checkpoint: signed(),
    };
    let good = good.to_string();
    let long = format!("{}\n", base64_of(&[1; 32])).repeat(64);
    for bad in [
        String::new(),
        good.replacen("@v1", "@v2", 1),
        good.replacen("index 8", "index 08", 1),
        good.replacen("index 8", "index +8", 1),
        good.replacen("index 8\n", "", 1),
        good.replacen("index 8\n", "index 8\nindex 8\n", 1),
        good.replacen("index 8\n", "index 8\nextra AAAA\n", 1),
        good.replacen("index 8", "extra A\nindex 8", 1),
        good.replacen(
            "index 8",
            &format!("extra {}\nindex 8", "A".repeat(9_000)),
            1,
        ),
        good.replacen("index 8\n", &format!("index 8\n{long}"), 1),
        good.replacen("index 8\n", "index 8\nAAAA\n", 1),
        good.replacen('\n', "\r\n", 3),
        good.replacen("\n\n", "\n", 1),
        good.trim_end().to_owned(),
        format!("{good}{}", " ".repeat(PROOF_BYTES_MAX)),
    ] {
        assert!(InclusionProof::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    for bad in [
        example().replacen("old 20852014", "old 020852014", 1),
        example().replacen("old ", "new ", 1),
        example().replacen("old 20852014\n", "", 1),
        example().replacen("PlRN", "Pl=N", 1),
    ] {
        assert!(ConsistencyProof::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

proptest! {
    /// There is one way to write what is read, so nothing can hide between two readers.
    #[test]
    fn an_altered_proof_is_refused_or_reads_as_what_it_says(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = example().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            if let Ok(proof) = ConsistencyProof::parse(bytes) {
                let written = proof.to_string();
                prop_assert_eq!(written.as_bytes(), bytes);
            }
        }
    }
}
