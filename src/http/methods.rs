//! Which methods an address takes, for whoever used another (RFC 9110, section 15.5.6). It
//! follows from the patterns of the routes alone, so it says nothing of what is there.

use std::collections::BTreeSet;

use rocket::{Request, http::Method};

/// The methods of the routes whose pattern the address fits; empty where none does, or where one
/// takes the method that was used.
pub fn others(request: &Request<'_>) -> BTreeSet<&'static str> {
    let path = request.uri().path();
    let fitting = request
        .rocket()
        .routes()
        .filter(|route| fits(route.uri.path(), path.as_str()));
    let mut methods: BTreeSet<&'static str> = fitting.map(|route| route.method.as_str()).collect();
    if methods.contains(Method::Get.as_str()) {
        methods.insert(Method::Head.as_str());
    }
    if methods.contains(request.method().as_str()) {
        methods.clear();
    }
    methods
}

/// Whether a path fits the pattern of a route, `<name>` for one segment, `<name..>` for the rest.
fn fits(pattern: &str, path: &str) -> bool {
    let segments = |text| str::split(text, '/').filter(|segment| !segment.is_empty());
    let (mut pattern, mut path) = (segments(pattern), segments(path));
    loop {
        match (pattern.next(), path.next()) {
            (Some(named), _) if named.ends_with("..>") => return true,
            (Some(named), Some(given)) if named == given || named.starts_with('<') => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_segment_by_segment() {
        for (pattern, path) in [
            ("/", "/"),
            ("/cases", "/cases/"),
            ("/cases/<case>", "/cases/0"),
            ("/items/<item>/views", "/items/x/views"),
            ("/log/tile/<path..>", "/log/tile/0/x/y"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("/cases", "/"),
            ("/cases", "/cases/0"),
            ("/cases/<case>", "/cases"),
            ("/cases/<case>", "/cases/0/items"),
            ("/items/<item>/views", "/items/x/view"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
