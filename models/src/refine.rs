//! Effort: latents made better for the one picture that they are of.
//!
//! `g_a` was trained to be good on average. An encoder with time to spare moves its
//! latents down the gradient of R + λD through everything that a decoder will do with
//! them, while rounding hardens: stochastic Gumbel annealing (Yang, Bamler and Mandt,
//! *Improving Inference for Neural Image Compression*, NeurIPS 2020, section 3.3). A
//! decoder is not concerned. The hyper-latents stay as they are: they are a few
//! thousandths of the bits.

use std::sync::OnceLock;

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrSchedulerConfig;
use burn::module::{Module, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use lic_codec::{Area, Effort, Pixels, Quantiser};

use crate::prior::level_weights;
use crate::standard::{LATENT_STRIDE, Noise, Rounding, Standard};
use crate::train::Objective;
use crate::weights::Weights;

/// Positions of a block that is refined at a time, each way: gradients take memory.
const BLOCK: u32 = 48;
/// Positions around a block that are looked at but not moved: a multiple of 4, so that
/// hyper-latents stay in step, and less than the margin of a model.
const BORDER: u32 = 4;

/// Adam's rate, in steps of the quantiser, at the first step; it falls linearly.
const RATE: f64 = 0.02;
/// Temperature of the rounding at the first step and at the last, falling
/// exponentially.
const TEMPERATURES: [f64; 2] = [0.5, 0.1];

/// How many times greater λ is than in training. Found by trial: with 80 steps, rates of
/// crops of Kodak 5, 13 and 23 at q 35 and 75 are 2.6, 2.8 and 3.0 % less at 0.8, 1 and
/// 1.25, at equal PSNR on the curve of pictures that were not refined.
const LAMBDA_FACTOR: f64 = 1.25;

/// How many steps latents are refined in: twice as many with every level, and at the
/// highest about as many as Yang, Bamler and Mandt take (2,000).
pub fn steps(effort: Effort) -> u32 {
    match effort.level() {
        0 | 1 => 0,
        9 => 2560,
        level => 10 << (level - 2),
    }
}

/// A [`Refiner`] that is made of weights when it is first asked for.
#[derive(Debug)]
pub struct LazyRefiner {
    weights: Weights<'static>,
    objective: Objective,
    device: Device,
    made: OnceLock<Refiner>,
}

impl LazyRefiner {
    /// `device` without gradients.
    pub fn new(weights: Weights<'static>, objective: Objective, device: &Device) -> Self {
        Self {
            weights,
            objective,
            device: device.clone().autodiff(),
            made: OnceLock::new(),
        }
    }

    /// The refiner.
    pub fn get(&self) -> Result<&Refiner, String> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let networks = self.weights.thaw(&self.device);
        let networks = networks.map_err(|error| error.to_string())?;
        Ok(self.made.get_or_init(|| Refiner {
            networks: networks.no_grad(),
            objective: self.objective,
            device: self.device.clone(),
        }))
    }
}

/// Networks with gradients, and what they were trained for.
#[derive(Debug)]
pub struct Refiner {
    networks: Standard,
    objective: Objective,
    /// With gradients.
    device: Device,
}

/// A tile whose latents are to be refined.
pub struct Tile<'a> {
    /// A window of pixels around the tile.
    pub window: &'a Pixels,
    /// Where the tile lies in it, in positions.
    pub keep: Area,
    /// Pixels of the tile that are part of the picture; the rest is padding.
    pub size: (u32, u32),
    /// Latents of the whole window, gain on, `[h][w][m]`.
    pub y: Vec<f32>,
    /// Hyper-latents of the tile, rounded, `[h/4][w/4][z]`.
    pub z: &'a [f32],
    /// What the file will say of it.
    pub quantiser: Quantiser,
}

/// The latents that move, `[1, m, h, w]`.
#[derive(Module, Debug)]
struct Moving {
    y: Param<Tensor<4>>,
}

/// A block in its tile.
struct Place {
    /// What moves.
    block: Area,
    /// What is coded: with a border, as far as the tile goes.
    coded: Area,
    /// What is synthesised: with a border, as far as the window goes.
    seen: Area,
}

