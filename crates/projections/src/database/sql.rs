//! A statement and its values, for either database.

use sqlx::encode::Encode;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgRow;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::SqliteRow;
use sqlx::{Arguments, Database, Error, FromRow, IntoArguments, Type};

use crate::values::integer;
use dutyledger_record::StreamId;

/// What a statement answers, from either database.
pub(crate) trait Columns:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Columns for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A statement, `$1` standing for the first of its values.
pub(crate) struct Sql {
    text: &'static str,
    values: Vec<Value>,
}

pub(crate) enum Value {
    Text(Option<String>),
    Integer(i64),
    Boolean(bool),
    Bytes(Vec<u8>),
}

/// A statement. Its text is written in the program.
pub(crate) fn sql(text: &'static str) -> Sql {
    Sql {
        text,
        values: Vec::new(),
    }
}

impl Sql {
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) fn query<DB: Holds>(self) -> Result<Query<'static, DB, DB::Arguments>, Error> {
        Ok(sqlx::query_with(self.text, arguments::<DB>(self.values)?))
    }

    pub(super) fn query_as<DB: Holds, T>(
        self,
    ) -> Result<QueryAs<'static, DB, T, DB::Arguments>, Error>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        Ok(sqlx::query_as_with(
            self.text,
            arguments::<DB>(self.values)?,
        ))
    }
}

/// A database that holds all kinds of value.
pub(super) trait Holds: Database<Arguments: IntoArguments<Self>> {
    fn add(arguments: &mut Self::Arguments, value: Value) -> Result<(), BoxDynError>;
}

impl<DB: Database<Arguments: IntoArguments<DB>>> Holds for DB
where
    Option<String>: Encode<'static, DB> + Type<DB>,
    i64: Encode<'static, DB> + Type<DB>,
    bool: Encode<'static, DB> + Type<DB>,
    Vec<u8>: Encode<'static, DB> + Type<DB>,
{
    fn add(arguments: &mut DB::Arguments, value: Value) -> Result<(), BoxDynError> {
        match value {
            Value::Text(text) => arguments.add(text),
            Value::Integer(integer) => arguments.add(integer),
            Value::Boolean(boolean) => arguments.add(boolean),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
    }
}

fn arguments<DB: Holds>(values: Vec<Value>) -> Result<DB::Arguments, Error> {
    let mut arguments = DB::Arguments::default();
    for value in values {
        DB::add(&mut arguments, value).map_err(Error::Encode)?;
    }
    Ok(arguments)
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<StreamId> for Value {
    fn from(id: StreamId) -> Self {
        id.to_string().into()
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(integer(number))
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_owned())
    }
}
