//! What every bundle says in the same words: how to check it, and what a reader is written from.

use dutyledger_record::sha256_hex;

use crate::manifest::HOW_TO;

/// The path of each of these files, and its text.
pub(crate) const DOCUMENTS: &[(&str, &str)] = &[
    (HOW_TO, include_str!("how-to-verify.txt")),
    (
        "schemas/bundle.md",
        include_str!("../../../schemas/bundle.md"),
    ),
    (
        "schemas/proofs.md",
        include_str!("../../../schemas/proofs.md"),
    ),
    (
        "schemas/record.md",
        include_str!("../../../schemas/record.md"),
    ),
];

/// The digests of every edition of them that was ever released, those of today with them. A line is
/// added where a text is made clearer, and none is ever taken out: older bundles hold older words.
const EDITIONS: &str = include_str!("../../../schemas/editions.sha256");

/// Whether a file is one of these texts, and in words that were never released.
pub(crate) fn is_another(path: &str, sha256: &str) -> bool {
    let today = DOCUMENTS.iter().find(|(known, _)| *known == path);
    today.is_some_and(|(_, text)| {
        sha256_hex(text.as_bytes()) != sha256 && !is_among(EDITIONS, path, sha256)
    })
}

fn is_among(editions: &str, path: &str, sha256: &str) -> bool {
    let mut all = editions.lines().filter_map(|line| line.split_once("  "));
    all.any(|edition| edition == (sha256, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_today_is_among_the_editions() {
        for (path, text) in DOCUMENTS {
            let sha256 = sha256_hex(text.as_bytes());
            assert!(
                is_among(EDITIONS, path, &sha256),
                "add to schemas/editions.sha256, and take nothing out:\n{sha256}  {path}"
            );
        }
    }

    #[test]
    fn an_earlier_edition_is_known_by_its_digest_and_under_its_own_name() {
        let (earlier, later) = ("aa".repeat(32), "bb".repeat(32));
        let editions =
            format!("{earlier}  schemas/bundle.md\n{later}  schemas/bundle.md\n{later}  other\n");
        assert!(is_among(&editions, "schemas/bundle.md", &earlier));
        assert!(is_among(&editions, "schemas/bundle.md", &later));
        assert!(!is_among(&editions, "schemas/proofs.md", &earlier));
        assert!(!is_among(&editions, "schemas/bundle.md", &"cc".repeat(32)));
        assert!(!is_another("schemas/events/other.json", &earlier));
        assert!(is_another("schemas/bundle.md", &earlier));
    }
}
