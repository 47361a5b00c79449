//! What encoders and decoders may be asked for.

use lic_entropy::Coder;

use crate::geometry::Area;
use crate::model::Quality;

/// What an encoder may choose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// From the smallest file to the best picture. Default: 50.
    pub quality: Quality,
    /// The entropy coder. Default: [`Coder::Ans`], which decodes faster.
    pub coder: Coder,
    /// The longest side of a tile, in pixels; rounded up to a multiple of
    /// [`TILE_UNIT`](crate::TILE_UNIT). A picture that is larger becomes several
    /// tiles of about one size, which take memory and may be decoded one by one.
    /// Default: 1024.
    pub tile: u32,
    /// Whether every section is a stream of its own, so that a part of the file is a
    /// picture. If not, a tile is one stream, which is some thirty bytes shorter.
    /// Default: `None`, which is: unless that makes a file of one tile that is no
    /// longer than [`SMALL`].
    pub progressive: Option<bool>,
}

/// Bytes of a file that is too small for its parts to matter: four packets of a
/// network.
pub const SMALL: u64 = 6000;

impl EncodeOptions {
    /// The defaults, with `quality`.
    pub fn new(quality: Quality) -> Self {
        Self {
            quality,
            ..Self::default()
        }
    }

    /// With another coder.
    pub fn coder(self, coder: Coder) -> Self {
        Self { coder, ..self }
    }

    /// With every section as a stream of its own, or none.
    pub fn progressive(self, progressive: bool) -> Self {
        Self {
            progressive: Some(progressive),
            ..self
        }
    }

    /// With tiles of at most `side` pixels.
    pub fn tile(self, side: u32) -> Self {
        Self { tile: side, ..self }
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            quality: Quality::default(),
            coder: Coder::default(),
            tile: 1024,
            progressive: None,
        }
    }
}

/// What to decode, and how much damage to bear. The default: the whole picture, and
/// none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// The part of the picture that is wanted, in its pixels; all of it if `None`.
    /// Only the tiles that it touches are decoded.
    pub region: Option<Area>,
    /// How many times smaller the picture is to be, each way: the mean of squares of
    /// so many pixels, from as many sections as make a difference to it.
    pub scale: Scale,
    /// Whether a file that ends too soon is decoded as far as it goes.
    pub partial: bool,
    /// Whether streams with a wrong checksum are passed over; what they would have
    /// said is taken from the sections before them, or from neighbouring tiles.
    pub conceal: bool,
}

impl DecodeOptions {
    /// With a region.
    pub fn region(self, region: Area) -> Self {
        Self {
            region: Some(region),
            ..self
        }
    }

    /// With a scale.
    pub fn scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// Of a file that may end too soon.
    pub fn partial(self) -> Self {
        Self {
            partial: true,
            ..self
        }
    }

    /// Of a file that may be damaged.
    pub fn conceal(self) -> Self {
        Self {
            conceal: true,
            ..self
        }
    }
}

/// A size of the decoded picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Scale {
    /// As it is.
    #[default]
    Full,
    /// 1/2 each way.
    Half,
    /// 1/4 each way.
    Quarter,
    /// 1/8 each way.
    Eighth,
    /// 1/16 each way.
    Sixteenth,
}

impl Scale {
    /// All of them, from the largest.
    pub const ALL: [Self; 5] = [
        Self::Full,
        Self::Half,
        Self::Quarter,
        Self::Eighth,
        Self::Sixteenth,
    ];

    /// 1, 2, 4, 8 or 16.
    pub fn divisor(self) -> u32 {
        1 << self as u32
    }
}
