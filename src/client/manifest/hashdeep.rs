//! Lists as `hashdeep` writes them.
//!
//! ```text
//! %%%% HASHDEEP-1.0
//! %%%% size,md5,sha256,filename      any hashes in any order; the name is last
//! ## comments
//! 12,HEX,HEX,a name, with whatever it holds
//! ```

use super::{Row, algorithm, hash, lines, room_for};

/// How such a list begins.
pub(super) const MARK: &[u8] = b"%%%% HASHDEEP-1.";

/// A column before the name.
enum Column {
    Size,
    Hash(&'static str),
    PassedOver,
}

pub(super) fn rows(text: &[u8], passed_over: &mut Vec<String>) -> Result<Vec<Row>, String> {
    let mut columns = None;
    let mut rows = Vec::new();
    for (number, line) in lines(text) {
        if line.starts_with(MARK) || line.starts_with(b"#") || line.is_empty() {
            continue;
        }
        if let Some(names) = line.strip_prefix(b"%%%% ") {
            // Lists may be put behind one another, each with columns of its own.
            columns = Some(head(names, passed_over).ok_or_else(|| {
                format!("line {number} does not name the columns, with `filename` as the last")
            })?);
            continue;
        }
        let columns = columns
            .as_ref()
            .ok_or_else(|| format!("no columns are named before line {number}"))?;
        let row = row(line, columns).map_err(|what| format!("line {number} {what}"))?;
        room_for(&rows)?;
        rows.push(Row {
            line: number,
            ..row
        });
    }
    Ok(rows)
}

fn head(names: &[u8], passed_over: &mut Vec<String>) -> Option<Vec<Column>> {
    let names = std::str::from_utf8(names).ok()?.to_ascii_lowercase();
    let before = names.trim_end().strip_suffix("filename")?;
    let before = before.strip_suffix(',').unwrap_or(before);
    let columns = before.split(',').filter(|name| !name.is_empty());
    Some(
        columns
            .map(|name| match (name, algorithm(name)) {
                ("size", _) => Column::Size,
                (_, Some(known)) => Column::Hash(known),
                (other, None) => {
                    passed_over.push(other.into());
                    Column::PassedOver
                }
            })
            .collect(),
    )
}

fn row(line: &[u8], columns: &[Column]) -> Result<Row, String> {
    let mut cells = line.splitn(columns.len() + 1, |byte| *byte == b',');
    let mut row = Row::default();
    for column in columns {
        let cell = cells.next().unwrap_or_default();
        match column {
            Column::PassedOver => {}
            _ if cell.is_empty() => {}
            Column::Size => {
                let size = std::str::from_utf8(cell).ok();
                let size = size.and_then(|size| size.parse().ok());
                row.size = Some(size.ok_or("has no number where the size should be")?);
            }
            Column::Hash(name) => {
                let found = hash(name, cell);
                row.hashes
                    .push(found.ok_or_else(|| format!("has no {name} where it should be"))?);
            }
        }
    }
    row.name = cells.next().unwrap_or_default().into();
    if row.name.is_empty() {
        return Err("names no file".into());
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_hashes_is_read() {
        let (md5, sha) = ("AB".repeat(16), "cd".repeat(32));
        let text = format!(
            "%%%% HASHDEEP-1.0\r\n%%%% size,sha256,tiger,md5,filename\r\n## Invoked from: /x\r\n\
             ## $ hashdeep -r .\r\n## \r\n12,{sha},00ff,{md5},./a, b \"c\".jpg\r\n0,{sha},,,b\r\n"
        );
        let mut passed_over = Vec::new();
        let rows = rows(text.as_bytes(), &mut passed_over).expect("a list");
        assert_eq!(passed_over, ["tiger"]);
        assert_eq!(rows[0].name, b"./a, b \"c\".jpg");
        assert_eq!((rows[0].line, rows[0].size), (6, Some(12)));
        let hashes = rows[0].hashes.iter().map(|h| (h.algorithm, h.value.len()));
        assert_eq!(hashes.collect::<Vec<_>>(), [("sha256", 64), ("md5", 32)]);
        assert_eq!(rows[1].hashes.len(), 1);
    }

    #[test]
    fn odd_lists_are_refused() {
        let head = "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n";
        let md5 = "ab".repeat(16);
        for odd in [
            "%%%% HASHDEEP-1.0\n12,x,a\n".to_string(),
            "%%%% HASHDEEP-1.0\n%%%% size,filename,md5\n".into(),
            format!("{head}x,{md5},a\n"),
            format!("{head}-1,{md5},a\n"),
            format!("{head}1,{},a\n", &md5[1..]),
            format!("{head}1,{md5}\n"),
            format!("{head}1,{md5},\n"),
            format!("{head}1\n"),
        ] {
            assert!(rows(odd.as_bytes(), &mut Vec::new()).is_err(), "{odd}");
        }
    }
}
