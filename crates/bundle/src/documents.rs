//! What every bundle says in the same words: how to check it, and what a reader is written from.

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
