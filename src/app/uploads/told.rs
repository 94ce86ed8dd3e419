//! What is told of an item before its bytes: parsed once, at the edge.

use std::collections::BTreeMap;

use custos_core::ids::{ItemId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    app::{error::Error, schema, text},
    content::declared::{Algorithm, Fingerprint},
    db::{evidence::Derived, uploads::UploadDetails},
};

/// Longest original file name, in bytes.
pub const MAX_FILE_NAME_BYTES: usize = 4_096;
/// Largest offset of a clock from UTC, in minutes.
pub const MAX_OFFSET_MINUTES: u16 = 14 * 60;
/// Most hashes that are declared with one item.
const MAX_DECLARED: usize = 8;

/// A file name as it was given: text, or bytes that are not UTF-8 as `{"hex"}`.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub enum FileName {
    /// UTF-8.
    Text(String),
    /// Bytes that are not UTF-8.
    Bytes(HexName),
}

/// Bytes of a file name that are not UTF-8, in hex.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HexName {
    /// Lower-case hex.
    #[schema(pattern = "^([0-9a-f]{2})+$", max_length = 8192)]
    pub hex: String,
}

/// A hash that was taken before the deposit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredHash {
    /// `md5`, `sha1`, `sha256`, `sha512`.
    #[schema(value_type = schema::HashAlgorithm)]
    pub algorithm: String,
    /// Hex.
    #[schema(min_length = 32, max_length = 128, pattern = "^[0-9a-fA-F]+$")]
    pub value: String,
}

/// What is told of an item before its bytes are sent.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewItem {
    /// Exhibit reference: initials and number, `JS/1`.
    #[schema(value_type = schema::Line, required)]
    pub reference: String,
    /// What it is, in a sentence.
    #[schema(value_type = schema::Text)]
    pub description: String,
    /// The original file name.
    pub file_name: Option<FileName>,
    /// Hashes taken before.
    #[schema(max_items = 8)]
    pub declared: Vec<DeclaredHash>,
    /// When it was obtained, in microseconds since 1970 UTC.
    #[schema(value_type = Option<schema::Time>)]
    pub captured_at: Option<Timestamp>,
    /// Offset of the clock by which that was noted, in minutes east of UTC.
    #[schema(value_type = Option<schema::Offset>)]
    pub captured_offset_minutes: Option<i16>,
    /// Where it was obtained.
    #[schema(value_type = schema::OptionalLine)]
    pub place: String,
    /// Under which authority.
    #[schema(value_type = schema::OptionalLine)]
    pub authority: String,
    /// From whom or what: a pseudonym, where a person must be protected.
    #[schema(value_type = schema::OptionalLine)]
    pub source: String,
    /// Device: type, make, model, serial and other numbers.
    #[schema(value_type = schema::OptionalLine)]
    pub device: String,
    /// Acquisition tool and version.
    #[schema(value_type = schema::OptionalLine)]
    pub tool: String,
    /// `normal` (or empty) or `restricted`.
    #[schema(value_type = schema::Sensitivity)]
    pub sensitivity: String,
    /// More of its origin, by the names of [`PARTICULARS`]; empty ones are not kept.
    #[schema(value_type = schema::Particulars)]
    pub particulars: BTreeMap<String, String>,
    /// How it was made from other items, if it was.
    pub derived: Option<NewDerivation>,
}

/// How an item was made from others.
#[derive(Debug, Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewDerivation {
    /// The items that it was made from, at least one.
    #[schema(value_type = Vec<schema::Id>, required, min_items = 1, max_items = 100)]
    pub sources: Vec<ItemId>,
    /// By which tool.
    #[schema(value_type = schema::Line, required)]
    pub tool: String,
    /// Its version.
    #[schema(value_type = schema::OptionalLine)]
    pub version: String,
    /// How the tool was set, without words that are withheld.
    #[schema(value_type = schema::Text)]
    pub parameters: String,
    /// Who ran it.
    #[schema(value_type = schema::Line, required)]
    pub operator: String,
    /// Why: `redaction`, `transcript`, `translation`, ...
    #[schema(value_type = schema::Line, required)]
    pub reason: String,
}

/// What more can be told of an item's origin, with the words for it, in the order of a form.
pub const PARTICULARS: &[(&str, &str)] = &[
    ("file_path", "Original path of the file"),
    ("collected_by", "Collected by"),
    ("reason", "Reason for which it was obtained"),
    ("created", "How it was created"),
    ("physical", "Physical thing that it came with or from"),
    ("seal", "Number of that thing's seal"),
    ("device_type", "Type of device"),
    ("device_make", "Make"),
    ("device_model", "Model"),
    ("device_serial", "Serial number"),
    ("device_numbers", "IMEI, MAC address, cloud account"),
    ("tool_version", "Version of the acquisition tool"),
    ("privilege", "Privilege that is claimed"),
    ("personal_data", "Personal data in it"),
    ("consent", "Consent"),
];

/// Most items that one is made from.
const MAX_SOURCES: usize = 100;

