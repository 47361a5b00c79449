//! Integer probability tables and the entropy coders that use them.
//!
//! A file must open on another machine, so nothing that chooses a symbol's
//! probability may be a float: two machines may round one differently, and from
//! there on the decoder reads noise. This crate knows integers only. A
//! [`Tables`] is a checked set of integer tables at 16-bit precision; an
//! [`Encoder`] turns symbols and table indices into bytes, a [`Decoder`] turns
//! the bytes and the same indices back into the symbols. The arithmetic of both
//! coders is [constriction](https://docs.rs/constriction)'s.
//!
//! ```
//! use lic_entropy::{Coder, Decoder, Encoder, gaussian};
//!
//! // One table index and one symbol each: index 30 is a standard deviation of
//! // 3.5, index 10 of 0.35. The 40 lies outside its table and is escaped.
//! let indices = [30, 30, 30, 10, 10, 10];
//! let symbols = [-3, 0, 5, 0, 1, 40];
//!
//! for (coder, bytes) in [
//!     (Coder::Ans, &[104, 49, 16, 163, 254, 240, 63, 12][..]),
//!     (Coder::Range, &[52, 42, 57, 107, 60, 220, 135, 165]),
//! ] {
//!     let mut encoder = Encoder::new(coder);
//!     encoder.encode(gaussian(), &indices, &symbols)?;
//!     assert_eq!(encoder.finish(), bytes);
//!
//!     let mut decoder = Decoder::new(coder, bytes)?;
//!     let mut decoded = Vec::new();
//!     decoder.decode(gaussian(), &indices, &mut decoded)?;
//!     decoder.finish()?;
//!     assert_eq!(decoded, symbols);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to go next: [`Tables::new`] for tables of your own, [`gaussian`] for the
//! set that ships with the format, [`Coder`] for which coder to take,
//! [`BitEncoder`] for probabilities that adapt.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod ans;
mod bits;
#[cfg(test)]
mod by_the_spec;
mod coder;
mod error;
mod escape;
mod gaussian;
mod halves;
mod interval;
mod mixture;
mod range;
mod spec;
mod tables;
mod trellis;

pub use bits::{BitDecoder, BitEncoder};
pub use coder::{Coder, Decoder, Encoder};
pub use error::{DecodeError, EncodeError, MixtureError, TableError, UnknownCoder};
pub use gaussian::{SCALES, gaussian, scale};
pub use halves::{HalvesDecoder, HalvesEncoder};
pub use mixture::{Intervals, MAX_COMPONENTS, Mixtures, OnTrellis, PARAMETER_CENTRE};
pub use spec::TableSpec;
pub use tables::{MAX_SLOTS, MAX_TABLES, PRECISION, Tables};
pub use trellis::{Grid, Trellis, TrellisScales};
