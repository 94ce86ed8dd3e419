//! Step `register`: every item that was added to a scope is counted once.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{Read, Seek},
};

use serde_json::Value;

use super::{
    Step, VerifyError,
    chain::ITEM,
    entries::{Log, Record, Shown, hash_of, read_entry},
    fail, fail_in,
    open::{MAX_JSON_BYTES, Opened},
    redaction::is_code,
    report::RegisterCheck,
};
use crate::{
    bundle::{Place, Subject},
    content,
    event::{kind, slot},
    hash::{Hash, sha256},
    ids::{Id, LeafIndex, ScopeId, hex_exact},
    json::{self, JsonError, Members, wrong},
};

const STEP: Step = Step::Register;

/// `SHA-256("custos/register-id/v1" 0x00 | ka[32] | item id)`.
pub(crate) fn id_hash(ka: &[u8; 32], item: &Id) -> Hash {
    sha256(&[b"custos/register-id/v1\0", ka, item.as_bytes()])
}

/// `SHA-256("custos/register-state/v1" 0x00 | kb[32] | state)`.
pub(crate) fn state_hash(kb: &[u8; 32], state: &str) -> Hash {
    sha256(&[b"custos/register-state/v1\0", kb, state.as_bytes()])
}

/// `SHA-256(0x00 | "custos/register/v1" 0x00 | a | b)`.
pub(crate) fn leaf(a: &Hash, b: &Hash) -> Hash {
    sha256(&[b"\0custos/register/v1\0", a.as_bytes(), b.as_bytes()])
}

/// The root over a register's leaves; of none, the SHA-256 of nothing.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    content::root(leaves).unwrap_or_else(|| sha256(&[]))
}

/// A leaf as `register.json` shows it.
struct Leaf {
    a: Hash,
    b: Hash,
    /// The item, where the leaf is fully open.
    item: Option<Id>,
    state: String,
}

/// What the register's entry commits to.
struct Register {
    index: LeafIndex,
    scope: ScopeId,
    recipient: Id,
    n: u64,
    root: Hash,
    last_item: Option<Hash>,
}

/// The step.
pub(super) fn check<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
) -> Result<Option<RegisterCheck>, VerifyError> {
    if !opened.has(&Place::Register) {
        return Ok(None);
    }
    let bytes = opened.bytes(STEP, &Place::Register, MAX_JSON_BYTES)?;
    let refused = |error| fail_in(STEP, Place::Register, error);
    let (entry, leaves) = parse(&bytes).map_err(refused)?;
    let register = read_entry_of(opened, log, entry)?;
    let hashes: Vec<Hash> = leaves
        .iter()
        .map(|shown| leaf(&shown.a, &shown.b))
        .collect();
    if leaves.len() as u64 != register.n || root(&hashes) != register.root {
        return Err(fail(
            STEP,
            "the leaves are not those that the register's entry commits to",
        ));
    }
    let items = walk(log, &register)?;
    refuse_uncounted(log, &register, &items)?;
    let opened_items = match_items(opened, log, &register, &items, &leaves)?;
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    for leaf in leaves {
        *states.entry(leaf.state).or_default() += 1;
    }
    Ok(Some(RegisterCheck {
        entry,
        scope: register.scope,
        recipient: register.recipient,
        time: log.at(entry).and_then(|record| record.time),
        n: register.n,
        states,
        every_item_opened: opened_items == register.n,
    }))
}

/// `{"entry","leaves":[...]}`.
fn parse(bytes: &[u8]) -> Result<(LeafIndex, Vec<Leaf>), JsonError> {
    let value = json::parse(bytes)?;
    let members = Members::exactly(&value, &["entry", "leaves"])?;
    let entry = LeafIndex::new(members.integer("entry")?).map_err(|_| wrong("entry"))?;
    let leaves = members.array("leaves")?.iter().map(parse_leaf);
    let leaves: Vec<Leaf> = leaves.collect::<Result<_, _>>()?;
    if !leaves.is_sorted_by(|before, after| before.a < after.a) {
        return Err(wrong("leaves"));
    }
    Ok((entry, leaves))
}

