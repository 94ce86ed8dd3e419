//! Rows that exist before anyone could permit them.

use custos_core::keys::SessionKey;

use super::{
    Connection, DbError,
    bound::Binding,
    cases::{self, RoleRow},
    people::{self, AccountRow, InRoom, PersonRow},
    sessions::{self, EnrolmentRow},
};

/// Writes the first administrator, in the transaction that founds the room.
///
/// # Errors
/// There is a room with people already, or the rows can't be written.
pub fn first_person(
    connection: &mut Connection,
    room: InRoom<'_>,
    person: (&PersonRow, &Binding),
    account: (&AccountRow, &Binding),
    role: (&RoleRow, &Binding),
    entry: &[u8; 32],
) -> Result<(), DbError> {
    use diesel::prelude::*;

    let others: i64 = super::schema::people::table
        .count()
        .get_result(connection)?;
    if others != 0 {
        return Err(DbError::damaged(
            "people",
            "?",
            "there are people before the first",
        ));
    }
    people::write(connection, room, person, account, entry)?;
    cases::write_role(connection, role.0, role.1, entry)
}

/// Writes the first administrator's single-use link, in a room where nobody has enrolled.
///
/// # Errors
/// Someone has, or the row can't be written.
pub fn first_enrolment(
    connection: &mut Connection,
    key: &SessionKey,
    row: &EnrolmentRow,
) -> Result<(), DbError> {
    if sessions::anyone_enrolled(connection)? {
        return Err(DbError::damaged(
            "enrolments",
            row.id,
            "someone enrolled before the first",
        ));
    }
    sessions::write_enrolment(connection, key, row)
}

/// Writes an administrator's single-use link for whoever holds the room's keys.
///
/// # Errors
/// The row can't be written.
pub fn operator_enrolment(
    connection: &mut Connection,
    key: &SessionKey,
    row: &EnrolmentRow,
) -> Result<(), DbError> {
    sessions::write_enrolment(connection, key, row)
}
