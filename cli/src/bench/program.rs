//! Running other programs.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// What a program said.
#[derive(Debug)]
pub struct Said {
    /// Standard output, then standard error.
    pub text: String,
    /// Whether it ended with success.
    pub success: bool,
}

/// Runs a program to its end and keeps its words.
///
/// # Errors
/// If it is not there, or cannot be started.
pub fn ask(command: &mut Command) -> Result<Said> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("no {name} on PATH"),
        Err(error) => return Err(error).with_context(|| format!("cannot start {name}")),
    };
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Said {
        text,
        success: output.status.success(),
    })
}

/// Runs a program to its end and returns the wall time.
///
/// # Errors
/// If it cannot be started, or fails: its last line is in the error.
pub fn run(command: &mut Command) -> Result<f64> {
    let name = command.get_program().to_string_lossy().into_owned();
    let began = Instant::now();
    let said = ask(command)?;
    let seconds = began.elapsed().as_secs_f64();
    if !said.success {
        let mut lines = said.text.lines().rev().map(str::trim);
        let last = lines.find(|line| !line.is_empty()).unwrap_or("no word");
        bail!("{name} failed: {last}");
    }
    Ok(seconds)
}
