//! The encoder's side: the filters that bring a picture nearest to its original for
//! their bits.

mod merge;
mod moments;

use rayon::prelude::*;

use super::strip::{BLOCK, Strip};
use super::{CLASSES, Filters};
use crate::image::Channels;
use merge::{Errors, bank};
use moments::Moments;

/// Rows that a thread takes at a time.
const ROWS: usize = 32;

/// Bits of a file beside those of the filters themselves, if it has any: two bytes of
/// the header, the length and the checksum of their stream.
const FRAME: f64 = 64.0;

/// What was decoded beside what was encoded, as far as filters follow from it: sums of
/// whole numbers, so that their order does not matter.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    channels: Channels,
    /// For each plane and each class.
    moments: Vec<Moments>,
}

impl Fit {
    /// Nothing seen.
    pub fn new(channels: Channels) -> Self {
        Self {
            channels,
            moments: vec![Moments::default(); channels.count() * CLASSES],
        }
    }

    /// Takes rows of the picture: `rows` from row `first` of `decoded` and `original`, both
    /// of 16-bit samples and the same size, which are wider by what filters reach or end
    /// with the picture. `first` is one at which blocks begin; so is the end, or the
    /// picture ends there, and part of a block is left out.
    pub fn add(
        &mut self,
        decoded: &[u16],
        original: &[u16],
        width: usize,
        first: usize,
        rows: usize,
    ) {
        let channels = self.channels;
        let seen = (0..rows / BLOCK * BLOCK)
            .into_par_iter()
            .step_by(ROWS)
            .map(|row| {
                let rows = ROWS.min(rows / BLOCK * BLOCK - row);
                let strip = |samples| Strip::new(samples, width, channels, first + row, rows);
                let mut fit = Self::new(channels);
                fit.add_strip(&strip(decoded), &strip(original), width / BLOCK);
                fit
            })
            .reduce_with(Self::plus);
        if let Some(seen) = seen {
            *self = std::mem::replace(self, Self::new(channels)).plus(seen);
        }
    }

    fn plus(mut self, other: Self) -> Self {
        for (sum, more) in self.moments.iter_mut().zip(&other.moments) {
            sum.add(more);
        }
        self
    }

    /// The first `columns` blocks of each row.
    fn add_strip(&mut self, decoded: &Strip, original: &Strip, columns: usize) {
        for row in 0..decoded.rows {
            for (column, kind) in decoded.kinds(row).into_iter().take(columns).enumerate() {
                let place = decoded.place(column, row);
                let offsets = kind.turn.offsets(decoded.stride);
                let planes = decoded.planes.iter().zip(&original.planes);
                let of_planes = self.moments.chunks_exact_mut(CLASSES);
                for ((decoded_plane, original), moments) in planes.zip(of_planes) {
                    let moments = &mut moments[usize::from(kind.class)];
                    moments.add_block(decoded_plane, original, place, decoded.stride, &offsets);
                }
            }
        }
    }

    /// The filters that lower the squared error by more than their bits would elsewhere,
    /// in a file of so many `bits`.
    pub fn filters(&self, bits: f64) -> Filters {
        let planes: Vec<&[Moments]> = self.moments.chunks_exact(CLASSES).collect();
        let energy = |plane: usize, weight: f64| {
            let sum = |m: &Moments| m.energy as f64;
            planes
                .get(plane)
                .map_or(0.0, |classes| weight * classes.iter().map(sum).sum::<f64>())
        };
        // Of R, G and B, from the planes' errors: see `Errors`.
        let error = energy(0, 1.0 / 3.0) + energy(1, 1.0 / 8.0) + energy(2, 1.0 / 6.0);
        // A curve of 3 dB for a doubling of the bits, as it was seen of `mse` on Kodak and CLIC
        // (2.9 to 3.4): d(error) / d(bits) = error · ln 10 / 10 · 3 / ln 2 / bits.
        let lambda = error / bits.max(1.0);
        let luma: Vec<Errors> = planes[0].iter().map(Errors::of_luma).collect();
        let (luma, luma_cost) = bank(&luma, lambda);
        let (chroma, chroma_cost) = match planes[..] {
            [_, across, green] => {
                let both = across.iter().zip(green);
                let chroma: Vec<Errors> = both.map(|(a, g)| Errors::of_chroma(a, g)).collect();
                bank(&chroma, lambda)
            }
            _ => Default::default(),
        };
        if luma_cost + chroma_cost + lambda * FRAME < 0.0 {
            Filters { luma, chroma }
        } else {
            Filters::default()
        }
    }
}
