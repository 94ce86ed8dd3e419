//! One plain file served by the same web framework with the same chunks, and nothing else: what
//! `benches/http_speed.py` compares reading through a view with.
//!
//! `plain FILE PORT` listens on 127.0.0.1 until it is killed.

use std::{net::Ipv4Addr, path::PathBuf};

use rocket::{
    Config, Request, Response, State,
    config::LogLevel,
    get,
    response::{self, Responder},
    routes,
    tokio::fs::File,
};

/// As in `src/http/range.rs`.
const CHUNK_BYTES: usize = 256 << 10;

struct Plain {
    file: File,
    length: u64,
}

impl<'r> Responder<'r, 'r> for Plain {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'r> {
        let mut response = Response::build();
        response.raw_header("Content-Length", self.length.to_string());
        response.streamed_body(self.file);
        response.max_chunk_size(CHUNK_BYTES);
        response.ok()
    }
}

#[get("/")]
async fn file(path: &State<PathBuf>) -> std::io::Result<Plain> {
    let file = File::open(path.inner()).await?;
    let length = file.metadata().await?.len();
    Ok(Plain { file, length })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(port)) = (arguments.next(), arguments.next()) else {
        return Err("usage: plain FILE PORT".into());
    };
    let config = Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: port.parse()?,
        log_level: LogLevel::Off,
        ..Config::release_default()
    };
    let server = rocket::custom(config)
        .manage(PathBuf::from(path))
        .mount("/", routes![file])
        .launch();
    rocket::execute(server).map_err(|error| error.kind().to_string())?;
    Ok(())
}
