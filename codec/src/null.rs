//! Model 0: no network. It is there so that the format, the trait and the walk
//! can be shown, tested and fuzzed without one; BITSTREAM.md defines it.

mod follow;

use std::ops::RangeInclusive;

use lic_entropy::gaussian;

use crate::field::Field;
use crate::geometry::Area;
use crate::model::{
    Asked, Digest, Latents, Model, ModelError, ModelId, Pixels, Plan, Quality, Quantiser,
};
use crate::options::Scale;
use crate::temporal::Temporal;

/// Side of a block, in pixels.
const BLOCK: usize = 8;

/// Model 0: means of blocks of 8x8 pixels, then how every pixel differs from the
/// mean of its block, in the planes of YCoCg-R. Lossless from quality 89 on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Null;

impl Model for Null {
    fn id(&self) -> ModelId {
        ModelId(0)
    }

    fn key(&self) -> &str {
        "null"
    }

    fn digest(&self) -> Digest {
        Digest([0; 4])
    }

    /// Step 0: the means of all planes. Steps 1 to 3: the differences of a plane.
    fn sections(&self) -> &[usize] {
        &[0, 1, 1, 1]
    }

    fn temporal(&self) -> Option<&dyn Temporal> {
        Some(self)
    }

    /// A position is a pixel, with R, G and B.
    fn stride(&self) -> u32 {
        1
    }

    fn alignment(&self) -> u32 {
        1
    }

    fn margin(&self) -> u32 {
        0
    }

    fn channels(&self) -> usize {
        3
    }

    /// The means are all that a picture an eighth of the size shows.
    fn sections_at(&self, scale: Scale) -> usize {
        match scale {
            Scale::Eighth | Scale::Sixteenth => 1,
            Scale::Full | Scale::Half | Scale::Quarter => 2,
        }
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        // Two sets of three planes of i32, the symbols of one plane twice with
        // their indices, a field, its window and the pixels, each of three f32, and
        // the sections.
        let pixels = u64::from(width) * u64::from(height);
        pixels.saturating_mul(112).saturating_add(1 << 16)
    }

    fn analyse(
        &self,
        window: &Pixels,
        keep: Area,
        tile: (u32, u32),
        asked: &Asked<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let whole = Area::of(window.width, window.height);
        let (width, height) = tile;
        if keep != whole || tile != (keep.width, keep.height) {
            let reason = format!("a window of {whole:?} for a tile of {tile:?} at {keep:?}");
            return Err(Planes::fault(reason));
        }
        let mut planes = Planes::new(width, height, asked.quantiser.quality);
        planes.source = Some(planes_of(window));
        Ok(Box::new(planes))
    }

    fn prepare(
        &self,
        width: u32,
        height: u32,
        quantiser: Quantiser,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Ok(Box::new(Planes::new(width, height, quantiser.quality)))
    }

    fn synthesise(&self, window: Field, keep: Area, _: Quality) -> Result<Pixels, ModelError> {
        let mut samples = Vec::with_capacity(keep.count() * 3);
        for y in keep.y..keep.bottom() {
            let start = (y as usize * window.width as usize + keep.x as usize) * 3;
            samples.extend_from_slice(&window.values[start..][..keep.width as usize * 3]);
        }
        Ok(Pixels {
            width: keep.width,
            height: keep.height,
            samples,
        })
    }
}

/// A picture between its steps. Planes are luma Y, then Co and Cg.
struct Planes {
    width: usize,
    height: usize,
    /// Quantiser step of the differences.
    step: i32,
    /// Encoder only: what to code.
    source: Option<[Vec<i32>; 3]>,
    /// Of every block, in rows.
    means: [Vec<i32>; 3],
    /// What has been decoded of each plane.
    values: [Vec<i32>; 3],
}

/// What a plane's values may be.
fn range(plane: usize) -> RangeInclusive<i64> {
    if plane == 0 { 0..=255 } else { -255..=255 }
}

fn clamp(plane: usize, value: i64) -> i32 {
    let range = range(plane);
    value.clamp(*range.start(), *range.end()) as i32
}

/// YCoCg-R (Malvar and Sullivan 2003), a colour transform without loss. Samples are
/// rounded to 8 bits.
fn planes_of(pixels: &Pixels) -> [Vec<i32>; 3] {
    let mut planes = [const { Vec::new() }; 3];
    for pixel in pixels.samples.chunks_exact(3) {
        let eight = |v: f32| (v * 255.0).round() as i32;
        let (r, g, b) = (eight(pixel[0]), eight(pixel[1]), eight(pixel[2]));
        let co = r - b;
        let t = b + (co >> 1);
        let cg = g - t;
        planes[0].push(t + (cg >> 1));
        planes[1].push(co);
        planes[2].push(cg);
    }
    planes
}

fn pixel_of(y: i32, co: i32, cg: i32) -> [u8; 3] {
    let t = y - (cg >> 1);
    let g = cg + t;
    let b = t - (co >> 1);
    [b + co, g, b].map(|sample| sample.clamp(0, 255) as u8)
}

impl Planes {
    fn new(width: u32, height: u32, quality: Quality) -> Self {
        Self {
            width: width as usize,
            height: height as usize,
            step: Self::step_of(quality),
            source: None,
            means: [const { Vec::new() }; 3],
            values: [const { Vec::new() }; 3],
        }
    }

    /// The quantiser step Q.
    fn step_of(quality: Quality) -> i32 {
        let distance = i32::from(200 - quality.halves());
        1 + distance * distance / 512
    }

    /// Blocks in a row and in a column; the last ones may be narrower.
    fn blocks(&self) -> (usize, usize) {
        (self.width.div_ceil(BLOCK), self.height.div_ceil(BLOCK))
    }

