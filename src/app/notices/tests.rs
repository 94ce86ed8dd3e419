//! Who is told what, and what becomes of it.

mod addresses;
mod hiding;
mod sending;

use std::collections::BTreeSet;

use custos_core::ids::{ItemId, RowId};

use super::{Hook, Kind, Outlets, reading, sending as ways};
use crate::{
    app::{
        SignedIn,
        cases::tests::Case,
        notices::{addresses as own_addresses, sending::Parcel},
        tests::world::{World, outlets},
        uploads::{DeclaredHash, NewItem},
    },
    db::{
        outbox::{self, NoticeRow, Way},
        schema::notices,
    },
    peers::{
        client::Address,
        mail::Letter,
        webhooks::{Endpoint, Secret},
    },
};

/// The name of the endpoint that every kind goes to.
const DESK: &str = "desk";

/// A case in a room with a mail server and an endpoint.
async fn telling() -> Case {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.goes_out());
    let endpoint = Endpoint {
        name: DESK.into(),
        address: Address::parse("http://127.0.0.1:9/").expect("an address"),
        secret: Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret"),
    };
    let hook = Hook {
        endpoint,
        kinds: kinds.collect::<BTreeSet<_>>(),
    };
    Case::telling(Outlets {
        hooks: vec![hook],
        ..outlets()
    })
    .await
}

/// Every row there is, in the order of writing.
async fn rows(world: &World) -> Vec<NoticeRow> {
    use diesel::prelude::*;

    let core = world.room.core.clone();
    let read = world.room.read(move |connection| {
        let ids: Vec<Vec<u8>> = notices::table
            .order(notices::created_at)
            .select(notices::id)
            .load(connection)
            .map_err(crate::db::DbError::from)?;
        let ids = ids
            .into_iter()
            .map(|id| RowId::from_bytes(id.try_into().expect("16 bytes")));
        let rows = ids.map(|id| outbox::get(connection, &core.keys.session, id));
        Ok(rows
            .map(|row| row.map(|row| row.expect("it is there")))
            .collect::<Result<Vec<_>, _>>()?)
    });
    read.await.expect("read")
}

/// Kinds of the rows for an account.
async fn told(world: &World, who: &SignedIn) -> Vec<String> {
    let rows = rows(world).await.into_iter();
    rows.filter(|row| row.account_id == Some(who.account))
        .map(|row| row.kind)
        .collect()
}

/// Kinds of the rows for the endpoint.
async fn sent_out(world: &World) -> Vec<String> {
    let rows = rows(world).await.into_iter();
    rows.filter(|row| row.endpoint.as_deref() == Some(DESK))
        .map(|row| row.kind)
        .collect()
}

/// Kinds on the person's own page.
async fn page(world: &World, who: &SignedIn) -> Vec<&'static str> {
    let listed = reading::list(&world.room, who).await.expect("listed");
    listed.iter().map(|notice| notice.kind).collect()
}

async fn due(world: &World) -> Vec<RowId> {
    ways::due(&world.room, Way::Mail).await.expect("looked up")
}

/// The letter that would be sent next.
async fn letter(world: &World) -> Option<(RowId, Letter)> {
    let notice = *due(world).await.first()?;
    match ways::take_up(&world.room, notice).await.expect("taken up") {
        Some(Parcel::Letter(letter)) => Some((notice, letter)),
        other => panic!("{other:?}"),
    }
}

/// The code in a letter.
fn code(letter: &Letter) -> String {
    let (_, code) = letter.text.split_once('#').expect("a link");
    code.split_whitespace().next().expect("a code").into()
}

/// Gives somebody a confirmed address.
async fn addressed(world: &World, who: &SignedIn, mail: &str) {
    let room = &world.room;
    own_addresses::name(room, who, mail).await.expect("named");
    let (notice, letter) = letter(world).await.expect("a letter");
    assert_eq!(letter.to, mail);
    ways::settle(room, notice, Ok(())).await.expect("settled");
    own_addresses::confirm(room, who, &code(&letter))
        .await
        .expect("confirmed");
}

/// A deposit with a hash that does not fit.
async fn quarantined(case: &Case, reference: &str, sensitivity: &str) -> ItemId {
    case.deposit_of(NewItem {
        reference: reference.into(),
        sensitivity: sensitivity.into(),
        declared: vec![DeclaredHash {
            algorithm: "md5".into(),
            value: "0".repeat(32),
        }],
        ..NewItem::default()
    })
    .await
}
