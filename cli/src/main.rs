//! The command line of lic: parse, run, exit code. What can be typed is in
//! [`args`]; every subcommand has a file of its name.
//!
//! Data go to standard output, words to standard error. Exit code 0: done; 1: the
//! work failed, and one line says why; 2: the command makes no sense; 3: a damaged
//! file was decoded with parts filled in.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod compare;
mod decode;
mod encode;
mod info;
mod io;
mod machine;
mod manual;
mod many;
mod metrics;
mod models;
mod picture;
mod progress;
mod report;
mod search;
mod train;
mod video;

use std::process::ExitCode;

use args::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::from_command_line();
    let words = report::Words::new(cli.quiet);
    let result = match &cli.command {
        Command::Encode(args) => encode::run(args, words),
        Command::Decode(args) => decode::run(args, words),
        Command::Info(args) => info::run(args).map(done),
        Command::Compare(args) => compare::run(args).map(done),
        Command::Bench(args) => bench::run(args, words).map(done),
        Command::Models(args) => models::run(args).map(done),
        Command::Train(args) => train::run(args, words).map(done),
        Command::Completions(args) => manual::completions(args).map(done),
        Command::Man(args) => manual::man(args).map(done),
    };
    match result {
        Ok(code) => code,
        // Whoever read our output has had enough, as `head` does: no failure. Rust
        // ignores SIGPIPE, so this arrives as an error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report::Words::new(false).say(&one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    let mut causes = error.chain();
    causes.any(|cause| cause.downcast_ref().is_some_and(broken))
}

/// An error and its causes in one line.
fn one_line(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = unfold(&cause.to_string());
        // Some errors say their cause themselves.
        if !parts.last().is_some_and(|last| last.ends_with(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// `text` without line breaks and without the excerpts that TOML errors draw,
/// `3 | rate = x` over `  |        ^`: the line and column stay.
fn unfold(text: &str) -> String {
    let excerpt = |line: &str| {
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        line.starts_with('|')
    };
    let lines = text.lines().filter(|line| !excerpt(line)).map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn errors_are_one_line_without_echoes() {
        let echo = lic_models::BackendError::Unknown("x".into());
        let text = echo.to_string();
        let error = anyhow::Error::new(echo).context(format!("a: {text}"));
        assert_eq!(one_line(&error.context("b")), format!("b: a: {text}"));
        let drawn = "TOML parse error at line 3, column 5\n  |\n3 | x = ?\n  |     ^\nbad value\n";
        assert_eq!(
            unfold(drawn),
            "TOML parse error at line 3, column 5: bad value"
        );
    }

    #[test]
    fn a_broken_pipe_is_found_under_context() {
        let of = |kind| Err::<(), _>(std::io::Error::from(kind)).context("cannot write");
        let pipe = of(std::io::ErrorKind::BrokenPipe).unwrap_err();
        assert!(is_broken_pipe(&pipe.context("more")));
        assert!(!is_broken_pipe(
            &of(std::io::ErrorKind::StorageFull).unwrap_err()
        ));
    }
}
