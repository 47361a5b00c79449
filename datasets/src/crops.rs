//! Training crops: a pure function of (seed, step, index, size).

use image::RgbImage;
use image::imageops::{self, FilterType};
use rayon::prelude::*;

use crate::folder::Picture;
use crate::random::SplitMix64;

/// The largest factor by which a crop is scaled down, in 1/1024.
const MAX_SCALE: u64 = 2048;
const UNIT_SCALE: u64 = 1024;
/// The largest factor by which a crop may be scaled up.
pub const MAX_ENLARGEMENT: f64 = 4.0;

/// Why crops cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CropError {
    /// There are no pictures, or only pictures without pixels.
    #[error("no pictures to take crops from")]
    NoPictures,
    /// A crop of no pixels was asked for.
    #[error("a crop has a side of at least 1, not 0")]
    ZeroSize,
    /// Some pictures cannot hold the crop.
    #[error("too small for a crop of {size}x{size}: {}", list(names))]
    PictureTooSmall {
        /// Side of the crop.
        size: u32,
        /// All pictures that are too small, each with its size.
        names: Vec<String>,
    },
    /// More evaluation crops were asked for than there are places.
    #[error(
        "{asked} crops asked for; the limit is {limit} for this number of pictures ({pictures})"
    )]
    TooManyCrops {
        /// How many were asked for.
        asked: usize,
        /// How many pictures there are.
        pictures: usize,
        /// How many crops they give.
        limit: usize,
    },
}

/// The first few names: a message for a whole folder has to fit in a line.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// Fails if a crop of `size` x `size` does not fit in each of the pictures.
pub(crate) fn check_fit(pictures: &[Picture], size: u32) -> Result<(), CropError> {
    if pictures.is_empty() {
        return Err(CropError::NoPictures);
    }
    if size == 0 {
        return Err(CropError::ZeroSize);
    }
    let names: Vec<String> = pictures
        .iter()
        .filter(|p| p.pixels.width().min(p.pixels.height()) < size)
        .map(|p| format!("{} ({}x{})", p.name, p.pixels.width(), p.pixels.height()))
        .collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(CropError::PictureTooSmall { size, names })
    }
}

/// Draws training crops from pictures held in memory.
///
/// A crop is a pure function of `(seed, step, index in the batch, size)`: a run
/// that stops at step *t* goes on from *t* with nothing saved but the seed, and
/// a batch of 16 starts with the crops of the batch of 8. The pictures are part
/// of that definition: the same ones in the same order.
///
/// How a crop is drawn: a picture with a probability in proportion to its
/// number of pixels; with probability 1/2 a factor uniform in 1..=2, else 1; a
/// window of `size` times the factor (or the picture's smaller side, if that is
/// less) anywhere in the picture; the window scaled down to `size` by a triangle
/// filter on the sample values; then a transposition and flips on both axes,
/// each with probability 1/2. [`enlarging`](Self::enlarging) changes the factor.
#[derive(Clone, Debug)]
pub struct CropSampler {
    pictures: Vec<Picture>,
    /// Pixels in pictures `0..=i`, to find the picture that owns pixel *n*.
    ends: Vec<u64>,
    seed: u64,
    /// The largest factor by which a crop is scaled up, in 1/1024.
    enlargement: u64,
}

