//! From the pixels of tiles to the samples of the picture that is wanted.

use crate::geometry::Area;
use crate::image::{Channels, Depth, Samples, luma};
use crate::model::Pixels;

/// The part of a picture that is wanted, and how small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Pixels of the picture; begins at multiples of `scale`.
    pub area: Area,
    /// One pixel of the result is the mean of a square of this side.
    pub scale: u32,
}

impl Wanted {
    /// Pixels of the result.
    pub fn size(&self) -> (u32, u32) {
        (
            self.area.width.div_ceil(self.scale),
            self.area.height.div_ceil(self.scale),
        )
    }

    /// The pixels of the result that `area` of the picture makes: their numbers, and
    /// the squares of `area` that they are the means of.
    pub fn squares(&self, area: &Area) -> impl Iterator<Item = (usize, Area)> + use<> {
        let Self {
            area: origin,
            scale,
        } = *self;
        let (width, _) = self.size();
        let shown = area.intersection(&origin);
        let squares = shown.map(|shown| shown.seen_from(origin.x, origin.y).in_units(scale));
        let squares = squares.into_iter().flat_map(|squares| {
            (squares.y..squares.bottom())
                .flat_map(move |y| (squares.x..squares.right()).map(move |x| (x, y)))
        });
        squares.filter_map(move |(x, y)| {
            let square = Area {
                x: origin.x + x * scale,
                y: origin.y + y * scale,
                width: scale,
                height: scale,
            };
            let number = y as usize * width as usize + x as usize;
            Some((number, square.intersection(&shown?)?))
        })
    }
}

/// Writes pixels into the samples of the result: rounded to its depth, grey if it is
/// grey.
pub(crate) struct Plot {
    wanted: Wanted,
    channels: Channels,
    pub samples: Samples,
}

impl Plot {
    /// All zero.
    pub fn new(wanted: Wanted, channels: Channels, depth: Depth) -> Self {
        let (width, height) = wanted.size();
        let count = width as usize * height as usize * channels.count();
        Self {
            wanted,
            channels,
            samples: Samples::zeros(depth, count),
        }
    }

    /// Sets what `pixels`, which lie at `area` of the picture, say of the result.
    pub fn set(&mut self, area: &Area, pixels: &Pixels) {
        for (number, square) in self.wanted.squares(area) {
            self.put(number, mean(pixels, &square.seen_from(area.x, area.y)));
        }
    }

    fn put(&mut self, pixel: usize, rgb: [f32; 3]) {
        let max = f32::from(self.samples.depth().max());
        // `as` saturates, and makes 0 of what is not a number.
        let rgb = rgb.map(|v| (v * max).round().clamp(0.0, max) as u16);
        match self.channels {
            Channels::Grey => self.samples.set(pixel, luma(&rgb) as u16),
            Channels::Rgb => {
                for (c, sample) in rgb.into_iter().enumerate() {
                    self.samples.set(pixel * 3 + c, sample);
                }
            }
        }
    }
}

fn mean(pixels: &Pixels, square: &Area) -> [f32; 3] {
    let mut sum = [0.0f32; 3];
    for y in square.y..square.bottom() {
        let row = y as usize * pixels.width as usize;
        for x in square.x..square.right() {
            let pixel = &pixels.samples[(row + x as usize) * 3..][..3];
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += value;
            }
        }
    }
    // A square of one pixel is that pixel, to the last bit.
    let count = square.count() as f32;
    sum.map(|v| v / count)
}
