//! What the room found in itself, on its pages and by its API.

use reqwest::Method;
use serde_json::Value;

use crate::support::{TestApp, User, bench::Bench};

async fn page(app: &TestApp, user: &User, path: &str) -> (u16, String) {
    let answer = app.get(user, path).await;
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a page"))
}

const BANNER: &str = "something stored is not what it should be";

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_shown_to_auditors_and_administrators_and_to_nobody_else() {
    let bench = Bench::new().await;
    let app = &bench.app;
    let auditor = app.person("auditor", &["auditor"]).await;
    let custodian = app.person("keeper", &["custodian"]).await;
    let item = app
        .deposit(&bench.officer, &bench.case, b"a recording")
        .await;
    let item = item["item"].as_str().expect("an id").to_owned();
    let sound = app.audit().await;
    for user in [&auditor, &app.admin] {
        let (status, list) = page(app, user, "/audits").await;
        assert_eq!(status, 200);
        assert!(list.contains("The newest round found nothing"), "{list}");
        assert!(list.contains(&sound) && !list.contains(BANNER));
    }
    let store = app.folder.path().join("store/objects");
    let object = files(&store).pop().expect("an object");
    let name = object.file_name().expect("a name").to_string_lossy();
    let mut bytes = std::fs::read(&object).expect("its bytes");
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(&object, &bytes).expect("changed");
    let damaged = app.audit().await;
    for user in [&auditor, &app.admin] {
        let (_, start) = page(app, user, "/cases").await;
        assert!(start.contains(BANNER), "{start}");
        let path = format!("/audits/{damaged}");
        let (status, one) = page(app, user, &path).await;
        assert_eq!(status, 200);
        assert!(
            one.contains(&format!("object {name}, segment 0, chunk 0")),
            "{one}"
        );
        let shown = app.ask(user, Method::GET, &path, None).await;
        assert_eq!(
            (&shown["findings"], &shown["found"][0]["chunk"]),
            (&1.into(), &0.into())
        );
        for told in [&one, &shown.to_string()] {
            assert!(
                !told.contains(&item) && !told.contains(&bench.case),
                "{told}"
            );
        }
    }
    let list = app.ask(&auditor, Method::GET, "/audits", None).await;
    assert_eq!(
        (&list["unresolved"], &list["under_way"]),
        (&1.into(), &Value::Null)
    );
    for user in [&custodian, &bench.officer] {
        assert_eq!(page(app, user, "/audits").await.0, 403);
        assert_eq!(page(app, user, &format!("/audits/{damaged}")).await.0, 403);
        assert!(!page(app, user, "/cases").await.1.contains(BANNER));
    }
    // What was put right is found to be so by the next round.
    *bytes.last_mut().expect("a byte") ^= 1;
    std::fs::write(&object, &bytes).expect("put right");
    app.audit().await;
    assert!(!page(app, &auditor, "/cases").await.1.contains(BANNER));
    let none = format!("/audits/{}", "0".repeat(32));
    assert_eq!(page(app, &auditor, &none).await.0, 404);
}

/// Every file below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
