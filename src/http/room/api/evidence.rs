//! Depositing, reading and restricting items.

use custos_core::ids::{CaseId, ItemId, Timestamp, UploadId, ViewId};
use rocket::{
    State, delete, get,
    http::{ContentType, Status},
    post, put,
    serde::json::Json,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Changed, Created, EntryPlace};
use crate::{
    app::{
        Room,
        evidence::{self, ItemPage},
        schema,
        uploads::{self, Deposited, Mismatch, NewItem, Sent},
        views::{self, Holder},
    },
    http::{
        errors::Failure,
        front::handover::Body,
        json::Metadata,
        range::{Disposition, Streamed, Wanted, viewed},
        room::guards::{Depositor, Manager, Named, Reader},
        sent::Whole,
        tags::Tagged,
    },
};

/// Why content is to be read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewView)]
pub struct Reason {
    /// What it is for.
    #[schema(value_type = schema::Purpose)]
    purpose: String,
    /// Why, in one's own words; policy asks for at least 15 characters.
    #[schema(value_type = schema::Text)]
    why: String,
    /// Whether a copy is to be taken away.
    #[serde(default)]
    download: bool,
}

/// What an announcement is acknowledged with.
#[derive(Serialize, ToSchema)]
pub struct Announced {
    /// What names the upload.
    #[schema(value_type = schema::Id)]
    upload: UploadId,
    /// The address to which its bytes are sent.
    content: String,
}

/// Whether announced bytes were taken in.
#[derive(Serialize, ToSchema)]
pub struct UploadState {
    /// The upload.
    #[schema(value_type = schema::Id)]
    upload: UploadId,
    /// The item that it became; null while its bytes were not taken in.
    #[schema(value_type = Option<schema::Id>)]
    item: Option<ItemId>,
}

/// What a deposit is acknowledged with: everything in it is durable.
#[derive(Serialize, ToSchema)]
pub struct Acknowledged {
    /// The item.
    #[schema(value_type = schema::Id)]
    item: ItemId,
    /// Exhibit reference.
    reference: String,
    /// Bytes.
    #[schema(value_type = schema::Bytes)]
    size: u64,
    /// Fingerprint (SHA-256) of the whole.
    #[schema(value_type = schema::Sha256)]
    sha256: String,
    /// As the room found it by looking at the bytes.
    media_type: String,
    /// When its last byte was received.
    #[schema(value_type = schema::Time)]
    received_at: Timestamp,
    /// Whether the item is in quarantine, because a declared hash does not fit.
    quarantined: bool,
    /// The hashes that do not fit.
    mismatches: Vec<Mismatch>,
    /// The entry that took it in.
    entry: EntryPlace,
}

/// A view that was opened.
#[derive(Serialize, ToSchema)]
pub struct OpenView {
    /// Its id.
    #[schema(value_type = schema::Id)]
    id: ViewId,
    /// When it ends by itself.
    #[schema(value_type = schema::Time)]
    expires_at: Timestamp,
    /// As the room found it.
    media_type: String,
    /// Bytes of the content.
    #[schema(value_type = schema::Bytes)]
    size: u64,
    /// Whether a copy may be taken away.
    download: bool,
    /// The address of the content.
    content: String,
}

#[post("/cases/<case>/items", data = "<new>")]
pub async fn announce(
    caller: Depositor,
    room: &State<Room>,
    case: Named<CaseId>,
    new: Metadata<NewItem>,
) -> Result<Created<Announced>, Failure> {
    let upload = uploads::announce(room, &caller.0.of(new.1), case.0, new.0).await?;
    let content = format!("uploads/{upload}/content");
    let body = Announced {
        upload,
        content: format!("/api/v1/{content}"),
    };
    Ok(Created::at(&content, body))
}

/// Whether the bytes of what was announced were taken in, for a depositor whose
/// acknowledgement was lost.
#[get("/uploads/<upload>")]
pub async fn upload(
    caller: Depositor,
    room: &State<Room>,
    upload: Named<UploadId>,
) -> Result<Tagged<UploadState>, Failure> {
    let item = uploads::state(room, &caller.0, upload.0).await?;
    Ok(Tagged::of(UploadState {
        upload: upload.0,
        item,
    }))
}

/// The bytes of what was announced. Without their number, a cut could not be told from an end.
#[put("/uploads/<upload>/content", data = "<data>")]
pub async fn receive(
    caller: Depositor,
    room: &State<Room>,
    upload: Named<UploadId>,
    whole: Whole,
    data: Body<'_>,
) -> Result<Created<Acknowledged>, Failure> {
    let bytes = data.open(whole.length.saturating_add(1));
    let sent = Sent {
        length: Some(whole.length),
        hashes: whole.hashes,
    };
    let deposited = uploads::receive(room, &caller.0, upload.0, bytes, sent).await?;
    let location = format!("items/{}", deposited.item);
    Ok(Created::at(&location, deposited.into()))
}

impl From<Deposited> for Acknowledged {
    fn from(deposited: Deposited) -> Self {
        Self {
            item: deposited.item,
            reference: deposited.reference,
            size: deposited.size,
            sha256: deposited.sha256,
            media_type: deposited.media_type,
            received_at: deposited.received_at,
            quarantined: !deposited.mismatches.is_empty(),
            mismatches: deposited.mismatches,
            entry: (&deposited.entered).into(),
        }
    }
}

#[get("/items/<item>")]
pub async fn read(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Tagged<ItemPage>, Failure> {
    let item = evidence::read_item(room, &caller.0, item.0).await?;
    Ok(Tagged::of(item))
}

#[post("/items/<item>/views", data = "<reason>")]
pub async fn open_view(
    caller: Reader,
    room: &State<Room>,
    item: Named<ItemId>,
    reason: Metadata<Reason>,
) -> Result<Created<OpenView>, Failure> {
    let purpose = (reason.0.purpose.as_str(), reason.0.why.as_str());
    let view = views::open_view(
        room,
        &caller.0.of(reason.1),
        item.0,
        purpose,
        reason.0.download,
    )
    .await?;
    let body = OpenView {
        id: view.id,
        expires_at: view.expires_at,
        media_type: view.media_type,
        size: view.size,
        download: view.download,
        content: format!("/api/v1/views/{}/content", view.id),
    };
    Ok(Created::at(&format!("views/{}", view.id), body))
}

/// Content for programs: always as an attachment, because this is the room's own origin.
#[get("/views/<view>/content")]
pub async fn read_view(
    caller: Reader,
    room: &State<Room>,
    view: Named<ViewId>,
    wanted: Wanted,
) -> Result<Streamed, Failure> {
    let holder = Holder::SignedIn(caller.0.holder);
    let content = views::read_view(room, view.0, holder).await?;
    let name = format!("{}.bin", content.item());
    viewed(
        content,
        wanted,
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
) -> Result<Json<Changed>, Failure> {
    let done = evidence::restrict(room, &caller.0, item.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}

#[delete("/items/<item>/restriction")]
pub async fn lift_restriction(
    caller: Manager,
    room: &State<Room>,
    item: Named<ItemId>,
) -> Result<Json<Changed>, Failure> {
    let done = evidence::lift_restriction(room, &caller.0, item.0).await?;
    Ok(Json(Changed::by(&done.entered)))
}
