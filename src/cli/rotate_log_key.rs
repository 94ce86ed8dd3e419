//! `custos rotate-log-key`: a new key of the custody log in the place of the present one.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use custos_core::checkpoint::LogKeys;

use super::{Failed, serve};
use crate::{
    ambient::Ambient,
    app::{
        log_keys::{files, rotate::rotate},
        notices::Outlets,
    },
    config::Config,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Rotate nothing: write trust.policy and trust.json again for the keys that there are
    #[arg(long)]
    trust_only: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failed> {
    let open = || serve::open(config, Ambient::system(), Outlets::default());
    let mut room = open().await?;
    if !arguments.trust_only {
        let turned = rotate(room).await?;
        // A crash here leaves the rotation to the next start, which ends it as this one does.
        room = open().await?;
        if room.publisher.is_rotating() {
            room.publisher.publish().await?;
        }
        println!(
            "The log's key was rotated by entry {} of `{}`. The checkpoint of size {} is signed by\n\
             both keys, every later one by the new key alone; the old private key is destroyed, and\n\
             only backups from before hold it.\n",
            turned.index.get(),
            room.origin,
            turned.index.get() + 1,
        );
    }
    // A crash before this leaves files that do not know the new key; `--trust-only` writes them.
    let written = write_files(&config.data, &room.log_keys)?;
    tell(&room.log_keys, &written);
    Ok(ExitCode::SUCCESS)
}

/// Keys with their sizes, and where they stand.
fn tell(keys: &LogKeys, written: &[PathBuf]) {
    println!("Keys of the log:\n");
    for key in keys.all() {
        let sizes = match key.to() {
            Some(to) => format!("checkpoints {} to {to}", key.from()),
            None => format!("checkpoints from {} on", key.from()),
        };
        println!("    {}    signs {sizes}", key.key());
    }
    println!("\nThe same for custos-verify:\n");
    for file in written {
        println!("    {}", file.display());
    }
    println!(
        "
Hand on, by a way of its own and not by the room alone:
- to each witness, before it is asked again: the new key, beside the old one; the old one is to be
  removed there once the witness has confirmed a checkpoint under the new one;
- to everyone who verifies custody, courts and opposing parties among them: both files, to be kept
  beside each other. Old receipts and bundles need the old key, new ones the new one.

Take a backup: those from before hold the old private key."
    );
}

/// Writes both files beside the register, and keeps what else stands in them. What can't be
/// brought up to date is left, and its successor put beside it. Gives where they lie.
fn write_files(data: &Path, keys: &LogKeys) -> Result<Vec<PathBuf>, Failed> {
    let place = data.join("trust.policy");
    let there = read(&place)?;
    let (policy, policy_at) = match files::policy(there.as_deref(), keys) {
        Ok(text) => (text, place),
        Err(error) => {
            let text = files::policy(None, keys)?;
            (text, beside(&place, &error))
        }
    };
    let place = data.join("trust.json");
    let there = read(&place)?;
    let (json, json_at) = match files::trust_json(there.as_deref(), &policy, keys) {
        Ok(text) => (text, place),
        Err(error) => {
            let text = files::trust_json(None, &policy, keys)?;
            (text, beside(&place, &error))
        }
    };
    // The policy first: a `trust.json` that names a key which the policy lacks is refused.
    put(&policy_at, &policy)?;
    // A crash here leaves a policy of both keys without their sizes; `--trust-only` adds them.
    put(&json_at, &json)?;
    Ok(vec![policy_at, json_at])
}

/// Where a file goes whose older one must stay.
fn beside(place: &Path, error: &files::FilesError) -> PathBuf {
    let mut name = place.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = place.with_file_name(name);
    println!(
        "{} can't be brought up to date and is left as it is: {error}.\n{} is written beside it; \
         join the two by hand.\n",
        place.display(),
        new.display()
    );
    new
}

fn read(place: &Path) -> Result<Option<Vec<u8>>, Failed> {
    match fs::read(place) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failed::because(format!(
            "`{}` can't be read: {error}; the keys are as they should be, run the command with \
             `--trust-only`",
            place.display()
        ))),
    }
}

fn put(place: &Path, text: &str) -> Result<(), Failed> {
    let write = || -> io::Result<()> {
        let folder = place.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(place)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        Failed::because(format!(
            "`{}` can't be written: {error}; the keys are as they should be, run the command with \
             `--trust-only`",
            place.display()
        ))
    })
}
