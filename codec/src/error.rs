//! Errors, by who is at fault. The outer enums are short and complete; what
//! exactly went wrong is behind `kind()`, where new causes break nobody.

use std::io;

use crate::bitstream::StreamName;
use crate::geometry::Area;
use crate::model::{Digest, ModelError, ModelId};

/// Why a picture could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The output could not be written.
    #[error("cannot write the file")]
    Io(#[from] io::Error),
    /// The picture is too large for the format.
    #[error("a picture of {width}x{height} pixels is too large, the limit of a side is {limit}")]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// The longest side.
        limit: u32,
    },
    /// A frame is not of the size of its clip, or grey where that is in colour.
    #[error("frame {number} is another kind of picture ({width}x{height}) than its clip")]
    Frame {
        /// Which frame, from 0.
        number: u64,
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A piece of metadata is too long for the format.
    #[error("metadata of {length} bytes are too long, the limit is {limit}")]
    Metadata {
        /// Its bytes.
        length: u64,
        /// The most there may be.
        limit: u64,
    },
    /// The model or its backend failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Why a file could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The input could not be read.
    #[error("cannot read the file")]
    Io(#[source] io::Error),
    /// The file is damaged or not a lic file.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The file was made with weights that are not here.
    #[error("the file needs model {id} with weights {digest}, which are not here")]
    UnknownModel {
        /// The model.
        id: ModelId,
        /// Its weights.
        digest: Digest,
    },
    /// The file asks for more than the [`Limits`](crate::Limits) allow.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// The file is of a version, or uses a feature, that this library does not know.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedError),
    /// The region that was asked for is empty or not within the picture.
    #[error(
        "the region {}x{} at ({}, {}) is not within the picture of {width}x{height} pixels",
        region.width, region.height, region.x, region.y
    )]
    Region {
        /// What was asked for.
        region: Area,
        /// Pixels in a row of the picture.
        width: u32,
        /// Its rows.
        height: u32,
    },
    /// The model or its backend failed.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl DecodeError {
    /// Whether a stream's checksum is wrong.
    pub(crate) fn is_checksum(&self) -> bool {
        let Self::Format(error) = self else {
            return false;
        };
        matches!(error.kind, FormatErrorKind::StreamChecksum { .. })
    }

    /// Whether the file ends too soon.
    pub fn is_truncation(&self) -> bool {
        let Self::Format(error) = self else {
            return false;
        };
        matches!(error.kind, FormatErrorKind::Truncated { .. })
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("not a valid lic file: {kind}")]
pub struct FormatError {
    kind: FormatErrorKind,
}

impl FormatError {
    /// The cause.
    pub fn kind(&self) -> &FormatErrorKind {
        &self.kind
    }
}

