//! Tables: FTK Imager's list of hashes, and our own with whatever is told of each file.

use std::collections::BTreeMap;

use csv::{ByteRecord, ReaderBuilder};

use super::{ALGORITHMS, Format, Row, algorithm, hash, room_for};
use crate::client::told::Captured;

/// Columns of a table of our own, beside hashes and particulars.
pub const COLUMNS: [&str; 11] = [
    "path",
    "reference",
    "description",
    "place",
    "captured_at",
    "device",
    "tool",
    "authority",
    "source",
    "sensitivity",
    "size",
];
/// What may stand between two cells.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// What a row tells of its file, beside its hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Its exhibit reference.
    pub reference: Option<String>,
    /// When it was obtained.
    pub captured: Option<Captured>,
    /// Whether it is restricted.
    pub restricted: Option<bool>,
    /// Texts by their names in the API.
    pub texts: BTreeMap<String, String>,
}

/// Which table this is, by its first line.
pub(super) fn format_of(line: &[u8]) -> Option<Format> {
    let names = names_of(line)?;
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("filenames") {
        return Some(Format::Ftk);
    }
    has("path").then_some(Format::Csv)
}

/// FTK Imager's list: hashes, and a name as Windows writes it.
pub(super) fn ftk(text: &[u8]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    each(text, |names, record, line| {
        let mut row = Row {
            line,
            ..Row::default()
        };
        for (name, cell) in names.iter().zip(record) {
            match (name.as_str(), algorithm(name)) {
                ("filenames", _) => row.name = cell.into(),
                (_, Some(known)) => push_hash(&mut row, known, cell)?,
                _ => return Err(format!("the column `{name}` is none of FTK Imager's")),
            }
        }
        room_for(&rows)?;
        rows.push(row);
        Ok(())
    })?;
    named(rows)
}

/// A table of our own.
pub(super) fn own(text: &[u8], particulars: &[&str]) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    each(text, |names, record, line| {
        let mut row = Row {
            line,
            ..Row::default()
        };
        let mut words = Words::default();
        for (name, cell) in names.iter().zip(record) {
            fill(&mut row, &mut words, (name, cell), particulars)?;
        }
        row.words = (words != Words::default()).then(|| words.into());
        room_for(&rows)?;
        rows.push(row);
        Ok(())
    })?;
    named(rows)
}

/// Puts a cell where it belongs; an empty one says nothing.
fn fill(
    row: &mut Row,
    words: &mut Words,
    (name, cell): (&str, &[u8]),
    particulars: &[&str],
) -> Result<(), String> {
    if name == "path" {
        row.name = cell.into();
        return Ok(());
    }
    if let Some(known) = algorithm(name) {
        return push_hash(row, known, cell);
    }
    if !COLUMNS.contains(&name) && !particulars.contains(&name) {
        let hashes = ALGORITHMS.iter().map(|(name, _)| *name);
        let all: Vec<&str> = COLUMNS.into_iter().chain(hashes).collect();
        return Err(format!(
            "the column `{name}` is none of {}, {}",
            all.join(", "),
            particulars.join(", ")
        ));
    }
    let said = std::str::from_utf8(cell).map_err(|_| format!("`{name}` is not UTF-8"))?;
    let said = said.trim();
    match name {
        _ if said.is_empty() => {}
        "reference" => words.reference = Some(said.into()),
        "captured_at" => words.captured = Some(Captured::parse(said)?),
        "size" => {
            let size = custos_core::ids::decimal(said).map_err(|_| "`size` is no number")?;
            row.size = Some(size);
        }
        "sensitivity" => {
            words.restricted = Some(match said {
                "normal" => false,
                "restricted" => true,
                _ => return Err("`sensitivity` is neither `normal` nor `restricted`".into()),
            });
        }
        _ => {
            words.texts.insert(name.into(), said.into());
        }
    }
    Ok(())
}

fn push_hash(row: &mut Row, algorithm: &'static str, cell: &[u8]) -> Result<(), String> {
    let cell = cell.trim_ascii();
    if !cell.is_empty() {
        let found = hash(algorithm, cell);
        row.hashes
            .push(found.ok_or_else(|| format!("`{algorithm}` is no hash of that kind"))?);
    }
    Ok(())
}

fn named(rows: Vec<Row>) -> Result<Vec<Row>, String> {
    match rows.iter().find(|row| row.name.is_empty()) {
        Some(row) => Err(format!("line {} names no file", row.line)),
        None => Ok(rows),
    }
}