/// `{"id","ka","kb","state"}` or `{"a","kb","state"}`.
fn parse_leaf(value: &Value) -> Result<Leaf, JsonError> {
    let key = |members: &Members<'_>, name: &str| {
        hex_exact::<32>(members.string(name)?, "a key").map_err(|_| wrong(name))
    };
    let (members, a, item) = match Members::exactly(value, &["a", "kb", "state"]) {
        Ok(members) => {
            let a = members.parsed("a")?;
            (members, a, None)
        }
        Err(_) => {
            let members = Members::exactly(value, &["id", "ka", "kb", "state"])?;
            let item: Id = members.parsed("id")?;
            let a = id_hash(&key(&members, "ka")?, &item);
            (members, a, Some(item))
        }
    };
    let state = members.string("state")?;
    let known = match state.strip_prefix("withheld:") {
        Some(code) => is_code(code),
        None => state == "expunged" || (state == "served" && item.is_some()),
    };
    if !known {
        return Err(wrong("state"));
    }
    Ok(Leaf {
        a,
        b: state_hash(&key(&members, "kb")?, state),
        item,
        state: state.into(),
    })
}

fn read_entry_of<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
    index: LeafIndex,
) -> Result<Register, VerifyError> {
    let what = "it shows no register";
    let refused = || fail_in(STEP, Place::Entry(index), what);
    let record = log.at(index).ok_or_else(refused)?;
    let entry = read_entry(opened, STEP, index)?;
    let detail = entry
        .value(slot::DETAIL)
        .filter(|_| entry.string(slot::KIND) == Some(kind::REGISTER));
    let (scope, detail) = record.scope.zip(detail).ok_or_else(refused)?;
    if scope != opened.manifest.scope {
        let what = "its register is of another scope than the bundle";
        return Err(fail_in(STEP, Place::Entry(index), what));
    }
    let hash = |name: &str| detail.get(name)?.as_str()?.parse::<Hash>().ok();
    Ok(Register {
        index,
        scope,
        recipient: detail
            .get("recipient")
            .and_then(|id| id.as_str()?.parse().ok())
            .ok_or_else(refused)?,
        n: detail
            .get("n")
            .and_then(Value::as_u64)
            .ok_or_else(refused)?,
        root: hash("root").ok_or_else(refused)?,
        last_item: hash("last_item"),
    })
}

/// The n entries that added items to the register's scope, by their numbers, each following
/// the one before, all below the register.
fn walk<'a>(log: &'a Log, register: &Register) -> Result<Vec<&'a Record>, VerifyError> {
    let mut by_nth = BTreeMap::new();
    for record in &log.records {
        if let (Some(scope), Some(nth)) = (record.scope, record.links[ITEM].nth.known())
            && scope == register.scope
            && record.index < register.index
        {
            by_nth.insert(nth, record);
        }
    }
    let mut items: Vec<&Record> = Vec::new();
    // The list of leaves bounds n, and it was compared before.
    for nth in 1..=register.n {
        let missing = || fail(STEP, format!("the entry that added item {nth} is missing"));
        let record = by_nth.get(&nth).copied().ok_or_else(missing)?;
        let before = items.last().copied();
        let prev = before.map_or(Shown::Null, |before| Shown::Is(before.c));
        let rises = before.is_none_or(|before| before.index < record.index);
        if record.links[ITEM].prev != prev || !rises {
            let what = format!("the entry that added item {nth} does not follow the one before");
            return Err(fail(STEP, what));
        }
        items.push(record);
    }
    if items.last().map(|last| last.c) != register.last_item {
        return Err(fail(
            STEP,
            "the last item is not the one that the register names",
        ));
    }
    Ok(items)
}

/// No other entry that the bundle shows of the scope, below the register, adds an item: a
/// register that the bundle itself disproves states nothing.
fn refuse_uncounted(log: &Log, register: &Register, items: &[&Record]) -> Result<(), VerifyError> {
    let counted: HashSet<LeafIndex> = items.iter().map(|record| record.index).collect();
    // What was added so far; `None` stands for items whose subject is withheld.
    let mut came: HashSet<Option<Hash>> = HashSet::new();
    let below = |record: &&Record| record.index < register.index;
    for record in log.records.iter().filter(below) {
        let (nth, prev) = (record.links[ITEM].nth, record.links[ITEM].prev.known());
        // A chain is of one scope: whoever follows the last item is of the register's.
        let follows = prev.is_some() && prev == register.last_item;
        if record.scope != Some(register.scope) && !follows {
            continue;
        }
        if counted.contains(&record.index) {
            came.insert(record.subject);
            continue;
        }
        // An item that comes back was counted when it came first, and has no number again.
        let was_there = came.contains(&record.subject)
            || came.contains(&None)
            || (record.subject.is_none() && !came.is_empty());
        let back = record.kind.as_deref() == Some(kind::MOVE_IN) && nth == Shown::Null && was_there;
        let linked = nth.known().is_some() || prev.is_some();
        if linked || (record.adds_item() && !back) {
            let what = format!(
                "entry {} adds an item that the register does not count",
                record.index
            );
            return Err(fail(STEP, what));
        }
    }
    Ok(())
}

