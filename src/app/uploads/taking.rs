//! The two commands of a deposit: what is told, and what is taken in.

use custos_core::{
    event::{kind, slot},
    hash::{Hash, hmac_sha256},
    ids::{CaseId, Id, ItemId, ObjectId, PersonId, RowId, ScopeId, Timestamp, UploadId},
    keys::Purpose,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Deposited, Mismatch, not_taken_in};
use crate::{
    app::{
        SignedIn,
        context::Core,
        deciding::Asking,
        entering::{Draft, Subject, Tx},
        error::Error,
        notices::{self, Event},
        writer::{Command, Stop},
    },
    content::{declared::Fingerprint, media, write::Written},
    db::{
        bound::{self, Binding},
        evidence::{self, AddsItem, Derived, ItemDetails, ItemRow, StateRow},
        filings::{self, Derivative, Filed, FilingRow},
        keys,
        uploads::{self, UploadDetails, UploadRow},
    },
    policy::{
        Permit,
        action::{Deposit, Derive},
        facts::{ItemState, Resource},
    },
};

/// Asks whether somebody may deposit, and leaves no entry unless they may not.
pub(super) struct MayDeposit {
    pub(super) who: SignedIn,
    pub(super) case: CaseId,
}

impl Command for MayDeposit {
    type Output = ();

    fn run(self, tx: &mut Tx<'_>) -> Result<(), Stop> {
        let asking = tx.asking(&self.who)?;
        let facts = tx.case::<Deposit>(&asking, self.case)?;
        // The form shows nothing; its deposit is decided afresh.
        let _asked_for = tx.permit::<Deposit>(&asking, &Resource::Case(facts.case))?;
        Ok(())
    }
}

/// Keeps what is told of an item before its bytes.
pub(super) struct Announce {
    pub(super) who: SignedIn,
    pub(super) case: CaseId,
    pub(super) details: UploadDetails,
}

impl Command for Announce {
    type Output = UploadId;

    fn run(self, tx: &mut Tx<'_>) -> Result<UploadId, Stop> {
        let asking = tx.asking(&self.who)?;
        let case = self.case;
        match &self.details.derived {
            None => self.keep::<Deposit>(tx, &asking),
            Some(derived) => {
                let sources = derived.sources.clone();
                let id = self.keep::<Derive>(tx, &asking)?;
                sources_of(tx, &asking, case, &sources)?;
                Ok(id)
            }
        }
    }
}

impl Announce {
    fn keep<A: AddsItem>(self, tx: &mut Tx<'_>, asking: &Asking) -> Result<UploadId, Stop> {
        let facts = tx.case::<A>(asking, self.case)?;
        let permit = tx.permit::<A>(asking, &Resource::Case(facts.case))?;
        free(tx, &permit, self.reference_index(tx.core, facts.scope))?;
        let row = UploadRow {
            id: tx.id(),
            case_id: self.case,
            person_id: self.who.person,
            created_at: tx.now(),
            item_id: None,
            details: self.details,
        };
        let core = tx.core;
        uploads::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient, &core.keys.session),
            facts.scope,
            &row,
        )?;
        Ok(row.id)
    }

    fn reference_index(&self, core: &Core, scope: ScopeId) -> [u8; 32] {
        reference_index(core, scope, self.who.person, &self.details)
    }
}

/// Ids and keys that are made for one pass over the bytes and for no other.
pub(super) struct Fresh {
    pub(super) item: ItemId,
    pub(super) object: ObjectId,
    pub(super) data_key: Zeroizing<[u8; 32]>,
    pub(super) salt_key: Zeroizing<[u8; 32]>,
}

/// Takes in what was announced, once its bytes are durable.
pub(super) struct TakeIn {
    pub(super) who: SignedIn,
    pub(super) received_at: Timestamp,
    pub(super) row: UploadRow,
    pub(super) declared: Vec<Fingerprint>,
    pub(super) fresh: Fresh,
    pub(super) written: Written,
}

impl Command for TakeIn {
    type Output = Deposited;

    fn run(self, tx: &mut Tx<'_>) -> Result<Deposited, Stop> {
        let asking = tx.asking(&self.who)?;
        match self.row.details.derived.clone() {
            None => self.take_in::<Deposit>(tx, &asking, None),
            Some(derived) => {
                let sources = sources_of(tx, &asking, self.row.case_id, &derived.sources)?;
                self.take_in::<Derive>(tx, &asking, Some(&(derived, sources)))
            }
        }
    }
}

/// How an item was made from others, and the C of the entries that added those.
type Derivation = (Derived, Vec<Hash>);