impl CropSampler {
    /// Takes the pictures over.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(pictures: Vec<Picture>, seed: u64) -> Result<Self, CropError> {
        let ends: Vec<u64> = pictures
            .iter()
            .scan(0, |end, p| {
                *end += u64::from(p.pixels.width()) * u64::from(p.pixels.height());
                Some(*end)
            })
            .collect();
        if ends.last().is_none_or(|&pixels| pixels == 0) {
            return Err(CropError::NoPictures);
        }
        Ok(Self {
            pictures,
            ends,
            seed,
            enlargement: UNIT_SCALE,
        })
    }

    /// The same pictures with half of the crops scaled up, by a factor uniform in
    /// 1..=`factor`; 1 changes nothing, and what is above [`MAX_ENLARGEMENT`] is taken for
    /// that. Pictures that were scaled down to be collected are sharper than what cameras
    /// give: neighbours of theirs differ by 0.75 of what neighbours differ by in a picture of
    /// half the size (in squares), those of most pictures of 3 megapixels by 0.4 to 0.6.
    #[must_use]
    pub fn enlarging(mut self, factor: f64) -> Self {
        self.enlargement = (factor.clamp(1.0, MAX_ENLARGEMENT) * UNIT_SCALE as f64) as u64;
        self
    }

    /// How many pixels the pictures have together.
    pub fn pixels(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The pictures, in the order given.
    pub fn pictures(&self) -> &[Picture] {
        &self.pictures
    }

    /// The `n` crops of training step `step`, one after the other: each
    /// `size` x `size`, row by row, RGB interleaved.
    ///
    /// # Errors
    /// If a picture is smaller than the crop (the message names them), or
    /// `size` is 0.
    pub fn batch(&self, step: u64, n: usize, size: u32) -> Result<Vec<u8>, CropError> {
        check_fit(&self.pictures, size)?;
        let bytes = size as usize * size as usize * 3;
        let mut batch = vec![0; n * bytes];
        let crops = batch.par_chunks_exact_mut(bytes).enumerate();
        crops.for_each(|(index, crop)| self.draw(step, index as u64, size, crop));
        Ok(batch)
    }

    /// Draws one crop. The order of the draws is part of what a seed means.
    fn draw(&self, step: u64, index: u64, size: u32, out: &mut [u8]) {
        let mut random = SplitMix64::of_crop(self.seed, step, index);
        let pixel = random.below(self.pixels());
        let owner = self.ends.partition_point(|&end| end <= pixel);
        let picture = &self.pictures[owner].pixels;
        let (width, height) = picture.dimensions();

        let scale = self.scale(&mut random);
        let wanted = (u64::from(size) * scale + UNIT_SCALE / 2) / UNIT_SCALE;
        let side = wanted.clamp(1, u64::from(width.min(height))) as u32;
        let x = random.below(u64::from(width - side) + 1) as u32;
        let y = random.below(u64::from(height - side) + 1) as u32;

        let crop = if side == size {
            window(picture, x, y, size)
        } else {
            let view = imageops::crop_imm(picture, x, y, side, side);
            imageops::resize(&*view, size, size, FilterType::Triangle).into_raw()
        };
        let turn = Turn {
            transpose: random.coin(),
            flip_x: random.coin(),
            flip_y: random.coin(),
        };
        turn.write(&crop, size as usize, out);
    }

    /// The side of a crop's window by that of the crop, in 1/1024.
    fn scale(&self, random: &mut SplitMix64) -> u64 {
        if self.enlargement > UNIT_SCALE && random.coin() {
            let factor = UNIT_SCALE + random.below(self.enlargement - UNIT_SCALE + 1);
            UNIT_SCALE * UNIT_SCALE / factor
        } else if random.coin() {
            UNIT_SCALE + random.below(MAX_SCALE - UNIT_SCALE + 1)
        } else {
            UNIT_SCALE
        }
    }
}

/// Copies a square window that lies inside the picture.
pub(crate) fn window(picture: &RgbImage, x: u32, y: u32, size: u32) -> Vec<u8> {
    let stride = picture.width() as usize * 3;
    let (start, run) = (x as usize * 3, size as usize * 3);
    let rows = picture.as_raw().chunks_exact(stride);
    let mut crop = Vec::with_capacity(run * size as usize);
    for row in rows.skip(y as usize).take(size as usize) {
        crop.extend_from_slice(&row[start..start + run]);
    }
    crop
}

/// One of the eight ways to lay a square down.
#[derive(Clone, Copy)]
struct Turn {
    transpose: bool,
    flip_x: bool,
    flip_y: bool,
}

impl Turn {
    fn write(self, crop: &[u8], size: usize, out: &mut [u8]) {
        let (step_x, step_y) = if self.transpose { (size, 1) } else { (1, size) };
        let flipped = |i: usize, flip: bool| if flip { size - 1 - i } else { i };
        for (y, row) in out.chunks_exact_mut(size * 3).enumerate() {
            let start = flipped(y, self.flip_y) * step_y;
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let from = 3 * (start + flipped(x, self.flip_x) * step_x);
                pixel.copy_from_slice(&crop[from..from + 3]);
            }
        }
    }
}

#[cfg(test)]
#[path = "crops_tests.rs"]
mod tests;
