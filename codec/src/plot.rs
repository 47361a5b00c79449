//! From the pixels of tiles to the samples of the picture that is wanted.

use rayon::prelude::*;

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
        if self.wanted.scale > 1 {
            for (number, square) in self.wanted.squares(area) {
                let mean = mean(pixels, &square.seen_from(area.x, area.y));
                self.put(number, [mean].iter());
            }
            return;
        }
        // A picture in full size is most of what is decoded: rows instead of squares.
        let origin = self.wanted.area;
        let Some(shown) = area.intersection(&origin) else {
            return;
        };
        let (from, to) = (
            shown.seen_from(area.x, area.y),
            shown.seen_from(origin.x, origin.y),
        );
        let (pixels_of_rows, _) = pixels.samples.as_chunks::<3>();
        let row = |y: u32| {
            let start = (from.y + y) as usize * pixels.width as usize + from.x as usize;
            &pixels_of_rows[start..][..shown.width as usize]
        };
        let (width, first) = (origin.width as usize, to.x as usize);
        let rows = (0..shown.height).map(|y| row(y).as_flattened());
        let rows: Vec<&[f32]> = rows.collect();
        let (start, place) = (3 * to.y as usize * width, [width, first]);
        match (&mut self.samples, self.channels) {
            (Samples::Eight(samples), Channels::Rgb) => {
                set_rows(&mut samples[start..], place, &rows, byte);
            }
            (Samples::Sixteen(samples), Channels::Rgb) => {
                set_rows(&mut samples[start..], place, &rows, word);
            }
            (_, Channels::Grey) => {
                for y in 0..shown.height {
                    self.put((to.y + y) as usize * width + first, row(y).iter());
                }
            }
        }
    }

    /// Sets pixels of the result from number `first` on.
    fn put<'a>(&mut self, first: usize, pixels: impl Iterator<Item = &'a [f32; 3]>) {
        let max = f32::from(self.samples.depth().max());
        // Rounds half up; `as` saturates, and makes 0 of what is not a number.
        let rounded = |v: &f32| ((v * max).clamp(0.0, max) + 0.5) as u16;
        let pixels = pixels.map(|rgb| rgb.each_ref().map(rounded));
        match (&mut self.samples, self.channels) {
            (Samples::Eight(samples), Channels::Rgb) => {
                let to = samples[3 * first..].iter_mut();
                to.zip(pixels.flatten()).for_each(|(to, v)| *to = v as u8);
            }
            (Samples::Sixteen(samples), Channels::Rgb) => {
                let to = samples[3 * first..].iter_mut();
                to.zip(pixels.flatten()).for_each(|(to, v)| *to = v);
            }
            (samples, Channels::Grey) => {
                for (i, rgb) in pixels.enumerate() {
                    samples.set(first + i, luma(&rgb) as u16);
                }
            }
        }
    }
}

/// Rows of RGB, in a form that compilers make vectors of: of `width` pixels, set from
/// pixel `first` on.
fn set_rows<T: Send>(
    samples: &mut [T],
    [width, first]: [usize; 2],
    rows: &[&[f32]],
    rounded: impl Fn(f32) -> T + Sync,
) {
    let samples = samples.par_chunks_mut(3 * width).zip(rows);
    samples.for_each(|(samples, row)| {
        let pairs = samples[3 * first..].iter_mut().zip(*row);
        pairs.for_each(|(to, v)| *to = rounded(*v));
    });
}

/// The same as sixteen bits.
fn word(v: f32) -> u16 {
    ((v * 65_535.0).clamp(0.0, 65_535.0) + 0.5) as i32 as u16
}

/// A value in 0..=1 as eight bits: rounds half up, saturates, and makes 0 of what is not
/// a number.
fn byte(v: f32) -> u8 {
    ((v * 255.0).clamp(0.0, 255.0) + 0.5) as i32 as u8
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
    let count = square.count() as f32;
    sum.map(|v| v / count)
}
