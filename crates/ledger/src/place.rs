//! Where a ledger, or the keys of its sealed texts, are.

use std::fmt;
use std::path::{Path, PathBuf};

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of SQLite's. Its folder must exist; whoever writes it first makes it.
    Sqlite(PathBuf),
    /// A database on a PostgreSQL server, prepared by `dutyledger migrate`.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database. It may hold a password, so it is never shown whole.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// Why a text is no address of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write sqlite:<path> or postgres://<user>@<host>/<database>")]
pub struct PlaceError;

impl Place {
    /// Reads `sqlite:<path>` or `postgres://…`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(url: &str) -> Result<Self, PlaceError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(PostgresUrl(url.to_owned())));
        }
        url.strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"))
            .filter(|path| !path.is_empty())
            .map(|path| Self::Sqlite(PathBuf::from(path)))
            .ok_or(PlaceError)
    }

    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }
}

impl PostgresUrl {
    /// The whole address.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The address without what comes before the host, and without its parameters.
    fn shown(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        rest.rsplit_once('@').map_or(rest, |(_, host)| host)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.shown())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(url) => f.write_str(url.shown()),
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::Sqlite(path.clone())
    }
}

impl From<&Self> for Place {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_file_or_a_server_and_nothing_else() {
        let file = Some(Path::new("/var/l.db"));
        assert_eq!(Place::parse("sqlite:/var/l.db").unwrap().file(), file);
        assert_eq!(Place::parse("sqlite:///var/l.db").unwrap().file(), file);
        assert!(matches!(
            Place::parse("postgres://u@h/d"),
            Ok(Place::Postgres(_))
        ));
        for wrong in ["", "sqlite:", "mysql://h/d", "/var/l.db"] {
            assert_eq!(Place::parse(wrong), Err(PlaceError), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let place =
            Place::parse("postgres://user:se@cret@db.example/ledger?password=also").unwrap();
        assert_eq!(place.to_string(), "db.example/ledger");
        assert_eq!(
            format!("{place:?}"),
            "Postgres(PostgresUrl(db.example/ledger))"
        );
    }
}
