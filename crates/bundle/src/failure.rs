//! Why a bundle is refused: each kind of failure has an exit code of its own.

use std::fmt::Display;

/// A kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Everything agrees, but nobody said whose key to trust.
    Unconfirmed,
    /// It is no bundle: not such a file, or with other files in it than a bundle has.
    Container,
    /// Something in it is larger than it may be.
    TooLarge,
    /// A file is not the one the manifest lists.
    Digest,
    /// An entry is not written as the record has it.
    Entry,
    /// Entries are missing, twice there, or out of order.
    Order,
    /// The entries are not those of the checkpoint.
    Root,
    /// An entry's inclusion proof does not hold.
    Inclusion,
    /// A consistency proof is missing or does not hold.
    Consistency,
    /// The checkpoint is not written as one, or is of another ledger.
    Checkpoint,
    /// No trusted key signed the checkpoint.
    Signature,
    /// A key that was replaced signed more than it may have, or something else than it did.
    OldKey,
    /// A checkpoint that was given from outside is of another history.
    Forked,
    /// A schema or a rule pack is not the one released, or not the one the ledger adopted.
    Released,
    /// The figures are not those of the entries.
    Figures,
    /// The report is not that of the figures.
    Report,
    /// The entries say something this program does not know, so it cannot derive the figures.
    Unknown,
    /// Another release derived the figures and the report, in a way this program does not have.
    OtherDerivation,
}

impl Kind {
    /// Every kind, in the order of the codes.
    pub const ALL: &[Self] = &[
        Self::Unconfirmed,
        Self::Container,
        Self::TooLarge,
        Self::Digest,
        Self::Entry,
        Self::Order,
        Self::Root,
        Self::Inclusion,
        Self::Consistency,
        Self::Checkpoint,
        Self::Signature,
        Self::OldKey,
        Self::Forked,
        Self::Released,
        Self::Figures,
        Self::Report,
        Self::Unknown,
        Self::OtherDerivation,
    ];

    /// Its exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unconfirmed => 10,
            Self::Container => 11,
            Self::TooLarge => 12,
            Self::Digest => 13,
            Self::Entry => 14,
            Self::Order => 15,
            Self::Root => 16,
            Self::Inclusion => 17,
            Self::Consistency => 18,
            Self::Checkpoint => 19,
            Self::Signature => 20,
            Self::OldKey => 21,
            Self::Forked => 22,
            Self::Released => 23,
            Self::Figures => 24,
            Self::Report => 25,
            Self::Unknown => 26,
            Self::OtherDerivation => 27,
        }
    }

    /// Its name in answers for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Container => "container",
            Self::TooLarge => "too_large",
            Self::Digest => "digest",
            Self::Entry => "entry",
            Self::Order => "order",
            Self::Root => "root",
            Self::Inclusion => "inclusion",
            Self::Consistency => "consistency",
            Self::Checkpoint => "checkpoint",
            Self::Signature => "signature",
            Self::OldKey => "old_key",
            Self::Forked => "forked",
            Self::Released => "released",
            Self::Figures => "figures",
            Self::Report => "report",
            Self::Unknown => "unknown",
            Self::OtherDerivation => "other_derivation",
        }
    }

    /// What it means, for people.
    #[must_use]
    pub const fn means(self) -> &'static str {
        match self {
            Self::Unconfirmed => {
                "everything agrees, but no trusted key was given, so it is not known whose it is"
            }
            Self::Container => "not a bundle, or with other files in it than a bundle has",
            Self::TooLarge => "something in it is larger than it may be",
            Self::Digest => "a file is not the one the manifest lists",
            Self::Entry => "an entry is not written as the record has it",
            Self::Order => "entries are missing, twice there, or out of order",
            Self::Root => "the entries are not those of the checkpoint",
            Self::Inclusion => "an inclusion proof is missing or does not hold",
            Self::Consistency => "a consistency proof is missing or does not hold",
            Self::Checkpoint => "the checkpoint is not one, or is of another ledger",
            Self::Signature => "no trusted key signed the checkpoint",
            Self::OldKey => "a key that was replaced was misused",
            Self::Forked => "the checkpoint given from outside is of another history",
            Self::Released => "a schema or rule pack is not the one released or adopted",
            Self::Figures => "the figures are not those of the entries",
            Self::Report => "the report is not that of the figures",
            Self::Unknown => "the entries say something this program does not know",
            Self::OtherDerivation => {
                "everything else agrees, but the figures and the report are another release's to derive"
            }
        }
    }
}

/// Why a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.means())]
pub struct Failure {
    /// The kind.
    pub kind: Kind,
    /// What exactly, in plain English.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, detail: impl Display) -> Self {
        // Whatever a bundle says of itself is quoted to people, who are not to drown in it.
        let mut detail = detail.to_string();
        if detail.len() > 600 {
            let end = (0..=600).rev().find(|end| detail.is_char_boundary(*end));
            detail.truncate(end.unwrap_or(0));
            detail.push('…');
        }
        let detail = detail.replace(|c: char| c.is_control(), " ");
        Self { kind, detail }
    }

    pub(crate) fn container(detail: impl Display) -> Self {
        Self::new(Kind::Container, detail)
    }
}
