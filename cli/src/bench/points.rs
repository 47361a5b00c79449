//! Measured points, and the file that keeps them while a bench runs: one that was
//! stopped goes on where it was.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// One picture, coded by one codec at one setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The picture's file name.
    pub picture: String,
    /// SHA-256 of its samples, in hex.
    pub samples_sha256: String,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Key of the codec.
    pub codec: String,
    /// Which build of it.
    pub version: String,
    /// Its setting, on the codec's own scale.
    pub setting: f64,
    /// Threads that it was allowed.
    pub threads: usize,
    /// Pictures that were measured at the same time.
    pub jobs: u16,
    /// Length of the file.
    pub bytes: u64,
    /// Its bits for each pixel.
    pub bpp: f64,
    /// What a model of ours predicted for its symbols, in bits; null for the others.
    pub predicted_bits: Option<f64>,
    /// Mean squared error of the decoded 8-bit picture.
    pub mse: f64,
    /// PSNR in dB; null if nothing was lost.
    pub psnr: Option<f64>,
    /// MS-SSIM, 0 to 1; null if the picture is too small for it.
    pub ms_ssim: Option<f64>,
    /// SSIMULACRA2; null if the picture is too small for it.
    pub ssimulacra2: Option<f64>,
    /// Wall time of encoding.
    pub encode_seconds: f64,
    /// Wall time of decoding.
    pub decode_seconds: f64,
}

impl Point {
    /// Pixels of the picture.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn key(&self) -> Key {
        Key {
            samples_sha256: self.samples_sha256.clone(),
            size: [self.width, self.height],
            codec: self.codec.clone(),
            version: self.version.clone(),
            setting: self.setting.to_bits(),
            threads: self.threads,
        }
    }
}

/// What has to be equal for a point not to be measured again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// SHA-256 of the samples.
    pub samples_sha256: String,
    /// The picture's sides: the same samples in another shape are another picture.
    pub size: [u32; 2],
    /// The codec.
    pub codec: String,
    /// Its build.
    pub version: String,
    /// Its setting, as bits.
    pub setting: u64,
    /// Its threads, on which the speeds depend.
    pub threads: usize,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Point(std::borrow::Cow<'a, Point>),
}

/// Finished points, and the file they are appended to.
#[derive(Debug)]
pub struct Store {
    done: HashMap<Key, Point>,
    file: Option<(PathBuf, Mutex<File>)>,
}

impl Store {
    /// Keeps nothing between two runs.
    pub fn in_memory() -> Self {
        Self {
            done: HashMap::new(),
            file: None,
        }
    }

