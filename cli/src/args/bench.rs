//! What can be typed after `lic bench`.

use std::path::PathBuf;

use clap::Args;
use lic_codec::clip::MOST_BETWEEN;
use lic_codec::{Effort, Quality};

use super::encode::effort;
use super::{Machine, ModelKey, quality};

/// `lic bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Folder of pictures; or with --data the test set, `kodak` or `clic2025`, that
    /// the pictures there have to be
    #[arg(value_name = "PICTURES")]
    pub pictures: PathBuf,
    /// Measure the clips of the folder, .y4m, beside x264 and x265 (of the program ffmpeg,
    /// where it is installed): mean PSNR, PSNR of planes weighted 6:1:1 and MS-SSIM of
    /// frames, and frames a second
    #[arg(long, conflicts_with_all = ["data", "report", "points", "csv"])]
    pub video: bool,
    /// With --video: the most frames from an intra frame to the next, of all encoders
    /// [default: 32]
    #[arg(long, value_name = "N", requires = "video")]
    pub gop: Option<u32>,
    /// With --video: the most frames between two that are made from both [default: 7]
    #[arg(long, value_name = "N", requires = "video", value_parser = clap::value_parser!(u8).range(..=i64::from(MOST_BETWEEN)))]
    pub b_frames: Option<u8>,
    /// Folder of the test set, whose pictures are checked by their SHA-256
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Measure speed, memory and start-up instead, of pictures that are made of those
    /// there (--megapixels), on 1, 2, 4, ... threads up to --threads
    #[arg(long, group = "instead", conflicts_with_all = RATES)]
    pub speed: bool,
    /// Sizes of the pictures for --speed
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = megapixels,
        default_value = "0.4,2,12,48",
        requires = "speed"
    )]
    pub megapixels: Vec<f64>,
    /// Say where the time goes instead: the parts of decoding and encoding a picture of
    /// 2 MP on one thread, in Markdown
    #[arg(long, group = "instead", conflicts_with_all = RATES)]
    pub profile: bool,
    /// Qualities of this program's codec, separated by commas
    /// [default: 5,18,31,44,57,70,83,96; 50 for --speed and --profile, which take one]
    #[arg(
        short,
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = quality
    )]
    pub qualities: Vec<Quality>,
    /// Time that this program's codec spends for a smaller file, 0 to 9; see `lic encode`
    /// [default: 1]
    #[arg(short, long, value_name = "0..9", value_parser = effort)]
    pub effort: Option<Effort>,
    /// Other codecs to measure: all, none, or some of jpeg, webp, avif, jxl and hevc,
    /// separated by commas. Their programs are looked for on PATH; of all, those that
    /// are missing are named and skipped
    #[arg(long, value_name = "LIST", value_parser = peers, default_value = "all")]
    pub peers: Peers,
    /// Take the first N pictures only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Pictures measured at the same time; more than one is sooner done but spoils
    /// the speeds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), default_value = "1")]
    pub jobs: u16,
    /// Append every measured point to this file as a JSON line, and do not measure
    /// again what it holds: a bench that was stopped goes on
    /// [default: points.jsonl in the folder of --report, if that is given]
    #[arg(long, value_name = "FILE")]
    pub points: Option<PathBuf>,
    /// Write all figures, those of every picture too; `-` is standard output,
    /// without the table then
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a line for every picture, codec and setting, separated by commas
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write a page with curves, tables and pictures to this folder, index.html: one
    /// file that needs no network
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Bits a pixel at which the page shows pictures
    #[arg(long, value_name = "BITS", value_parser = super::positive, default_value = "0.25", requires = "report")]
    pub show_bpp: f64,
    /// The model.
    #[command(flatten)]
    pub model: ModelKey,
    /// Where it runs.
    #[command(flatten)]
    pub machine: Machine,
}

/// What has no meaning for speeds alone.
const RATES: [&str; 6] = ["peers", "jobs", "points", "csv", "report", "show_bpp"];

/// Halves of the qualities that are measured by default.
const QUALITIES: [u8; 8] = [10, 36, 62, 88, 114, 140, 166, 192];

impl Bench {
    /// The qualities to measure rates and pictures at.
    pub fn qualities(&self) -> Vec<Quality> {
        if self.qualities.is_empty() {
            let known = QUALITIES.iter().copied();
            return known.filter_map(Quality::from_halves).collect();
        }
        self.qualities.clone()
    }

    /// The quality to measure speeds at; `None` if there are several.
    pub fn quality(&self) -> Option<Quality> {
        match self.qualities[..] {
            [] => Some(Quality::default()),
            [quality] => Some(quality),
            _ => None,
        }
    }
}

/// Another codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// JPEG: cjpeg and djpeg of libjpeg-turbo or mozjpeg.
    Jpeg,
    /// WebP: cwebp and dwebp of libwebp.
    Webp,
    /// AVIF: avifenc and avifdec of libavif.
    Avif,
    /// JPEG XL: cjxl and djxl of libjxl.
    Jxl,
    /// HEVC intra: x265 and a decoder, through ffmpeg.
    Hevc,
}

impl Peer {
    /// All of them, in the order of tables and pages.
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Webp, Self::Avif, Self::Jxl, Self::Hevc];

    /// What names it on the command line and in figures.
    pub fn key(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Jxl => "jxl",
            Self::Hevc => "hevc",
        }
    }
}

/// What was asked for with `--peers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// All that are installed.
    Installed,
    /// These, which have to be there; in the order of [`Peer::ALL`].
    Named(Vec<Peer>),
}

/// The largest picture of a bench of speeds: its samples alone are 3 GB.
const MOST_MEGAPIXELS: f64 = 1000.0;

fn megapixels(text: &str) -> Result<f64, String> {
    let size = super::positive(text)?;
    if size <= MOST_MEGAPIXELS {
        return Ok(size);
    }
    Err(format!("at most {MOST_MEGAPIXELS}"))
}

fn peers(text: &str) -> Result<Peers, String> {
    match text {
        "all" => return Ok(Peers::Installed),
        "none" => return Ok(Peers::Named(Vec::new())),
        _ => {}
    }
    let names: Vec<&str> = text.split(',').map(str::trim).collect();
    for name in &names {
        if !Peer::ALL.iter().any(|peer| peer.key() == *name) {
            let known = Peer::ALL.map(Peer::key).join(", ");
            return Err(format!("no codec {name:?}; all, none, or some of {known}"));
        }
    }
    let wanted = |peer: &Peer| names.contains(&peer.key());
    Ok(Peers::Named(Peer::ALL.into_iter().filter(wanted).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_qualities_are_those_of_the_help() {
        let halves = [5, 18, 31, 44, 57, 70, 83, 96].map(|q| 2 * q);
        assert_eq!(halves, QUALITIES);
    }

    #[test]
    fn lists_of_peers_keep_their_order() {
        assert_eq!(peers("all"), Ok(Peers::Installed));
        assert_eq!(peers("none"), Ok(Peers::Named(vec![])));
        let two = Peers::Named(vec![Peer::Jpeg, Peer::Jxl]);
        assert_eq!(peers("jxl, jpeg,jxl"), Ok(two));
        for wrong in ["", "all,jpeg", "jpeg,", "gif"] {
            assert!(
                peers(wrong).unwrap_err().contains("some of jpeg"),
                "{wrong}"
            );
        }
    }
}
