//! Tags as HTTP writes them (RFC 9110, section 8.8.3), and the answers that carry one.

use rocket::{
    Request, Response,
    http::{ContentType, HeaderMap, Status},
    response::{self, Responder},
};
use serde::Serialize;

use super::{errors::Failure, room};
use crate::app::tags::{MAX_TAGS, Tag, Upon};

/// What a tag of two parts has between them: that of a thing itself, and that of all that is
/// shown with it.
const BETWEEN: char = '.';

/// One tag of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named<'h> {
    weak: bool,
    text: &'h str,
}

/// What a header names: everything, or some tags.
#[derive(Debug, PartialEq, Eq)]
enum Names<'h> {
    Anything,
    Some(Vec<Named<'h>>),
}

/// Reads the lines of `If-Match` or `If-None-Match`; `None` where they are not of their form.
fn names<'h>(lines: impl Iterator<Item = &'h str>) -> Option<Names<'h>> {
    let mut found = Vec::new();
    let mut anything = false;
    for line in lines {
        let mut rest = line.trim();
        if rest == "*" && !anything && found.is_empty() {
            anything = true;
            continue;
        }
        while !rest.is_empty() {
            let (weak, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (true, quoted),
                None => (false, rest),
            };
            let (text, behind) = quoted.strip_prefix('"')?.split_once('"')?;
            let plain = |byte: u8| byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80;
            if anything || !text.bytes().all(plain) {
                return None;
            }
            found.push(Named { weak, text });
            rest = behind.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',')?.trim_start();
            }
        }
    }
    match (anything, found.is_empty()) {
        (true, _) => Some(Names::Anything),
        (false, false) => Some(Names::Some(found)),
        (false, true) => None,
    }
}

/// What a change is made upon, as `If-Match` says.
///
/// # Errors
/// It is not of its form, or names more tags than are compared.
pub fn upon(headers: &HeaderMap<'_>) -> Result<Upon, Failure> {
    if !headers.contains("if-match") {
        return Ok(Upon::Unsaid);
    }
    let odd = || Failure::Malformed("`If-Match` is neither `*` nor a tag in quotes".into());
    let named = match names(headers.get("if-match")).ok_or_else(odd)? {
        Names::Anything => return Ok(Upon::Anything),
        Names::Some(named) => named,
    };
    if named.len() > MAX_TAGS {
        return Err(Failure::Malformed(format!(
            "`If-Match` names more than {MAX_TAGS} tags"
        )));
    }
    let mut tags = [None; MAX_TAGS];
    // A weak tag says nothing about bytes, so it never matches (RFC 9110, section 13.1.1).
    for (place, named) in tags.iter_mut().zip(named) {
        *place = Some(named.text).filter(|_| !named.weak).and_then(own);
    }
    Ok(Upon::One(tags))
}

/// The tag of a thing itself, from a tag as it was given out.
fn own(text: &str) -> Option<Tag> {
    let own = text.split_once(BETWEEN).map_or(text, |(own, _)| own);
    own.parse().ok()
}

/// What a form was shown upon, from its hidden field.
///
/// # Errors
/// It is no tag.
pub fn shown_upon(text: &str) -> Result<Upon, Failure> {
    if text == "*" {
        return Ok(Upon::Anything);
    }
    let odd = || Failure::Malformed("the field `tag` can't be taken".into());
    let mut tags = [None; MAX_TAGS];
    tags[0] = Some(text.parse().map_err(|()| odd())?);
    Ok(Upon::One(tags))
}

/// Whether `If-None-Match` names this tag, so that its bytes need not be sent again. One that is
/// not of its form names nothing.
pub fn is_known(request: &Request<'_>, tag: &str) -> bool {
    let lines = request.headers().get("if-none-match");
    match names(lines) {
        Some(Names::Anything) => true,
        Some(Names::Some(named)) => named.iter().any(|named| named.text == tag),
        None => false,
    }
}

/// JSON with the tag of what it says. Whoever has that already is told so: the read was entered
/// before this answers, as any other.
pub struct Tagged<T> {
    body: T,
    own: Option<Tag>,
}

impl<T> Tagged<T> {
    /// Something that is all that is shown.
    pub fn of(body: T) -> Self {
        Self { body, own: None }
    }

    /// Something whose changes look at a part of it alone, which has this tag.
    pub fn with(body: T, own: Tag) -> Self {
        Self {
            body,
            own: Some(own),
        }
    }
}

impl<'r, T: Serialize> Responder<'r, 'static> for Tagged<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let json = serde_json::to_vec(&self.body).map_err(|_| Status::InternalServerError)?;
        let whole = Tag::of_bytes(&room::room(request).core, &json);
        let tag = match self.own {
            Some(own) => format!("{own}{BETWEEN}{whole}"),
            None => whole.to_string(),
        };
        let mut response = Response::new();
        response.set_raw_header("ETag", format!("\"{tag}\""));
        if is_known(request, &tag) {
            response.set_status(Status::NotModified);
        } else {
            response.set_header(ContentType::JSON);
            response.set_sized_body(json.len(), std::io::Cursor::new(json));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Option<Names<'static>> {
        names(lines.iter().copied())
    }

    fn strong(text: &'static str) -> Named<'static> {
        Named { weak: false, text }
    }

    #[test]
    fn headers_name_tags_or_everything() {
        assert_eq!(read(&["*"]), Some(Names::Anything));
        assert_eq!(read(&[r#""a""#]), Some(Names::Some(vec![strong("a")])));
        let several = [r#" "a" ,"b,c""#, r#"W/"d""#];
        let weak = Named {
            weak: true,
            text: "d",
        };
        let all = vec![strong("a"), strong("b,c"), weak];
        assert_eq!(read(&several), Some(Names::Some(all)));
        for odd in [
            &[][..],
            &[""],
            &["a"],
            &["\"a"],
            &["\"a\" \"b\""],
            &["\"a\", *"],
            &["*", "*"],
            &["*", "\"a\""],
            &["\"a\"", "*"],
            &["w/\"a\""],
            &["\"a b\""],
        ] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn changes_are_made_upon_the_first_part_of_a_tag() {
        let told = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.add_raw("If-Match", value);
            upon(&headers)
        };
        let tag = "AAAAAAAAAAAAAAAAAAAAAA";
        let own: Tag = tag.parse().expect("a tag");
        let one = Upon::One([Some(own), None, None, None]);
        assert_eq!(told(r#""AAAAAAAAAAAAAAAAAAAAAA""#).ok(), Some(one));
        assert_eq!(
            told(r#""AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBA""#).ok(),
            Some(one)
        );
        let none = Upon::One([None; MAX_TAGS]);
        assert_eq!(told(r#"W/"AAAAAAAAAAAAAAAAAAAAAA""#).ok(), Some(none));
        assert_eq!(told(r#""another's""#).ok(), Some(none));
        assert_eq!(told("*").ok(), Some(Upon::Anything));
        assert_eq!(upon(&HeaderMap::new()).ok(), Some(Upon::Unsaid));
        assert!(told("AAAA").is_err());
        assert!(told(r#""a","b","c","d","e""#).is_err());
        assert_eq!(shown_upon(tag).ok(), Some(one));
        assert_eq!(shown_upon("*").ok(), Some(Upon::Anything));
        assert!(shown_upon("").is_err());
    }

    #[test]
    fn any_header_is_read_without_panic() {
        proptest::proptest!(|(text in r#"[W/"*, a-c\u{e9}]{0,24}"#)| {
            let _read = names(std::iter::once(text.as_str()));
        });
    }
}