impl TakeIn {
    fn take_in<A: AddsItem>(
        self,
        tx: &mut Tx<'_>,
        asking: &Asking,
        derivation: Option<&Derivation>,
    ) -> Result<Deposited, Stop> {
        let facts = tx.case::<A>(asking, self.row.case_id)?;
        let permit = tx.permit::<A>(asking, &Resource::Case(facts.case))?;
        let core = tx.core;
        // The same bytes may have been sent twice at once; the first to come here is the item.
        let keys = (&core.keyring, &core.keys.session);
        let announced = uploads::of_person(tx.connection, keys, self.row.id, self.who.person)?;
        not_taken_in(&announced.ok_or(Error::NotFound)?)?;
        let scope = tx.scope_keys(facts.scope)?;
        for (key, purpose) in [
            (&self.fresh.data_key, Purpose::Data),
            (&self.fresh.salt_key, Purpose::Salt),
        ] {
            keys::keep(
                tx.connection,
                &core.ambient,
                &scope,
                self.fresh.item.id(),
                purpose,
                key,
            )?;
        }
        let (declared, mismatches) = compare(&self.declared, &self.written);
        let index = reference_index(core, facts.scope, self.who.person, &self.row.details);
        free(tx, &permit, index)?;
        let item = self.item(facts.scope, tx.next_item(facts.scope)?, (declared, index));
        let state = StateRow {
            id: item.id,
            rev: 1,
            state: state_names(self.row.details.restricted, !mismatches.is_empty()),
        };
        let bindings = (
            bound::bind(&item, &core.ambient),
            bound::bind(&state, &core.ambient),
        );
        let derivatives = derivatives(tx, &item, derivation, self.who.person);
        let mut draft = adding(&item, derivation)
            .permitted(tx.acting(asking, Some(item.case_id)), &permit)
            .writes(bindings.0.slot.clone())
            .writes(bindings.1.slot.clone());
        for (_, binding) in &derivatives {
            draft = draft.writes(binding.slot.clone());
        }
        let entered = tx.enter(draft)?;
        evidence::insert(
            tx.connection,
            &permit,
            (&core.keyring, &core.ambient),
            (&item, &bindings.0),
            (&state, &bindings.1),
            &self.written.commitments.concat(),
            entered.c.as_bytes(),
        )?;
        for (row, binding) in &derivatives {
            filings::insert(
                tx.connection,
                &permit,
                (&core.keyring, &core.ambient, facts.scope),
                row,
                binding,
                entered.c.as_bytes(),
            )?;
        }
        let mut upload = self.row;
        let restricted = upload.details.restricted;
        upload.item_id = Some(item.id);
        uploads::finish(tx.connection, &permit, &core.keys.session, &upload)?;
        if !mismatches.is_empty() {
            let (item, depositor) = (item.id, self.who.person);
            notices::queue(tx, &Event::DepositQuarantined { item, depositor })?;
        }
        Ok(Deposited {
            item: item.id,
            reference: item.details.reference,
            entered,
            size: item.details.size,
            sha256: item.details.sha256,
            media_type: item.details.media_type,
            received_at: self.received_at,
            mismatches,
            restricted,
        })
    }
}

impl TakeIn {
    fn item(
        &self,
        scope_id: ScopeId,
        nth: u64,
        (declared, reference_index): (Value, [u8; 32]),
    ) -> ItemRow {
        let (told, written) = (&self.row.details, &self.written);
        ItemRow {
            id: self.fresh.item,
            rev: 1,
            case_id: self.row.case_id,
            scope_id,
            nth,
            object_id: self.fresh.object,
            reference_index: Some(hex::encode(reference_index)),
            details: ItemDetails {
                reference: told.reference.clone(),
                description: told.description.clone(),
                file_name: told.file_name.clone(),
                media_type: media::sniff(&written.head).into(),
                size: written.size,
                sha256: written.sha256.to_string(),
                content_root: written.content_root.to_string(),
                leaves: written.leaves,
                crc32: written.crc32,
                stored: written.stored.to_value(),
                declared,
                provenance: told.provenance.clone(),
                depositor: self.who.person,
                received_at: self.received_at,
                derived: told.derived.clone(),
            },
        }
    }
}

