//! Examples of sections 7 to 9 and 11, from the frozen bundles and exports.

use std::{fs, io::Cursor, path::PathBuf};

use custos_core::{
    bundle::{
        Manifest,
        zip::{Archive, Writer},
    },
    checkpoint::SignedNote,
    content,
    event::{Disclosed, slot},
    export::{Listed, Reader},
    hash::{Hash, sha256},
    json,
    receipt::TlogProof,
};
use serde_json::{Value, json};

use crate::page::{Example, fields, hex, json as json_block, json_of, text};

const LIMIT: u64 = 1 << 20;

pub fn examples() -> Vec<Example> {
    let mut all = whole();
    all.extend(redaction());
    all.extend(register());
    all.extend(export());
    all
}

struct Bundle {
    bytes: Vec<u8>,
    files: Vec<(String, Vec<u8>)>,
}

impl Bundle {
    fn open(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/bundle");
        let bytes = fs::read(folder.join(name)).expect("the vectors are committed");
        let mut archive = Archive::open(Cursor::new(&bytes)).expect("canonical");
        let files = (0..archive.members().len())
            .map(|at| {
                let name = archive.members()[at].name.to_string();
                (name, archive.read(at, LIMIT).expect("small"))
            })
            .collect();
        Self { bytes, files }
    }

    fn file(&self, name: &str) -> &[u8] {
        let found = self.files.iter().find(|(found, _)| found == name);
        &found.expect("the bundle has this file").1
    }
}

fn whole() -> Vec<Example> {
    let bundle = Bundle::open("valid.zip");
    let mut writer = Writer::new(Vec::new());
    for (name, bytes) in &bundle.files {
        let name = name.parse().expect("a good name");
        let (length, crc) = (bytes.len() as u64, crc32(bytes));
        writer
            .file(&name, length, crc, &mut &bytes[..])
            .expect("in order");
    }
    assert!(writer.finish().expect("in memory") == bundle.bytes);

    let note = bundle.file("bundle.note");
    let signed = SignedNote::parse(note, LIMIT as usize).expect("a note");
    let manifest = Manifest::parse(signed.text().as_bytes()).expect("a manifest");
    assert_eq!(manifest.to_text().expect("small"), signed.text().as_bytes());
    let proof = TlogProof::parse(bundle.file("proofs/1.tlog-proof")).expect("a proof");
    let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let directory = bundle.bytes.len() - 22;
    let end = &bundle.bytes[directory..];
    let at =
        |from: usize| u32::from_le_bytes(end[from..from + 4].try_into().expect("four")) as usize;
    let (size, offset) = (at(12), at(16));
    let central = offset + 46 + "bundle.note".len();
    let next = central + 46 + "README.txt".len();
    let data = 30 + "bundle.note".len();
    let readme = data + note.len();
    vec![
        text("bundle.note", &shown(note)),
        json_block("consistency", bundle.file("checkpoints/3-7.consistency")),
        json_block("tree.json", bundle.file("content/tree.json")),
        text("tlog-proof", &shown(&proof.to_bytes())),
        fields(
            "zip",
            &[
                ("local header of bundle.note", hex(&bundle.bytes[..data])),
                (
                    "local header of README.txt",
                    hex(&bundle.bytes[readme..readme + 30 + "README.txt".len()]),
                ),
                (
                    "central header of bundle.note",
                    hex(&bundle.bytes[offset..central]),
                ),
                (
                    "central header of README.txt",
                    hex(&bundle.bytes[central..next]),
                ),
                ("end record", hex(end)),
                ("files", bundle.files.len().to_string()),
                ("directory size", size.to_string()),
                ("directory offset", offset.to_string()),
                ("length", bundle.bytes.len().to_string()),
                ("SHA-256", sha256(&[&bundle.bytes]).to_string()),
            ],
        ),
    ]
}

/// CRC-32 (ISO-HDLC), a bit at a time.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn open_slot(bundle: &Bundle, file: &str, slot: usize) -> Value {
    let entry = Disclosed::parse(bundle.file(file)).expect("an entry");
    entry.value(slot).expect("open").clone()
}

fn redaction() -> Vec<Example> {
    let bundle = Bundle::open("valid-redaction.zip");
    let copy = String::from_utf8(bundle.file("content/item").to_vec()).expect("UTF-8");
    let derivation = open_slot(&bundle, "entries/3.json", slot::DERIVATION);
    vec![
        json_of("redacted-copy", &json!(copy)),
        json_of("redaction-slot-28", &derivation),
        json_block("redaction.json", bundle.file("content/redaction.json")),
    ]
}

fn register() -> Vec<Example> {
    let bundle = Bundle::open("valid-register.zip");
    let file = json::parse(bundle.file("register.json")).expect("JCS");
    let summary = open_slot(
        &bundle,
        &format!("entries/{}.json", file["entry"]),
        slot::DETAIL,
    );
    let bytes = |value: &Value| hex::decode(value.as_str().expect("hex")).expect("hex");
    let mut leaves: Vec<Hash> = Vec::new();
    let mut lines: Vec<(String, String)> = Vec::new();
    for (i, leaf) in file["leaves"]
        .as_array()
        .expect("leaves")
        .iter()
        .enumerate()
    {
        let a = match leaf.get("a") {
            Some(a) => a.as_str().expect("a hash").parse().expect("a hash"),
            None => {
                let (ka, id) = (bytes(&leaf["ka"]), bytes(&leaf["id"]));
                sha256(&[b"custos/register-id/v1\0", &ka, &id])
            }
        };
        let (kb, state) = (bytes(&leaf["kb"]), leaf["state"].as_str().expect("a state"));
        let b = sha256(&[b"custos/register-state/v1\0", &kb, state.as_bytes()]);
        let hash = sha256(&[b"\0custos/register/v1\0", a.as_bytes(), b.as_bytes()]);
        leaves.push(hash);
        lines.push((format!("a {i}"), a.to_string()));
        lines.push((format!("b {i}"), b.to_string()));
        lines.push((format!("leaf {i}"), hash.to_string()));
    }
    let root = content::root(&leaves).expect("there are leaves");
    assert_eq!(summary["root"], json!(root));
    let mut shown: Vec<(&str, String)> =
        lines.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    shown.push(("root", root.to_string()));
    vec![
        json_block("register.json", bundle.file("register.json")),
        fields("register", &shown),
    ]
}

fn export() -> Vec<Example> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/export");
    let bytes =
        fs::read(folder.join("valid-of-a-person.jsonl")).expect("the vectors are committed");
    let mut reader = Reader::open(bytes.as_slice()).expect("an export");
    let (mut listed, mut shown) = (Listed::new(), Vec::new());
    while let Some((line, own)) = reader.next_line().expect("its lines are of their form") {
        if !own {
            let c = line.entry.commitment();
            listed.push(line.index, c);
            shown.push(("index", line.index.to_string()));
            shown.push(("C", c.to_string()));
        }
    }
    shown.push(("entries", listed.finish().to_string()));
    vec![
        text("export", std::str::from_utf8(&bytes).expect("UTF-8")),
        fields("export-entries", &shown),
    ]
}
