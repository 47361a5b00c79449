//! A model of one's own: every pixel as its difference from the one to the left, coded
//! by one Gaussian table. All that a file has (tiles, regions, checksums, limits) comes
//! with the codec.

use std::error::Error;

use lic_codec::{
    Area, Asked, Channels, Decoder, Digest, EncodeOptions, Field, Image, Latents, Model,
    ModelError, ModelId, Pixels, Plan, Quality, Quantiser, encode,
};

/// Numbers from 60,000 on are for experiments.
const ID: ModelId = ModelId(60_000);
/// The table whose standard deviation is about 4.
const TABLE: u16 = 31;

struct Differences;

struct Plane {
    width: u32,
    height: u32,
    /// Encoder only.
    source: Vec<i32>,
    values: Vec<i32>,
}

impl Model for Differences {
    fn id(&self) -> ModelId {
        ID
    }

    fn key(&self) -> &str {
        "differences"
    }

    /// No weights, no digest.
    fn digest(&self) -> Digest {
        Digest([0; 4])
    }

    /// One step, in one section.
    fn sections(&self) -> &[usize] {
        &[0]
    }

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

    fn memory(&self, width: u32, height: u32) -> u64 {
        // Of each pixel: three values, symbols, indices, a field, a window and pixels.
        96 * u64::from(width) * u64::from(height)
    }

    fn analyse(
        &self,
        window: &Pixels,
        _: Area,
        (width, height): (u32, u32),
        _: &Asked<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let eight = |v: &f32| (v * 255.0).round() as i32;
        Ok(Box::new(Plane {
            width,
            height,
            source: window.samples.iter().map(eight).collect(),
            values: Vec::new(),
        }))
    }

    fn prepare(
        &self,
        width: u32,
        height: u32,
        _: Quantiser,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Ok(Box::new(Plane {
            width,
            height,
            source: Vec::new(),
            values: Vec::new(),
        }))
    }

    /// Fields are pixels already.
    fn synthesise(&self, window: Field, keep: Area, _: Quality) -> Result<Pixels, ModelError> {
        let row = |y: u32| {
            let start = (y * window.width + keep.x) as usize * 3;
            &window.values[start..][..keep.width as usize * 3]
        };
        Ok(Pixels {
            width: keep.width,
            height: keep.height,
            samples: (keep.y..keep.bottom()).flat_map(row).copied().collect(),
        })
    }
}

impl Latents for Plane {
    fn plan(&mut self, _: usize) -> Result<Plan, ModelError> {
        Ok(Plan::Tables {
            tables: lic_entropy::gaussian().clone(),
            indices: vec![TABLE; (self.width * self.height * 3) as usize],
        })
    }

    fn symbols(&mut self, _: usize) -> Result<Vec<i32>, ModelError> {
        let left = |i: usize| i.checked_sub(3).map_or(128, |left| self.source[left]);
        Ok((0..self.source.len())
            .map(|i| self.source[i] - left(i))
            .collect())
    }

    fn accept(&mut self, _: usize, symbols: &[i32]) -> Result<(), ModelError> {
        for (i, symbol) in symbols.iter().enumerate() {
            let left = i.checked_sub(3).map_or(128, |left| self.values[left]);
            // A hostile file may say anything.
            self.values.push(left.saturating_add(*symbol).clamp(0, 255));
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Field, ModelError> {
        Ok(Field {
            width: self.width,
            height: self.height,
            channels: 3,
            values: self.values.iter().map(|&v| v as f32 / 255.0).collect(),
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (width, height) = (320, 200);
    let sample = |i: u32| (i / 3 % width / 3 + i / 3 / width) as u8;
    let samples: Vec<u8> = (0..width * height * 3).map(sample).collect();
    let image = Image::new(width, height, Channels::Rgb, samples)?;
    let mut file = Vec::new();
    let options = EncodeOptions::default().tile(128);
    let report = encode(&image, &Differences, &options, &mut file)?;
    println!("{} bytes in {} tiles", report.bytes, report.tiles);
    let back = Decoder::new(&file[..]).decode(&Differences)?;
    if back != image {
        return Err("it is not what it was".into());
    }
    println!("nothing lost");
    Ok(())
}
