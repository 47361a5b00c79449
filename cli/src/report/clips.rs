//! What is said of clips.

use serde::Serialize;

use super::ModelName;

/// `lic encode --json` of a video.
#[derive(Debug, Serialize)]
pub struct EncodedClip {
    /// Where the file is.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its frames.
    pub frames: u64,
    /// Those that can be decoded alone.
    pub intra_frames: u64,
    /// Those of which a tile at least is that of the frame before.
    pub held_frames: u64,
    /// Bits for each pixel of each frame.
    pub bpp: f64,
    /// Bits a second; null if the rate of frames is not known.
    pub bitrate: Option<f64>,
    /// The quality it was made with.
    pub quality: f32,
    /// The model it was made with.
    pub model: ModelName,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The information in the symbols, in bits.
    pub predicted_bits: f64,
    /// With `--target-psnr`: mean PSNR of the frames in dB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psnr: Option<f64>,
    /// With `--target-ms-ssim`: mean MS-SSIM of the frames, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms_ssim: Option<f64>,
}

/// `lic info --json` of a clip.
#[derive(Debug, Serialize)]
pub struct AboutClip {
    /// The file.
    pub file: String,
    /// Its format version.
    pub version: u8,
    /// The model that it needs.
    pub model: ModelName,
    /// The weights of the model's temporal prior, in hex; zeros if it needs none.
    pub temporal: String,
    /// `grey` or `rgb`.
    pub channels: &'static str,
    /// The entropy coder: `ans` or `range`.
    pub coder: &'static str,
    /// The quality that was asked for, 1 to 100.
    pub quality: f32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What the source was, in words.
    pub source: String,
    /// Frames a second; null if that is not known.
    pub fps: Option<f64>,
    /// The most frames from an intra frame to the next; 0 if there may be any number.
    pub gop: u32,
    /// Tiles of a frame.
    pub tiles: u64,
    /// Bytes of all frames.
    pub frame_bytes: u64,
    /// Bits for each pixel of each frame.
    pub bpp: f64,
    /// Bits a second.
    pub bitrate: Option<f64>,
    /// Whether the clip ends as one that is whole does.
    pub complete: bool,
    /// Its frames, in order.
    pub frames: Vec<AboutFrame>,
}

/// A frame of a clip.
#[derive(Debug, Serialize)]
pub struct AboutFrame {
    /// When it is shown: 0 for the first frame that is.
    pub number: u64,
    /// `I` (can be decoded alone), `P` (needs the `I` or `P` before it) or `B` (lies
    /// between two others and needs both).
    pub kind: &'static str,
    /// Its quality.
    pub quality: f32,
    /// Its bytes.
    pub bytes: u64,
    /// Bytes of its motion.
    pub motion_bytes: u64,
    /// Tiles that are those of the frame before.
    pub held_tiles: u64,
}
