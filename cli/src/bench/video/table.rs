//! Figures of clips: delta rates, and a table.

use lic_codec::measure::ms_ssim_db;
use serde::Serialize;

use super::super::bd_rate::bd_rate;
use super::scores::Point;

/// A codec against this program's, on a clip.
#[derive(Debug, Serialize)]
pub struct Delta {
    /// The clip's file.
    pub clip: String,
    /// The codec that is the anchor.
    pub anchor: String,
    /// On what quality is measured.
    pub quality: &'static str,
    /// Per cent more rate of this program; null if the curves have no range in common.
    pub percent: Option<f64>,
}

/// All figures.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) program: String,
    pub(super) model: String,
    pub(super) gop: u32,
    pub(super) threads: usize,
    pub(super) points: Vec<Point>,
    pub(super) bd_rates: Vec<Delta>,
    pub(super) left_out: Vec<String>,
}

/// This program's delta rates against every other codec.
pub(super) fn deltas(points: &[Point]) -> Vec<Delta> {
    let mut clips: Vec<&str> = points.iter().map(|p| p.clip.as_str()).collect();
    clips.dedup();
    let mut codecs: Vec<&str> = points.iter().map(|p| p.codec.as_str()).collect();
    codecs.sort_unstable();
    codecs.dedup();
    let mut deltas = Vec::new();
    for clip in clips {
        for &anchor in codecs.iter().filter(|codec| **codec != "lic") {
            type Measure = (&'static str, fn(&Point) -> Option<f64>);
            let measures: [Measure; 3] = [
                ("psnr", |p| Some(p.psnr)),
                ("psnr_yuv", |p| p.psnr_yuv),
                ("ms_ssim", |p| p.ms_ssim.map(ms_ssim_db)),
            ];
            for (quality, measure) in measures {
                let curve = |codec: &str| -> Vec<(f64, f64)> {
                    let of = points.iter().filter(|p| p.clip == clip && p.codec == codec);
                    of.filter_map(|p| Some((p.bpp, measure(p)?))).collect()
                };
                let found = bd_rate(&curve(anchor), &curve("lic"));
                deltas.push(Delta {
                    clip: clip.to_owned(),
                    anchor: anchor.to_owned(),
                    quality,
                    percent: found.ok().map(|found| found.percent),
                });
            }
        }
    }
    deltas
}

pub(super) fn table(figures: &Figures) -> String {
    let mut lines = vec![format!(
        "{:<30} {:<17} {:>7} {:>9} {:>9} {:>6} {:>7} {:>8} {:>8} {:>8}",
        "clip",
        "codec",
        "setting",
        "bpp",
        "frames",
        "PSNR",
        "YUV611",
        "MS-SSIM",
        "enc f/s",
        "dec f/s"
    )];
    let number = |value: Option<f64>, digits: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    for p in &figures.points {
        lines.push(format!(
            "{:<30} {:<17} {:>7} {:>9.4} {:>9} {:>6.2} {:>7} {:>8} {:>8.1} {:>8.1}",
            p.clip,
            p.codec,
            p.setting,
            p.bpp,
            p.frames,
            p.psnr,
            number(p.psnr_yuv, 2),
            number(p.ms_ssim, 5),
            p.encode_fps,
            p.decode_fps
        ));
    }
    if !figures.bd_rates.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "{:<30} {:<17} {:>9} {:>9} {:>9}",
            "BD-rate of lic, per cent", "against", "PSNR", "YUV611", "MS-SSIM"
        ));
        for three in figures.bd_rates.chunks(3) {
            let value = |i: usize| number(three.get(i).and_then(|delta| delta.percent), 1);
            lines.push(format!(
                "{:<30} {:<17} {:>9} {:>9} {:>9}",
                three[0].clip,
                three[0].anchor,
                value(0),
                value(1),
                value(2)
            ));
        }
    }
    lines.join("\n")
}
