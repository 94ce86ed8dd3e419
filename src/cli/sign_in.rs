//! `custos sign-in` and `custos sign-out`: sessions, for what no token may do.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use rustix::termios::{self, LocalModes, OptionalActions};
use zeroize::Zeroizing;

use super::failed;
use crate::client::{access::Server, error::ClientError, names, session::Session};

/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4_096;

/// Which room, and where the session is kept.
#[derive(Debug, Args)]
struct Kept {
    /// The room, like `https://room.example`; without TLS only on this machine
    #[arg(long, env = "CUSTOS_SERVER", value_name = "URL", value_parser = Server::parse)]
    server: Server,
    /// Where the session is kept; only you can read it
    #[arg(long, env = "CUSTOS_SESSION_FILE", value_name = "FILE")]
    session_file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SignIn {
    /// Your sign-in name
    #[arg(value_name = "NAME")]
    login: String,
    /// Read the password from the first line of this file, `-` for standard input; else it is
    /// asked for on the terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    kept: Kept,
}

#[derive(Debug, Args)]
pub(super) struct SignOut {
    #[command(flatten)]
    kept: Kept,
}

pub(super) async fn sign_in(asked: &SignIn) -> ExitCode {
    let signed = async {
        let password = match &asked.password_file {
            Some(path) => read(path)?,
            None => ask()?,
        };
        let session = Session::sign_in(&asked.kept.server, &asked.login, &password).await?;
        session.keep(&asked.kept.session_file)
    };
    match signed.await {
        Ok(()) => {
            println!(
                "signed in; the session ends 30 minutes after its last use, or with `custos sign-out`"
            );
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn sign_out(asked: &SignOut) -> ExitCode {
    let (server, path) = (&asked.kept.server, &asked.kept.session_file);
    let signed = async {
        let session = Session::read(path, server)?;
        match session.sign_out(server).await {
            Ok(()) => {}
            // One that has ended already is none to be kept.
            Err(error) if error.problem() == Some("signed-out") => {}
            Err(error) => return Err(error),
        }
        std::fs::remove_file(path).map_err(ClientError::file(path, "removed"))
    };
    match signed.await {
        Ok(()) => {
            println!("signed out, {} is removed", names::shown(path));
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

/// The first line of a file.
fn read(path: &Path) -> Result<Zeroizing<String>, ClientError> {
    let failed = |cause| ClientError::file(path, "read")(cause);
    if path == Path::new("-") {
        return line(io::stdin().lock()).map_err(failed);
    }
    line(BufReader::new(File::open(path).map_err(failed)?)).map_err(failed)
}

fn line(from: impl BufRead) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_PASSWORD_BYTES as usize));
    from.take(MAX_PASSWORD_BYTES).read_line(&mut text)?;
    let end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(end);
    Ok(text)
}

/// Asks on the terminal, which does not show what is typed.
fn ask() -> Result<Zeroizing<String>, ClientError> {
    let none = |_| {
        ClientError::Usage(
            "there is no terminal to ask for the password; use `--password-file`".into(),
        )
    };
    let path = Path::new("/dev/tty");
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(none)?;
    let failed = |cause: rustix::io::Errno| ClientError::file(path, "read")(cause.into());
    let before = termios::tcgetattr(&terminal).map_err(failed)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    terminal
        .write_all(b"Password: ")
        .map_err(ClientError::file(path, "written"))?;
    termios::tcsetattr(&terminal, OptionalActions::Flush, &hidden).map_err(failed)?;
    let told = line(BufReader::new(&terminal));
    let restored = termios::tcsetattr(&terminal, OptionalActions::Flush, &before);
    drop(terminal.write_all(b"\n"));
    restored.map_err(failed)?;
    told.map_err(ClientError::file(path, "read"))
}
