//! Depositing, reading and restricting items.

use custos_core::ids::{CaseId, ItemId, UploadId, ViewId};
use rocket::{
    State, delete, get,
    http::{ContentType, Status},
    post, put,
    serde::json::Json,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Created, entries, entry};
use crate::{
    app::{
        Room,
        evidence::{self, ItemPage},
        uploads::{self, Deposited, NewItem},
        views::{self, Holder},
    },
    http::{
        errors::Failure,
        front::handover::Body,
        json::Metadata,
        length::Length,
        range::{Asked, Disposition, Streamed, viewed},
        room::guards::{Depositor, Manager, Named, Reader},
    },
};

/// Why content is to be read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    purpose: String,
    why: String,
    #[serde(default)]
    download: bool,
}

#[post("/cases/<case>/items", data = "<new>")]
pub async fn announce(
    caller: Depositor,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewItem>,
) -> Result<Created, Failure> {
    let upload = uploads::announce(room, &caller.0.of(new.1), case.0, new.0).await?;
    let content = format!("uploads/{upload}/content");
    let body = json!({"upload": upload, "content": format!("/api/v1/{content}")});
    Ok(Created::at(&content, body))
}

/// Whether the bytes of what was announced were taken in, for a depositor whose
/// acknowledgement was lost.
#[get("/uploads/<upload>")]
pub async fn upload(
    caller: Depositor,
    room: &State<Room>,
    upload: Named<UploadId>,
) -> Result<Json<Value>, Failure> {
    let item = uploads::state(room, &caller.0, upload.0).await?;
    Ok(Json(json!({"upload": upload.0, "item": item})))
}

/// The bytes of what was announced. Without their number, a cut could not be told from an end.
#[put("/uploads/<upload>/content", data = "<data>")]
pub async fn receive(
    caller: Depositor,
    room: &State<Room>,
    upload: Named<UploadId>,
    length: Length,
    data: Body<'_>,
) -> Result<Created, Failure> {
    let bytes = data.open(length.0.saturating_add(1));
    let deposited = uploads::receive(room, &caller.0, upload.0, bytes, Some(length.0)).await?;
    let location = format!("items/{}", deposited.item);
    Ok(Created::at(&location, acknowledged(&deposited)))
}

fn acknowledged(deposited: &Deposited) -> Value {
    json!({
        "item": deposited.item,
        "reference": deposited.reference,
        "size": deposited.size,
        "sha256": deposited.sha256,
        "media_type": deposited.media_type,
        "received_at": deposited.received_at,
        "quarantined": !deposited.mismatches.is_empty(),
        "mismatches": deposited.mismatches,
        "entry": entry(&deposited.entered),
    })
}

#[get("/items/<item>")]
pub async fn read(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Json<ItemPage>, Failure> {
    Ok(Json(evidence::read_item(room, &caller.0, item.0).await?))
}

#[post("/items/<item>/views", data = "<reason>")]
pub async fn open_view(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
    reason: Metadata<Reason>,
) -> Result<Created, Failure> {
    let purpose = (reason.0.purpose.as_str(), reason.0.why.as_str());
    let view = views::open_view(
        room,
        &caller.0.of(reason.1),
        item.0,
        purpose,
        reason.0.download,
    )
    .await?;
    let body = json!({
        "id": view.id,
        "expires_at": view.expires_at,
        "media_type": view.media_type,
        "size": view.size,
        "download": view.download,
        "content": format!("/api/v1/views/{}/content", view.id),
    });
    Ok(Created::at(&format!("views/{}", view.id), body))
}

/// Content for programs: always as an attachment, because this is the room's own origin.
#[get("/views/<view>/content")]
pub async fn read_view(
    caller: Reader,
    room: &State<Room>,
    view: Named<ViewId>,
    asked: Asked,
) -> Result<Streamed, Failure> {
    let holder = Holder::SignedIn(caller.0.holder);
    let content = views::read_view(room, view.0, holder).await?;
    let name = format!("{}.bin", content.item());
    viewed(
        content,
        asked,
        ContentType::Binary,
        Disposition::Attachment(name),
    )
}

#[delete("/views/<view>")]
pub async fn close_view(
    caller: Reader,
    room: &State<Room>,
    view: Named<ViewId>,
) -> Result<Status, Failure> {
    views::close_view(room, &caller.0, view.0).await?;
    Ok(Status::NoContent)
}

#[put("/items/<item>/restriction")]
pub async fn restrict(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Json<Value>, Failure> {
    let done = evidence::restrict(room, &caller.0, item.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}

#[delete("/items/<item>/restriction")]
pub async fn lift_restriction(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Json<Value>, Failure> {
    let done = evidence::lift_restriction(room, &caller.0, item.0).await?;
    Ok(Json(json!({"entries": entries(&done.entered)})))
}
