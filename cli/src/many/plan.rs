//! Which files are meant, and what is to be done with each, before anything is done.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use glob::{MatchOptions, glob_with};

use super::{Order, Task};

/// An input, and what is to be done with it.
#[derive(Debug)]
pub struct Entry {
    /// What is read.
    pub input: PathBuf,
    /// What is written.
    pub output: PathBuf,
    /// Whether.
    pub step: Step,
}

/// What is to be done.
#[derive(Debug)]
pub enum Step {
    /// The work; pixels in a row, and rows.
    Do(u32, u32),
    /// Nothing: the output is there already.
    Skip,
    /// Nothing: the input cannot be read.
    Fail(anyhow::Error),
}

/// All inputs of `order` in the order they were named, those of a folder by name.
///
/// # Errors
/// If two inputs would become one file, an output is an input, or the folder is none.
pub fn entries(task: &impl Task, order: &Order) -> Result<Vec<Entry>> {
    if let Ok(there) = fs::metadata(order.dir) {
        let dir = order.dir.display();
        ensure!(there.is_dir(), "{dir} is a file, and -o wants a folder");
    }
    let mut entries = Vec::new();
    for name in order.inputs {
        match files(task, name) {
            Ok(files) => entries.extend(files.into_iter().map(|input| Entry {
                output: order.dir.join(output_name(&input, task.ending(&input))),
                // Not looked at yet: first, whether the order makes sense.
                step: Step::Skip,
                input,
            })),
            Err(error) => entries.push(Entry {
                input: name.clone(),
                output: PathBuf::new(),
                step: Step::Fail(error),
            }),
        }
    }
    check(&entries)?;
    for entry in &mut entries {
        let there = fs::symlink_metadata(&entry.output).is_ok();
        match entry.step {
            Step::Fail(_) => {}
            _ if there && !order.many.overwrite => {}
            _ => entry.step = step(task, &entry.input),
        }
    }
    Ok(entries)
}

fn step(task: &impl Task, input: &Path) -> Step {
    let size = match fs::metadata(input) {
        // What comes through a pipe would be gone once its size has been looked at.
        Ok(there) if !there.is_file() => {
            Err(anyhow!("it is not a regular file; name it without -o"))
        }
        _ => task.size(input),
    };
    match size {
        Ok((width, height)) => Step::Do(width, height),
        Err(error) => Step::Fail(error),
    }
}

/// What a name stands for: itself, the files in the folder of that name, or those that
/// the pattern matches. Most shells expand patterns, but those of Windows do not, and
/// none does in quotes.
fn files(task: &impl Task, name: &Path) -> Result<Vec<PathBuf>> {
    if name.is_dir() {
        return task.in_folder(name);
    }
    let pattern = name.to_string_lossy();
    // A file may well be called `what?.png`.
    if fs::symlink_metadata(name).is_ok() || !pattern.contains(['*', '?']) {
        return Ok(vec![name.to_owned()]);
    }
    // As shells do it.
    let options = MatchOptions {
        case_sensitive: !cfg!(windows),
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let paths = glob_with(&pattern, options).context("the pattern has a mistake")?;
    let mut files = Vec::new();
    // By name.
    for path in paths {
        let path = path?;
        if path.is_dir() {
            files.extend(task.in_folder(&path)?);
        } else {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "no file matches the pattern");
    Ok(files)
}

fn output_name(input: &Path, ending: &str) -> OsString {
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    name
}

/// That every file is written once, and none that is read.
fn check(entries: &[Entry]) -> Result<()> {
    let mut from = BTreeMap::new();
    let inputs: BTreeMap<PathBuf, &Path> = entries
        .iter()
        .filter_map(|entry| Some((fs::canonicalize(&entry.input).ok()?, &*entry.input)))
        .collect();
    for entry in entries {
        if matches!(entry.step, Step::Fail(_)) {
            continue;
        }
        let (input, output) = (entry.input.display(), entry.output.display());
        if let Some(other) = from.insert(folded(&entry.output), &entry.input) {
            let other = other.display();
            bail!(
                "{other} and {input} would both become {output}: rename one, or use two \
                 folders"
            );
        }
        let there = fs::canonicalize(&entry.output).ok();
        if let Some(other) = there.and_then(|there| inputs.get(&there)) {
            let other = other.display();
            bail!(
                "{output}, which {input} would become, is {other} that is to be read: use another folder"
            );
        }
    }
    Ok(())
}

/// The name as file systems compare it that do not tell large letters from small.
fn folded(path: &Path) -> String {
    let name = path.to_string_lossy();
    if cfg!(any(windows, target_os = "macos")) {
        name.to_lowercase()
    } else {
        name.into_owned()
    }
}
