//! One step of training.

use std::ops::Range;
use std::sync::mpsc::{self, Receiver};
use std::thread::Scope;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use lic_datasets::{CropError, CropSampler};

use super::checkpoint::State;
use super::evaluate::{by_planes, samples};
use super::objective::{Objective, squared_error};
use super::optimise::{descend, follow};
use super::run::TrainError;
use super::{RateOf, Recipe, Schedule};
use crate::standard::{Estimate, Noise, Rounding};

/// The running mean of the weights is taken every so many steps.
const MEAN_EVERY: u64 = 8;
/// So many steps in a row with gradients that are no numbers end a run.
const OVERFLOWS: u32 = 8;

/// What one step saw.
pub struct Seen {
    /// The loss.
    pub loss: f64,
    /// Bits per pixel.
    pub bpp: f64,
    /// Mean squared error of 0..=255 pixels; 0 where the transform is frozen.
    pub mse: f64,
    /// What the recipe calls distortion.
    pub distortion: f64,
    /// Norm of the gradient before it was bounded.
    pub norm: f64,
}

/// Draws the crops of steps on a thread of `scope`, one step ahead: scaling them down takes
/// as long as a fifth of a step does on an accelerator.
pub fn draw<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    recipe: &'env Recipe,
    sampler: &'env CropSampler,
    steps: Range<u64>,
) -> Receiver<Result<TensorData, CropError>> {
    let (ahead, drawn) = mpsc::sync_channel(1);
    scope.spawn(move || {
        for step in steps {
            let crops = recipe.crops_at(step);
            let batch = sampler.batch(step, crops.batch, crops.size);
            let batch = batch.map(|bytes| samples(&bytes, crops.batch, crops.size as usize));
            if ahead.send(batch).is_err() {
                // Nobody wants them any more.
                return;
            }
        }
    });
    drawn
}

/// One step: a pure function of the state, the recipe and the step's crops. `None` if it
/// changed nothing.
pub fn step(
    state: State,
    recipe: &Recipe,
    drawn: TensorData,
    device: &Device,
) -> Result<(State, Option<Seen>), TrainError> {
    let State {
        model,
        mean,
        mut optimiser,
        step,
        pixels,
        overflowed,
    } = state;
    let crops = recipe.crops_at(step);
    let (n, size) = (crops.batch, crops.size as usize);
    let x = by_planes(drawn, device);
    // All that is random follows from the step, so that a run that was stopped
    // goes on as if it had not been.
    let mut noise = Noise::new(recipe.seed ^ step.wrapping_mul(0xd134_2543_de82_ef95));
    let qualities: Vec<f64> = (0..n)
        .map(|_| (1 + noise.next_u64() % 100) as f64)
        .collect();

    let rounding = match (recipe.rate_of, recipe.trellis) {
        (RateOf::Noisy, false) => Rounding::Noise(noise),
        (RateOf::Rounded, false) => Rounding::Hard,
        (RateOf::Noisy, true) => Rounding::Trellis(Some(noise)),
        (RateOf::Rounded, true) => Rounding::Trellis(None),
    };
    let pass = if recipe.freezes_transform() {
        // Without errors: none that it could learn from.
        let (y, z) = model.analyse(x.clone(), &qualities);
        let coded = model.code(y, z, &qualities, rounding);
        Estimate {
            x_hat: x.clone(),
            bits_y: coded.bits_y,
            bits_z: coded.bits_z,
        }
    } else {
        model.forward(x.clone(), &qualities, rounding)
    };
    let per_pixel = 1.0 / (size * size) as f64;
    let bpp = (pass.bits_y + pass.bits_z) * per_pixel;
    let objective = recipe.objective;
    let distortion = objective.distortion(pass.x_hat.clone(), x.clone());
    // Each quality's loss divided by sqrt(λ), so that none dominates.
    let lambdas = row(qualities.iter().map(|&q| objective.lambda(q)), device);
    let mse = squared_error(pass.x_hat, x);
    let part = recipe.squared_error_part;
    let mut weighed = distortion.clone() * lambdas.clone();
    if part > 0.0 {
        let own = row(qualities.iter().map(|&q| Objective::Mse.lambda(q)), device);
        weighed = weighed * (1.0 - part) + mse.clone() * own * part;
    }
    let loss = ((weighed + bpp.clone()) / lambdas.sqrt()).mean();

    let grads = GradientsParams::from_grads(loss.backward(), &model);
    let (model, norm) = descend(&mut optimiser, &recipe.schedule, step, model, grads)?;
    let pixels = pixels + (n * size * size) as u64;
    if !norm.is_finite() {
        // A batch can overflow single precision on its way back. One that did says
        // nothing about where to go; many in a row say that the run is lost.
        let overflowed = overflowed + 1;
        if overflowed >= OVERFLOWS {
            return Err(TrainError::Diverged { step, norm });
        }
        let state = State {
            model,
            mean,
            optimiser,
            step: step + 1,
            pixels,
            overflowed,
        };
        return Ok((state, None));
    }
    let mean = running_mean(mean, &model, &recipe.schedule, step + 1);
    let seen = Seen {
        loss: f64::from(loss.into_scalar::<f32>()),
        bpp: f64::from(bpp.mean().into_scalar::<f32>()),
        mse: f64::from(mse.mean().into_scalar::<f32>()),
        distortion: f64::from(distortion.mean().into_scalar::<f32>()),
        norm,
    };
    let state = State {
        model,
        mean,
        optimiser,
        step: step + 1,
        pixels,
        overflowed: 0,
    };
    Ok((state, Some(seen)))
}

/// `mean` is without gradients, `model` with them.
pub(super) fn running_mean<M: Module>(mean: M, model: &M, schedule: &Schedule, step: u64) -> M {
    if !step.is_multiple_of(MEAN_EVERY) {
        return mean;
    }
    // At the beginning the mean follows closely, or it would remember the start.
    let steady = schedule.ema.powi(MEAN_EVERY as i32);
    let decay = steady.min(1.0 - 1.0 / (1.0 + step as f64 / (2 * MEAN_EVERY) as f64));
    follow(mean, &model.valid(), decay)
}

fn row(values: impl Iterator<Item = f64>, device: &Device) -> Tensor<1> {
    let values: Vec<f32> = values.map(|v| v as f32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