impl Refiner {
    /// Moves the latents of `tile` in `steps` steps and returns them, `[h][w][m]` of its
    /// `keep`. `watch` is told of every step which part is done, 0 to 1.
    pub fn refine(
        &self,
        mut tile: Tile<'_>,
        steps: u32,
        watch: &dyn Fn(f64),
    ) -> Result<Vec<f32>, String> {
        let places = tile.places();
        let all = f64::from(steps) * places.len() as f64;
        for (i, place) in places.iter().enumerate() {
            let before = f64::from(steps) * i as f64;
            let watch = |done: u32| watch((before + f64::from(done)) / all);
            let moved = self.block(&tile, place, steps, &watch)?;
            tile.put(place, &moved);
        }
        let m = self.networks.groups.channels();
        let keep = tensor(&tile.y, [tile.columns(), m], tile.keep, &self.device);
        host(keep)
    }

    /// The latents of `place.coded` after `steps` steps, `[h][w][m]`.
    fn block(
        &self,
        tile: &Tile<'_>,
        place: &Place,
        steps: u32,
        watch: &dyn Fn(u32),
    ) -> Result<Vec<f32>, String> {
        let scene = Scene::new(tile, place, &self.networks, &self.device);
        let mut moving = Moving {
            y: Param::from_tensor(scene.start.clone()),
        };
        let mut adam = AdamConfig::new().init();
        let lambda = LAMBDA_FACTOR * self.objective.lambda(tile.quality());
        for step in 0..steps {
            let part = f64::from(step) / f64::from(steps);
            let rounding = Rounding::Anneal {
                temperature: TEMPERATURES[0] * (TEMPERATURES[1] / TEMPERATURES[0]).powf(part),
                noise: Noise::new(u64::from(step)),
                trellis: tile.quantiser.trellis,
            };
            let y = scene.with(moving.y.val());
            let coded = self
                .networks
                .code(y, scene.z.clone(), &[tile.quality()], rounding);
            let x_hat = self.networks.g_s.forward(scene.surrounded(coded.y_hat));
            let distortion = self
                .objective
                .distortion(scene.shown_of(x_hat), scene.x.clone());
            let loss = coded.bits_y / scene.pixels() + distortion * lambda;
            let grads = GradientsParams::from_grads(loss.backward(), &moving);
            let rate = LrSchedulerConfig::Constant(RATE * (1.0 - part));
            let rate = ModuleLrSchedulerConfig::new(rate).init();
            let rate = rate.map_err(|error| format!("rate of step {step}: {error}"))?;
            moving = adam.step({ rate }.step(), moving, grads);
            watch(step + 1);
        }
        host(scene.with(moving.y.val()).inner())
    }
}

/// What does not change while a block moves.
struct Scene {
    /// Latents of `coded`, gain on, as they were.
    start: Tensor<4>,
    /// One where a latent moves.
    moves: Tensor<4>,
    /// Hyper-latents of `coded`.
    z: Tensor<4>,
    /// Latents of `seen` without gain, zero within `coded`.
    around: Tensor<4>,
    /// Where `coded` lies in `seen`: (left, right, top, bottom).
    padding: (usize, usize, usize, usize),
    /// Pixels of `seen`, `[1, 3, h, w]`.
    x: Tensor<4>,
    /// One where a pixel is part of the picture.
    shown: Tensor<4>,
}

impl Scene {
    fn new(tile: &Tile<'_>, place: &Place, networks: &Standard, device: &Device) -> Self {
        let Place { block, coded, seen } = place;
        let unit = LATENT_STRIDE as u32;
        let columns = tile.columns();
        let m = networks.groups.channels();
        let latents = tensor(&tile.y, [columns, m], *seen, device);
        let weights = level_weights(&[tile.quality()], device);
        let outside = mask(*seen, |x, y| !coded.contains(x, y), device);
        let z_area = coded.seen_from(tile.keep.x, tile.keep.y).in_units(4);
        let z_columns = (tile.keep.width / 4) as usize;
        let z_layout = [z_columns, 16 * tile.z.len() / tile.keep.count().max(1)];
        let x_layout = [tile.window.width as usize, 3];
        let pixels = seen.times(unit);
        let picture = Area {
            width: tile.size.0,
            height: tile.size.1,
            ..tile.keep.times(unit)
        };
        // What lies outside of the tile is a neighbour's.
        let own = tile.keep.times(unit);
        let shown = |x, y| picture.contains(x, y) || !own.contains(x, y);
        let pad = |outer: u32, inner: u32| (inner - outer) as usize;
        Self {
            start: tensor(&tile.y, [columns, m], *coded, device),
            moves: mask(*coded, |x, y| block.contains(x, y), device),
            z: tensor(tile.z, z_layout, z_area, device),
            around: latents * networks.gain.inverse(&weights) * outside,
            padding: (
                pad(seen.x, coded.x),
                pad(coded.right(), seen.right()),
                pad(seen.y, coded.y),
                pad(coded.bottom(), seen.bottom()),
            ),
            x: tensor(&tile.window.samples, x_layout, pixels, device),
            shown: mask(pixels, shown, device),
        }
    }

