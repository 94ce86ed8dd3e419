//! What every command that speaks to a room is told.

use std::path::PathBuf;

use clap::Args;

use crate::client::{
    access::{Server, Token},
    api::Api,
    error::ClientError,
};

/// Which room, and with which token.
#[derive(Debug, Args)]
pub(super) struct Access {
    /// The room, like `https://room.example`; without TLS only on this machine
    #[arg(long, env = "CUSTOS_SERVER", value_name = "URL", value_parser = Server::parse)]
    server: Server,
    /// The file that holds your token and nothing else; only you may be able to read it
    #[arg(long, env = "CUSTOS_TOKEN_FILE", value_name = "FILE")]
    token_file: PathBuf,
}

impl Access {
    /// Where the token is.
    pub(super) fn token_file(&self) -> &std::path::Path {
        &self.token_file
    }

    /// A client of the room.
    pub(super) fn api(&self) -> Result<Api, ClientError> {
        Api::new(self.server.clone(), Token::read(&self.token_file)?)
    }
}
