//! The format of the lic image codec, and the walk from a picture to a file and
//! back. No network lives here: a learned model is a [`Model`], and what this
//! crate knows of it are integers.
//!
//! ```
//! use lic_codec::{Channels, Decoder, EncodeOptions, Image, Null, Quality, encode};
//!
//! let samples: Vec<u8> = (0..64 * 48 * 3).map(|i| (i / 200) as u8).collect();
//! let image = Image::new(64, 48, Channels::Rgb, samples)?;
//!
//! let options = EncodeOptions::new(Quality::MAX);
//! let mut file = Vec::new();
//! let report = encode(&image, &Null, &options, &mut file)?;
//! assert_eq!(report.bytes, file.len() as u64);
//!
//! // Model 0 has no network; at quality 100 it loses nothing.
//! let back = Decoder::new(&file[..]).decode(&Null)?;
//! assert_eq!(back, image);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to go next: [`bitstream`] is the format itself, [`Model`] what a model
//! has to do, [`walk`] the loop that both directions run, [`Limits`] what a file
//! may ask for, [`measure`] how good the result is.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod alpha;
pub mod bitstream;
mod chance;
pub mod clip;
mod decoder;
mod encoder;
mod error;
pub mod field;
pub mod geometry;
pub mod image;
mod limits;
pub mod measure;
pub mod model;
mod null;
mod options;
mod picture;
mod plane;
mod plot;
#[cfg(test)]
mod spec;
pub mod temporal;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_filters;
#[cfg(test)]
mod tests_tiles;
mod tiles;
pub mod walk;
mod wiener;

pub use bitstream::{Header, Index, MetadataKind, StreamName};
pub use clip::{ClipDecoder, ClipEncoder, ClipHeader, ClipOptions};
pub use decoder::{Decoded, Decoder, ModelSource};
pub use encoder::{EncodeReport, Encoding, encode};
pub use error::{
    DecodeError, EncodeError, FormatError, FormatErrorKind, LimitError, UnsupportedError,
};
pub use field::Field;
pub use geometry::{Area, Grid, TILE_UNIT};
pub use image::{Channels, Depth, Image, ImageError, Metadata, Samples};
pub use lic_entropy::Coder;
pub use limits::Limits;
pub use model::{
    Asked, Digest, Latents, Model, ModelError, ModelId, Pixels, Plan, Quality, QualityError,
    Quantiser,
};
pub use null::Null;
pub use options::{DecodeOptions, Effort, EncodeOptions, SMALL, Scale};
pub use plane::{PlaneError, decode_plane, encode_plane};
pub use wiener::FilterError;
