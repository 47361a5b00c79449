//! Clips at the command line: what is one, and how its frames come and go.

mod decode;
mod encode;
mod info;
mod sink;
pub mod source;

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use lic_codec::clip::{TELLING, is_clip};

use crate::many;

pub use decode::{decode_to, run as decode, size as size_of_clip};
pub use encode::{encode_to, run as encode, size as size_of_video};
pub use info::run as info;

/// Keeps an error of the input that comes up while output is written, which it would be
/// taken for otherwise.
#[derive(Default)]
struct Fault(RefCell<Option<Error>>);

impl Fault {
    /// `result`, whose error is kept.
    fn keep<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            *self.0.borrow_mut() = Some(error);
            anyhow!("the input failed")
        })
    }

    /// The error that was kept; if there is none, `result`.
    fn or<T>(self, result: Result<T>) -> Result<T> {
        match self.0.into_inner() {
            Some(error) => Err(error),
            None => result,
        }
    }
}

/// The first bytes of an input, which stay there to be read.
fn start(path: &Path, length: usize) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        // The buffer of standard input is the program's: what is looked at here is read
        // by whoever reads it next.
        let mut input = std::io::stdin().lock();
        let start = input.fill_buf().context("cannot read standard input")?;
        return Ok(start[..start.len().min(length)].to_vec());
    }
    let name = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(name)?.is_file() {
        // A pipe has no beginning to come back to, and one that nobody writes to yet
        // cannot even be opened.
        return Ok(Vec::new());
    }
    let file = File::open(path).with_context(name)?;
    let mut start = Vec::new();
    file.take(length as u64)
        .read_to_end(&mut start)
        .with_context(name)?;
    Ok(start)
}

/// Endings of files in a folder that are taken for videos.
const ENDINGS: &[&str] = if cfg!(feature = "ffmpeg") {
    &["y4m", "mp4", "mkv", "mov", "webm", "avi"]
} else {
    &["y4m"]
};

/// The videos of a folder.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    many::listed(folder, ENDINGS)
}

/// Whether an input of `lic encode` is a video.
pub fn is_video(path: &Path) -> Result<bool> {
    if lic_datasets::video::is_pattern(path) {
        return Ok(true);
    }
    let named = |ending: &str| {
        path.extension()
            .is_some_and(|e| e.eq_ignore_ascii_case(ending))
    };
    if named("y4m") {
        return Ok(true);
    }
    if path.is_dir() || !(path == Path::new("-") || path.exists()) {
        return Ok(false);
    }
    let start = start(path, 12)?;
    let after = |at: usize, what: &[u8]| start.get(at..).is_some_and(|s| s.starts_with(what));
    Ok(after(0, b"YUV4MPEG")
        || after(4, b"ftyp")
        || after(0, &[0x1a, 0x45, 0xdf, 0xa3])
        || (after(0, b"RIFF") && after(8, b"AVI ")))
}

/// Whether an input of `lic decode` or `lic info` is a clip.
pub fn is_lic_clip(path: &Path) -> Result<bool> {
    if path.is_dir() || !(path == Path::new("-") || path.exists()) {
        return Ok(false);
    }
    Ok(is_clip(&start(path, TELLING)?))
}