pub(super) fn details(new: NewItem) -> Result<UploadDetails, Error> {
    let restricted = match new.sensitivity.as_str() {
        "" | "normal" => false,
        "restricted" => true,
        _ => {
            return Err(Error::invalid(
                "`sensitivity` is neither `normal` nor `restricted`",
            ));
        }
    };
    if new.declared.len() > MAX_DECLARED {
        return Err(Error::invalid(format!(
            "more than {MAX_DECLARED} hashes are declared"
        )));
    }
    let declared = pairs(new.declared);
    let fingerprints = parse_declared(&declared)?;
    if new
        .captured_offset_minutes
        .is_some_and(|minutes| minutes.unsigned_abs() > MAX_OFFSET_MINUTES)
    {
        return Err(Error::invalid(
            "`captured_offset_minutes` is more than 14 hours",
        ));
    }
    let mut provenance = json!({
        "captured_at": new.captured_at,
        "captured_offset_minutes": new.captured_offset_minutes,
        "place": text::optional_line("place", &new.place)?,
        "authority": text::optional_line("authority", &new.authority)?,
        "source": text::optional_line("source", &new.source)?,
        "device": text::optional_line("device", &new.device)?,
        "tool": text::optional_line("tool", &new.tool)?,
    });
    for (name, told) in particulars(&new.particulars)? {
        provenance[name] = json!(told);
    }
    Ok(UploadDetails {
        reference: text::line("reference", &new.reference)?,
        description: text::text("description", &new.description)?,
        file_name: file_name(new.file_name)?,
        declared: fingerprints
            .iter()
            .map(|print| (print.algorithm().as_str().to_string(), print.to_string()))
            .collect(),
        provenance,
        restricted,
        derived: new.derived.map(derivation).transpose()?,
    })
}

/// What more is told of the origin: names of the list, and only those with a text.
fn particulars(given: &BTreeMap<String, String>) -> Result<Vec<(&str, String)>, Error> {
    let mut told = Vec::new();
    for (name, said) in given {
        if !PARTICULARS.iter().any(|(known, _)| known == name) {
            return Err(Error::invalid(format!(
                "`{name}` is none of the particulars"
            )));
        }
        let said = text::optional_line(name, said)?;
        if !said.is_empty() {
            told.push((name.as_str(), said));
        }
    }
    Ok(told)
}

fn derivation(given: NewDerivation) -> Result<Derived, Error> {
    let mut sources = given.sources;
    sources.sort_unstable();
    sources.dedup();
    if sources.is_empty() || sources.len() > MAX_SOURCES {
        return Err(Error::invalid(format!(
            "`derived.sources` does not name 1 to {MAX_SOURCES} items"
        )));
    }
    Ok(Derived {
        sources,
        tool: text::line("derived.tool", &given.tool)?,
        version: text::optional_line("derived.version", &given.version)?,
        parameters: text::text("derived.parameters", &given.parameters)?,
        operator: text::line("derived.operator", &given.operator)?,
        reason: text::line("derived.reason", &given.reason)?,
    })
}

/// A file name is data: kept exactly, never a path, never a header.
fn file_name(given: Option<FileName>) -> Result<Value, Error> {
    let too_long = || {
        Error::invalid(format!(
            "`file_name` is longer than {MAX_FILE_NAME_BYTES} bytes"
        ))
    };
    match given {
        None => Ok(Value::Null),
        Some(FileName::Text(name)) if name.len() > MAX_FILE_NAME_BYTES => Err(too_long()),
        Some(FileName::Text(name)) => Ok(json!(name)),
        Some(FileName::Bytes(HexName { hex: text })) => {
            if text.len() > 2 * MAX_FILE_NAME_BYTES {
                return Err(too_long());
            }
            let bytes =
                hex::decode(&text).map_err(|_| Error::invalid("`file_name.hex` is not hex"))?;
            if hex::encode(&bytes) != text || String::from_utf8(bytes).is_ok() {
                return Err(Error::invalid(
                    "`file_name.hex` is only for names that are not UTF-8, in lower case",
                ));
            }
            Ok(json!({"hex": text}))
        }
    }
}

/// Algorithm and value of each hash.
pub(super) fn pairs(hashes: Vec<DeclaredHash>) -> Vec<(String, String)> {
    let hashes = hashes.into_iter();
    hashes.map(|hash| (hash.algorithm, hash.value)).collect()
}

pub(super) fn parse_declared(declared: &[(String, String)]) -> Result<Vec<Fingerprint>, Error> {
    let mut found = BTreeMap::new();
    for (algorithm, value) in declared {
        let known = Algorithm::ALL
            .into_iter()
            .find(|known| known.as_str() == algorithm)
            .ok_or_else(|| {
                Error::invalid("a declared hash is none of `md5`, `sha1`, `sha256`, `sha512`")
            })?;
        let print = Fingerprint::parse(known, value).map_err(|_| {
            Error::invalid(format!(
                "the declared `{algorithm}` is not a hash of that kind in hex"
            ))
        })?;
        if found.insert(algorithm.clone(), print).is_some() {
            return Err(Error::invalid(format!("`{algorithm}` is declared twice")));
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn schemas_have_the_limits_that_are_checked() {
        let item = serde_json::to_value(NewItem::schema()).expect("a schema");
        assert_eq!(item["properties"]["declared"]["maxItems"], MAX_DECLARED);
        let made = serde_json::to_value(NewDerivation::schema()).expect("a schema");
        assert_eq!(made["properties"]["sources"]["maxItems"], MAX_SOURCES);
        let name = serde_json::to_value(HexName::schema()).expect("a schema");
        assert_eq!(
            name["properties"]["hex"]["maxLength"],
            2 * MAX_FILE_NAME_BYTES
        );
    }
}
