//! Content through a view: whole, in ranges, on the second origin.

use reqwest::{Method, Response};

use crate::support::{TestApp, User};

const TEXT: &[u8] = b"0123456789 and so on";

struct Bench {
    app: TestApp,
    officer: User,
    item: String,
    bytes: Vec<u8>,
}

impl Bench {
    async fn new(bytes: &[u8]) -> Self {
        let app = TestApp::start().await;
        let custodian = app.person("custodian", &["custodian"]).await;
        let officer = app.person("officer", &[]).await;
        let case = app.case(&custodian, &[(&officer, "investigator")]).await;
        let made = app.deposit(&officer, &case, bytes).await;
        Self {
            app,
            officer,
            item: made["item"].as_str().expect("an item").into(),
            bytes: bytes.into(),
        }
    }

    async fn get(&self, address: &str, range: Option<&str>) -> Response {
        let request = self.app.content(address);
        let request = match range {
            Some(range) => request.header("Range", range),
            None => request,
        };
        request.send().await.expect("an answer")
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_large_content_are_exact() {
    // Three segments and a bit, with no two places alike.
    let bytes: Vec<u8> = (0..(17 << 20) + 12_345_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let bench = Bench::new(&bytes).await;
    let address = bench
        .app
        .view(&bench.officer, &bench.item, "download")
        .await;
    let size = bench.bytes.len();
    let whole = bench.get(&address, None).await;
    assert_eq!(
        (whole.status().as_u16(), header(&whole, "content-length")),
        (200, size.to_string().as_str())
    );
    assert!(whole.bytes().await.expect("a body") == bench.bytes);
    let segment = 8 << 20;
    for (first, last) in [
        (0, 0),
        (1, 16_384),
        (segment - 1, segment),
        (segment, 2 * segment - 1),
        (2 * segment - 3, 2 * segment + 3),
        (size - 1, size - 1),
    ] {
        let answer = bench
            .get(&address, Some(&format!("bytes={first}-{last}")))
            .await;
        assert_eq!(answer.status(), 206);
        assert_eq!(
            header(&answer, "content-range"),
            format!("bytes {first}-{last}/{size}")
        );
        assert_eq!(
            header(&answer, "content-length"),
            (last - first + 1).to_string()
        );
        assert!(answer.bytes().await.expect("a body") == bench.bytes[first..=last]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_ranges_are_refused() {
    let bench = Bench::new(TEXT).await;
    let address = bench.app.view(&bench.officer, &bench.item, "view").await;
    let last = bench.get(&address, Some("bytes=-2")).await;
    assert_eq!(
        (last.status().as_u16(), last.text().await.expect("text")),
        (206, "on".into())
    );
    let rest = bench.get(&address, Some("bytes=15-")).await;
    assert_eq!(
        (rest.status().as_u16(), rest.text().await.expect("text")),
        (206, "so on".into())
    );
    let many = format!("bytes={}0-0", "0-0,".repeat(2_000));
    for odd in [
        "bytes=20-",
        "bytes=-0",
        "bytes=3-1",
        "bytes=0-1,3-4",
        "bytes=x-",
        many.as_str(),
    ] {
        let answer = bench.get(&address, Some(odd)).await;
        assert_eq!(answer.status(), 416, "{odd:.40}");
        assert_eq!(header(&answer, "content-range"), "bytes */20");
    }
    let request = bench.app.content(&address).header("Range", "bytes=0-1");
    let answer = request
        .header("If-Range", "\"x\"")
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        answer.status(),
        200,
        "a condition that can't be confirmed gives everything"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_shown_as_text_and_nothing_else() {
    let bench = Bench::new(TEXT).await;
    let address = bench.app.view(&bench.officer, &bench.item, "view").await;
    let answer = bench.get(&address, None).await;
    assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&answer, "content-disposition"), "inline");
    assert_eq!(
        header(&answer, "cross-origin-resource-policy"),
        "cross-origin"
    );
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert!(header(&answer, "content-security-policy").starts_with("sandbox;"));
    let path = address.split_once("/v/").expect("a path").1;
    let head = bench
        .app
        .request_at("content.localhost", Method::HEAD, &format!("/v/{path}"));
    let head = head.send().await.expect("an answer");
    assert_eq!(
        (head.status().as_u16(), header(&head, "content-length")),
        (200, "20")
    );
    assert_eq!(head.bytes().await.expect("a body").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_is_only_taken_away() {
    let bench = Bench::new(b"<!doctype html><script>alert(1)</script>").await;
    let shown = bench
        .app
        .view_if_shown(&bench.officer, &bench.item, "view")
        .await;
    assert_eq!(shown, None, "the page shows none of it");
    let address = bench
        .app
        .view(&bench.officer, &bench.item, "download")
        .await;
    let answer = bench.get(&address, None).await;
    assert_eq!(header(&answer, "content-type"), "application/octet-stream");
    let expected = format!("attachment; filename=\"{}.bin\"", bench.item);
    assert_eq!(header(&answer, "content-disposition"), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_its_holders_and_ends() {
    let bench = Bench::new(TEXT).await;
    let address = bench.app.view(&bench.officer, &bench.item, "view").await;
    let (before, secret) = address.rsplit_once('/').expect("a secret");
    for wrong in [
        format!("{before}/{}", "0".repeat(secret.len())),
        format!("{before}/x"),
        format!("{address}0"),
    ] {
        assert_eq!(bench.get(&wrong, None).await.status(), 404);
    }
    let view = before.rsplit_once('/').expect("an id").1;
    let path = format!("/views/{view}/content");
    let other = bench
        .app
        .api(&bench.app.admin, Method::GET, &path, None)
        .await;
    assert_eq!(other.status(), 404, "another's view");
    let own = bench
        .app
        .api(&bench.officer, Method::GET, &path, None)
        .await;
    assert_eq!(own.status(), 200);
    assert!(header(&own, "content-disposition").starts_with("attachment"));
    let start = bench.app.size().await;
    let closed = bench
        .app
        .api(
            &bench.officer,
            Method::DELETE,
            &format!("/views/{view}"),
            None,
        )
        .await;
    assert_eq!(closed.status(), 204);
    assert_eq!(bench.app.kinds_since(start).await, ["view_close"]);
    assert_eq!(bench.get(&address, None).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_ends_with_its_session_and_leaves_its_closing_entry() {
    let bench = Bench::new(TEXT).await;
    let address = bench.app.view(&bench.officer, &bench.item, "view").await;
    assert_eq!(bench.get(&address, None).await.status(), 200);
    let none = custos::app::views::close_abandoned(&bench.app.room).await;
    assert_eq!(none.expect("looked"), 0, "the session still holds");
    let start = bench.app.size().await;
    let answer = bench.app.post(&bench.officer, "/sign-out", &[]).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(bench.get(&address, None).await.status(), 404);
    let closed = custos::app::views::close_abandoned(&bench.app.room).await;
    assert_eq!(closed.expect("closed"), 1);
    assert_eq!(
        bench.app.kinds_since(start).await,
        ["sign_out", "view_close"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_in_the_middle_breaks_the_connection() {
    let bytes = vec![b'a'; 20 << 20];
    let bench = Bench::new(&bytes).await;
    let address = bench.app.view(&bench.officer, &bench.item, "view").await;
    let objects = bench.app.folder.path().join("store").join("objects");
    let folders = std::fs::read_dir(objects).expect("a folder");
    let path = folders
        .flat_map(|folder| std::fs::read_dir(folder.expect("an entry").path()).expect("a folder"))
        .map(|file| file.expect("an entry").path())
        .find(|path| path.metadata().is_ok_and(|found| found.len() > 20 << 20))
        .expect("the object");
    let mut stored = std::fs::read(&path).expect("the object");
    stored[15 << 20] ^= 1;
    std::fs::write(&path, stored).expect("it is damaged");
    let answer = bench.get(&address, None).await;
    let length = answer.content_length();
    let body = answer.bytes().await;
    assert!(
        body.is_err(),
        "what is damaged never looks whole, whatever its length: {length:?}"
    );
    let start = bench.get(&address, Some("bytes=0-99")).await;
    assert_eq!(start.bytes().await.expect("what is whole").len(), 100);
}
