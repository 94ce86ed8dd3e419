//! Styles, scripts and the icon: part of the program, under addresses that change with them.

use std::{borrow::Cow, sync::LazyLock};

use rocket::{
    Request, Response, Route, get,
    http::ContentType,
    response::{self, Responder},
    routes,
};
use rust_embed::RustEmbed;

use super::errors::Failure;
use crate::app;

/// Hex digits of a file's SHA-256 in its address.
const MARK_DIGITS: usize = 16;
/// The address changes with the file, so the file under it never does.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

struct Asset {
    name: String,
    href: String,
    bytes: Cow<'static, [u8]>,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files = Files::iter().filter_map(|name| Some((Files::get(&name)?, name)));
    files
        .map(|(file, name)| {
            let mark = hex::encode(file.metadata.sha256_hash());
            Asset {
                href: format!("/static/{}/{name}", &mark[..MARK_DIGITS]),
                name: name.into(),
                bytes: file.data,
            }
        })
        .collect()
});

/// The address of a file of `static/`; templates name only files that are there.
pub fn href(name: &str) -> &'static str {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    asset.map_or("/static/missing", |asset| &asset.href)
}

/// The routes below `/static`.
pub fn routes() -> Vec<Route> {
    routes![file]
}

#[get("/<mark>/<name>")]
fn file(mark: &str, name: &str) -> Result<Static, Failure> {
    let href = format!("/static/{mark}/{name}");
    let asset = ASSETS.iter().find(|asset| asset.href == href);
    Ok(Static(asset.ok_or(app::Error::NotFound)?))
}

struct Static(&'static Asset);

impl<'r> Responder<'r, 'static> for Static {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let extension = self.0.name.rsplit('.').next().unwrap_or_default();
        let kind = match extension {
            "css" => ContentType::CSS,
            "js" => ContentType::JavaScript,
            "svg" => ContentType::SVG,
            _ => ContentType::Binary,
        };
        Response::build_from(self.0.bytes.as_ref().respond_to(request)?)
            .header(kind)
            .raw_header("Cache-Control", IMMUTABLE)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_templates_name_is_there() {
        for name in ["custos.css", "enter.js", "deposit.js", "icon.svg"] {
            assert!(href(name).ends_with(name), "{name}");
        }
        assert_eq!(href("other.js"), "/static/missing");
    }
}
