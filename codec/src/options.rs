//! What encoders and decoders may be asked for.

use lic_entropy::Coder;

use crate::geometry::Area;
use crate::model::{Model, Quality, Quantiser};

/// What an encoder may choose.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// From the smallest file to the best picture. Default: 50.
    pub quality: Quality,
    /// Time spent for a smaller file. Default: 1.
    pub effort: Effort,
    /// The entropy coder. Default: [`Coder::Ans`], which decodes faster.
    pub coder: Coder,
    /// The longest side of a tile, in pixels; rounded up to a multiple of
    /// [`TILE_UNIT`](crate::TILE_UNIT). A picture that is larger becomes several
    /// tiles of about one size, which take memory and may be decoded one by one.
    /// Default: 1024.
    pub tile: u32,
    /// Whether every section is a stream of its own, so that a part of the file is a
    /// picture, and two threads decode a tile. If not, a tile is one stream, which is some
    /// fifty bytes shorter.
    /// Default: `None`, which is: unless that makes a file of one tile that is no
    /// longer than [`SMALL`].
    pub progressive: Option<bool>,
    /// Whether filters are fitted to the picture, for which it is decoded; never if it has
    /// more than 2^24 pixels. Default: `None`, which is: from effort 1 on, if the
    /// [model gains from them](crate::Model::gains_from_filters).
    pub filters: Option<bool>,
}

/// How much time an encoder spends on a picture, 0 to 9; decoders take the same for all.
/// What a level does is up to the model; one that knows no better ignores it.
///
/// From 1 on, pictures of up to 2^24 pixels get filters of their own, if the
/// [model gains from them](crate::Model::gains_from_filters). The levels of the models that
/// ship: 0 rounds to the nearest integer, 1 chooses symbols of a [trellis](lic_entropy::Trellis)
/// together, for what they cost and how far off they are, and from 2 on latents are moved down the gradient of rate and distortion, in 10 steps (2) to 640
/// (8), twice as many with each level, and in 2,560 (9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Effort(u8);

impl Effort {
    /// The greatest.
    pub const MAX: Self = Self(9);

    /// `None` unless `level` is in 0..=9.
    pub fn new(level: u8) -> Option<Self> {
        (level <= Self::MAX.0).then_some(Self(level))
    }

    /// 0 to 9.
    pub fn level(self) -> u8 {
        self.0
    }
}

impl Default for Effort {
    /// 1.
    fn default() -> Self {
        Self(1)
    }
}

/// Bytes of a file that is too small for its parts to matter: seven packets of a
/// network.
pub const SMALL: u64 = 10_000;

impl EncodeOptions {
    /// The defaults, with `quality`.
    pub fn new(quality: Quality) -> Self {
        Self {
            quality,
            ..Self::default()
        }
    }

    /// With more or less effort.
    pub fn effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
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

    /// With filters for the picture, or without.
    pub fn filters(self, filters: bool) -> Self {
        Self {
            filters: Some(filters),
            ..self
        }
    }

    /// What `model` is told.
    pub(crate) fn quantiser(&self, model: &dyn Model) -> Quantiser {
        Quantiser {
            quality: self.quality,
            trellis: self.effort.level() > 0 && model.has_trellis(),
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
            effort: Effort::default(),
            coder: Coder::default(),
            tile: 1024,
            progressive: None,
            filters: None,
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
