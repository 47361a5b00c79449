//! What a file may ask for.

use crate::bitstream::Header;
use crate::clip::ClipHeader;
use crate::error::LimitError;

/// What a file may ask for. On by default; a file that asks for more ends in
/// [`DecodeError::Limits`](crate::DecodeError::Limits) before anything is allocated for it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Pixels in a row. Default: 2^20.
    pub max_width: u32,
    /// Rows. Default: 2^20.
    pub max_height: u32,
    /// Pixels in the picture. Default: 2^27, enough for 12000x9000.
    pub max_pixels: u64,
    /// Bytes of memory that decoding takes, picture included. Default: 8 GiB.
    pub max_memory: u64,
    /// Bytes of one stream. Default: 512 MiB.
    pub max_stream_bytes: u64,
    /// Streams in the file: sections and alpha of all tiles, and metadata. Default:
    /// 2^18.
    pub max_streams: u64,
    /// Bytes of the whole file. Default: 1 GiB.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_width: 1 << 20,
            max_height: 1 << 20,
            max_pixels: 1 << 27,
            max_memory: 8 << 30,
            max_stream_bytes: 512 << 20,
            max_streams: 1 << 18,
            max_file_bytes: 1 << 30,
        }
    }
}

impl Limits {
    /// No limits but the format's own, for files that you made yourself.
    pub fn none() -> Self {
        Self {
            max_width: u32::MAX,
            max_height: u32::MAX,
            max_pixels: u64::MAX,
            max_memory: u64::MAX,
            max_stream_bytes: u64::MAX,
            max_streams: u64::MAX,
            max_file_bytes: u64::MAX,
        }
    }

    /// The same for a clip, whose frames are pictures of which one is held at a time:
    /// its length has no limit.
    pub(crate) fn check_clip(&self, header: &ClipHeader) -> Result<(), LimitError> {
        let (width, height) = (header.width.into(), header.height.into());
        LimitError::check("the width", width, self.max_width.into())?;
        LimitError::check("the height", height, self.max_height.into())?;
        LimitError::check("the number of pixels", width * height, self.max_pixels)?;
        let tiles = header.grid().count();
        LimitError::check("the number of tiles", tiles, self.max_streams)
    }

    pub(crate) fn check(&self, header: &Header) -> Result<(), LimitError> {
        let (width, height) = (header.width.into(), header.height.into());
        LimitError::check("the width", width, self.max_width.into())?;
        LimitError::check("the height", height, self.max_height.into())?;
        // Two sides of at most 2^30 each.
        LimitError::check("the number of pixels", width * height, self.max_pixels)?;
        LimitError::check("the number of streams", header.streams(), self.max_streams)
    }
}
