//! What can be typed after `lic bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lic_codec::Quality;

use super::{Machine, ModelKey, quality};

/// `lic bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// Folder of pictures; or with --data the test set, `kodak` or `clic2025`, that
    /// the pictures there have to be
    #[arg(value_name = "PICTURES")]
    pub pictures: PathBuf,
    /// Folder of the test set, whose pictures are checked by their SHA-256
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Qualities of this program's codec, separated by commas
    #[arg(
        short,
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = quality,
        default_value = "5,18,31,44,57,70,83,96"
    )]
    pub qualities: Vec<Quality>,
    /// Other codecs to measure, separated by commas: their programs are looked for on
    /// PATH, and those that are missing are named and skipped
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_enum,
        default_value = "all"
    )]
    pub peers: Vec<Peer>,
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

/// What can be named after `--peers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// All of them
    All,
    /// None of them
    None,
    /// JPEG: cjpeg and djpeg of libjpeg-turbo or mozjpeg
    Jpeg,
    /// WebP: cwebp and dwebp of libwebp
    Webp,
    /// AVIF: avifenc and avifdec of libavif
    Avif,
    /// JPEG XL: cjxl and djxl of libjxl
    Jxl,
    /// HEVC intra: x265 and a decoder, through ffmpeg
    Hevc,
}

impl Peer {
    /// Those meant by a list, in the order of the page; `none` adds nothing.
    pub fn chosen(list: &[Self]) -> Vec<Self> {
        let real = [Self::Jpeg, Self::Webp, Self::Avif, Self::Jxl, Self::Hevc];
        let wanted = |peer: &Self| list.contains(&Self::All) || list.contains(peer);
        real.into_iter().filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn lists_of_peers_keep_their_order() {
        assert_eq!(Peer::chosen(&[Peer::None]), []);
        let two = [Peer::Jxl, Peer::Jpeg, Peer::Jxl];
        assert_eq!(Peer::chosen(&two), [Peer::Jpeg, Peer::Jxl]);
        assert_eq!(Peer::chosen(&[Peer::Jpeg, Peer::All]).len(), 5);
    }
}
