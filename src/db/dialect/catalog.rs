//! What a server's schema holds, in words that can be compared.

use diesel::{PgConnection, connection::SimpleConnection, migration::MigrationSource};

use super::{Cell, raw::server::raw};
use crate::db::{DbError, pool::POSTGRES_MIGRATIONS};

/// The schema in which the register lies, and in which its migrations are tried.
const HERE: &str = "current_schema()";
const TRIED: &str = "(SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema())";

/// Table in which the migrations are noted, which they do not make themselves.
const NOTED: &str = "__diesel_schema_migrations";

/// Name and definition of everything in the register's schema, and of what acts on its rows.
pub(super) fn described(server: &mut PgConnection) -> Result<Vec<(String, String)>, DbError> {
    describe(server, HERE)
}

/// The same of what the migrations make: as temporary tables, in a transaction that is undone.
pub(super) fn wanted(server: &mut PgConnection) -> Result<Vec<(String, String)>, DbError> {
    server.batch_execute("BEGIN; SET LOCAL search_path = pg_temp")?;
    let made = make(server);
    server.batch_execute("ROLLBACK")?;
    made
}

fn make(server: &mut PgConnection) -> Result<Vec<(String, String)>, DbError> {
    let odd =
        |error: Box<dyn std::error::Error + Send + Sync>| DbError::Migration(error.to_string());
    for migration in
        MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES_MIGRATIONS).map_err(odd)?
    {
        migration.run(server).map_err(odd)?;
    }
    describe(server, TRIED)
}

fn describe(server: &mut PgConnection, schema: &str) -> Result<Vec<(String, String)>, DbError> {
    let rows = raw(server, &query(schema), &[])?;
    let words = |cell: &Cell| match cell {
        Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    };
    Ok(rows
        .iter()
        .map(|row| (words(&row[0]), words(&row[1])))
        .collect())
}

/// Columns, constraints, indexes, triggers, rules and policies of tables; whatever else lies in
/// the schema by its name alone. Names of the schema are left out of what defines them.
fn query(schema: &str) -> String {
    format!(
        "WITH here AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = {schema}),
         tables AS (SELECT c.* FROM pg_class c JOIN here ON c.relnamespace = here.oid
             WHERE c.relname <> '{NOTED}')
         SELECT 'column ' || t.relname || '.' || a.attname,
             concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                 a.attgenerated, pg_get_expr(d.adbin, d.adrelid), l.collname)
         FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid
             LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
             LEFT JOIN pg_collation l ON l.oid = a.attcollation
         WHERE t.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
         UNION ALL SELECT 'table ' || relname,
             concat_ws(' ', relkind, relrowsecurity, relforcerowsecurity, relhasrules)
         FROM tables WHERE relkind NOT IN ('i', 'I', 'S', 't')
         UNION ALL SELECT 'constraint ' || t.relname || '.' || k.conname,
             concat_ws(' ', pg_get_constraintdef(k.oid), k.convalidated)
         FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid
         UNION ALL SELECT 'index ' || t.relname,
             concat_ws(' ', replace(replace(pg_get_indexdef(t.oid), ' ON pg_temp.', ' ON '),
                 ' ON ' || quote_ident(here.nspname) || '.', ' ON '), x.indisvalid)
         FROM tables t JOIN pg_index x ON x.indexrelid = t.oid, here
         WHERE t.relkind IN ('i', 'I')
             AND x.indrelid <> coalesce(to_regclass('{NOTED}')::oid, 0)
         UNION ALL SELECT 'trigger ' || t.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
         FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal
         UNION ALL SELECT 'rule ' || t.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
         FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
         UNION ALL SELECT 'policy ' || t.relname || '.' || p.polname, p.polcmd::text
         FROM tables t JOIN pg_policy p ON p.polrelid = t.oid
         UNION ALL SELECT 'function ' || p.proname, '' FROM pg_proc p JOIN here
             ON p.pronamespace = here.oid
             WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    )
}
