//! An export as CSV. A spreadsheet runs what looks like a formula, so no cell begins as one.

use std::{borrow::Cow, io::Write};

use super::{lines::Source, rows::Rows};
use crate::app::error::Error;

const HEAD: [&str; 17] = [
    "index",
    "time",
    "kind",
    "case",
    "scope",
    "actor",
    "name",
    "role",
    "recognised_by",
    "authority",
    "subject_type",
    "subject",
    "purpose",
    "reason",
    "detail",
    "withheld_slots",
    "commitment",
];

/// Writes all rows, the export's own entry last.
pub(super) fn write(source: &Source<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    let odd = |_| Error::CustodyUnavailable(None);
    csv.write_record(HEAD).map_err(odd)?;
    let mut rows = Rows::of(source);
    source.each(|line, _| {
        let row = rows.row(&line)?;
        let index = row.index.to_string();
        let cells = [
            &index,
            &row.time,
            &row.kind,
            &row.case,
            &row.scope,
            &row.actor,
            &row.name,
            &row.role,
            &row.means,
            &row.authority,
            &row.subject_type,
            &row.subject,
            &row.purpose,
            &row.reason,
            &row.detail,
            &row.withheld,
            &row.commitment,
        ];
        let cells = cells.into_iter().map(|cell| harmless(cell));
        let cells: Vec<Cow<'_, str>> = cells.collect();
        csv.write_record(cells.iter().map(|cell| cell.as_bytes()))
            .map_err(odd)
    })?;
    csv.flush().map_err(|_| Error::CustodyUnavailable(None))
}

/// A cell that a spreadsheet takes for text: what would begin a formula gets an apostrophe.
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(cell), format!("'{cell}"));
        }
        for cell in ["", "1", "a=b", " =1", "{\"22\":1}"] {
            assert_eq!(harmless(cell), cell);
        }
    }
}
