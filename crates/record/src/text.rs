//! Text meant for publication.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most characters a public text may have.
const PUBLIC_CHARACTERS_MAX: usize = 4_000;

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("text must not be empty")]
    Empty,
    /// Longer than allowed.
    #[error("text must be {max} characters or fewer; this has {found}")]
    TooLong {
        /// The most characters allowed.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A control character other than a line break or a tab.
    #[error("text must not hold control characters")]
    Control,
}

pub(crate) fn check_text(text: &str, max: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    let found = text.chars().count();
    if found > max {
        return Err(TextError::TooLong { max, found });
    }
    if text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
    {
        return Err(TextError::Control);
    }
    Ok(())
}

/// Text meant for publication: a title or a description. It must name no person.
/// 1 to 4,000 characters.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct PublicText(#[schemars(length(min = 1, max = 4000))] String);

impl PublicText {
    /// Checks a text.
    ///
    /// # Errors
    /// When it is empty, too long, or holds control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        check_text(&text, PUBLIC_CHARACTERS_MAX)?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PublicText {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        Self::new(text)
    }
}

impl From<PublicText> for String {
    fn from(text: PublicText) -> Self {
        text.0
    }
}

impl fmt::Display for PublicText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
