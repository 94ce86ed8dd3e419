//! What every command that speaks to a room is told.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::client::{
    access::{Server, Token},
    api::Api,
    error::ClientError,
    session::Session,
};

/// Which room, and who asks.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The room, like `https://room.example`; without TLS only on this machine
    #[arg(long, env = "CUSTOS_SERVER", value_name = "URL", value_parser = Server::parse)]
    pub(super) server: Server,
    /// The file that holds your token and nothing else; only you may be able to read it. A token
    /// reads and deposits
    #[arg(long, env = "CUSTOS_TOKEN_FILE", value_name = "FILE")]
    #[arg(required_unless_present = "session_file")]
    token_file: Option<PathBuf>,
    /// The file in which `custos sign-in` keeps your session, which may do what you may on pages;
    /// the token is not used then
    #[arg(long, env = "CUSTOS_SESSION_FILE", value_name = "FILE")]
    session_file: Option<PathBuf>,
}

impl Access {
    /// Files that hold what shows who asks.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.token_file, &self.session_file];
        files.into_iter().filter_map(|file| file.as_deref())
    }

    /// A client of the room.
    pub(super) fn api(&self) -> Result<Api, ClientError> {
        let server = self.server.clone();
        if let Some(path) = &self.session_file {
            let session = Session::read(path, &server)?;
            return Api::new(server, session);
        }
        let none = || ClientError::Usage("neither a token nor a session is named".into());
        let path = self.token_file.as_ref().ok_or_else(none)?;
        Api::new(server, Token::read(path)?)
    }
}
