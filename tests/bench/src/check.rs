//! Reading back what a cell left in its database.

use std::collections::HashSet;

use crate::Fallible;
use crate::store::Store;

/// What must be found after a position.
pub(crate) enum Due {
    /// One amendment under each of these idempotency keys, and no other.
    Commands(HashSet<String>),
    /// So many rows, each with its idempotency row.
    Rows(u64),
}

/// What is found after a position.
struct Found {
    entries: u64,
    first: u64,
    last: u64,
    /// Streams whose versions have a gap.
    gaps: u64,
    /// The idempotency keys, each with whether it names exactly one amendment.
    names: Vec<(String, bool)>,
}

const ENTRIES: &str = "SELECT count(*), coalesce(min(position), 0), coalesce(max(position), 0) \
                       FROM entry WHERE position > $1";
const GAPS: &str = "SELECT count(*) FROM (SELECT 1 AS one FROM entry WHERE position > $1 \
                    GROUP BY stream_type, stream_id \
                    HAVING max(version) - min(version) + 1 <> count(*)) AS gaps";
const AMENDMENTS: &str =
    "SELECT count(*) FROM entry WHERE position > $1 AND event_type = 'AuthorityAmended'";
const NAMES: &str = "SELECT key, first_position = last_position AND coalesce(event_type = \
                     'AuthorityAmended', false) AS single \
                     FROM idempotency LEFT JOIN entry ON position = first_position \
                     WHERE first_position > $1";

/// Whether the database holds exactly what is due after a position.
pub(crate) async fn check(store: &Store, after: u64, due: &Due) -> Fallible<()> {
    let (found, amendments) = match store {
        Store::Sqlite { .. } => sqlite(store, after)?,
        Store::Postgres { .. } => postgres(store, after).await?,
    };
    if found.first != after + 1 || found.last != after + found.entries {
        return Err(format!(
            "positions {} to {} for {} entries after {after}",
            found.first, found.last, found.entries
        )
        .into());
    }
    if found.gaps != 0 {
        return Err(format!("{} streams have gaps in their versions", found.gaps).into());
    }
    let named: HashSet<&str> = found.names.iter().map(|(key, _)| key.as_str()).collect();
    if named.len() != found.names.len() || found.names.iter().any(|(_, single)| !single) {
        return Err("an idempotency key does not name one amendment".into());
    }
    let wanted = match due {
        Due::Rows(rows) => *rows,
        Due::Commands(keys) => {
            if named.len() != keys.len() || !keys.iter().all(|key| named.contains(key.as_str())) {
                return Err(format!(
                    "{} commands were answered, and {} are remembered",
                    keys.len(),
                    named.len()
                )
                .into());
            }
            keys.len() as u64
        }
    };
    if amendments != wanted || found.names.len() as u64 != wanted {
        return Err(format!(
            "{wanted} were answered; there are {amendments} amendments and {} idempotency rows",
            found.names.len()
        )
        .into());
    }
    Ok(())
}

fn sqlite(store: &Store, after: u64) -> Fallible<(Found, u64)> {
    let file = store.sqlite()?;
    let after = i64::try_from(after)?;
    let (entries, first, last) = file.query_row(ENTRIES, [after], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    })?;
    let gaps: i64 = file.query_row(GAPS, [after], |row| row.get(0))?;
    let amendments: i64 = file.query_row(AMENDMENTS, [after], |row| row.get(0))?;
    let mut statement = file.prepare(NAMES)?;
    let names = statement
        .query_map([after], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let found = Found {
        entries: entries.try_into()?,
        first: first.try_into()?,
        last: last.try_into()?,
        gaps: gaps.try_into()?,
        names,
    };
    Ok((found, amendments.try_into()?))
}

async fn postgres(store: &Store, after: u64) -> Fallible<(Found, u64)> {
    let client = store.postgres().await?;
    client.batch_execute("SET search_path = ledger").await?;
    let after = i64::try_from(after)?;
    let row = client.query_one(ENTRIES, &[&after]).await?;
    let gaps: i64 = client.query_one(GAPS, &[&after]).await?.get(0);
    let amendments: i64 = client.query_one(AMENDMENTS, &[&after]).await?.get(0);
    let names = client.query(NAMES, &[&after]).await?;
    let found = Found {
        entries: row.get::<_, i64>(0).try_into()?,
        first: row.get::<_, i64>(1).try_into()?,
        last: row.get::<_, i64>(2).try_into()?,
        gaps: gaps.try_into()?,
        names: names.iter().map(|row| (row.get(0), row.get(1))).collect(),
    };
    Ok((found, amendments.try_into()?))
}