/// Each item that a leaf names is the subject of exactly one of the entries; an expunged one
/// is named by its `expunge` entry, and its own may be withheld. Gives the number of leaves
/// that name their item.
fn match_items<R: Read + Seek>(
    opened: &mut Opened<R>,
    log: &Log,
    register: &Register,
    items: &[&Record],
    leaves: &[Leaf],
) -> Result<u64, VerifyError> {
    let added: HashSet<Hash> = items.iter().map(|record| record.c).collect();
    let expunged = Expunged::read(opened, log, register, &added)?;
    let mut by_subject: HashMap<Hash, Vec<Hash>> = HashMap::new();
    for record in items {
        if let Some(subject) = record.subject {
            by_subject.entry(subject).or_default().push(record.c);
        }
    }
    let is_closed = |c: &Hash| log.of(c).is_some_and(|record| record.subject.is_none());
    let mut used = HashSet::new();
    let mut named = 0;
    for leaf in leaves {
        let Some(id) = leaf.item else { continue };
        let kind = "item".into();
        let entries = by_subject.get(&hash_of(&Subject { kind, id }));
        let named_by = expunged.named.get(&id).map(Vec::as_slice);
        let c = match (entries.map(Vec::as_slice), leaf.state.as_str(), named_by) {
            (Some([c]), "expunged", Some(named_by)) => Some(*c).filter(|c| named_by.contains(c)),
            (Some([c]), state, _) if state != "expunged" => Some(*c),
            (None, "expunged", Some([c])) => Some(*c).filter(is_closed),
            _ => None,
        };
        let once = c.is_some_and(|c| used.insert(c));
        if !once {
            let what = format!("item {id} was not added exactly once, or not expunged as stated");
            return Err(fail(STEP, what));
        }
        named += 1;
    }
    let stated = leaves.iter().filter(|leaf| leaf.state == "expunged");
    if stated.count() > expunged.count {
        let what = "more items are said to be expunged than `expunge` entries show";
        return Err(fail(STEP, what));
    }
    Ok(named)
}

/// What `expunge` entries below the register say of its items.
struct Expunged {
    /// The C of the adding entries of each item, where slot 22 is open.
    named: HashMap<Id, Vec<Hash>>,
    /// How many items can have been expunged at all.
    count: usize,
}

impl Expunged {
    fn read<R: Read + Seek>(
        opened: &mut Opened<R>,
        log: &Log,
        register: &Register,
        added: &HashSet<Hash>,
    ) -> Result<Self, VerifyError> {
        let mut named: HashMap<Id, Vec<Hash>> = HashMap::new();
        let (mut cs, mut unnamed) = (HashSet::new(), 0);
        for record in &log.records {
            if record.kind.as_deref() != Some(kind::EXPUNGE) || record.index >= register.index {
                continue;
            }
            let entry = read_entry(opened, STEP, record.index)?;
            let Some(detail) = entry.value(slot::DETAIL) else {
                // Whoever may not know which item it was still sees that there was one.
                unnamed += usize::from(record.scope == Some(register.scope));
                continue;
            };
            let said = detail.get("item").zip(detail.get("adding"));
            let said = said.and_then(|(item, adding)| {
                Some((item.as_str()?.parse().ok()?, adding.as_str()?.parse().ok()?))
            });
            if let Some((item, adding)) = said
                && added.contains(&adding)
                && cs.insert(adding)
            {
                named.entry(item).or_default().push(adding);
            }
        }
        let count = cs.len() + unnamed;
        Ok(Self { named, count })
    }
}
