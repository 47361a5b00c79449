//! Alpha planes, tile by tile. An opaque tile has no bytes.

use crate::geometry::Area;
use crate::image::{Depth, Image, Samples};
use crate::plane::{PlaneError, decode_plane, encode_plane};
use crate::tiles::Wanted;

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

/// The alpha of the part of a picture that is wanted: the mean of every square.
pub(crate) struct Plane {
    wanted: Wanted,
    depth: Depth,
    /// Sum and number of the samples of every square.
    sums: Vec<(u32, u32)>,
}

impl Plane {
    pub fn new(wanted: Wanted, depth: Depth) -> Self {
        let (width, height) = wanted.size();
        Self {
            wanted,
            depth,
            sums: vec![(0, 0); width as usize * height as usize],
        }
    }

    /// Takes the samples of a tile.
    pub fn set(&mut self, area: &Area, samples: &[u16]) {
        let Some(shown) = area.intersection(&self.wanted.area) else {
            return;
        };
        let (width, _) = self.wanted.size();
        let (origin, scale) = (self.wanted.area, self.wanted.scale);
        for y in shown.y..shown.bottom() {
            let row = ((y - origin.y) / scale) as usize * width as usize;
            let from = (y - area.y) as usize * area.width as usize;
            for x in shown.x..shown.right() {
                let square = &mut self.sums[row + ((x - origin.x) / scale) as usize];
                square.0 += u32::from(samples[from + (x - area.x) as usize]);
                square.1 += 1;
            }
        }
    }

    /// The plane; opaque where no tile was set.
    pub fn finish(self) -> Samples {
        let mut samples = Samples::with_capacity(self.depth, self.sums.len());
        for (sum, count) in self.sums {
            let mean = (sum + count / 2).checked_div(count);
            samples.push(mean.map_or(self.depth.max(), |mean| mean as u16));
        }
        samples
    }
}