    fn pixels(&self) -> f64 {
        let [_, _, h, w] = self.x.dims();
        (h * w) as f64
    }

    /// The latents of `coded`, of which only the block's are `y`.
    fn with(&self, y: Tensor<4>) -> Tensor<4> {
        let fixed = self.start.clone() * (-self.moves.clone() + 1.0);
        fixed + y * self.moves.clone()
    }

    /// `y_hat` of `coded` among its neighbours.
    fn surrounded(&self, y_hat: Tensor<4>) -> Tensor<4> {
        y_hat.pad(self.padding, 0.0) + self.around.clone()
    }

    /// `x_hat` without errors where nobody looks.
    fn shown_of(&self, x_hat: Tensor<4>) -> Tensor<4> {
        let hidden = self.x.clone() * (-self.shown.clone() + 1.0);
        x_hat * self.shown.clone() + hidden
    }
}

impl Tile<'_> {
    /// 1..=100.
    fn quality(&self) -> f64 {
        self.quantiser.quality.get().into()
    }

    /// Positions in a row of the window.
    fn columns(&self) -> usize {
        self.window.width as usize / LATENT_STRIDE
    }

    /// Its blocks, all of about one size.
    fn places(&self) -> Vec<Place> {
        let window = Area::of(self.window.width, self.window.height);
        let window = window.in_units(LATENT_STRIDE as u32);
        let keep = self.keep;
        let side = |all: u32| all.div_ceil(all.div_ceil(BLOCK)).next_multiple_of(4);
        let (w, h) = (side(keep.width), side(keep.height));
        let starts = |first, end, side: u32| (first..end).step_by(side as usize);
        starts(keep.y, keep.bottom(), h)
            .flat_map(|y| starts(keep.x, keep.right(), w).map(move |x| (x, y)))
            .map(|(x, y)| {
                let block = Area {
                    x,
                    y,
                    width: w.min(keep.right() - x),
                    height: h.min(keep.bottom() - y),
                };
                Place {
                    block,
                    coded: block.widened(BORDER, &keep),
                    seen: block.widened(BORDER, &window),
                }
            })
            .collect()
    }

    /// Takes over what moved of a block: `moved` is `[h][w][m]` of `place.coded`.
    fn put(&mut self, place: &Place, moved: &[f32]) {
        let columns = self.columns();
        let coded = place.coded;
        let m = moved.len() / coded.count().max(1);
        for (row, moved) in moved.chunks_exact(coded.width as usize * m).enumerate() {
            let first = (coded.y as usize + row) * columns + coded.x as usize;
            self.y[first * m..][..moved.len()].copy_from_slice(moved);
        }
    }
}

/// The part `area` of `[rows][columns][channels]`, as `[1, channels, h, w]`.
fn tensor(values: &[f32], layout: [usize; 2], area: Area, device: &Device) -> Tensor<4> {
    let [columns, channels] = layout;
    let (w, h) = (area.width as usize, area.height as usize);
    let part: Vec<f32> = (area.y as usize..area.bottom() as usize)
        .flat_map(|y| &values[(y * columns + area.x as usize) * channels..][..w * channels])
        .copied()
        .collect();
    let data = TensorData::new(part, [1, h, w, channels]);
    Tensor::<4>::from_data(data, device).permute([0, 3, 1, 2])
}

/// `[1, 1, h, w]`: one at the places of `area` of which `is` is true.
fn mask(area: Area, is: impl Fn(u32, u32) -> bool, device: &Device) -> Tensor<4> {
    let places = (area.y..area.bottom()).flat_map(|y| (area.x..area.right()).map(move |x| (x, y)));
    let values: Vec<f32> = places.map(|(x, y)| f32::from(u8::from(is(x, y)))).collect();
    let shape = [1, 1, area.height as usize, area.width as usize];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// `[1, c, h, w]` as `[h][w][c]`.
fn host(x: Tensor<4>) -> Result<Vec<f32>, String> {
    let data = x.permute([0, 2, 3, 1]).try_into_data();
    let data = data.map_err(|e| format!("backend: {e:?}"))?;
    data.try_to_vec().map_err(|e| format!("backend: {e:?}"))
}
