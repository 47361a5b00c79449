//! The format of the lic image codec, and the walk from a picture to a file and
//! back. No network lives here: a learned model is a [`Model`], and what this
//! crate knows of it are integers.
//!
//! ```
//! use lic_codec::{Channels, Decoder, EncodeOptions, Image, Null, Quality, encode};
//!
//! let samples = (0..64 * 48 * 3).map(|i| (i / 200) as u8).collect();
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

pub mod bitstream;
mod decoder;
mod encoder;
mod error;
pub mod image;
pub mod measure;
pub mod model;
mod null;
#[cfg(test)]
mod spec;
#[cfg(test)]
mod tests;
pub mod walk;

pub use bitstream::Header;
pub use decoder::{Decoder, Limits, ModelSource};
pub use encoder::{EncodeOptions, EncodeReport, Encoding, encode, predicted_bits};
pub use error::{
    DecodeError, EncodeError, FormatError, FormatErrorKind, LimitError, UnsupportedError,
};
pub use image::{Channels, Image, ImageError};
pub use lic_entropy::Coder;
pub use model::{Digest, Latents, Model, ModelError, ModelId, Plan, Quality};
pub use null::Null;
