//! Many files at a time, for `lic encode` and `lic decode`: what becomes of every
//! input, on all cores, told in the order of the inputs.

mod plan;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rayon::Yield;

use crate::args::Many;
use crate::io::Output;
use crate::progress;
use crate::report::Words;
use plan::{Entry, Step};
use table::Table;

/// Some file was decoded with parts filled in.
pub const CONCEALED: u8 = 3;

/// Pixels that count as one piece of work: a tile of the default size.
const PIECE: u64 = 1 << 20;

/// What is done to every file.
pub trait Task: Sync {
    /// The ending of what a file becomes.
    fn ending(&self, input: &Path) -> &str;
    /// The files in a folder that are meant when the folder is named.
    fn in_folder(&self, folder: &Path) -> Result<Vec<PathBuf>>;
    /// Looks at the beginning of a file: pixels in a row, and rows. Called for one file
    /// after another, before all else.
    fn size(&self, input: &Path) -> Result<(u32, u32)>;
    /// Does it. Called for several files at a time.
    fn run(&self, input: &Path, output: &Output) -> Result<Done>;
}

/// Which files, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Files, folders and patterns.
    pub inputs: &'a [PathBuf],
    /// The folder to write into.
    pub dir: &'a Path,
    /// Whether to replace, and whether to do anything.
    pub many: &'a Many,
    /// Whether JSON is wanted.
    pub json: bool,
}

/// What was made of a file.
#[derive(Debug)]
pub struct Done {
    /// Pixels in a row of the picture that was read or written.
    pub width: u32,
    /// Its rows.
    pub height: u32,
    /// Pictures of this size: of a clip, its frames.
    pub frames: u64,
    /// Pixels of the pictures that the lic file holds: more, if a part was decoded.
    pub held: u64,
    /// Bytes of the lic file.
    pub bytes: u64,
    /// Its quality, 1 to 100.
    pub quality: f32,
    /// The line of `--json`.
    pub json: String,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// Whether parts of it had to be filled in.
    pub concealed: bool,
}

/// What became of an input.
#[derive(Debug)]
enum Outcome {
    Done(Done, Duration),
    Planned(u32, u32),
    Skipped,
    Failed(anyhow::Error),
}

/// Does `task` to all files of `order`. A file that fails does not stop the others.
///
/// # Errors
/// If two inputs would become one file, the folder cannot be made, or standard output
/// fails.
pub fn run(task: &impl Task, order: &Order, words: Words) -> Result<ExitCode> {
    let entries = plan::entries(task, order)?;
    let begun = Instant::now();
    let work = entries
        .iter()
        .any(|entry| matches!(entry.step, Step::Do(..)));
    if work && !order.many.dry_run {
        let name = || format!("cannot make the folder {}", order.dir.display());
        fs::create_dir_all(order.dir).with_context(name)?;
    }
    let telling = Telling {
        table: Table::new(&entries, order.json, words),
        waiting: BTreeMap::new(),
        next: 0,
        stopped: None,
    };
    let crew = Crew {
        task,
        entries: &entries,
        dry_run: order.many.dry_run,
        turns: Mutex::new(Turns::default()),
        telling: Mutex::new(telling),
        bar: progress::bar(words, entries.len() as u64),
    };
    // Every thread of the pool takes one picture after another, rather than a parallel
    // iterator all of them: a thread that waits for rows of its picture would begin
    // another one there, and hold both.
    rayon::broadcast(|_| crew.work());
    crew.bar.finish_and_clear();
    let telling = crew.telling.into_inner();
    let telling = telling.unwrap_or_else(PoisonError::into_inner);
    match telling.stopped {
        Some(error) => Err(error),
        None => Ok(telling.table.finish(begun.elapsed())),
    }
}

