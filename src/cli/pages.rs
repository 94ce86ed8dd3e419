//! `custos completions` and `custos man`: what shells and readers of manuals are given. Both are
//! made of the commands themselves, so they say what there is.

use std::{fs, io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use super::Failed;

/// The name of the program.
const NAME: &str = "custos";

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// The folder into which the page of every command is written, over earlier ones; without it
    /// the page of `custos` goes to standard output
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Writes completions to standard output.
pub(super) fn completions(mut command: Command, asked: &Completions) -> Result<ExitCode, Failed> {
    let mut text = Vec::new();
    clap_complete::generate(asked.shell, &mut command, NAME, &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes pages of the manual.
pub(super) fn man(command: Command, asked: &Man) -> Result<ExitCode, Failed> {
    let Some(folder) = &asked.folder else {
        let mut text = Vec::new();
        Page::new(command.disable_help_subcommand(true)).render(&mut text)?;
        std::io::stdout().write_all(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command.disable_help_subcommand(true), folder)?;
    println!("the pages are in {}", crate::client::names::shown(folder));
    Ok(ExitCode::SUCCESS)
}
