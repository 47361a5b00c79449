//! Alpha planes, tile by tile. An opaque tile has no bytes.

use crate::geometry::Area;
use crate::image::{Depth, Image, Samples};
use crate::plane::{PlaneError, decode_plane, encode_plane};
use crate::plot::Wanted;

/// The alpha stream of a tile; empty if it is opaque or the picture has no alpha.
///
/// # Errors
/// Never: samples are of the picture's depth and fill the tile.
pub(crate) fn encode(image: &Image, area: &Area) -> Result<Vec<u8>, PlaneError> {
    let Some(alpha) = image.alpha() else {
        return Ok(Vec::new());
    };
    let samples = cut(alpha, image.width(), area);
    let opaque = image.depth().max();
    if samples.iter().all(|&sample| sample == opaque) {
        return Ok(Vec::new());
    }
    encode_plane(&samples, area.width, area.height, image.depth())
}

/// Samples of `area` out of a plane whose rows have `width`.
fn cut(plane: &Samples, width: u32, area: &Area) -> Vec<u16> {
    (area.y..area.bottom())
        .flat_map(|y| {
            let row = y as usize * width as usize;
            (area.x..area.right()).map(move |x| plane.at(row + x as usize))
        })
        .collect()
}

/// The samples of a tile of this area.
pub(crate) fn decode(stream: &[u8], area: &Area, depth: Depth) -> Result<Vec<u16>, PlaneError> {
    if stream.is_empty() {
        return Ok(vec![depth.max(); area.count()]);
    }
    // As many as the limits of the whole picture allowed.
    let count = area.count() as u64;
    decode_plane(stream, area.width, area.height, depth, count)
}

/// The alpha of the part of a picture that is wanted: opaque where no tile was set.
pub(crate) struct Plane {
    wanted: Wanted,
    pub samples: Samples,
}

impl Plane {
    pub fn new(wanted: Wanted, depth: Depth) -> Self {
        let (width, height) = wanted.size();
        let count = width as usize * height as usize;
        Self {
            wanted,
            samples: Samples::filled(depth, count, depth.max()),
        }
    }

    /// Takes the samples of a tile that lies at `area` of the picture.
    pub fn set(&mut self, area: &Area, samples: &[u16]) {
        for (number, square) in self.wanted.squares(area) {
            let part = square.seen_from(area.x, area.y);
            let row = |y: u32| {
                let start = y as usize * area.width as usize + part.x as usize;
                &samples[start..][..part.width as usize]
            };
            let values = (part.y..part.bottom()).flat_map(row);
            let sum: u32 = values.map(|&value| u32::from(value)).sum();
            let count = part.count() as u32;
            // A mean is no greater than its parts.
            self.samples.set(number, ((sum + count / 2) / count) as u16);
        }
    }
}
