//! `custos demo`: a fictional case in a room of its own, served on localhost.

use std::{
    fs, io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use custos_core::ids::AccountId;
use futures::StreamExt;

use super::{Failed, outlets, register, serve};
use crate::{
    ambient::Ambient,
    app::{
        Room, SignedIn,
        bundles::{self, Wish},
        custody,
        found::found,
        people,
        sessions::{Secret, redeem},
    },
    config::{Config, Tls},
    demo::{self, Somebody, World},
};

/// A file that marks a folder as the demo's, which may be deleted.
const MARK: &str = ".custos-demo";
/// How long the links live; in a real room it is 15 minutes.
const LINKS: Duration = Duration::from_secs(8 * 60 * 60);
/// The exhibit whose bundle and receipt are written for trying the verifier.
const SHOWN: &str = "JS/1";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where the demo's room is built; an earlier demo there is replaced
    #[arg(long, value_name = "FOLDER", default_value = "demo-room")]
    folder: PathBuf,
    /// The port on localhost; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Build the room and its files, print the links, and do not serve it
    #[arg(long)]
    build_only: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let folder = &arguments.folder;
    clear(folder)?;
    let port = free_port(arguments.port)?;
    let mut config = config.clone();
    config.data = folder.join("data");
    config.keys = folder.join("keys");
    // It is thrown away with its folder.
    config.database = None;
    config.http.port = port;
    // A name on this machine has no certificate.
    config.http.tls = Tls::default();
    config.http.origin = format!("http://localhost:{port}");
    config.http.content_origin = format!("http://content.localhost:{port}");
    config.make_data()?;
    let ambient = Ambient::system();
    let founder = demo::founder();
    let places = (config.keys.as_path(), register(&config)?);
    let founded = found((places.0, &places.1), demo::ORIGIN, &founder, &ambient)?;
    let room = serve::open(&config, ambient, outlets::outlets(&config)?).await?;
    let administrator = demo::at_the_keyboard(&room, founded.administrator, founded.person);
    let world = demo::build(&room, administrator).await?;
    room.publisher.publish().await?;
    let policy = folder.join("trust.policy");
    fs::write(&policy, serve::trust_policy(&founded.log_key))?;
    take_away(&room, &administrator, &world, folder).await?;
    // Last: a link that is issued later withdraws the one before it.
    let links = demo::links(&room, &administrator, &world, LINKS).await?;
    tell(&config, folder, &world, &links);
    if arguments.build_only {
        return Ok(ExitCode::SUCCESS);
    }
    serve::run_room(&config, room).await
}

/// Removes an earlier demo, and nothing else.
fn clear(folder: &Path) -> Result<(), Failed> {
    if folder.exists() {
        let empty = fs::read_dir(folder)?.next().is_none();
        if !empty && !folder.join(MARK).is_file() {
            return Err(Failed::because(format!(
                "`{}` is not empty and is no demo; nothing was changed, name another folder with `--folder`",
                folder.display()
            )));
        }
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join(MARK), "A demo of Custos; it may be deleted.\n")?;
    Ok(())
}

/// The port asked for, if nobody listens there; for 0 a free one.
fn free_port(wanted: u16) -> Result<u16, Failed> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, wanted));
    match listener {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Failed::because(format!(
            "something else listens on port {wanted}; name another one with `--port`"
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Writes the shown exhibit's bundle and receipt, as its judge would take them away.
async fn take_away(
    room: &Room,
    administrator: &SignedIn,
    world: &World,
    folder: &Path,
) -> Result<(), Failed> {
    let (Some(item), Some(judge)) = (world.items.get(SHOWN), judge(world)) else {
        return Err(Failed::because(
            "the demo case has no exhibit to show, or no judge",
        ));
    };
    let judge = sign_in(room, administrator, judge.account).await?;
    // Nothing publishes yet while the room is built.
    let publishing = room.clone();
    let publisher = tokio::spawn(async move { crate::jobs::publish::run(&publishing).await });
    let wish = Wish::Content {
        purpose: "adjudication".into(),
        why: "to check its custody away from the room".into(),
    };
    let mut bundle = bundles::bundle(room, &judge, *item, wish).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = bundle.bytes.next().await {
        bytes.extend_from_slice(&piece?);
    }
    let name = SHOWN.replace('/', "-");
    fs::write(folder.join(format!("{name}.bundle.zip")), bytes)?;
    let receipt = custody::receipt(room, &judge, *item).await?;
    fs::write(folder.join(format!("{name}.receipt")), receipt)?;
    publisher.abort();
    Ok(())
}

/// Signs somebody in with a link: what is taken away needs a session that holds.
async fn sign_in(
    room: &Room,
    administrator: &SignedIn,
    account: AccountId,
) -> Result<SignedIn, Failed> {
    let purpose = redeem::Purpose::SignIn;
    let link = people::issue_enrolment(room, administrator, account, purpose, LINKS).await?;
    let here = Ipv4Addr::LOCALHOST.into();
    let session = redeem::redeem(room, &link.output.text(), None, here).await?;
    Ok(session.session.who)
}

fn judge(world: &World) -> Option<SignedIn> {
    let mut people = world.people.values();
    people
        .find(|person| person.role == "judge")
        .map(|person| person.who)
}

fn tell(config: &Config, folder: &Path, world: &World, links: &[(Somebody, Secret)]) {
    println!(
        "A fictional case with {} exhibits and {} people. Nobody in it is real.\n",
        world.items.len(),
        world.people.len()
    );
    println!("One of each role. A link signs its person in, once, within 8 hours:\n");
    for (person, secret) in links {
        let role = person.role.replace('_', " ");
        println!("  {role}: {}, {}", person.name, person.office);
        println!("    {}/enter#{}", config.http.origin, &*secret.text());
    }
    let name = SHOWN.replace('/', "-");
    let folder = folder.display();
    println!(
        "\nCheck the custody of exhibit {SHOWN} without the room:

  cargo run --release -p custos-verify -- {folder}/{name}.bundle.zip --trust {folder}/trust.policy --held {folder}/{name}.receipt

The room: {}
Stop it with Ctrl-C.\n",
        config.http.origin
    );
}
