//! Connections, and the schema they need.

use std::time::Duration;

use diesel::{
    backend::Backend,
    migration::MigrationSource,
    r2d2::{self, ManageConnection, PooledConnection, R2D2Connection},
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    Connection, DbError, Location,
    dialect::{self, Cell, Work},
};

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
pub(super) const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Connections kept for readers; the writer has one of its own.
const READERS: u32 = 8;

/// How long a request waits for a free connection, in seconds.
const WAIT_SECONDS: u64 = 10;

/// Readers of one room's database.
#[derive(Clone)]
pub struct Pool {
    pool: r2d2::Pool<Readers>,
    at: Location,
}

/// A borrowed connection.
pub type Pooled = PooledConnection<Readers>;

/// Makes readers.
#[derive(Debug)]
pub struct Readers(Location);

impl ManageConnection for Readers {
    type Connection = Connection;
    type Error = DbError;

    fn connect(&self) -> Result<Connection, DbError> {
        dialect::connect_for(&self.0, Work::Serve)
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), DbError> {
        Ok(connection.ping()?)
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        std::thread::panicking() || connection.is_broken()
    }
}

impl Pool {
    /// Opens the database, brings its schema up to date, and keeps readers ready.
    ///
    /// # Errors
    /// It can't be opened, is newer than this program, or does not keep a needed setting.
    pub fn open(at: &Location) -> Result<Self, DbError> {
        let mut first = dialect::connect(at)?;
        migrate(&mut first)?;
        let pool = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(Duration::from_secs(WAIT_SECONDS))
            .build(Readers(at.clone()))
            .map_err(|error| DbError::Pool(error.to_string()))?;
        let at = at.clone();
        Ok(Self { pool, at })
    }

    /// Whether other processes may be at work in the database.
    pub fn is_shared(&self) -> bool {
        self.at.file().is_none()
    }

    /// Where the database lies.
    pub fn location(&self) -> &Location {
        &self.at
    }

    /// A connection of its own, for what reads everything.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn connect(&self) -> Result<Connection, DbError> {
        dialect::connect(&self.at)
    }

    /// A connection of its own, for the writer.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn connect_to_write(&self) -> Result<Connection, DbError> {
        dialect::connect_for(&self.at, Work::Write)
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

/// Opens the database as it is: no schema is brought up to date, nothing is written.
///
/// # Errors
/// It is not there, or can't be opened.
pub fn open_unchanged(at: &Location) -> Result<Connection, DbError> {
    // SQLite would make an empty database where there is none.
    if at.file().is_some_and(|path| !path.is_file()) {
        return Err(DbError::Pool("its file is not there".into()));
    }
    dialect::connect(at)
}

/// Brings the schema up to date.
///
/// # Errors
/// A newer version wrote it, which is named and nothing changed; or a migration fails, which
/// undoes that migration.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), DbError> {
    refuse_newer(connection)?;
    match connection {
        Connection::Sqlite(sqlite) => run_pending(sqlite, SQLITE_MIGRATIONS),
        #[cfg(feature = "postgres")]
        Connection::Postgres(server) => {
            dialect::alone(server, |server| run_pending(server, POSTGRES_MIGRATIONS))
        }
    }
}

/// Refuses a schema with a migration that this program does not know.
///
/// # Errors
/// The migration is named.
pub(super) fn refuse_newer(connection: &mut Connection) -> Result<(), DbError> {
    match behind(connection)?.0.first() {
        None => Ok(()),
        Some(newer) => Err(DbError::Migration(format!(
            "it was written by a newer version (`{newer}`); nothing was changed"
        ))),
    }
}

/// Each migration is a transaction of its own: a crash leaves the schema before or after it.
fn run_pending<C: MigrationHarness<DB>, DB: Backend>(
    connection: &mut C,
    migrations: impl MigrationSource<DB>,
) -> Result<(), DbError> {
    connection
        .run_pending_migrations(migrations)
        .map(drop)
        .map_err(|error| DbError::Migration(error.to_string()))
}