    /// The block of each pixel, in the order of pixels.
    fn block_of_pixels(&self) -> impl Iterator<Item = usize> + use<> {
        let (across, _) = self.blocks();
        let width = self.width;
        (0..self.height).flat_map(move |y| (0..width).map(move |x| y / BLOCK * across + x / BLOCK))
    }

    /// The rounded mean of each block.
    fn block_means(&self, values: &[i32]) -> Vec<i32> {
        let (across, down) = self.blocks();
        let mut sums = vec![(0i32, 0i32); across * down];
        for (block, value) in self.block_of_pixels().zip(values) {
            sums[block].0 += value;
            sums[block].1 += 1;
        }
        let mean = |(sum, count): (i32, i32)| (2 * sum + count).div_euclid(2 * count);
        sums.into_iter().map(mean).collect()
    }

    /// What is expected of a block's mean, given those before it.
    fn prediction(plane: usize, means: &[i32], across: usize) -> i32 {
        let block = means.len();
        match (block % across, block / across) {
            (0, 0) if plane == 0 => 128,
            (0, 0) => 0,
            (0, _) => means[block - across],
            _ => means[block - 1],
        }
    }

    /// The table of each block's differences: the more a block's mean differs from
    /// its neighbours', the wider.
    fn block_tables(&self, means: &[i32]) -> Vec<u16> {
        let (across, down) = self.blocks();
        let table = |block: usize| {
            let (x, y) = (block % across, block / across);
            let neighbours = [
                (x > 0).then(|| means[block - 1]),
                (x + 1 < across).then(|| means[block + 1]),
                (y > 0).then(|| means[block - across]),
                (y + 1 < down).then(|| means[block + across]),
            ];
            let differences = neighbours.into_iter().flatten();
            let activity = differences.map(|mean| (mean - means[block]).abs()).max();
            // About 16 standard deviations; six tables double the deviation.
            let spread = (8 * activity.unwrap_or(0) + 32) / self.step;
            (6 * spread.max(1).ilog2()).saturating_sub(3).min(63) as u16
        };
        (0..across * down).map(table).collect()
    }

    fn no_step(step: usize) -> ModelError {
        Self::fault(format!("step {step}, the last is 3"))
    }

    fn fault(reason: String) -> ModelError {
        ModelError {
            key: "null".to_owned(),
            reason,
        }
    }
}

impl Latents for Planes {
    fn plan(&mut self, step: usize) -> Result<Plan, ModelError> {
        let indices = match step {
            // Luma means and chroma means each have one table.
            0 => {
                let (across, down) = self.blocks();
                let count = across * down;
                let luma = std::iter::repeat_n(44, count);
                luma.chain(std::iter::repeat_n(32, 2 * count)).collect()
            }
            1..=3 => {
                let tables = self.block_tables(&self.means[step - 1]);
                self.block_of_pixels().map(|block| tables[block]).collect()
            }
            _ => return Err(Self::no_step(step)),
        };
        Ok(Plan::Tables {
            tables: gaussian().clone(),
            indices,
        })
    }

    fn symbols(&mut self, step: usize) -> Result<Vec<i32>, ModelError> {
        let source = self.source.as_ref().ok_or_else(|| Self::no_step(step))?;
        if step > 3 {
            return Err(Self::no_step(step));
        }
        if step > 0 {
            let (values, means) = (&source[step - 1], &self.means[step - 1]);
            let quantise = |(block, value): (usize, &i32)| {
                let difference = value - means[block];
                difference.signum() * ((difference.abs() + self.step / 2) / self.step)
            };
            return Ok(self.block_of_pixels().zip(values).map(quantise).collect());
        }
        let (across, _) = self.blocks();
        let mut symbols = Vec::new();
        for (plane, values) in source.iter().enumerate() {
            let means = self.block_means(values);
            for (block, mean) in means.iter().enumerate() {
                symbols.push(mean - Self::prediction(plane, &means[..block], across));
            }
        }
        Ok(symbols)
    }

    fn accept(&mut self, step: usize, symbols: &[i32]) -> Result<(), ModelError> {
        let (across, down) = self.blocks();
        match step {
            0 => {
                for (plane, symbols) in symbols.chunks(across * down).enumerate().take(3) {
                    let means = &mut self.means[plane];
                    for &symbol in symbols {
                        let expected = Self::prediction(plane, means, across);
                        means.push(clamp(plane, i64::from(expected) + i64::from(symbol)));
                    }
                }
            }
            1..=3 => {
                let (plane, quantum) = (step - 1, i64::from(self.step));
                let means = &self.means[plane];
                let value = |(block, symbol): (usize, &i32)| {
                    clamp(
                        plane,
                        i64::from(means[block]) + i64::from(*symbol) * quantum,
                    )
                };
                let values = self.block_of_pixels().zip(symbols).map(value).collect();
                self.values[plane] = values;
            }
            _ => return Err(Self::no_step(step)),
        }
        Ok(())
    }

    /// Means are a picture, if nothing follows them.
    fn skip(&mut self, step: usize) -> Result<(), ModelError> {
        let (across, down) = self.blocks();
        let zeros = match step {
            0 => 3 * across * down,
            _ => self.width * self.height,
        };
        self.accept(step, &vec![0; zeros])
    }

    fn finish(self: Box<Self>) -> Result<Field, ModelError> {
        let [y, co, cg] = &self.values;
        let chroma = co.iter().zip(cg);
        let pixels = y
            .iter()
            .zip(chroma)
            .map(|(&y, (&co, &cg))| pixel_of(y, co, cg));
        let values = pixels.flatten().map(|v| f32::from(v) / 255.0).collect();
        Ok(Field {
            width: self.width as u32,
            height: self.height as u32,
            channels: 3,
            values,
        })
    }
}
