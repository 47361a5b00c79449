//! Symbols of crops, as the shipped model codes them.

use std::error::Error;

use burn::tensor::{Device, Tensor, TensorData};
use lic_codec::walk::{Step, SymbolCoder, WalkError, walk};
use lic_codec::{Area, Asked, Model, ModelError, Pixels, Quality};
use lic_models::prior::{GroupsConfig, covered};
use lic_models::standard::LATENT_STRIDE;

/// Side of a crop in pixels, and of its latents.
pub const SIZE: usize = 256;
pub const SIDE: usize = SIZE / LATENT_STRIDE;

/// The symbols of a crop.
pub struct Crop {
    pub quality: u8,
    /// Hyper-latents, `[z][SIDE / 4 · SIDE / 4]`.
    z: Vec<i16>,
    /// Residuals of each step, `[channel][SIDE · SIDE]`, zero where it codes nothing.
    r: Vec<Vec<i16>>,
}

struct Collect(Vec<Vec<i32>>);

impl SymbolCoder for Collect {
    fn code(
        &mut self,
        _: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError> {
        let symbols = symbols()?;
        self.0.push(symbols.clone());
        Ok(symbols)
    }
}

impl Crop {
    /// Of interleaved RGB bytes.
    pub fn code(
        model: &dyn Model,
        groups: &GroupsConfig,
        rgb: &[u8],
        quality: u8,
    ) -> Result<Self, Box<dyn Error>> {
        let side = SIZE as u32;
        let pixels = Pixels {
            width: side,
            height: side,
            samples: rgb.iter().map(|&v| f32::from(v) / 255.0).collect(),
        };
        let keep = Area::of(SIDE as u32, SIDE as u32);
        let at = Quality::new(quality).ok_or("no such quality")?;
        let mut latents = model.analyse(&pixels, keep, (side, side), &Asked::of(at))?;
        let mut collect = Collect(Vec::new());
        walk(model, &mut *latents, &mut collect)?;
        let narrow = |v: &i32| (*v).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        let mut steps = collect.0.iter();
        let z = steps.next().ok_or("no hyper-latents")?;
        let layout = groups.init();
        let spread = |(symbols, step): (&Vec<i32>, &lic_models::prior::Step)| {
            let positions: Vec<usize> = covered(step.pass, SIDE, SIDE).collect();
            let mut dense = vec![0; step.channels * SIDE * SIDE];
            let planes = dense.chunks_exact_mut(SIDE * SIDE);
            for (plane, symbols) in planes.zip(symbols.chunks_exact(positions.len())) {
                for (symbol, &position) in symbols.iter().zip(&positions) {
                    plane[position] = narrow(symbol);
                }
            }
            dense
        };
        Ok(Self {
            quality,
            z: z.iter().map(narrow).collect(),
            r: steps.zip(layout.steps()).map(spread).collect(),
        })
    }
}

/// Crops as tensors.
pub struct Batch {
    pub qualities: Vec<f64>,
    /// `[b, z, SIDE / 4, SIDE / 4]`.
    pub z: Tensor<4>,
    /// Of each step `[b, channels, SIDE, SIDE]`.
    pub r: Vec<Tensor<4>>,
}

impl Batch {
    pub fn of(crops: &[&Crop], device: &Device) -> Self {
        let stack = |part: &dyn Fn(&Crop) -> &[i16], side: usize| {
            let values: Vec<f32> = crops
                .iter()
                .flat_map(|crop| part(crop).iter().map(|&v| f32::from(v)))
                .collect();
            let channels = values.len() / crops.len() / side / side;
            let shape = [crops.len(), channels, side, side];
            Tensor::<4>::from_data(TensorData::new(values, shape), device)
        };
        let steps = 0..crops[0].r.len();
        Self {
            qualities: crops.iter().map(|c| f64::from(c.quality)).collect(),
            z: stack(&|c| &c.z, SIDE / 4),
            r: steps.map(|i| stack(&|c| &c.r[i], SIDE)).collect(),
        }
    }
}