/// The files of a folder with one of `endings`, by name. Those whose name starts with a dot
/// are passed over, as [`ImageFolder`](lic_datasets::ImageFolder) does.
pub fn listed(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let name = || format!("cannot list the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(name)? {
        let entry = entry.with_context(name)?;
        let path = entry.path();
        let ending = path.extension().unwrap_or_default();
        let meant = endings.iter().any(|e| ending.eq_ignore_ascii_case(e));
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if meant && !hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// That a folder is no file, and what to type for what is in it.
pub fn folder(command: &str, path: &Path) -> String {
    let path = path.display();
    format!("{path} is a folder; for all files in it: lic {command} {path} -o DIR")
}

/// Threads at work.
struct Crew<'a, T> {
    task: &'a T,
    entries: &'a [Entry],
    dry_run: bool,
    turns: Mutex<Turns>,
    telling: Mutex<Telling<'a>>,
    bar: indicatif::ProgressBar,
}

/// Which entry is next, and how much is under way.
#[derive(Debug, Default)]
struct Turns {
    next: usize,
    /// In pieces.
    taken: u64,
}

/// What a thread is to do.
#[derive(Debug, PartialEq)]
enum Turn {
    /// This entry, which takes so many pieces.
    Take(usize, u64),
    /// Help others: enough is under way.
    Wait,
    Over,
}

impl Turns {
    /// Another file is begun while those under way have fewer pieces than there are
    /// threads. So memory is that of as many small pictures as there are threads, or
    /// of one large one and some small ones: a large one keeps all threads busy itself.
    fn take(&mut self, entries: &[Entry], threads: u64) -> Turn {
        let Some(entry) = entries.get(self.next) else {
            return Turn::Over;
        };
        if self.taken >= threads {
            return Turn::Wait;
        }
        let pieces = match entry.step {
            Step::Do(width, height) => u64::from(width) * u64::from(height),
            Step::Skip | Step::Fail(_) => 0,
        };
        let pieces = pieces.div_ceil(PIECE).min(threads);
        self.taken += pieces;
        self.next += 1;
        Turn::Take(self.next - 1, pieces)
    }
}

impl<T: Task> Crew<'_, T> {
    fn work(&self) {
        let threads = rayon::current_num_threads() as u64;
        loop {
            let turn = lock(&self.turns).take(self.entries, threads);
            match turn {
                Turn::Take(i, pieces) => {
                    let outcome = self.entry(&self.entries[i]);
                    lock(&self.turns).taken -= pieces;
                    self.tell(i, outcome);
                }
                // A thread that slept on a lock could not help with the tiles of the
                // pictures under way.
                Turn::Wait => {
                    if rayon::yield_now() != Some(Yield::Executed) {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                Turn::Over => break,
            }
        }
    }

    fn entry(&self, entry: &Entry) -> Outcome {
        match &entry.step {
            Step::Skip => Outcome::Skipped,
            Step::Fail(error) => Outcome::Failed(anyhow::anyhow!("{}", crate::one_line(error))),
            &Step::Do(width, height) if self.dry_run => Outcome::Planned(width, height),
            Step::Do(..) => {
                let begun = Instant::now();
                let done = Output::at(&entry.output);
                let done = done.and_then(|output| self.task.run(&entry.input, &output));
                match done {
                    Ok(done) => Outcome::Done(done, begun.elapsed()),
                    Err(error) => Outcome::Failed(error),
                }
            }
        }
    }

    fn tell(&self, i: usize, outcome: Outcome) {
        self.bar.inc(1);
        let told = lock(&self.telling).tell(i, outcome, self.entries, &self.bar);
        if told.is_err() {
            // Nobody begins another file.
            lock(&self.turns).next = self.entries.len();
        }
    }
}

/// Tells outcomes in the order of the entries, as soon as those before are told.
struct Telling<'a> {
    table: Table<'a>,
    waiting: BTreeMap<usize, Outcome>,
    next: usize,
    stopped: Option<anyhow::Error>,
}

/// Nobody listens.
struct Deaf;

impl Telling<'_> {
    fn tell(
        &mut self,
        i: usize,
        outcome: Outcome,
        entries: &[Entry],
        bar: &indicatif::ProgressBar,
    ) -> Result<(), Deaf> {
        self.waiting.insert(i, outcome);
        while self.stopped.is_none()
            && let Some(outcome) = self.waiting.remove(&self.next)
        {
            let entry = &entries[self.next];
            // The bar is not to be drawn through the line.
            self.stopped = bar.suspend(|| self.table.tell(entry, &outcome)).err();
            self.next += 1;
        }
        self.stopped.as_ref().map_or(Ok(()), |_| Err(Deaf))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: Step) -> Entry {
        Entry {
            input: PathBuf::new(),
            output: PathBuf::new(),
            step,
        }
    }

    #[test]
    fn as_much_is_under_way_as_there_are_threads() {
        let small = || entry(Step::Do(768, 512));
        let large = entry(Step::Do(6000, 4000));
        let entries = [small(), entry(Step::Skip), small(), large, small()];
        let mut turns = Turns::default();
        let take = |turns: &mut Turns| turns.take(&entries, 3);
        assert_eq!(take(&mut turns), Turn::Take(0, 1));
        assert_eq!(take(&mut turns), Turn::Take(1, 0));
        assert_eq!(take(&mut turns), Turn::Take(2, 1));
        // 24 million pixels keep three threads busy.
        assert_eq!(take(&mut turns), Turn::Take(3, 3));
        assert_eq!(take(&mut turns), Turn::Wait);
        turns.taken -= 2;
        assert_eq!(take(&mut turns), Turn::Wait);
        turns.taken -= 3;
        assert_eq!(take(&mut turns), Turn::Take(4, 1));
        assert_eq!(take(&mut turns), Turn::Over);
    }
}