/// Migrations that were applied and are unknown here, and those that are known and were not:
/// both empty where the schema is this program's.
///
/// # Errors
/// They can't be read.
pub fn behind(connection: &mut Connection) -> Result<(Vec<String>, Vec<String>), DbError> {
    let known = known()?;
    if !dialect::has_table(connection, "__diesel_schema_migrations")? {
        // An empty database: its first migration makes that table.
        return Ok((Vec::new(), known));
    }
    let query = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
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

/// Versions of the migrations that this program has.
pub(super) fn known() -> Result<Vec<String>, DbError> {
    let migrations = MigrationSource::<Sqlite>::migrations(&SQLITE_MIGRATIONS);
    Ok(migrations
        .map_err(|error| DbError::Migration(error.to_string()))?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use diesel::{
        connection::SimpleConnection,
        migration::{Migration, MigrationMetadata, MigrationName, MigrationVersion},
    };
    use tempfile::TempDir;

    use super::*;
    use crate::db::{audit, copying};

    /// The one version of the schema that rooms of others may have.
    const RELEASED: &str = include_str!("../../tests/vectors/schema/2026-11-23-000001.sql");
    const RELEASED_VERSION: &str = "20261123000001";

    fn file(statements: &str) -> (TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("register.db");
        run(&mut connect(&path), statements);
        (folder, path)
    }

    fn connect(path: &Path) -> Connection {
        dialect::connect(&path.into()).expect("connects")
    }

    fn run(connection: &mut Connection, statements: &str) {
        connection.batch_execute(statements).expect("done");
    }

    fn faults(connection: &mut Connection) -> Vec<String> {
        let wanted = audit::wanted(connection).expect("made");
        audit::faults(connection, &wanted).expect("read")
    }

    fn versions(connection: &mut Connection) -> usize {
        let query = "SELECT version FROM __diesel_schema_migrations";
        dialect::raw(connection, query, &[]).expect("read").len()
    }

    #[test]
    fn the_present_schema_is_accepted_and_left_as_it_is() {
        let (_folder, path) = file("");
        drop(Pool::open(&path.as_path().into()).expect("made"));
        let before = versions(&mut connect(&path));
        let pool = Pool::open(&path.as_path().into()).expect("accepted");
        let mut connection = pool.connect().expect("connects");
        assert_eq!(versions(&mut connection), before);
        assert_eq!(behind(&mut connection).expect("read"), (vec![], vec![]));
        assert!(faults(&mut connection).is_empty());
    }

    #[test]
    fn a_newer_schema_is_refused_by_name_and_left_as_it_is() {
        let (_folder, path) = file("");
        drop(Pool::open(&path.as_path().into()).expect("made"));
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001');
                     CREATE TABLE of_tomorrow (x);";
        run(&mut connect(&path), newer);
        let before = versions(&mut connect(&path));
        for refused in [
            Pool::open(&path.as_path().into()).map(drop),
            copying::schema(&mut connect(&path)).map(drop),
        ] {
            let said = refused.expect_err("refused").to_string();
            assert!(said.contains("newer version (`99990101000001`)"), "{said}");
        }
        assert_eq!(versions(&mut connect(&path)), before);
    }

    #[test]
    fn the_released_schema_migrates_to_the_present_one_and_keeps_its_rows() {
        let (_folder, path) = file(RELEASED);
        let row = "INSERT INTO scopes (id, kind, case_id) VALUES (x'01', 'room', NULL);";
        run(&mut connect(&path), row);
        let mut older = connect(&path);
        assert_eq!(copying::schema(&mut older).expect("read"), RELEASED_VERSION);
        let pool = Pool::open(&path.as_path().into()).expect("migrated");
        let mut connection = pool.connect().expect("connects");
        assert_eq!(behind(&mut connection).expect("read"), (vec![], vec![]));
        // What the migrations make of an empty database, they make of a released one, too.
        let faults = faults(&mut connection);
        assert!(faults.is_empty(), "{faults:?}");
        let kept = dialect::raw(&mut connection, "SELECT id FROM scopes", &[]).expect("read");
        assert_eq!(kept, [[Cell::Blob(vec![1])]]);
    }

    /// The migrations of a version to come: those of today and one more.
    struct OfTomorrow(&'static str);

    impl MigrationSource<Sqlite> for OfTomorrow {
        fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<Sqlite>>>> {
            let mut all = MigrationSource::<Sqlite>::migrations(&SQLITE_MIGRATIONS)?;
            all.push(Box::new(OneMore(self.0)));
            Ok(all)
        }
    }

    struct OneMore(&'static str);
    struct Name;
    struct Metadata;

    impl std::fmt::Display for Name {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("99990101000001_tomorrow")
        }
    }

    impl MigrationName for Name {
        fn version(&self) -> MigrationVersion<'_> {
            MigrationVersion::from("99990101000001")
        }
    }

    impl MigrationMetadata for Metadata {}

    impl Migration<Sqlite> for OneMore {
        fn run(
            &self,
            connection: &mut dyn diesel::connection::BoxableConnection<Sqlite>,
        ) -> diesel::migration::Result<()> {
            Ok(connection.batch_execute(self.0)?)
        }

        fn revert(
            &self,
            _: &mut dyn diesel::connection::BoxableConnection<Sqlite>,
        ) -> diesel::migration::Result<()> {
            Err("nothing goes back".into())
        }

        fn metadata(&self) -> &dyn MigrationMetadata {
            &Metadata
        }

        fn name(&self) -> &dyn MigrationName {
            &Name
        }
    }

    #[test]
    fn a_pending_migration_runs_whole_or_not_at_all() {
        let (_folder, path) = file(RELEASED);
        let mut connection = connect(&path);
        let run = |connection: &mut Connection, migrations: OfTomorrow| match connection {
            Connection::Sqlite(sqlite) => run_pending(sqlite, migrations),
            #[cfg(feature = "postgres")]
            Connection::Postgres(_) => panic!("a file"),
        };
        let half = OfTomorrow("CREATE TABLE of_tomorrow (x); INSERT INTO nowhere VALUES (1);");
        let failed = run(&mut connection, half).expect_err("it fails");
        assert!(
            failed.to_string().contains("brought up to date"),
            "{failed}"
        );
        let made = "SELECT 1 FROM sqlite_schema WHERE name = 'of_tomorrow'";
        assert!(
            dialect::raw(&mut connection, made, &[])
                .expect("read")
                .is_empty()
        );
        let whole = OfTomorrow("CREATE TABLE of_tomorrow (x);");
        run(&mut connection, whole).expect("it runs");
        assert_eq!(
            dialect::raw(&mut connection, made, &[])
                .expect("read")
                .len(),
            1
        );
        // This program then is the older one.
        Pool::open(&path.as_path().into()).err().expect("refused");
    }
}
