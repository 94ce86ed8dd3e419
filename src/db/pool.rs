//! Connections, and the schema they need.

use std::{path::Path, time::Duration};

use diesel::r2d2::{self, ConnectionManager, CustomizeConnection, PooledConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    Connection, DbError,
    dialect::{self, Cell},
};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Connections kept for readers; the writer has one of its own.
const READERS: u32 = 8;

/// How long a request waits for a free connection, in seconds.
const WAIT_SECONDS: u64 = 10;

/// Readers of one room's database.
#[derive(Clone)]
pub struct Pool {
    pool: r2d2::Pool<ConnectionManager<Connection>>,
    url: String,
}

/// A borrowed connection.
pub type Pooled = PooledConnection<ConnectionManager<Connection>>;

impl Pool {
    /// Opens the database file, brings its schema up to date, and keeps readers ready.
    ///
    /// # Errors
    /// It can't be opened, is newer than this program, or does not keep a needed setting.
    pub fn open(path: &Path) -> Result<Self, DbError> {
        let url = path
            .to_str()
            .ok_or_else(|| DbError::Pool("its path is not UTF-8".into()))?
            .to_string();
        let mut first = dialect::connect(&url)?;
        migrate(&mut first)?;
        let pool = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(Duration::from_secs(WAIT_SECONDS))
            .connection_customizer(Box::new(Prepared))
            .build(ConnectionManager::new(&url))
            .map_err(|error| DbError::Pool(error.to_string()))?;
        Ok(Self { pool, url })
    }

    /// A connection of its own, for the writer.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn connect(&self) -> Result<Connection, DbError> {
        dialect::connect(&self.url)
    }

    /// Borrows a reader.
    ///
    /// # Errors
    /// None became free within 10 seconds.
    pub fn get(&self) -> Result<Pooled, DbError> {
        self.pool
            .get()
            .map_err(|error| DbError::Pool(error.to_string()))
    }
}

/// Opens the database file as it is: no schema is brought up to date, nothing is written.
///
/// # Errors
/// It is not there, or can't be opened.
pub fn open_unchanged(path: &Path) -> Result<Connection, DbError> {
    // SQLite would make an empty database where there is none.
    if !path.is_file() {
        return Err(DbError::Pool("its file is not there".into()));
    }
    let url = path
        .to_str()
        .ok_or_else(|| DbError::Pool("its path is not UTF-8".into()))?;
    dialect::connect(url)
}

/// Brings the schema up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), DbError> {
    let Connection::Sqlite(sqlite) = connection;
    let known = known()?;
    let applied = sqlite
        .applied_migrations()
        .map_err(|error| DbError::Migration(error.to_string()))?;
    if let Some(newer) = applied
        .iter()
        .find(|version| !known.contains(&version.to_string()))
    {
        return Err(DbError::Migration(format!(
            "it was written by a newer version (`{newer}`); nothing was changed"
        )));
    }
    sqlite
        .run_pending_migrations(SQLITE_MIGRATIONS)
        .map(drop)
        .map_err(|error| DbError::Migration(error.to_string()))
}

/// Migrations that were applied and are unknown here, and those that are known and were not:
/// both empty where the schema is this program's.
///
/// # Errors
/// They can't be read.
pub(super) fn behind(connection: &mut Connection) -> Result<(Vec<String>, Vec<String>), DbError> {
    let known = known()?;
    let query = "SELECT version FROM __diesel_schema_migrations";
    let applied: Vec<String> = dialect::raw(connection, query, &[])?
        .into_iter()
        .map(|mut row| match row.pop() {
            Some(Cell::Text(version)) => String::from_utf8_lossy(&version).into_owned(),
            _ => "?".into(),
        })
        .collect();
    let without = |some: &[String], others: &[String]| -> Vec<String> {
        let missing = some.iter().filter(|version| !others.contains(version));
        missing.cloned().collect()
    };
    Ok((without(&applied, &known), without(&known, &applied)))
}

fn known() -> Result<Vec<String>, DbError> {
    let migrations = diesel::migration::MigrationSource::<diesel::sqlite::Sqlite>::migrations(
        &SQLITE_MIGRATIONS,
    );
    Ok(migrations
        .map_err(|error| DbError::Migration(error.to_string()))?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

#[derive(Debug)]
struct Prepared;

impl CustomizeConnection<Connection, r2d2::Error> for Prepared {
    fn on_acquire(&self, connection: &mut Connection) -> Result<(), r2d2::Error> {
        dialect::prepare(connection).map_err(|error| {
            r2d2::Error::QueryError(diesel::result::Error::QueryBuilderError(error.into()))
        })
    }
}