/// The entry that adds an item: slots 22 to 30.
fn adding(item: &ItemRow, derivation: Option<&Derivation>) -> Draft {
    let subject = Subject {
        noun: "item",
        id: Id::from(item.id),
    };
    let told = &item.details;
    let (kind, made) = match derivation {
        None => (kind::DEPOSIT, Value::Null),
        Some((derived, sources)) => (
            kind::DERIVE,
            json!({
                "sources": sources,
                "tool": derived.tool,
                "version": derived.version,
                "parameters": derived.parameters,
                "operator": derived.operator,
                "reason": derived.reason,
            }),
        ),
    };
    Draft::new(kind, item.scope_id, subject)
        .case(item.case_id)
        .detail(slot::SIZE, json!(told.size))
        .detail(slot::SHA256, json!(told.sha256))
        .detail(slot::CONTENT_ROOT, json!(told.content_root))
        .detail(slot::MEDIA_TYPE, json!(told.media_type))
        .detail(slot::DECLARED, told.declared.clone())
        .detail(slot::STORED, told.stored.clone())
        .detail(slot::DERIVATION, made)
        .detail(
            slot::DESCRIPTION,
            json!({
                "reference": told.reference,
                "description": told.description,
                "file_name": told.file_name,
            }),
        )
        .detail(
            slot::PROVENANCE,
            json!({"told": told.provenance, "received_at": told.received_at}),
        )
}

/// The rows by which each source names what was made of it.
fn derivatives(
    tx: &Tx<'_>,
    item: &ItemRow,
    derivation: Option<&Derivation>,
    by: PersonId,
) -> Vec<(FilingRow<Derivative>, Binding)> {
    let sources = derivation.map_or(&[][..], |(derived, _)| &derived.sources);
    let rows = sources.iter().map(|source| FilingRow {
        id: tx.id::<RowId>(),
        rev: 1,
        case_id: item.case_id,
        item_id: Some(*source),
        kind: Derivative::KIND,
        status: "filed".into(),
        filed_at: tx.now(),
        details: Derivative { item: item.id, by },
    });
    rows.map(|row| {
        let binding = bound::bind(&row, &tx.core.ambient);
        (row, binding)
    })
    .collect()
}

/// The C of the entries that added the sources, each of which its maker may open.
fn sources_of(
    tx: &mut Tx<'_>,
    asking: &Asking,
    case: CaseId,
    sources: &[ItemId],
) -> Result<Vec<Hash>, Stop> {
    let mut adding = Vec::new();
    for source in sources {
        let facts = tx.item::<Derive>(asking, *source)?;
        let permit = tx.permit::<Derive>(asking, &Resource::Item(facts.item.clone()))?;
        if facts.item.case != case {
            return Err(Error::invalid("a source is of another case").into());
        }
        adding.push(evidence::adding(tx.connection, &permit)?);
    }
    Ok(adding)
}

/// Refuses a reference that is taken.
fn free<A: AddsItem>(tx: &mut Tx<'_>, permit: &Permit<A>, index: [u8; 32]) -> Result<(), Stop> {
    if evidence::is_reference_taken(tx.connection, permit, &index)? {
        let said = "`reference` is taken in this case; nothing was kept, give another one";
        return Err(Error::Conflict(said.into()).into());
    }
    Ok(())
}

/// The blind index of a reference within its compartment: the scope, and of what is deposited
/// restricted its depositor's part of it. A refusal tells only of what they may know, or of
/// what they deposited themselves.
fn reference_index(
    core: &Core,
    scope: ScopeId,
    depositor: PersonId,
    details: &UploadDetails,
) -> [u8; 32] {
    let nobody = [0; 16];
    let part = if details.restricted {
        depositor.as_bytes()
    } else {
        &nobody
    };
    let words: Vec<&str> = details.reference.split_whitespace().collect();
    let folded = words.join(" ").to_lowercase();
    hmac_sha256(
        core.keys.index.as_bytes(),
        &[
            b"custos/reference/v1\0",
            scope.as_bytes(),
            part,
            folded.as_bytes(),
        ],
    )
}

/// Declared hashes beside what the bytes have, for slot 26, and those that do not fit.
fn compare(declared: &[Fingerprint], written: &Written) -> (Value, Vec<Mismatch>) {
    let mut mismatches = Vec::new();
    let mut shown = Vec::new();
    for print in declared {
        let found = written
            .declared
            .iter()
            .find(|found| found.algorithm() == print.algorithm())
            .map(ToString::to_string)
            .unwrap_or_default();
        let algorithm = print.algorithm().as_str();
        shown.push(json!({"algorithm": algorithm, "declared": print.to_string(), "found": found}));
        if found != print.to_string() {
            mismatches.push(Mismatch {
                algorithm: algorithm.into(),
                declared: print.to_string(),
                found,
            });
        }
    }
    (Value::Array(shown), mismatches)
}

fn state_names(restricted: bool, quarantined: bool) -> String {
    let states = [
        (quarantined, ItemState::Quarantined),
        (restricted, ItemState::Restricted),
    ];
    let names: Vec<&str> = states
        .iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, state)| state.name())
        .collect();
    names.join(",")
}
