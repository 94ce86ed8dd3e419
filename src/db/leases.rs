//! Leases: which of several processes at one register does what one of them is enough for.
//!
//! Nothing is decided by them. What must not be done twice is claimed in the transaction that
//! enters it; a lease only spares the others the work.

use custos_core::ids::Id;
use diesel::prelude::*;

use super::{Connection, DbError, schema::leases};

#[derive(Queryable)]
struct Row {
    holder: Vec<u8>,
    epoch: i64,
    until: i64,
}

fn row(connection: &mut Connection, name: &str) -> Result<Option<Row>, DbError> {
    Ok(leases::table
        .find(name)
        .select((leases::holder, leases::epoch, leases::until))
        .first(connection)
        .optional()?)
}

/// Takes the lease `name` for `holder` until `until`, or keeps it; times are microseconds since
/// 1970. Gives its epoch, which rises with each holder; `None` while another one has it.
///
/// # Errors
/// The row can't be read or written.
pub fn take(
    connection: &mut Connection,
    name: &str,
    holder: Id,
    (now, until): (i64, i64),
) -> Result<Option<i64>, DbError> {
    let Some(found) = row(connection, name)? else {
        diesel::insert_into(leases::table)
            .values((
                leases::name.eq(name),
                leases::holder.eq(holder.as_bytes().to_vec()),
                leases::epoch.eq(1),
                leases::until.eq(until),
            ))
            .execute(connection)?;
        return Ok(Some(1));
    };
    let own = found.holder[..] == holder.as_bytes()[..];
    // One that reaches further than a lease may is of a clock that went wrong.
    if !own && (now..=until).contains(&found.until) {
        return Ok(None);
    }
    let epoch = if own { found.epoch } else { found.epoch + 1 };
    diesel::update(leases::table.find(name))
        .set((
            leases::holder.eq(holder.as_bytes().to_vec()),
            leases::epoch.eq(epoch),
            leases::until.eq(until),
        ))
        .execute(connection)?;
    Ok(Some(epoch))
}

/// Whether nobody has taken the lease over since it had this epoch.
///
/// # Errors
/// The row can't be read.
pub fn has_epoch(connection: &mut Connection, name: &str, epoch: i64) -> Result<bool, DbError> {
    Ok(row(connection, name)?.is_some_and(|found| found.epoch == epoch))
}

/// Ends a lease before its time, if `holder` has it.
///
/// # Errors
/// The row can't be written.
pub fn give_up(connection: &mut Connection, name: &str, holder: Id) -> Result<(), DbError> {
    diesel::update(leases::table.find(name))
        .filter(leases::holder.eq(holder.as_bytes().to_vec()))
        .set(leases::until.eq(0))
        .execute(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Pool, scratch};

    #[test]
    fn one_has_it_until_its_time_is_over_and_each_next_one_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let pool = Pool::open(&scratch::register(folder.path())).expect("made");
        let mut connection = pool.connect().expect("connects");
        let (one, other) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let mut take = |holder, now: i64| {
            take(&mut connection, "lead", holder, (now, now + 10)).expect("asked")
        };
        assert_eq!(take(one, 0), Some(1));
        assert_eq!(take(other, 5), None);
        assert_eq!(take(one, 8), Some(1));
        assert_eq!(take(other, 18), None);
        assert_eq!(take(other, 19), Some(2));
        assert_eq!(take(one, 20), None);
        // A clock that went wrong keeps nobody out for longer than a lease.
        assert_eq!(take(other, 1_000), Some(2));
        assert_eq!(take(one, 30), Some(3));
        assert!(has_epoch(&mut connection, "lead", 3).expect("read"));
        assert!(!has_epoch(&mut connection, "lead", 2).expect("read"));
        give_up(&mut connection, "lead", other).expect("nothing");
        give_up(&mut connection, "lead", one).expect("given up");
        let taken = super::take(&mut connection, "lead", other, (31, 41));
        assert_eq!(taken.expect("asked"), Some(4));
    }
}
