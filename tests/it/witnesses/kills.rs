//! `custos witness` as its own process, killed between what it remembers and what it answers.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use custos_core::checkpoint::VerifierKey;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Outcome, ask, checkpoint, until};
use crate::support::{TestApp, free_port, witness};

const ORIGIN: &str = "room.example/log";
const NAME: &str = "institute.example/witness";

/// A process that is ended with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn custos(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_custos"))
        .args(arguments)
        .env_remove("CUSTOS_CONFIG")
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Founds a witness by the command line, and gives its key.
fn found(folder: &Path) -> VerifierKey {
    let folder = folder.to_str().expect("UTF-8");
    let (code, out, err) = custos(&["witness", "init", "--name", NAME, "--folder", folder]);
    assert_eq!(code, Some(0), "{err}");
    let line = out.lines().find(|line| line.trim().starts_with(NAME));
    line.expect("the key").trim().parse().expect("a vkey")
}

fn serve(settings: &Path, port: u16) -> Process {
    let child = Command::new(env!("CARGO_BIN_EXE_custos"))
        .args(["witness", "serve", "--config"])
        .arg(settings)
        .stderr(Stdio::null())
        .spawn();
    let process = Process(child.expect("it starts"));
    for _ in 0..600 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return process;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("the witness does not answer");
}

/// A way to the witness on which the first answer is lost, and the witness with it.
async fn lossy(behind: u16, mut witness: Process) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("the room");
        let (head, body) = witness::read_request(&mut stream).await.expect("a request");
        let mut way = TcpStream::connect(("127.0.0.1", behind))
            .await
            .expect("the witness");
        let request = format!("{head}\r\n\r\n").into_bytes();
        way.write_all(&[request, body].concat())
            .await
            .expect("sent");
        // The answer begins: what it says is durable by now.
        let mut first = [0; 12];
        way.read_exact(&mut first).await.expect("an answer");
        assert_eq!(&first, b"HTTP/1.1 200");
        witness.0.kill().expect("killed");
        witness.0.wait().expect("over");
        drop(stream);
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_is_killed_before_its_answer_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("witness");
    let key = found(&folder);
    let mode = |file: &str| {
        let found = fs::metadata(folder.join(file)).expect("there");
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode("witness.key"), mode("")), (0o600, 0o700));
    let app = TestApp::start_witnessed(ORIGIN, Vec::new()).await;
    let settings = folder.join("witness.toml");
    let port = free_port();
    let text = fs::read_to_string(&settings).expect("settings");
    let log = &app.room.log_key;
    let logs = format!("\n[[logs]]\norigin = \"{ORIGIN}\"\nvkey = \"{log}\"\n");
    let text = text.replace("# port = 7380", &format!("port = {port}")) + &logs;
    fs::write(&settings, text).expect("written");

    app.room.publisher.publish().await.expect("published");
    let lost = lossy(port, serve(&settings, port)).await;
    let room = app.room.clone().witnessed_by(vec![witness::at(lost, &key)]);
    assert!(matches!(ask(&room).await, Outcome::Failed { .. }));
    assert_eq!(checkpoint(&app).await.note().signatures().len(), 1);

    // It remembers what it answered, and says so; the room asks again from there.
    let witness = serve(&settings, port);
    let room = app.room.clone().witnessed_by(vec![witness::at(port, &key)]);
    let Outcome::Confirmed(size) = ask(&room).await else {
        panic!("it is confirmed");
    };
    until("the cosignature", || async {
        checkpoint(&app).await.note().signatures().len() == 2
    })
    .await;
    drop(witness);
    let file = settings.to_str().expect("UTF-8");
    let (code, out, _) = custos(&["witness", "show", "--config", file]);
    assert_eq!(code, Some(0));
    assert!(out.contains(&format!("{size}  {ORIGIN}")), "{out}");
    let (code, out, _) = custos(&["witness", "conflicts", "--config", file]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
}

#[test]
fn a_witness_without_its_record_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("witness");
    found(&folder);
    let settings = folder.join("witness.toml");
    let file = settings.to_str().expect("UTF-8");
    let again = folder.to_str().expect("UTF-8");
    let (code, _, err) = custos(&["witness", "init", "--name", NAME, "--folder", again]);
    assert_eq!(code, Some(1));
    assert!(err.contains("there already"), "{err}");
    fs::remove_file(folder.join("witness.db")).expect("removed");
    let (code, _, err) = custos(&["witness", "serve", "--config", file]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("is not there") && err.contains("another key"),
        "{err}"
    );
    assert!(!folder.join("witness.db").exists());
    let (code, _, err) = custos(&["witness", "serve", "--config", "none.toml"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("`none.toml` is not there"), "{err}");
    fs::write(&settings, "name = \"a\"\n").expect("written");
    let (code, _, err) = custos(&["witness", "show", "--config", file]);
    assert_eq!(code, Some(1));
    assert!(err.contains("key"), "{err}");
}