/// Causes of a [`FormatError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// It does not begin as a lic file does.
    #[error("it does not begin with the magic bytes")]
    NotLic,
    /// It is a clip where a picture was expected.
    #[error("it is a clip, not a picture")]
    NotPicture,
    /// It is a picture where a clip was expected.
    #[error("it is a picture, not a clip")]
    NotClip,
    /// A frame of a kind that there is not.
    #[error("a frame begins with the byte {found}, which is not that of a frame")]
    FrameKind {
        /// In the file.
        found: u8,
    },
    /// A frame is damaged.
    #[error("the checksum of frame {number} is {found:08x}, its bytes have {computed:08x}")]
    FrameChecksum {
        /// Which frame, from 0.
        number: u64,
        /// In the file.
        found: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// The motion of a frame does not decode.
    #[error("the motion of frame {number} does not decode: {reason}")]
    Motion {
        /// Which frame, from 0.
        number: u64,
        /// What the entropy decoder says.
        reason: lic_entropy::DecodeError,
    },
    /// A predicted frame in a clip that names no temporal prior.
    #[error("frame {number} is predicted, but the clip names no prior for that")]
    NoPrior {
        /// Which frame, from 0.
        number: u64,
    },
    /// A predicted frame without a frame before it.
    #[error("frame {number} is predicted from a frame that is not there")]
    NoReference {
        /// Which frame, from 0.
        number: u64,
    },
    /// A frame that lies between others without them, or one that does not where one
    /// should.
    #[error("frame {number} is not the one that has to follow")]
    Order {
        /// Which frame, from 0.
        number: u64,
    },
    /// The index does not say what the frames are.
    #[error("its index is not that of its frames")]
    Index,
    /// It ends too soon.
    #[error("it ends within {within}")]
    Truncated {
        /// The part that is not complete.
        within: &'static str,
    },
    /// It goes on after its last stream.
    #[error("it goes on after its last stream")]
    TrailingBytes,
    /// The header is damaged.
    #[error("the header's checksum is {found:08x}, its bytes have {computed:08x}")]
    HeaderChecksum {
        /// In the file.
        found: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A stream is damaged.
    #[error("the checksum of {stream} is {found:08x}, its bytes have {computed:08x}")]
    StreamChecksum {
        /// Which stream.
        stream: StreamName,
        /// In the file.
        found: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// A number is not written in its shortest form, or is beyond 32 bits.
    #[error("the number in {field} is not a canonical varint")]
    Varint {
        /// Which field.
        field: &'static str,
    },
    /// A number out of range.
    #[error("{field} is {found}, it must be {min} to {max}")]
    OutOfRange {
        /// Which field.
        field: &'static str,
        /// In the file.
        found: u64,
        /// The smallest it may be.
        min: u64,
        /// The largest it may be.
        max: u64,
    },
    /// An alpha plane does not decode.
    #[error("{stream} does not decode: {reason}")]
    Plane {
        /// Which stream.
        stream: StreamName,
        /// What its decoder says.
        reason: crate::PlaneError,
    },
    /// The filters of the picture do not decode.
    #[error("the filters of the picture do not decode: {reason}")]
    Filters {
        /// What their decoder says.
        reason: crate::FilterError,
    },
    /// No tile's first section is there.
    #[error("nothing of the picture is there: no tile's first section is complete")]
    NothingLeft,
    /// Not as many sections as the model has.
    #[error("it has {found} sections, its model has {expected}")]
    SectionCount {
        /// In the file.
        found: usize,
        /// Of the model.
        expected: usize,
    },
    /// Its symbols are on a trellis, which its model does not have.
    #[error("its symbols are on a trellis, which model {id} does not have")]
    NoTrellis {
        /// The model.
        id: ModelId,
    },
    /// The checksum is right and the symbols make no sense.
    #[error("{stream} does not decode: {reason}")]
    Stream {
        /// Which stream.
        stream: StreamName,
        /// What the entropy decoder says.
        reason: lic_entropy::DecodeError,
    },
}

impl From<FormatErrorKind> for FormatError {
    fn from(kind: FormatErrorKind) -> Self {
        Self { kind }
    }
}

impl From<FormatErrorKind> for DecodeError {
    fn from(kind: FormatErrorKind) -> Self {
        Self::Format(kind.into())
    }
}

/// A file asks for more than it may.
#[derive(Debug, thiserror::Error)]
#[error("{what} is {found}, the limit is {limit}")]
pub struct LimitError {
    what: &'static str,
    found: u64,
    limit: u64,
}

impl LimitError {
    /// An error, if `found` is beyond `limit`.
    pub(crate) fn check(what: &'static str, found: u64, limit: u64) -> Result<(), Self> {
        if found > limit {
            Err(Self { what, found, limit })
        } else {
            Ok(())
        }
    }

    /// What there is too much of, in words.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// How much of it the file asks for, or how much at least.
    pub fn found(&self) -> u64 {
        self.found
    }

    /// How much it may ask for.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}

/// A file that this version of the library cannot decode.
#[derive(Debug, thiserror::Error)]
#[error("{what} {found} is not known to this version, the largest known is {known}")]
pub struct UnsupportedError {
    pub(crate) what: &'static str,
    pub(crate) found: u8,
    pub(crate) known: u8,
}

impl UnsupportedError {
    /// What is not known, in words.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Its number in the file.
    pub fn found(&self) -> u8 {
        self.found
    }

    /// The largest number known.
    pub fn known(&self) -> u8 {
        self.known
    }
}
