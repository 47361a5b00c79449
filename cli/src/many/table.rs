//! The lines about many files: a table for people, JSON for programs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use super::plan::Entry;
use super::{CONCEALED, Done, Outcome};
use crate::one_line;
use crate::report::{Line, Words, grouped, print, print_json};

/// Names longer than this push their row to the right.
const WIDEST: usize = 60;

/// A row for every file, and their sums.
pub struct Table<'a> {
    words: Words,
    json: bool,
    width: usize,
    begun: bool,
    sums: Sums,
    entries: &'a [Entry],
}

#[derive(Debug, Default)]
struct Sums {
    done: u64,
    planned: u64,
    skipped: u64,
    failed: u64,
    concealed: bool,
    pixels: u64,
    held: u64,
    bytes: u64,
}

impl<'a> Table<'a> {
    /// An empty one.
    pub fn new(entries: &'a [Entry], json: bool, words: Words) -> Self {
        let width = |entry: &Entry| entry.input.display().to_string().chars().count();
        let width = entries.iter().map(width).max().unwrap_or(0);
        Self {
            words,
            json,
            width: width.clamp("total".len(), WIDEST),
            begun: false,
            sums: Sums::default(),
            entries,
        }
    }

    /// Tells what became of a file.
    ///
    /// # Errors
    /// If standard output fails.
    pub fn tell(&mut self, entry: &Entry, outcome: &Outcome) -> Result<()> {
        self.sums.add(outcome);
        let input = entry.input.display().to_string();
        let output = entry.output.display().to_string();
        let width = self.width;
        let line = match outcome {
            Outcome::Done(done, time) => {
                self.row(&input, done, *time);
                None
            }
            Outcome::Planned(columns, rows) => {
                let size = format!("{columns}x{rows}");
                self.words
                    .show(&format!("{input:<width$} {size:>11} -> {output}"));
                Some(Line::Planned {
                    input,
                    file: output,
                })
            }
            Outcome::Skipped => {
                let text =
                    format!("{input:<width$} skipped: {output} is there; --overwrite replaces it");
                self.words.show(&text);
                Some(Line::Skipped {
                    input,
                    file: output,
                })
            }
            Outcome::Failed(error) => {
                let reason = reason(error, &input);
                if self.words.quiet() {
                    // --quiet does not keep errors back.
                    Words::new(false).say(&format!("{input}: {reason}"));
                }
                self.words
                    .show(&format!("{input:<width$} failed: {reason}"));
                Some(Line::Failed { input, reason })
            }
        };
        match (outcome, line) {
            (Outcome::Done(done, _), _) if self.json => print(&done.json),
            (_, Some(line)) if self.json => print_json(&line),
            _ => Ok(()),
        }
    }

    fn row(&mut self, input: &str, done: &Done, time: Duration) {
        if !self.begun {
            self.begun = true;
            self.words
                .show(&self.line("file", ["pixels", "bytes", "bpp", "quality", "seconds"]));
        }
        let columns = [
            match done.frames {
                1 => format!("{}x{}", done.width, done.height),
                frames => format!("{}x{}x{frames}", done.width, done.height),
            },
            grouped(done.bytes),
            rate(done.bytes, done.held),
            done.quality.to_string(),
            format!("{:.2}", time.as_secs_f64()),
        ];
        self.words
            .show(&self.line(input, columns.each_ref().map(String::as_str)));
        for note in &done.notes {
            self.words.show(&format!("{:<1$} {note}", "", self.width));
        }
    }

    fn line(&self, name: &str, [pixels, bytes, bpp, quality, seconds]: [&str; 5]) -> String {
        let width = self.width;
        format!("{name:<width$} {pixels:>11} {bytes:>13} {bpp:>8} {quality:>7} {seconds:>8}")
    }

    /// Tells the sums; the exit code that they mean.
    pub fn finish(self, time: Duration) -> ExitCode {
        let sums = &self.sums;
        if sums.done > 0 {
            let columns = [
                grouped(sums.pixels),
                grouped(sums.bytes),
                rate(sums.bytes, sums.held),
                String::new(),
                format!("{:.2}", time.as_secs_f64()),
            ];
            let line = self.line("total", columns.each_ref().map(String::as_str));
            self.words.show(&line);
        }
        self.words.say(&sums.text(self.entries.len()));
        match sums {
            Sums { failed: 1.., .. } => ExitCode::FAILURE,
            Sums {
                concealed: true, ..
            } => ExitCode::from(CONCEALED),
            _ => ExitCode::SUCCESS,
        }
    }
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Done(done, _) => {
                self.done += 1;
                self.concealed |= done.concealed;
                self.pixels += u64::from(done.width) * u64::from(done.height) * done.frames;
                self.held += done.held;
                self.bytes += done.bytes;
            }
            Outcome::Planned(..) => self.planned += 1,
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }

    fn text(&self, files: usize) -> String {
        let parts = [
            (self.done, "done"),
            (self.planned, "would be written"),
            (self.skipped, "skipped"),
            (self.failed, "failed"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let files = if files == 1 {
            "1 file"
        } else {
            &format!("{files} files")
        };
        format!("{files}: {}", parts.join(", "))
    }
}

/// Bits for each pixel.
fn rate(bytes: u64, pixels: u64) -> String {
    format!("{:.4}", bytes as f64 * 8.0 / pixels as f64)
}

/// An error in one line, without the name that stands before it.
fn reason(error: &anyhow::Error, input: &str) -> String {
    let text = one_line(error);
    match text
        .strip_prefix(input)
        .and_then(|rest| rest.strip_prefix(": "))
    {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
