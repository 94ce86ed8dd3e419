//! A deposit by a form: the fields first, then the file, straight from the connection into the
//! store. Nothing is kept in a file on the way, nor more than a piece in memory.

use std::{io, pin::Pin};

use bytes::Bytes;
use custos_core::ids::CaseId;
use futures::{Stream, stream};
use multer::{Field, Multipart};
use rocket::{
    Data,
    data::ByteUnit,
    http::ContentType,
    outcome::Outcome,
    request::{self, FromRequest, Request},
};
use tokio_util::io::{ReaderStream, StreamReader};

use super::guards::{CSRF_FIELD, Seat, own_page};
use crate::{
    app::{
        self, Room,
        uploads::{self, DeclaredHash, Deposited, FileName, MAX_ITEM_BYTES, NewItem},
    },
    http::{
        errors::Failure,
        json::{MAX_METADATA_BYTES, content_length},
        text::{parse_local, parse_offset},
    },
};

/// Bytes that are read from the connection at once.
const READ_BYTES: usize = 64 << 10;
/// The field with the file; all others come before it.
const FILE_FIELD: &str = "file";

/// A request with `multipart/form-data` from a page of ours, by its boundary.
pub struct Parts {
    boundary: String,
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Parts {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ()> {
        let boundary = request
            .content_type()
            .map(ContentType::to_string)
            .and_then(|kind| multer::parse_boundary(kind).ok());
        let parts = boundary
            .map(|boundary| Self { boundary })
            .ok_or(Failure::MediaType("multipart/form-data"));
        let checked = own_page(request).and(content_length(request)).and(parts);
        match checked {
            Ok(parts) => Outcome::Success(parts),
            Err(failure) => Outcome::Error(failure.stash(request)),
        }
    }
}

/// Takes a deposit in.
///
/// # Errors
/// What the application says; a form that is cut, too long, or has its fields behind the file.
/// Nothing is listed then.
pub async fn deposit(
    room: &Room,
    seat: &Seat,
    case: CaseId,
    parts: Parts,
    data: Data<'_>,
) -> Result<Deposited, Failure> {
    let limit = MAX_ITEM_BYTES + 2 * MAX_METADATA_BYTES;
    let stream = ReaderStream::with_capacity(data.open(ByteUnit::from(limit)), READ_BYTES);
    let mut parts = Multipart::new(stream, parts.boundary);
    let mut fields = Fields::default();
    while let Some(field) = parts.next_field().await.map_err(cut)? {
        if field.name() != Some(FILE_FIELD) {
            fields.take(field).await?;
            continue;
        }
        seat.confirm(fields.csrf.as_deref())?;
        let name = field.file_name().unwrap_or_default();
        if name.is_empty() {
            return Err(app::Error::invalid("no file was chosen").into());
        }
        let item = fields.item(name)?;
        let upload = uploads::announce(room, seat.who(), case, item).await?;
        let bytes = StreamReader::new(last(parts, field));
        return Ok(uploads::receive(room, seat.who(), upload, bytes, None).await?);
    }
    seat.confirm(fields.csrf.as_deref())?;
    Err(app::Error::invalid("no file was chosen").into())
}

/// The bytes of the last field. They end well only where the form does: a cut, or anything
/// behind the file, is an error of the stream.
fn last<'r>(
    parts: Multipart<'r>,
    field: Field<'r>,
) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'r>> {
    let pieces = stream::try_unfold((parts, Some(field)), async |(mut parts, field)| {
        let Some(mut field) = field else {
            return Ok(None);
        };
        if let Some(piece) = field.chunk().await.map_err(io::Error::other)? {
            return Ok(Some((piece, (parts, Some(field)))));
        }
        drop(field);
        match parts.next_field().await {
            Ok(None) => Ok(None),
            Ok(Some(_)) => Err(io::Error::other("a field stands behind the file")),
            Err(error) => Err(io::Error::other(error)),
        }
    });
    Box::pin(pieces)
}

fn cut(error: multer::Error) -> Failure {
    // The error's own text is for programmers.
    drop(error);
    Failure::Malformed("the form was cut, or is not of its form".into())
}

/// The fields before the file.
#[derive(Default)]
struct Fields {
    csrf: Option<String>,
    item: NewItem,
    captured_at: String,
    offset: String,
    sha256: String,
    /// Bytes of all fields so far.
    bytes: u64,
}

impl Fields {
    async fn take(&mut self, mut field: Field<'_>) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(cut)? {
            self.bytes += piece.len() as u64;
            if self.bytes > MAX_METADATA_BYTES {
                return Err(Failure::TooLarge {
                    limit: MAX_METADATA_BYTES,
                });
            }
            bytes.extend_from_slice(&piece);
        }
        let name = field.name().unwrap_or_default();
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::Malformed(format!("the field `{name}` is not UTF-8")))?;
        let place = match name {
            CSRF_FIELD => {
                self.csrf = Some(text);
                return Ok(());
            }
            "reference" => &mut self.item.reference,
            "description" => &mut self.item.description,
            "captured_at" => &mut self.captured_at,
            "captured_offset" => &mut self.offset,
            "place" => &mut self.item.place,
            "authority" => &mut self.item.authority,
            "source" => &mut self.item.source,
            "device" => &mut self.item.device,
            "tool" => &mut self.item.tool,
            "sensitivity" => &mut self.item.sensitivity,
            "sha256" => &mut self.sha256,
            _ => return Err(Failure::Malformed(format!("the field `{name}` is unknown"))),
        };
        *place = text;
        Ok(())
    }

    /// What is told of the item, as the application takes it.
    fn item(&mut self, file_name: &str) -> Result<NewItem, Failure> {
        let mut item = std::mem::take(&mut self.item);
        item.file_name = Some(FileName::Text(file_name.into()));
        if !self.captured_at.trim().is_empty() {
            let odd = |what: &str| Failure::from(app::Error::invalid(what));
            let minutes = parse_offset(self.offset.trim())
                .ok_or_else(|| odd("the offset from UTC is not of the form `+01:00`"))?;
            let time = parse_local(self.captured_at.trim(), minutes)
                .ok_or_else(|| odd("the time at which it was obtained can't be read"))?;
            item.captured_at = Some(time);
            item.captured_offset_minutes = Some(minutes);
        }
        let sha256 = self.sha256.trim().to_ascii_lowercase();
        if !sha256.is_empty() {
            item.declared.push(DeclaredHash {
                algorithm: "sha256".into(),
                value: sha256,
            });
        }
        Ok(item)
    }
}
