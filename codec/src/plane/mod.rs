//! One plane of samples without loss: what a picture carries beside its colour,
//! such as alpha. BITSTREAM.md defines the bytes.
//!
//! Alpha is mostly 0 or the largest value, with soft edges between. A sample is
//! first asked whether it does what the last one did after the same neighbours:
//! letters repeat, and so do flat parts. If not, whether it is one of the two
//! extremes, by the pattern of its neighbours, as in bilevel pictures (JBIG, ITU-T
//! T.82). Only a sample between them is predicted, and its error coded in the
//! context of the errors around, as in FLIF (Sneyers and Wuille 2016). Every answer
//! is a bit of the range coder with a probability that adapts, in integers.

#[cfg(test)]
pub(crate) mod by_the_spec;
mod guess;
#[cfg(test)]
mod tests;
mod walk;
mod window;

use lic_entropy::{BitDecoder, BitEncoder};

use crate::error::LimitError;
use crate::image::Depth;
use walk::Walk;

/// Why a plane could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaneError {
    /// The caller's samples do not fill the plane, or more than fill it; or the
    /// plane has no samples.
    #[error("{found} samples for a plane of {width}x{height}")]
    SampleCount {
        /// How many samples there are.
        found: usize,
        /// Samples in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A sample of the caller is beyond the depth.
    #[error("a sample is {found}, the largest is {max}")]
    SampleRange {
        /// The sample.
        found: u16,
        /// The largest of the depth.
        max: u16,
    },
    /// The plane is larger than the caller allows.
    #[error(transparent)]
    Limits(#[from] LimitError),
    /// The first byte names no form, or none of planes of this depth.
    #[error("form {form} of a plane of {bits} bits is not known")]
    Form {
        /// Its number.
        form: u8,
        /// 8 or 16.
        bits: u8,
    },
    /// A form of fixed length has another one.
    #[error("the plane's stream has {found} bytes, it must have {expected}")]
    Length {
        /// Bytes there are.
        found: u64,
        /// Bytes there must be.
        expected: u64,
    },
    /// A sample that is said to lie between the extremes does not.
    #[error("a sample decodes to {found}, it must be 1 to {max}")]
    Sample {
        /// What it decodes to.
        found: i32,
        /// The largest it may be.
        max: i32,
    },
    /// The bits make no sense.
    #[error("the plane does not decode: {0}")]
    Stream(#[from] lic_entropy::DecodeError),
}

/// How a plane is written: the first byte of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    /// All samples are equal: one follows.
    Constant = 0,
    /// Samples one after the other, as they are.
    Raw = 1,
    /// Adaptive bits.
    Coded = 2,
    /// 16 bits only: adaptive bits of 8-bit samples, each times 257.
    Widened = 3,
}

impl Form {
    const ALL: [Self; 4] = [Self::Constant, Self::Raw, Self::Coded, Self::Widened];
}

/// Encodes a plane: rows from the top, samples from the left.
///
/// # Errors
/// If there are no samples, not `width * height` of them, or one is beyond `depth`.
pub fn encode_plane(
    samples: &[u16],
    width: u32,
    height: u32,
    depth: Depth,
) -> Result<Vec<u8>, PlaneError> {
    let count = u64::from(width) * u64::from(height);
    let first = match samples.first() {
        Some(first) if samples.len() as u64 == count => *first,
        _ => {
            let found = samples.len();
            return Err(PlaneError::SampleCount {
                found,
                width,
                height,
            });
        }
    };
    let max = depth.max();
    if let Some(&found) = samples.iter().find(|sample| **sample > max) {
        return Err(PlaneError::SampleRange { found, max });
    }
    if samples.iter().all(|sample| *sample == first) {
        return Ok(raw(Form::Constant, &samples[..1], depth));
    }
    let width = width as usize;
    let coded = if depth == Depth::Sixteen && samples.iter().all(|sample| sample % 257 == 0) {
        let narrow: Vec<u16> = samples.iter().map(|sample| sample / 257).collect();
        coded(Form::Widened, &narrow, width, Depth::Eight)?
    } else {
        coded(Form::Coded, samples, width, depth)?
    };
    if coded.len() > samples.len() * depth.bytes() {
        return Ok(raw(Form::Raw, samples, depth));
    }
    Ok(coded)
}

fn raw(form: Form, samples: &[u16], depth: Depth) -> Vec<u8> {
    let mut bytes = vec![form as u8];
    let samples = samples.iter().map(|sample| sample.to_le_bytes());
    bytes.extend(samples.flat_map(|sample| sample.into_iter().take(depth.bytes())));
    bytes
}

fn coded(form: Form, samples: &[u16], width: usize, depth: Depth) -> Result<Vec<u8>, PlaneError> {
    let mut walk = Walk::new(BitEncoder::new(), width, depth);
    for row in samples.chunks(width) {
        walk.row(Some(row))?;
    }
    let mut bytes = vec![form as u8];
    bytes.extend(walk.finish().finish());
    Ok(bytes)
}

/// Bytes of memory that decoding a plane takes beside its stream: two a sample, and two
/// again where 8 bits become 16; 60 a column, and the tables.
pub(crate) fn plane_memory(width: u32, height: u32) -> u64 {
    let samples = u64::from(width) * u64::from(height);
    4 * samples + 60 * u64::from(width) + (640 << 10)
}

/// Decodes a plane of `width * height` samples, at most `limit` of them. Takes two
/// bytes of memory a sample, the length of `bytes`, 60 bytes a column and 640 KiB.
///
/// # Errors
/// If there are more samples than `limit`, or `bytes` are not such a plane.
pub fn decode_plane(
    bytes: &[u8],
    width: u32,
    height: u32,
    depth: Depth,
    limit: u64,
) -> Result<Vec<u16>, PlaneError> {
    let count = u64::from(width) * u64::from(height);
    // What a Vec can hold bounds it too, where a usize has 32 bits.
    let limit = limit.min(isize::MAX as u64 / 2);
    LimitError::check("the number of samples in a plane", count, limit)?;
    if count == 0 {
        return Err(PlaneError::SampleCount {
            found: 0,
            width,
            height,
        });
    }
    let (&form, rest) = bytes.split_first().ok_or(PlaneError::Length {
        found: 0,
        expected: 1,
    })?;
    let (width, height) = (width as usize, height as usize);
    let known = Form::ALL.into_iter().find(|known| *known as u8 == form);
    match (known, depth) {
        (Some(Form::Constant), _) => {
            let sample = read_raw(rest, 1, depth)?;
            // One value for as many samples as the limit allows.
            Ok(sample.repeat(count as usize))
        }
        (Some(Form::Raw), _) => read_raw(rest, count, depth),
        (Some(Form::Coded), _) => read_coded(rest, width, height, depth),
        (Some(Form::Widened), Depth::Sixteen) => {
            let mut samples = read_coded(rest, width, height, Depth::Eight)?;
            samples.iter_mut().for_each(|sample| *sample *= 257);
            Ok(samples)
        }
        _ => {
            let bits = 8 * depth.bytes() as u8;
            Err(PlaneError::Form { form, bits })
        }
    }
}

fn read_raw(bytes: &[u8], count: u64, depth: Depth) -> Result<Vec<u16>, PlaneError> {
    let expected = count.saturating_mul(depth.bytes() as u64);
    if bytes.len() as u64 != expected {
        return Err(PlaneError::Length {
            found: bytes.len() as u64 + 1,
            expected: expected.saturating_add(1),
        });
    }
    let samples = bytes
        .chunks_exact(depth.bytes())
        .map(|sample| match sample {
            [low, high] => u16::from_le_bytes([*low, *high]),
            sample => sample.iter().fold(0, |_, byte| u16::from(*byte)),
        });
    Ok(samples.collect())
}

fn read_coded(
    bytes: &[u8],
    width: usize,
    height: usize,
    depth: Depth,
) -> Result<Vec<u16>, PlaneError> {
    let mut walk = Walk::new(BitDecoder::new(bytes), width, depth);
    let mut samples = Vec::with_capacity(width * height);
    for _ in 0..height {
        samples.extend(walk.row(None)?.iter().map(|sample| *sample as u16));
    }
    walk.finish().finish()?;
    Ok(samples)
}
