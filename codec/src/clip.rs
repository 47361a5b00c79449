//! Clips: frames one after another, each a picture of the same transforms.
//!
//! An **intra** frame is coded as a picture is, and can be decoded alone. A **predicted**
//! frame is coded by the model's [`Temporal`](crate::temporal::Temporal) prior: it knows
//! a frame before, moved block by block to where it is now, and the symbols of that
//! frame. One that lies **between** two others knows both, and is coded by the same prior. A
//! tile that has not changed costs a byte.
//!
//! Intra and predicted frames are anchors: each is predicted from the one before. The
//! frames between two anchors follow the later one, at most
//! [`ClipOptions::between`] of them, so a clip is written to a pipe and read from one
//! while it is made, with a few frames in memory. The index at its end is for those who
//! can seek: [`ClipIndex`].
//!
//! ```
//! use lic_codec::{Channels, ClipDecoder, ClipEncoder, ClipOptions, Image, Null};
//!
//! let frame = |i: u8| Image::new(64, 48, Channels::Rgb, vec![i; 64 * 48 * 3]);
//! let mut file = Vec::new();
//! let mut encoder = ClipEncoder::new(&Null, &ClipOptions::default(), 64, 48, &mut file)?;
//! for i in 0..5 {
//!     encoder.push(&frame(i)?)?;
//! }
//! let report = encoder.finish()?;
//! assert_eq!((report.frames, report.bytes), (5, file.len() as u64));
//!
//! let mut frames = ClipDecoder::new(&file[..]).start(&Null)?;
//! let mut count = 0;
//! while let Some(shown) = frames.next_frame()? {
//!     assert_eq!(shown.info.number, count);
//!     count += 1;
//! }
//! assert_eq!(count, 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
mod by_the_spec;
mod coding;
mod decide;
mod decoder;
mod encoder;
mod frame;
mod frame_coder;
mod header;
mod hold;
mod index;
mod luma;
mod motion;
mod motion_chances;
mod motion_stream;
#[cfg(test)]
mod motion_tests;
mod moved;
mod movement;
mod options;
mod order;
mod original;
mod search;
#[cfg(test)]
mod tests;
mod track;
mod vector;

pub use decoder::{ClipDecoder, FrameInfo, Frames, Shown};
pub use encoder::{ClipEncoder, Written};
pub use frame::{Frame, FrameKind};
pub use header::{Chroma, ClipHeader, Ratio, Source};
pub use index::{ClipIndex, Entry};
pub use options::{ClipOptions, ClipReport};
pub use order::MOST_BETWEEN;

/// Bytes of a file that tell a clip from a picture, at most.
pub const TELLING: usize = 13;

/// Whether a file that begins with these bytes, [`TELLING`] of them unless it is
/// shorter, is a clip; `false` too if it is not a lic file.
pub fn is_clip(start: &[u8]) -> bool {
    let Some(rest) = start.strip_prefix(&crate::bitstream::MAGIC) else {
        return false;
    };
    // The version, the model as a varint, the digest, the kinds.
    let Some(model) = rest.get(1..) else {
        return false;
    };
    let length = model.iter().position(|byte| byte & 0x80 == 0);
    let kinds = length.and_then(|last| model.get(last + 5));
    kinds.is_some_and(|kinds| kinds & crate::bitstream::CLIP != 0)
}
