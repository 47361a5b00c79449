//! What the program says: words on standard error, and JSON on standard output.
//!
//! `--json` prints JSON Lines: one object a line, each with a `type`. Keys and
//! types may be added; those there are keep their meaning.
//!
//! | `type`  | printed by          | fields              |
//! |---------|---------------------|---------------------|
//! | `encode`| `lic encode --json` | [`Encoded`]         |
//! | `encode_clip` | `lic encode --json` | [`EncodedClip`] |
//! | `decode`| `lic decode -o --json` | [`Restored`]     |
//! | `planned`, `skipped` | both with `-o` | input, file  |
//! | `failed`| both with `-o`      | input, reason       |
//! | `info`  | `lic info --json`   | [`About`]           |
//! | `info_clip` | `lic info --json` | [`AboutClip`]     |
//! | `compare`| `lic compare --json` | [`Comparison`]   |
//! | `model` | `lic models --json` | [`ModelRow`]        |
//! | `start`, `step`, `evaluation` | `lic train --json` | [`lic_models::train::Event`] |
//!
//! `lic bench --json FILE` writes one object that spans many lines,
//! [`crate::bench::Measurements`]; `--points FILE` and `--report` keep a line of type
//! `point` for every point.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::metrics::Likeness;

mod clips;

pub use clips::{AboutClip, AboutFrame, EncodedClip};

/// Words for people, or none.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    quiet: bool,
}

impl Words {
    /// None but errors if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Says a line.
    pub fn say(self, line: &str) {
        if !self.quiet {
            // Nobody is left to tell that standard error is closed.
            let _ = writeln!(io::stderr(), "lic: {line}");
        }
    }

