//! A deposit by a form: the fields first, then the file, straight from the connection into the
//! store. Nothing is kept in a file on the way, nor more than a piece in memory.

mod gate;

use std::{collections::BTreeSet, io, pin::Pin};

use bytes::Bytes;
use custos_core::ids::CaseId;
use futures::{Stream, stream};
use multer::Field;
use rocket::{
    http::ContentType,
    outcome::Outcome,
    request::{self, FromRequest, Request},
};
use tokio_util::io::{ReaderStream, StreamReader};

use self::gate::Form;
use super::guards::{CSRF_FIELD, Seat, own_page};
use crate::{
    app::{
        self, Room,
        uploads::{self, DeclaredHash, Deposited, FileName, HexName, MAX_ITEM_BYTES, NewItem},
    },
    http::{
        errors::Failure,
        front::handover::Body,
        json::{MAX_METADATA_BYTES, content_length},
        text::{parse_local, parse_offset},
    },
};

/// Bytes that are read from the connection at once.
const READ_BYTES: usize = 64 << 10;
/// Bytes of a form without its file: fields, their heads, what stands before the first.
const MAX_FORM_BYTES: u64 = 2 * MAX_METADATA_BYTES;
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

/// How the fields begin that tell more of an item's origin.
pub const PARTICULARS_PREFIX: &str = "particulars.";

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
    data: Body<'_>,
) -> Result<Deposited, Failure> {
    let limit = MAX_ITEM_BYTES + MAX_FORM_BYTES;
    let stream = ReaderStream::with_capacity(data.open(limit), READ_BYTES);
    let mut form = Form::new(stream, parts.boundary, MAX_FORM_BYTES);
    let mut fields = Fields::default();
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|error| cut(&form, &error))?
    {
        if field.name() != Some(FILE_FIELD) {
            fields.take(&mut form, field).await?;
            continue;
        }
        seat.confirm(fields.csrf.as_deref())?;
        let item = fields.item(file_name(&field)?)?;
        let upload = uploads::announce(room, seat.who(), case, item).await?;
        let bytes = StreamReader::new(last(form, field));
        return Ok(uploads::receive(room, seat.who(), upload, bytes, None).await?);
    }
    seat.confirm(fields.csrf.as_deref())?;
    Err(app::Error::invalid("no file was chosen").into())
}

/// The file's name, as it was sent; one that is not UTF-8 by its bytes.
fn file_name(field: &Field<'_>) -> Result<FileName, Failure> {
    let unnamed = || Failure::from(app::Error::invalid("no file was chosen"));
    if let Some(name) = field.file_name() {
        return match name {
            "" => Err(unnamed()),
            name => Ok(FileName::Text(name.into())),
        };
    }
    let head = field.headers().get("content-disposition");
    let head = head.ok_or_else(unnamed)?.as_bytes();
    let Some(at) = memmem(head, b"filename") else {
        return Err(unnamed());
    };
    // A browser quotes the name, and writes a quote within it as %22.
    let quoted = head[at..].strip_prefix(b"filename=\"");
    let name = quoted.and_then(|rest| Some(&rest[..rest.iter().rposition(|byte| *byte == b'"')?]));
    let name = name.ok_or_else(|| {
        Failure::Malformed("the file's name can't be read; give the file another one".into())
    })?;
    Ok(match std::str::from_utf8(name) {
        Ok(name) => FileName::Text(name.into()),
        Err(_) => FileName::Bytes(HexName {
            hex: hex::encode(name),
        }),
    })
}

fn memmem(bytes: &[u8], sought: &[u8]) -> Option<usize> {
    bytes
        .windows(sought.len())
        .position(|window| window == sought)
}

/// The bytes of the last field. They end well only where the form does: a cut, or anything
/// behind the file, is an error of the stream.
fn last<'r>(
    form: Form<'r>,
    field: Field<'r>,
) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'r>> {
    let pieces = stream::try_unfold((form, Some(field)), async |(mut form, field)| {
        let Some(mut field) = field else {
            return Ok(None);
        };
        let piece = form.file_chunk(&mut field).await;
        if let Some(piece) = piece.map_err(io::Error::other)? {
            return Ok(Some((piece, (form, Some(field)))));
        }
        drop(field);
        match form.next_field().await {
            Ok(None) => Ok(None),
            Ok(Some(_)) => Err(io::Error::other("a field stands behind the file")),
            Err(error) => Err(io::Error::other(error)),
        }
    });
    Box::pin(pieces)
}

/// Why a form can't be read. The error's own text is for programmers.
fn cut(form: &Form<'_>, error: &multer::Error) -> Failure {
    if form.is_too_long() {
        return Failure::Malformed(format!(
            "the form without its file is longer than {MAX_FORM_BYTES} bytes"
        ));
    }
    Failure::Malformed(match error {
        multer::Error::ReadHeaderFailed(_) => {
            "the head of a field can't be read; if the file's name has a control character in \
             it, give the file another one"
                .into()
        }
        _ => "the form was cut, or is not of its form".into(),
    })
}

/// The fields before the file.
#[derive(Default)]
struct Fields {
    csrf: Option<String>,
    item: NewItem,
    captured_at: String,
    offset: String,
    sha256: String,
    /// Names of all fields so far.
    seen: BTreeSet<String>,
    /// Bytes of all fields so far.
    bytes: u64,
}

impl Fields {
    async fn take<'r>(&mut self, form: &mut Form<'r>, mut field: Field<'r>) -> Result<(), Failure> {
        let name = field.name().unwrap_or_default().to_owned();
        // Two readers of a form might take one of them each.
        if !self.seen.insert(name.clone()) {
            return Err(Failure::Malformed(format!(
                "the field `{name}` stands twice"
            )));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = form
            .chunk(&mut field)
            .await
            .map_err(|error| cut(form, &error))?
        {
            self.bytes += piece.len() as u64;
            if self.bytes > MAX_METADATA_BYTES {
                return Err(Failure::TooLarge {
                    limit: MAX_METADATA_BYTES,
                });
            }
            bytes.extend_from_slice(&piece);
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::Malformed(format!("the field `{name}` is not UTF-8")))?;
        let place = match name.as_str() {
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
            more => match more.strip_prefix(PARTICULARS_PREFIX) {
                // Which of them there are, the application says.
                Some(particular) => self.item.particulars.entry(particular.into()).or_default(),
                None => {
                    return Err(Failure::Malformed(format!("the field `{name}` is unknown")));
                }
            },
        };
        *place = text;
        Ok(())
    }

    /// What is told of the item, as the application takes it.
    fn item(&mut self, file_name: FileName) -> Result<NewItem, Failure> {
        let mut item = std::mem::take(&mut self.item);
        item.file_name = Some(file_name);
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
