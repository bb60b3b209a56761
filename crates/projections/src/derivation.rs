//! How the rows are derived from the entries, as a number.
//!
//! A newer program may derive other rows from the same entries: a fold was mended, a rule pack has a
//! new revision. The rows there are would stay as the older program made them, and what is answered
//! from them would no longer be what the entries say. So the checkpoint remembers by which derivation
//! the rows were made. A program that knows a newer one empties them and derives them again, and one
//! that knows only an older one does not write them.

/// By which derivation this program makes rows. It is raised whenever the same entries come to other
/// rows; a test notices.
pub(crate) const DERIVATION: u32 = 3;
