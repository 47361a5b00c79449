//! `lic completions` and `lic man`: made from the words in [`crate::args`].

use std::fs;
use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::args::{Cli, Completions, Man};

const NO_OUTPUT: &str = "cannot write standard output";

/// Prints the completions of a shell.
pub fn completions(args: &Completions) -> Result<()> {
    // To memory first: the generator panics if a pipe breaks.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lic", &mut script);
    io::stdout().write_all(&script).context(NO_OUTPUT)
}

/// Prints the manual page, or writes the pages of all subcommands.
pub fn man(args: &Man) -> Result<()> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        Page::new(Cli::command()).render(&mut page)?;
        return io::stdout().write_all(&page).context(NO_OUTPUT);
    };
    let context = || format!("cannot write manual pages to {}", dir.display());
    fs::create_dir_all(dir).with_context(context)?;
    clap_mangen::generate_to(Cli::command(), dir).with_context(context)
}
