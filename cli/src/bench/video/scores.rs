//! How good the frames of a clip are, and what they cost.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use lic_codec::Image;
use lic_codec::measure::{ms_ssim, psnr, psnr_of};
use lic_datasets::video::{Frame, VideoFormat};
use serde::Serialize;

use crate::video::source::picture;

/// A clip at a setting: means over its frames.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// The clip's file.
    pub clip: String,
    /// The codec.
    pub codec: String,
    /// On the codec's own scale.
    pub setting: f64,
    /// Frames.
    pub frames: u64,
    /// Bits a pixel of a frame.
    pub bpp: f64,
    /// PSNR over red, green and blue of 8 bits, in dB.
    pub psnr: f64,
    /// PSNR of luma and both chroma planes of the source's samples, weighted 6:1:1.
    pub psnr_yuv: Option<f64>,
    /// MS-SSIM over red, green and blue; null for small frames.
    pub ms_ssim: Option<f64>,
    /// Frames a second.
    pub encode_fps: f64,
    /// Back.
    pub decode_fps: f64,
}

/// Sums over the frames of a clip.
pub(super) struct Scores {
    format: VideoFormat,
    pub(super) frames: u64,
    psnr: f64,
    psnr_yuv: f64,
    ms_ssim: Option<f64>,
}

/// What a frame without loss counts for, in dB.
const LOSSLESS: f64 = 100.0;

impl Scores {
    pub(super) fn new(format: VideoFormat) -> Self {
        Self {
            format,
            frames: 0,
            psnr: 0.0,
            psnr_yuv: 0.0,
            ms_ssim: Some(0.0),
        }
    }

    /// A frame, as planes and as a picture.
    pub(super) fn add(&mut self, original: &Frame, planes: &Frame, image: &Image) -> Result<()> {
        let first = eight(&picture(&self.format, original)?)?;
        let image = eight(image)?;
        let found = psnr(&first, &image).context("a frame changed its size")?;
        self.psnr += found.min(LOSSLESS);
        let scale = 255.0 / f64::from(self.format.max());
        let plane = |(a, b): (&Vec<u16>, &Vec<u16>)| {
            let squares = a.iter().zip(b).map(|(&a, &b)| {
                let off = f64::from(a.abs_diff(b)) * scale;
                off * off
            });
            psnr_of(squares.sum::<f64>() / a.len() as f64).min(LOSSLESS)
        };
        let pairs = original.planes.iter().zip(&planes.planes);
        let each: Vec<f64> = pairs.map(plane).collect();
        self.psnr_yuv += match each[..] {
            [y, u, v] => (6.0 * y + u + v) / 8.0,
            _ => each[0],
        };
        self.ms_ssim = self
            .ms_ssim
            .zip(ms_ssim(&first, &image))
            .map(|(a, b)| a + b);
        self.frames += 1;
        Ok(())
    }

    pub(super) fn point(
        &self,
        path: &Path,
        codec: &str,
        setting: f64,
        bytes: u64,
        [encode_fps, decode_fps]: [f64; 2],
    ) -> Result<Point> {
        ensure!(self.frames > 0, "{}: there are no frames", path.display());
        let frames = self.frames as f64;
        let pixels = f64::from(self.format.width) * f64::from(self.format.height);
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Point {
            clip: name.to_string_lossy().into_owned(),
            codec: codec.to_owned(),
            setting,
            frames: self.frames,
            bpp: bytes as f64 * 8.0 / (pixels * frames),
            psnr: self.psnr / frames,
            psnr_yuv: Some(self.psnr_yuv / frames),
            ms_ssim: self.ms_ssim.map(|sum| sum / frames),
            encode_fps,
            decode_fps,
        })
    }
}

fn eight(image: &Image) -> Result<Image> {
    let samples = image.samples().eight().into_owned();
    let (width, height) = (image.width(), image.height());
    Ok(Image::new(width, height, image.channels(), samples)?)
}