    /// Shows a line of a table, as it is.
    pub fn show(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", line.trim_end());
        }
    }

    /// Whether there are to be none but errors.
    pub fn quiet(self) -> bool {
        self.quiet
    }

    /// Whether somebody watches, and wants to.
    pub fn on_terminal(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line<'a> {
    /// A file has been made.
    Encode(&'a Encoded),
    /// A clip has been made.
    EncodeClip(&'a EncodedClip),
    /// A picture has been made.
    Decode(&'a Restored),
    /// With `--dry-run`: what would be made.
    Planned {
        /// What would be read.
        input: String,
        /// What would be written.
        file: String,
    },
    /// A file was there already.
    Skipped {
        /// What was not read.
        input: String,
        /// What is there.
        file: String,
    },
    /// One of many files failed.
    Failed {
        /// What was to be read.
        input: String,
        /// Why.
        reason: String,
    },
    /// What is in a file.
    Info(&'a About),
    /// What is in a clip.
    InfoClip(&'a AboutClip),
    /// How alike two pictures are.
    Compare(&'a Comparison),
    /// A model in this program.
    Model(&'a ModelRow),
}

/// `lic encode --json`.
#[derive(Debug, Serialize)]
pub struct Encoded {
    /// Where the file is.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its bits for each pixel.
    pub bpp: f64,
    /// The quality it was made with.
    pub quality: f32,
    /// The model it was made with.
    pub model: ModelName,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The information in the symbols, in bits: what the file would take without
    /// container and rounding.
    pub predicted_bits: f64,
    /// Bytes of each section, all tiles together.
    pub section_bytes: Vec<u64>,
    /// Bytes of alpha, of metadata and of filters.
    pub extra_bytes: u64,
    /// How many tiles there are.
    pub tiles: u64,
    /// With `--target-psnr`: PSNR in dB; null if nothing was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psnr: Option<f64>,
    /// With `--target-ms-ssim`: MS-SSIM, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms_ssim: Option<f64>,
}

/// `lic decode -o --json`.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// The file that was decoded.
    pub input: String,
    /// Where the picture is.
    pub file: String,
    /// Length of the file that was decoded.
    pub bytes: u64,
    /// Its bits for each pixel of the whole picture.
    pub bpp: f64,
    /// The quality it was made with.
    pub quality: f32,
    /// Pixels in a row of the picture that was written.
    pub width: u32,
    /// Its rows.
    pub height: u32,
    /// Pictures: of a clip, the frames that were written.
    pub frames: u64,
    /// What is missing of it; null if nothing.
    pub missing: Option<String>,
}

/// `lic info --json`.
#[derive(Debug, Serialize)]
pub struct About {
    /// The file.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its format version.
    pub version: u8,
    /// The model that it needs.
    pub model: ModelName,
    /// `grey` or `rgb`.
    pub channels: &'static str,
    /// Bits of a sample: 8 or 16.
    pub depth: u32,
    /// Whether there is alpha.
    pub alpha: bool,
    /// What the file carries beside the picture: `icc`, `exif`, `xmp`, or a number.
    pub metadata: Vec<String>,
    /// Pixels of a tile, each way; the whole picture if it is one.
    pub tile: (u32, u32),
    /// How many tiles there are.
    pub tiles: u64,
    /// The entropy coder: `ans` or `range`.
    pub coder: &'static str,
    /// Whether symbols are on a trellis.
    pub trellis: bool,
    /// Quality, 1 to 100.
    pub quality: f32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits for each pixel, of the whole file.
    pub bpp: f64,
    /// Bytes of each section, all tiles together.
    pub section_bytes: Vec<u64>,
    /// Bytes of alpha, of metadata and of filters.
    pub extra_bytes: u64,
    /// With `--symbols`: SHA-256 over all symbols, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbols_sha256: Option<String>,
}

/// `lic compare --json`.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The picture compared with.
    pub original: String,
    /// The other one.
    pub other: String,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Over all samples.
    #[serde(flatten)]
    pub likeness: Likeness,
    /// Red, green and blue of colour; luma of both kinds.
    pub planes: Vec<PlaneLikeness>,
}

/// How alike two planes are.
#[derive(Debug, Serialize)]
pub struct PlaneLikeness {
    /// `red`, `green`, `blue`, or `luma` after BT.601, rounded to 8 bits.
    pub plane: &'static str,
    /// Mean squared error.
    pub mse: f64,
    /// PSNR in dB; null if the planes are equal.
    pub psnr: f64,
    /// MS-SSIM, 0 to 1; null if the shorter side is 160 pixels or less.
    pub ms_ssim: Option<f64>,
}

/// A model, as files name it.
#[derive(Debug, Clone, Serialize)]
pub struct ModelName {
    /// Its number in files.
    pub id: u16,
    /// First four bytes of the SHA-256 of its weights, in hex.
    pub digest: String,
    /// Its key; null if this program does not have it.
    pub key: Option<String>,
}

/// `lic models --json`.
#[derive(Debug, Serialize)]
pub struct ModelRow {
    /// What files name it by.
    #[serde(flatten)]
    pub name: ModelName,
    /// Bytes of its weights.
    pub bytes: u64,
    /// Multiply-accumulates a pixel, in thousands; null without a network.
    pub kmacs: Option<Kmacs>,
    /// What it is for.
    pub about: &'static str,
}

/// Thousands of multiply-accumulates for each pixel.
#[derive(Debug, Serialize)]
pub struct Kmacs {
    /// The encoder's transforms.
    pub encoder: f64,
    /// The decoder's transform.
    pub decoder: f64,
    /// The prior, which both run.
    pub prior: f64,
}

/// Prints a line of JSON on standard output.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(&json(value)?)
}

/// A line of JSON.
pub fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// Prints a line on standard output.
pub fn print(line: &str) -> Result<()> {
    // Not `println!`, which panics when a pipe breaks.
    writeln!(io::stdout(), "{line}").context("cannot write standard output")
}

/// Bits for each pixel.
pub fn bpp(bytes: u64, width: u32, height: u32) -> f64 {
    bytes as f64 * 8.0 / (f64::from(width) * f64::from(height))
}

/// A number of bytes in groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let numbers = [0, 999, 1000, 12_345, 1_234_567];
        let texts = ["0", "999", "1,000", "12,345", "1,234,567"];
        assert_eq!(numbers.map(grouped), texts);
    }
}