/// Gives each record with the names of its columns and its line.
fn each(
    text: &[u8],
    mut give: impl FnMut(&[String], &ByteRecord, u64) -> Result<(), String>,
) -> Result<(), String> {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separator = separator(first);
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .from_reader(text);
    let mut record = ByteRecord::new();
    let mut names: Option<Vec<String>> = None;
    let (mut counted, mut line) = (0, 1);
    loop {
        let more = reader.read_byte_record(&mut record);
        // The reader counts a line less where lines end as those of Windows do.
        let at = record
            .position()
            .map_or(0, |position| position.byte() as usize);
        let ends = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let at = at + text[at..].iter().take_while(ends).count();
        line += text[counted..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64;
        counted = at;
        // The error itself says which line.
        if !more.map_err(|error| format!("it is no table: {error}"))? {
            break;
        }
        match &names {
            None => {
                let read: Option<Vec<String>> = record.iter().map(name_of).collect();
                let read = read.ok_or("its first line does not name its columns")?;
                let mut once = std::collections::HashSet::new();
                if let Some(twice) = read.iter().find(|name| !once.insert(name.as_str())) {
                    return Err(format!("the column `{twice}` is there twice"));
                }
                names = Some(read);
            }
            Some(names) => {
                give(names, &record, line).map_err(|what| format!("line {line}: {what}"))?;
            }
        }
    }
    Ok(())
}

fn name_of(cell: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(cell).ok()?.trim().to_ascii_lowercase())
}

/// The names of the columns in the first line, if it can be one.
fn names_of(line: &[u8]) -> Option<Vec<String>> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator(line))
        .has_headers(false)
        .from_reader(line);
    let record = reader.byte_records().next()?.ok()?;
    record.iter().map(name_of).collect()
}

/// The separator that the first line has most of: spreadsheets of half of Europe use `;`.
fn separator(line: &[u8]) -> u8 {
    let count = |separator: &u8| line.iter().filter(|byte| *byte == separator).count();
    // The first of equals, so that none at all is a comma.
    let most = SEPARATORS
        .iter()
        .rev()
        .max_by_key(|separator| count(separator));
    *most.expect("there are separators")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ftk_imagers_list_is_read() {
        let (md5, sha1) = ("ab".repeat(16), "CD".repeat(20));
        let text = format!(
            "MD5,SHA1,FileNames\r\n\"{md5}\",\"{sha1}\",\"usb.E01\\Part 1\\a, \"\"b\"\".jpg\"\r\n"
        );
        let rows = ftk(text.as_bytes()).expect("a list");
        assert_eq!(rows[0].name, b"usb.E01\\Part 1\\a, \"b\".jpg");
        assert_eq!(rows[0].line, 2);
        let hashes: Vec<_> = rows[0].hashes.iter().map(|h| h.algorithm).collect();
        assert_eq!(hashes, ["md5", "sha1"]);
    }

    #[test]
    fn our_table_tells_whatever_can_be_told() {
        let text = "Path;reference;description;captured_at;sensitivity;size;MD5;device_serial\n\
                    a.jpg;JS/1;\"two\nlines\";2026-03-01T14:05:00+01:00;restricted;3;;KX-77\n\
                    \"b;c.jpg\";;;;;;;\n";
        let rows = own(text.as_bytes(), &["device_serial"]).expect("a table");
        let words = rows[0].words.as_ref().expect("words");
        assert_eq!(words.reference.as_deref(), Some("JS/1"));
        assert_eq!(words.restricted, Some(true));
        assert_eq!(words.captured.expect("a time").offset_minutes, 60);
        assert_eq!(words.texts["description"], "two\nlines");
        assert_eq!(words.texts["device_serial"], "KX-77");
        assert_eq!(rows[0].size, Some(3));
        assert_eq!(
            (rows[1].line, rows[1].name.as_slice()),
            (4, &b"b;c.jpg"[..])
        );
        assert_eq!(rows[1].words, None);
    }

    #[test]
    fn odd_tables_are_refused() {
        for odd in [
            "path,colour\na,red\n",
            "path,path\na,b\n",
            "path,md5\na\n",
            "path,md5\na,b,c\n",
            "path,md5\na,xx\n",
            "path,size\na,-1\n",
            "path,sensitivity\na,secret\n",
            "path,captured_at\na,yesterday\n",
            "path,md5\n,\n",
        ] {
            let told = own(odd.as_bytes(), &["device_serial"]);
            assert!(told.is_err(), "{odd}");
        }
        assert!(ftk(b"MD5,SHA1,FileNames,path\n,,a,b\n").is_err());
        assert!(own(b"path,place\na,\xff\n", &[]).is_err());
    }
}