    /// Reads the points of `path`, if it is there, and appends to it from then on. A
    /// last line that was cut off, as when the program is stopped, is dropped.
    ///
    /// # Errors
    /// If the file cannot be read or written, or another line is no point.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(path).with_context(|| format!("cannot use {}", path.display()))
    }

    fn read(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path)?;
        let text = std::io::read_to_string(&mut file)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64)?;
        }
        let mut done = HashMap::new();
        for (i, line) in text[..whole].lines().enumerate() {
            let context = || format!("line {} is not a measured point", i + 1);
            let Line::Point(point) = serde_json::from_str(line).with_context(context)?;
            done.insert(point.key(), point.into_owned());
        }
        Ok(Self {
            done,
            file: Some((path.to_owned(), Mutex::new(file))),
        })
    }

    /// The point, if it was in the file.
    pub fn get(&self, key: &Key) -> Option<&Point> {
        self.done.get(key)
    }

    /// How many points were in the file.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// Appends a point to the file, if there is one.
    pub fn add(&self, point: &Point) -> Result<()> {
        let Some((path, file)) = &self.file else {
            return Ok(());
        };
        let line = Line::Point(std::borrow::Cow::Borrowed(point));
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // One call a line: what stops the program cuts off one line at most.
        let written = file.write_all(text.as_bytes());
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Checks what was measured anew against the file: the same picture, codec,
    /// version and setting, and another length, is another build.
    ///
    /// # Errors
    /// If the lengths differ.
    pub fn check(&self, fresh: &Point) -> Result<()> {
        let (Some(kept), Some((path, _))) = (self.get(&fresh.key()), &self.file) else {
            return Ok(());
        };
        if kept.bytes != fresh.bytes {
            bail!(
                "{} holds points of another build of this program: {} at {} has {} bytes there \
                 and {} now; move it away, or name another file",
                path.display(),
                fresh.picture,
                fresh.setting,
                kept.bytes,
                fresh.bytes
            );
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A point of a picture of 100x100 pixels.
    pub fn point(codec: &str, picture: &str, setting: f64, bytes: u64, psnr: f64) -> Point {
        Point {
            picture: picture.into(),
            samples_sha256: format!("{picture:0>64}"),
            width: 100,
            height: 100,
            codec: codec.into(),
            version: "1.0".into(),
            setting,
            threads: 1,
            jobs: 1,
            bytes,
            bpp: bytes as f64 * 8.0 / 1e4,
            predicted_bits: None,
            mse: 255.0 * 255.0 / 10f64.powf(psnr / 10.0),
            psnr: Some(psnr),
            ms_ssim: Some(1.0 - 10f64.powf(-psnr / 20.0)),
            ssimulacra2: Some(2.0 * psnr),
            encode_seconds: 0.5,
            decode_seconds: 0.25,
        }
    }

    #[test]
    fn points_come_back_and_a_cut_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.jsonl");
        let (a, mut b) = (
            point("x", "a", 0.1, 1000, 30.0),
            point("x", "a", 0.2, 2000, 33.0),
        );
        b.psnr = None;
        let store = Store::open(&path).unwrap();
        store.add(&a).unwrap();
        store.add(&b).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{}", &text[..40])).unwrap();

        let store = Store::open(&path).unwrap();
        assert_eq!(store.len(), 2);
        assert_eq!(store.get(&b.key()).unwrap().psnr, None);
        assert_eq!(store.get(&a.key()).unwrap().bytes, 1000);
        let c = point("y", "a", 0.1, 1, 30.0);
        assert_eq!(store.get(&c.key()), None);
        store.add(&c).unwrap();
        // The new line begins where the cut one did.
        assert_eq!(Store::open(&path).unwrap().len(), 3);
    }

    #[test]
    fn whatever_changes_the_result_is_in_the_key() {
        let a = point("x", "a", 0.1, 1000, 30.0);
        let changes: [fn(&mut Point); 6] = [
            |p| p.samples_sha256.push('0'),
            |p| p.codec.push('y'),
            |p| p.version.push('1'),
            |p| p.setting = 0.2,
            |p| p.threads = 2,
            |p| p.width = 50,
        ];
        for change in changes {
            let mut other = a.clone();
            change(&mut other);
            assert_ne!(a.key(), other.key(), "{other:?}");
        }
        let mut same = a.clone();
        same.encode_seconds = 9.0;
        same.picture = "renamed".into();
        assert_eq!(a.key(), same.key());
    }

    #[test]
    fn foreign_lines_and_another_build_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.jsonl");
        std::fs::write(&path, "{\"type\":\"step\"}\n").unwrap();
        let text = format!("{:#}", Store::open(&path).unwrap_err());
        assert!(text.contains("line 1 is not a measured point"), "{text}");

        std::fs::remove_file(&path).unwrap();
        let kept = point("x", "a", 0.1, 1000, 30.0);
        Store::open(&path).unwrap().add(&kept).unwrap();
        let store = Store::open(&path).unwrap();
        assert!(store.check(&kept).is_ok());
        let fresh = point("x", "a", 0.1, 1001, 30.0);
        let text = store.check(&fresh).unwrap_err().to_string();
        assert!(text.contains("1000 bytes there and 1001 now"), "{text}");
        assert!(Store::in_memory().check(&fresh).is_ok());
    }
}
